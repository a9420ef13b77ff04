"""A writer behind HTTP: any server that speaks OpenAI's chat completions."""

import http.client
import json
import ssl
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from handbill.creative.purse import Purse
from handbill.errors import ModelError

KEY = "HANDBILL_MODEL_KEY"
"""Environment variable with the server's key; it is written nowhere."""

AT_ONCE = 8
"""Requests under way together: a server batches them."""

LARGEST = 4 << 20
"""Bytes of a reply; a longer one is no answer."""

OVERHEAD = 64
"""Tokens that a chat template may add to a request, and JSON's braces to an answer."""

FIELDS = ("headline", "body", "call_to_action")
_SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "ad",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in FIELDS},
            "required": list(FIELDS),
            "additionalProperties": False,
        },
    },
}


class _Busy(Exception):  # noqa: N818  never leaves this file
    """The server did no work; trying again costs nothing."""


class _Lost(Exception):  # noqa: N818
    """No reply came, or none that reads; the server may have worked, and may charge for it."""


@dataclass(slots=True)
class ServerWriter:
    """A `TextModel` behind an OpenAI-compatible server: vLLM, Ollama, llama.cpp, a cloud.

    Attributes:
        url: Up to the version, as in `http://localhost:8000/v1`.
        model: As the server calls it.
        system: What it is told first: how an ad is written down, with examples.
        purse: Its cap, when it costs money.
        key: Sent as a bearer token when there is one.
        timeout: Seconds for a whole reply, however it trickles in.
        retries: Tries after the first, each after twice the pause.
        structured: Whether to ask for JSON by schema; given up when the server knows none.
        pause: Waits between tries.
        tokens: Tokens written so far.
        seconds: Time spent writing so far.
    """

    url: str
    model: str
    system: str = ""
    purse: Purse | None = None
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    retries: int = 3
    structured: bool = False
    temperature: float = 0.7
    top_p: float = 0.9
    pause: Callable[[float], None] = time.sleep
    tokens: int = 0
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """Model and server, as the ledger records it."""
        return f"{self.model}@{urlsplit(self.url).netloc}"

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        """Continue each prompt; see `ports.TextModel`. The server's seed makes it repeatable."""
        started = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = [
                pool.submit(self._answers, prompt, samples, max_new_tokens, seed + 7919 * place)
                for place, prompt in enumerate(prompts)
            ]
            try:
                answers = [one.result() for one in waiting]
            except ModelError:
                pool.shutdown(cancel_futures=True)  # what was not asked yet is not asked
                raise
        self.seconds += time.perf_counter() - started
        return answers

    def _answers(self, prompt: str, samples: int, max_new_tokens: int, seed: int) -> list[str]:
        """As many as asked for; servers that write one at a time are asked again."""
        texts: list[str] = []
        for turn in range(samples):
            found = self._ask(prompt, samples - len(texts), max_new_tokens, seed + turn)
            texts += found[: samples - len(texts)]
            if len(texts) == samples:
                return texts
        raise ModelError(f"{self.name} answers with too few texts")

    def _ask(self, prompt: str, samples: int, max_new_tokens: int, seed: int) -> list[str]:
        why: Exception | None = None
        for attempt in range(self.retries + 1):
            if attempt:
                self.pause(0.5 * 2 ** (attempt - 1))
            structured = self.structured
            room = max_new_tokens + (OVERHEAD if structured else 0)
            payload = self._payload(prompt, samples, room, seed, structured)
            reserved = self._reserve(prompt, samples * room)
            try:
                reply = self._post(payload)
                texts, read, written = _texts(reply)
            except _Busy as error:
                self._settle(reserved, 0)
                why = error
                if structured and "400" in str(error):
                    self.structured = False  # it knows no schema
                elif "400" in str(error):
                    raise ModelError(f"{self.name} refuses the request: {error}") from error
            except _Lost as error:
                why = error  # what was set aside stays counted
            except ModelError:
                self._settle(reserved, 0)
                raise
            else:
                if read + written:
                    self._settle(reserved, self._cost(read, written))
                self.tokens += written
                return [_lines(one) if structured else one for one in texts]
        raise ModelError(
            f"{self.name} does not answer after {self.retries + 1} tries: {why}; see that it runs "
            "and try again, what was written is kept"
        )

    def _payload(
        self, prompt: str, samples: int, room: int, seed: int, structured: bool
    ) -> dict[str, Any]:
        system = [{"role": "system", "content": self.system}] if self.system else []
        return {
            "model": self.model,
            "messages": [*system, {"role": "user", "content": prompt}],
            "n": samples,
            "max_tokens": room,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": seed % (1 << 31),
            **({"response_format": _SCHEMA} if structured else {}),
        }

    def _reserve(self, prompt: str, room: int) -> int:
        if self.purse is None:
            return 0
        # no tokenizer makes more tokens of a text than it has bytes
        read = len((self.system + prompt).encode()) + OVERHEAD
        return self.purse.reserve(self.purse.cost(read, room), datetime.now(UTC))

    def _settle(self, reserved: int, cost: int) -> None:
        if self.purse is not None:
            self.purse.settle(reserved, cost)

    def _cost(self, read: int, written: int) -> int:
        return 0 if self.purse is None else self.purse.cost(read, written)

    def _post(self, payload: dict[str, Any]) -> Any:
        """One request; the whole of its reply has to be here in time."""
        deadline = time.monotonic() + self.timeout
        where = urlsplit(self.url)
        kind: Any = http.client.HTTPConnection
        more: dict[str, Any] = {}
        if where.scheme == "https":
            kind, more = http.client.HTTPSConnection, {"context": ssl.create_default_context()}
        connection = kind(where.hostname, where.port, timeout=self.timeout, **more)
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            try:
                connection.connect()
            except OSError as error:
                raise _Busy(f"no connection to {where.netloc}: {error}") from error
            path = f"{where.path.rstrip('/')}/chat/completions"
            try:
                connection.request("POST", path, json.dumps(payload).encode(), headers)
                response = connection.getresponse()
                body = _read(response, connection, deadline)
            except (OSError, http.client.HTTPException) as error:
                raise _Lost(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        return self._understood(response.status, body)

    def _understood(self, status: int, body: bytes) -> Any:
        if status in (401, 403):
            raise ModelError(f"{self.name} does not let us in ({status}); set {KEY}")
        if status == 404:
            raise ModelError(f"{self.name}: the server has no such model or no {self.url} (404)")
        if status == 400 or status == 429 or status >= 500:
            raise _Busy(f"status {status}: {' '.join(body.decode(errors='replace').split())[:200]}")
        if status != 200:
            raise ModelError(f"{self.name} answers with status {status}")
        try:
            return json.loads(body)
        except ValueError as error:
            raise _Lost("the reply is not JSON") from error


def _read(response: Any, connection: Any, deadline: float) -> bytes:
    """A reply piece by piece: a server that sends a byte now and then runs out of time, too."""
    pieces, size = [], 0
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply takes too long")
        if connection.sock is not None:
            connection.sock.settimeout(left)
        piece = response.read1(1 << 16)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise http.client.HTTPException("the reply is too long")
    if response.length:
        raise http.client.IncompleteRead(b"".join(pieces), response.length)
    return b"".join(pieces)


def _texts(reply: Any) -> tuple[list[str], int, int]:
    """Texts, tokens read and tokens written of a reply."""
    try:
        texts = [choice["message"]["content"] or "" for choice in reply["choices"]]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise TypeError
        usage = reply.get("usage") or {}
        counts = [int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _Lost("the reply is no chat completion") from error
    return texts, max(0, counts[0]), max(0, counts[1])


def _lines(text: str) -> str:
    """An answer by schema, as the three lines that other models write; else as it came."""
    try:
        answer = json.loads(text)
        return "\n".join(" ".join(str(answer[name]).split()) for name in FIELDS)
    except (ValueError, KeyError, TypeError):
        return text
