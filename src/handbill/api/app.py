"""The collector as a plain ASGI app: every route in one table, every reply with its reason."""

import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from handbill.api.commit import Busy, GroupCommit
from handbill.api.intake import Intake, Judged
from handbill.api.recommend import Recommending
from handbill.api.writekeys import WriteKeys, basic_user
from handbill.errors import WorkspaceError
from handbill.events.collector import Settings
from handbill.events.segment import TYPES, from_segment

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
RETRY_SECONDS = 5
CORS = ((b"access-control-allow-origin", b"*"),)
PREFLIGHT = (
    *CORS,
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type, content-encoding"),
    (b"access-control-max-age", b"86400"),
)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Refusal(Exception):  # noqa: N818  an expected refusal of a whole request
    """A request is answered with an error.

    Attributes:
        status: HTTP's.
        error: Reason code.
        detail: One sentence for the sender.
    """

    def __init__(self, status: int, error: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.error = error
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a route needs of a request.

    Attributes:
        headers: By lower-case name.
        query: Parameters of the address.
        body: Unpacked.
    """

    headers: Mapping[bytes, bytes]
    query: Mapping[str, str]
    body: bytes

    def header(self, name: bytes) -> str:
        """A header as text, empty when absent."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a route answers.

    Attributes:
        status: HTTP's.
        body: As sent.
        kind: Content type.
        headers: More headers.
    """

    status: int = 200
    body: bytes = b""
    kind: bytes = b"application/json"
    headers: Headers = field(default=CORS)


class Collector:
    """Takes events in over HTTP; a 2xx means that they are on disk.

    Args:
        intake: Judges each event.
        keys: Who may send.
        settings: Bounds.
        clock: The present, aware.
        recommending: Answers who asks what to show; None where this process only collects.
    """

    def __init__(
        self,
        intake: Intake,
        keys: WriteKeys,
        settings: Settings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        recommending: Recommending | None = None,
    ) -> None:
        self._intake = intake
        self._keys = keys
        self._settings = settings
        self._clock = clock
        self._script = script()
        self.commit: GroupCommit | None = None
        """Set while the app serves."""
        self._routes: dict[str, tuple[str, Callable[[Request], Awaitable[Reply]]]] = {
            "/v1/events": ("POST", self._events),
            "/v1/batch": ("POST", self._batch),
            "/v1/track": ("POST", self._segment("track")),
            "/v1/page": ("POST", self._segment("page")),
            "/v1/identify": ("POST", self._segment("identify")),
            "/v1/p.gif": ("GET", self._pixel),
            "/handbill.js": ("GET", self._tag),
            "/healthz": ("GET", self._health),
        }
        self._recommending = recommending
        if recommending is not None:
            self._routes["/v1/recommend"] = ("GET", self._recommend)

    @property
    def routes(self) -> Mapping[str, str]:
        """Path -> method, as docs/collector.md lists them."""
        return {path: method for path, (method, _) in self._routes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            reply = await self._answer(scope, receive)
        except Refusal as refusal:
            reply = refused(refusal)
        except Busy:
            reply = unavailable("busy", "more events arrive than the disk takes; send them again")
        except WorkspaceError:
            reply = unavailable("storage", "the disk takes no events now; send them again")
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [
                    (b"content-type", reply.kind),
                    (b"content-length", b"%d" % len(reply.body)),
                    *reply.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        path, method = scope["path"], scope["method"]
        route = self._routes.get(path)
        if route is None:
            raise Refusal(404, "not_found", f"no {path}; there are {', '.join(self._routes)}")
        if method == "OPTIONS":
            return Reply(status=204, headers=PREFLIGHT)
        if method != route[0]:
            raise Refusal(405, "wrong_method", f"{path} takes {route[0]}")
        headers = dict(scope["headers"])
        limit = self._settings.max_body_kb * 1_024
        body = await read_body(headers, receive, limit) if method == "POST" else b""
        query = _query(scope["query_string"]) if scope["query_string"] else {}
        return await route[1](Request(headers=headers, query=query, body=body))

    async def _events(self, request: Request) -> Reply:
        payload = parse(request.body)
        self._admit(request, payload)
        events: Any = payload
        envelope: dict[str, Any] = {}
        if isinstance(payload, dict):
            events = payload.get("events", [payload])
            if "events" not in payload:
                payload.pop("write_key", None)
                payload.pop("writeKey", None)
            elif "sent_at" in payload:
                envelope["sent_at"] = payload["sent_at"]
        judged = self._judge(request, self._listed(events), envelope)
        return await self._take(judged, {})

    def _judge(
        self, request: Request, events: Sequence[Any], envelope: Mapping[str, Any]
    ) -> list[Judged]:
        now, agent = self._clock(), visitor(request)
        return [
            self._intake.judge(
                {**envelope, **one} if envelope and isinstance(one, dict) else one,
                now=now,
                user_agent=agent,
            )
            for one in events
        ]

    async def _batch(self, request: Request) -> Reply:
        payload = parse(request.body)
        self._admit(request, payload)
        if not isinstance(payload, dict):
            raise Refusal(400, "invalid", "a batch is an object with a list `batch`")
        shared = {name: payload[name] for name in ("sentAt", "context") if name in payload}
        now, agent = self._clock(), visitor(request)
        judged = [
            self._judge_message(one, None, shared, now, agent)
            for one in self._listed(payload.get("batch"))
        ]
        return await self._take(judged, {"success": True})

    def _segment(self, kind: str) -> Callable[[Request], Awaitable[Reply]]:
        async def take(request: Request) -> Reply:
            payload = parse(request.body)
            self._admit(request, payload)
            judged = self._judge_message(payload, kind, {}, self._clock(), visitor(request))
            return await self._take([judged], {"success": True})

        return take

    def _judge_message(
        self, message: Any, kind: str | None, shared: Mapping[str, Any], now: datetime, agent: str
    ) -> Judged:
        if not isinstance(message, dict):
            return self._intake.judge(message, now=now)
        kind = kind or message.get("type")
        if not isinstance(kind, str) or kind not in TYPES:
            return self._intake.judge({"type": kind}, now=now, unfit="unsupported_type")
        event = from_segment({**shared, **message}, kind)
        return self._intake.judge(event, now=now, user_agent=agent)

    async def _pixel(self, request: Request) -> Reply:
        event = dict(request.query)
        self._admit(request, event)
        event.pop("k", None)
        judged = self._judge(request, [event], {})
        reply = await self._take(judged, {})
        if reply.status != 200:
            return reply
        return Reply(
            body=PIXEL, kind=b"image/gif", headers=(*CORS, (b"cache-control", b"no-store"))
        )

    async def _tag(self, request: Request) -> Reply:
        plain, packed = self._script
        caching: Headers = (
            *CORS,
            (b"cache-control", b"public, max-age=3600"),
            (b"vary", b"accept-encoding"),
        )
        if "gzip" in request.header(b"accept-encoding"):
            caching = (*caching, (b"content-encoding", b"gzip"))
            plain = packed
        return Reply(body=plain, kind=b"text/javascript; charset=utf-8", headers=caching)

    async def _recommend(self, request: Request) -> Reply:
        assert self._recommending is not None  # noqa: S101  there is no such route without it
        authorization = request.header(b"authorization")
        status, body = await self._recommending.answer(authorization, request.query)
        return Reply(status=status, body=body, headers=((b"cache-control", b"no-store"),))

    async def _health(self, _request: Request) -> Reply:
        if self.commit is None or self.commit.trouble:
            return unavailable("storage", "the disk takes no events now")
        return Reply(body=b'{"status":"ok"}')

    def _admit(self, request: Request, payload: Any) -> None:
        """Let a sender with a write key in."""
        fields = payload if isinstance(payload, dict) else {}
        for key in (
            basic_user(request.header(b"authorization")),
            request.query.get("k"),
            fields.get("writeKey"),
            fields.get("write_key"),
        ):
            if isinstance(key, str) and key:
                if key in self._keys:
                    return
                break
        raise Refusal(403, "unknown_key", "give a write key: Basic user, `writeKey`, or ?k=")

    def _listed(self, events: Any) -> Sequence[Any]:
        if not isinstance(events, list):
            raise Refusal(400, "invalid", "the events are not a list")
        if not 1 <= len(events) <= self._settings.max_batch:
            raise Refusal(
                413 if events else 400,
                "batch_size",
                f"{len(events)} events; send 1 to {self._settings.max_batch} at a time",
            )
        return events

    async def _take(self, judged: Sequence[Judged], extra: dict[str, Any]) -> Reply:
        """Wait until the events are on disk, then say what became of each."""
        if self.commit is None:
            raise Busy
        new = await self.commit.submit([one.arrived for one in judged])
        refusals = [
            {"index": index, "reason": one.reason, "detail": one.detail}
            for index, one in enumerate(judged)
            if one.reason
        ]
        kept = sum(new) - len(refusals)
        said: dict[str, Any] = extra | {"accepted": kept, "duplicate": len(new) - sum(new)}
        if refusals:
            said["refused"] = refusals
        if len(refusals) == len(judged):
            said.pop("success", None)
            return Reply(status=422, body=_encode(said))
        return Reply(body=_encode(said))


def visitor(request: Request) -> str:
    """The visitor's browser; a sender with a Basic header is a shop's server, not a visitor."""
    return "" if b"authorization" in request.headers else request.header(b"user-agent")[:512]


def parse(body: bytes) -> Any:
    """JSON, whatever its content type says: beacons may only say text/plain."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal(400, "not_json", f"the body is not JSON: {error}") from error


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, limit: int) -> bytes:
    """The body, unpacked, at most `limit` bytes of it before and after."""
    too_large = Refusal(413, "body_size", f"send at most {limit // 1_024} KiB at a time")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise Refusal(400, "content_length", "the content length is not a number")
    if int(length) > limit:
        raise too_large
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "incomplete", "the body ended early")
        part, more = message.get("body", b""), message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    body = parts[0] if len(parts) == 1 else b"".join(parts)
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding == b"identity":
        return body
    if encoding != b"gzip":
        raise Refusal(415, "encoding", "send the body as it is, or gzip")
    unpacker = zlib.decompressobj(31)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise Refusal(400, "not_gzip", f"the body is not gzip: {error}") from error
    if len(unpacked) > limit:
        raise too_large
    if not unpacker.eof:
        raise Refusal(400, "not_gzip", "the gzip body ended early")
    return unpacked


def refused(refusal: Refusal) -> Reply:
    """A request that will not do better when it is sent again."""
    body = _encode({"error": refusal.error, "detail": refusal.detail})
    return Reply(status=refusal.status, body=body)


def unavailable(error: str, detail: str) -> Reply:
    """Nothing was acknowledged; the same request may do later."""
    body = _encode({"error": error, "detail": detail})
    return Reply(status=503, body=body, headers=(*CORS, (b"retry-after", b"%d" % RETRY_SECONDS)))


def script() -> tuple[bytes, bytes]:
    """The tag, as it is and gzipped."""
    plain = resources.files("handbill.api").joinpath("handbill.js").read_bytes()
    packer = zlib.compressobj(9, wbits=31)
    return plain, packer.compress(plain) + packer.flush()


def _query(raw: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(raw.decode("latin-1"), max_num_fields=100))
    except ValueError as error:
        raise Refusal(400, "query", "too many parameters in the address") from error
