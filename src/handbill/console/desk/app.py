"""The desk as an ASGI app: sign in with a key, read, decide, rewrite."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from handbill.console import words
from handbill.console.desk import pages
from handbill.console.desk.sessions import COOKIE, LASTS, Sessions
from handbill.console.frame import script_source
from handbill.console.person import Portrait
from handbill.console.portrait import draw_portrait
from handbill.creative.dossier import Decision, Dossier
from handbill.creative.edit import UnfitError
from handbill.creative.pictures.record import Picture
from handbill.errors import HandbillError, PolicyError
from handbill.trust.access import admitted, holder
from handbill.types import Creative, ShopProfile, Text
from handbill.workspace import Workspace

WRONG_KEY_SECONDS = 0.5
MOST_IDS = 500
FORM_FIELDS = ("headline", "body", "call_to_action")


class Office(Protocol):
    """What the desk asks of a shop."""

    def dossiers(self, *ids: str) -> tuple[Dossier, ...]:
        """Ads; all of them when none is named."""
        ...

    def decisions(self, of: str = "") -> tuple[Decision, ...]:
        """What was decided, the newest first; on one ad, or on all."""
        ...

    def decide(self, ids: Sequence[str], *, decision: str, by: str, reason: str = "") -> int:
        """Approve or reject ads."""
        ...

    def edit(
        self,
        creative_id: str,
        *,
        by: str,
        headline: str | None = None,
        body: str | None = None,
        call_to_action: str | None = None,
    ) -> Creative:
        """Put a person's version of an ad beside it."""
        ...

    def current_pictures(self) -> tuple[Picture, ...]:
        """Pictures that are still true."""
        ...

    def decide_pictures(
        self, ids: Sequence[str], *, decision: str, by: str, reason: str = ""
    ) -> int:
        """Approve or reject pictures."""
        ...

    def portrait(self, customer: str) -> Portrait:
        """What is known of one customer."""
        ...


Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True, kw_only=True)
class Desk:
    """One shop's desk.

    Attributes:
        office: Answers and decides.
        workspace: Whose keys and report.
        shop: Its profile.
        signatures: People who have to approve an ad.
        clock: The present, aware.
        sessions: Who is signed in.
    """

    office: Office
    workspace: Workspace
    shop: ShopProfile
    signatures: int
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    sessions: Sessions = field(default_factory=Sessions)

    def app(self) -> Starlette:
        """Every page and form in one table."""
        return Starlette(
            routes=[
                Route("/enter", _safe(self._enter), methods=["GET", "POST"]),
                Route("/leave", _safe(self._leave), methods=["POST"]),
                Route("/", self._signed_in(self._waiting)),
                Route("/fallen", self._signed_in(self._fallen)),
                Route("/decided", self._signed_in(self._decided)),
                Route("/decide", self._signed_in(self._decide), methods=["POST"]),
                Route("/ads/{id}", self._signed_in(self._ad), methods=["GET", "POST"]),
                Route("/pictures", self._signed_in(self._decide_pictures), methods=["POST"]),
                Route("/pictures/{id}.png", self._signed_in(self._picture)),
                Route("/report", self._signed_in(self._report)),
                Route("/customer", self._signed_in(self._customer)),
            ]
        )

    def _signed_in(self, endpoint: Callable[[Request, str], Awaitable[Response]]) -> Endpoint:
        """Let in who holds a session; others are asked for a key."""

        async def answer(request: Request) -> Response:
            who = self.sessions.who(request.cookies.get(COOKIE, ""), self.clock())
            if who is None or who not in await run_in_threadpool(admitted, self.workspace.keys):
                return RedirectResponse("/enter", 303)
            return await endpoint(request, who)

        return _safe(answer)

    async def _enter(self, request: Request) -> Response:
        if request.method == "GET":
            return HTMLResponse(pages.draw_enter(self.shop))
        key = _typed(await request.form(), "key")
        name = await run_in_threadpool(holder, self.workspace.keys, key)
        if name is None:
            await asyncio.sleep(WRONG_KEY_SECONDS)
            return HTMLResponse(pages.draw_enter(self.shop, wrong=True), 403)
        reply = RedirectResponse("/", 303)
        reply.set_cookie(
            COOKIE,
            self.sessions.begin(name, self.clock()),
            max_age=int(LASTS.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return reply

    async def _leave(self, request: Request) -> Response:
        self.sessions.end(request.cookies.get(COOKIE, ""))
        reply = RedirectResponse("/enter", 303)
        reply.delete_cookie(COOKIE)
        return reply

    async def _waiting(self, request: Request, who: str) -> Response:
        return await run_in_threadpool(self._queue, request, who, "waiting")

    async def _fallen(self, request: Request, who: str) -> Response:
        return await run_in_threadpool(self._queue, request, who, "fallen")

    def _queue(self, request: Request, who: str, kind: str) -> Response:
        every = self.office.dossiers()
        visit = self._visit(who, every, said=_said(request.query_params))
        found = [one for one in every if one.state == kind]
        number = request.query_params.get("page", "1")
        page = int(number) if number.isdecimal() and int(number) > 0 else 1
        language = request.query_params.get("language", "")
        names = pages.read_names(self.workspace, self.shop)
        return HTMLResponse(pages.draw_queue(visit, kind, found, names, page, language))

    async def _decided(self, _request: Request, who: str) -> Response:
        def draw() -> str:
            every = self.office.dossiers()
            by_id = {one.id: one for one in every}
            return pages.draw_decided(self._visit(who, every), self.office.decisions(), by_id)

        return HTMLResponse(await run_in_threadpool(draw))

    async def _decide(self, request: Request, who: str) -> Response:
        form = await request.form()
        ids = [one for one in form.getlist("id") if isinstance(one, str)][:MOST_IDS]
        decision, reason = _typed(form, "decision"), _typed(form, "reason")
        try:
            if not ids:
                raise PolicyError("choose at least one ad")
            count = await run_in_threadpool(
                lambda: self.office.decide(ids, decision=decision, by=who, reason=reason)
            )
        except HandbillError as error:
            return await run_in_threadpool(self._sorry, who, str(error))
        return RedirectResponse(f"/?said={decision}&count={count}", 303)

    async def _decide_pictures(self, request: Request, who: str) -> Response:
        form = await request.form()
        ids = [one for one in form.getlist("id") if isinstance(one, str)][:MOST_IDS]
        decision, reason, ad = (_typed(form, name) for name in ("decision", "reason", "ad"))
        try:
            await run_in_threadpool(
                lambda: self.office.decide_pictures(ids, decision=decision, by=who, reason=reason)
            )
        except HandbillError as error:
            return await run_in_threadpool(self._sorry, who, str(error))
        return RedirectResponse(f"/ads/{quote(ad, safe='')}", 303)

    async def _picture(self, request: Request, _who: str) -> Response:
        name = request.path_params["id"]
        path = self.workspace.pictures / f"{name}.png"
        if not re.fullmatch(r"[0-9a-f]{64}", name) or not path.is_file():
            return Response("no such picture", 404)
        return Response(await run_in_threadpool(path.read_bytes), media_type="image/png")

    async def _ad(self, request: Request, who: str) -> Response:
        one = request.path_params["id"]
        if request.method == "GET":
            return await run_in_threadpool(self._draw_ad, who, one)
        form = await request.form()
        typed = {name: _typed(form, name) for name in FORM_FIELDS}
        try:
            await run_in_threadpool(lambda: self.office.edit(one, by=who, **typed))
        except HandbillError as error:
            return await run_in_threadpool(self._draw_ad, who, one, typed, error)
        return RedirectResponse("/?said=edited&count=1", 303)

    def _draw_ad(
        self,
        who: str,
        id_: str,
        typed: Mapping[str, str] | None = None,
        error: HandbillError | None = None,
    ) -> Response:
        unfit = error.findings if isinstance(error, UnfitError) else ()
        refused = str(error) if error is not None and not unfit else ""
        every = self.office.dossiers()
        visit = self._visit(who, every, refused=refused)
        one = next((one for one in every if one.id == id_), None)
        if one is None:
            return self._sorry(who, f"there is no ad {id_}", 404)
        names = pages.read_names(self.workspace, self.shop)
        others = [other for other in every if _answers_same(other, one) and other.id != id_]
        decided = self.office.decisions(id_)
        pictures = [p for p in self.office.current_pictures() if p.creative_id == id_]
        page = pages.draw_ad(visit, one, names, decided, others, pictures, typed, unfit)
        return HTMLResponse(page, 200 if error is None else 422)

    async def _report(self, _request: Request, who: str) -> Response:
        def draw() -> Response:
            path: Path = self.workspace.reports / "report.html"
            if not path.exists():
                return self._sorry(who, "nothing has run yet; run: handbill run DIR", 404)
            return HTMLResponse(path.read_text(encoding="utf-8"))

        return await run_in_threadpool(draw)

    async def _customer(self, request: Request, who: str) -> Response:
        def draw() -> Response:
            try:
                found = self.office.portrait(request.query_params.get("id", "").strip())
            except HandbillError as error:
                return self._sorry(who, str(error), 404)
            return HTMLResponse(draw_portrait(found, self.shop))

        return await run_in_threadpool(draw)

    def _sorry(self, who: str, why: str, status: int = 422) -> Response:
        why = why.replace(str(self.workspace.root), "DIR")
        visit = self._visit(who, self.office.dossiers(), refused=why)
        return HTMLResponse(pages.draw_sorry(visit, "desk.sorry"), status)

    def _visit(
        self, who: str, every: Sequence[Dossier], *, said: Text | None = None, refused: str = ""
    ) -> pages.Visit:
        states = [one.state for one in every]
        return pages.Visit(
            shop=self.shop,
            who=who,
            waiting=states.count("waiting"),
            fallen=states.count("fallen"),
            signatures=self.signatures,
            said=said,
            refused=refused,
        )


def _safe(endpoint: Endpoint) -> Endpoint:
    """No form from another site, no script but ours, nothing kept by caches or framed."""

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin")
        if request.method == "POST" and origin not in (None, str(request.base_url).rstrip("/")):
            return Response("this form was sent from another site", 403)
        reply = await endpoint(request)
        reply.headers.update(
            {
                "cache-control": "no-store",
                "content-security-policy": (
                    f"default-src 'none'; script-src {script_source()}; "
                    "style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
                    "frame-ancestors 'none'; base-uri 'none'"
                ),
                "referrer-policy": "no-referrer",
                "x-content-type-options": "nosniff",
            }
        )
        return reply

    return answer


def _answers_same(one: Dossier, other: Dossier) -> bool:
    """Whether two ads are about the same, for the same people, in one language."""
    return (one.offer_id, one.segment_id, one.language) == (
        other.offer_id, other.segment_id, other.language
    )  # fmt: skip


def _typed(form: FormData, name: str) -> str:
    """A text field; a file in its place is nothing. Browsers end lines with CR LF."""
    value = form.get(name)
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def _said(query: Mapping[str, str]) -> Text | None:
    """What the form before this page did, in words of ours."""
    kind, count = query.get("said", ""), query.get("count", "")
    if kind not in ("approved", "rejected", "edited") or not count.isdecimal():
        return None
    return words.say(f"desk.said_{kind}", count=int(count))
