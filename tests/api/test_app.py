"""The endpoints: what they take, what they refuse, and what a reply means."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api.conftest import IDENTITY, KEY, SHOP, Client

from handbill.api.app import Collector
from handbill.api.intake import REASONS, Intake
from handbill.api.writekeys import WriteKeys
from handbill.errors import WorkspaceError
from handbill.events.collector import Settings
from handbill.events.received import Kept, Refused
from handbill.ports import Arrived

DOCS = Path(__file__).parents[2] / "docs" / "collector.md"
VIEW = {"event": "view_item", "anonymous_id": "a", "items": [{"item_id": "sku-1"}]}
BASIC = {"authorization": "Basic YS13cml0ZS1rZXk6"}


def test_one_event(client: Client) -> None:
    answer = client.post("/v1/events", VIEW)
    assert (answer.status, answer.json) == (200, {"accepted": 1, "duplicate": 0})
    assert client.kept().event == "view_item"


@pytest.mark.parametrize("wrapped", [lambda many: many, lambda many: {"events": many}])
def test_a_batch(client: Client, wrapped: Callable[[list[Any]], Any]) -> None:
    many = [VIEW | {"event_id": str(number % 2)} for number in range(5)]
    answer = client.post("/v1/events", wrapped(many))
    assert answer.json == {"accepted": 2, "duplicate": 3}


def test_a_batch_is_judged_event_by_event(client: Client) -> None:
    answer = client.post("/v1/events", [VIEW, {"event": "purchase", "user_id": 1}, 7, VIEW])
    assert answer.status == 200
    assert answer.json["accepted"] == 2
    assert [(one["index"], one["reason"]) for one in answer.json["refused"]] == [
        (1, "missing_order"),
        (2, "invalid"),
    ]
    kinds = [type(record) for record in client.records()]
    assert kinds == [Kept, Refused, Refused, Kept]
    counts = client.inbox.counts()
    assert counts["received"] == counts["kept"] + counts["duplicate"] + 2 == 4


def test_a_request_of_refused_events_only_is_422(client: Client) -> None:
    answer = client.post("/v1/events", {"event": "view_item"})
    assert answer.status == 422
    assert answer.json["refused"][0]["reason"] == "missing_customer"


def test_a_reply_comes_after_the_events_are_in_the_inbox(client: Client) -> None:
    order = []
    append = client.inbox.append

    class Slow:
        def append(self, events: list[Arrived]) -> list[bool]:
            order.append("on disk")
            return append(events)

    client.inbox, inbox = Slow(), client.inbox  # type: ignore[assignment]
    client.post("/v1/events", VIEW)
    order.append("answered")
    client.inbox = inbox
    assert order == ["on disk", "answered"]
    assert len(client.records()) == 1


def test_requests_at_the_same_time_get_their_own_answers(client: Client) -> None:
    def many(start: int, count: int) -> list[Any]:
        return [VIEW | {"event_id": str(number)} for number in range(start, start + count)]

    requests = [("POST", "/v1/events", many(start, 3), BASIC) for start in range(0, 60, 2)]
    answers = client.ask_all(requests)
    assert sum(one.json["accepted"] for one in answers) == 61  # each shares one with the next
    assert sum(one.json["duplicate"] for one in answers) == 29


def test_gzip(client: Client) -> None:
    packed = gzip.compress(json.dumps([VIEW] * 3).encode())
    answer = client.post("/v1/events", packed, **{"content-encoding": "gzip"})
    assert answer.json["accepted"] == 3


@pytest.mark.parametrize(
    ("body", "headers", "status", "error"),
    [
        (b"{", {}, 400, "not_json"),
        (b'{"event": "\\ud800"}', {}, 400, "not_json"),
        (b"\xff\xfe", {}, 400, "not_json"),
        (b"[" * 100_000, {}, 400, "not_json"),
        (b"", {}, 400, "not_json"),
        (b"no gzip", {"content-encoding": "gzip"}, 400, "not_gzip"),
        (gzip.compress(b"[]")[:-9], {"content-encoding": "gzip"}, 400, "not_gzip"),
        (b"{}", {"content-encoding": "br"}, 415, "encoding"),
        (b"[]", {}, 400, "batch_size"),
        (b'"text"', {}, 400, "invalid"),
        (b'{"events": {}}', {}, 400, "invalid"),
        (json.dumps([{}] * 1_001).encode(), {}, 413, "batch_size"),
        (b" " * 1_100_000, {}, 413, "body_size"),
        (b" " * 1_100_000, {"content-length": "1"}, 413, "body_size"),
        (gzip.compress(b" " * 1_100_000), {"content-encoding": "gzip"}, 413, "body_size"),
        (b"{}", {"content-length": "many"}, 400, "content_length"),
    ],
)
def test_a_bad_request_is_refused_by_name(
    client: Client, body: bytes, headers: dict[str, str], status: int, error: str
) -> None:
    answer = client.post("/v1/events", body, **headers)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["detail"]
    assert client.inbox.counts()["received"] == 0


@pytest.mark.parametrize(
    ("payload", "headers", "query", "status"),
    [
        (VIEW, BASIC, "", 200),
        (VIEW | {"write_key": KEY}, {}, "", 200),
        (VIEW | {"writeKey": KEY}, {}, "", 200),
        (VIEW, {}, f"k={KEY}", 200),
        (VIEW, {}, "", 403),
        (VIEW | {"write_key": "another-key"}, {}, "", 403),
        (VIEW | {"write_key": KEY}, {"authorization": "Basic bm9wZTo="}, "", 403),
        (VIEW, {"authorization": "Basic %%%"}, "", 403),
        (VIEW, {"authorization": "Bearer a-write-key"}, "", 403),
        (VIEW | {"write_key": ["a-write-key"]}, {}, "", 403),
    ],
)
def test_a_write_key_is_needed(
    client: Client, payload: Any, headers: dict[str, str], query: str, status: int
) -> None:
    assert client.ask("POST", "/v1/events", payload, headers, query).status == status


def test_the_write_key_is_not_kept(client: Client) -> None:
    client.ask("POST", "/v1/events", VIEW | {"write_key": KEY})
    assert KEY not in str(client.kept())


def test_unknown_paths_and_methods(client: Client) -> None:
    answer = client.ask("POST", "/v1/nothing")
    assert (answer.status, answer.json["error"]) == (404, "not_found")
    answer = client.ask("GET", "/v1/events")
    assert (answer.status, answer.json["error"]) == (405, "wrong_method")


def test_a_browser_of_another_origin_may_send(client: Client) -> None:
    answer = client.ask("OPTIONS", "/v1/events", headers={"origin": "https://shop.example"})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "content-type" in answer.headers["access-control-allow-headers"]
    as_text = {"content-type": "text/plain;charset=UTF-8"}
    answer = client.ask("POST", "/v1/events", VIEW | {"write_key": KEY}, as_text)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.status == 200


def test_the_pixel(client: Client) -> None:
    query = f"k={KEY}&event=view_promotion&user_id=9&promotion_id=18&event_id=m1&color=red"
    answer = client.ask("GET", "/v1/p.gif", query=query)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.body.startswith(b"GIF89a")
    assert answer.headers["cache-control"] == "no-store"
    assert client.ask("GET", "/v1/p.gif", query=query).status == 200
    kept = client.kept()
    assert (kept.event, kept.promotion_id) == ("view_promotion", "18")
    assert json.loads(kept.lines[0].context or "")["color"] == "red"


def test_a_pixel_that_says_nothing_is_refused(client: Client) -> None:
    assert client.ask("GET", "/v1/p.gif", query=f"k={KEY}").status == 422
    assert client.ask("GET", "/v1/p.gif", query="event=view_promotion").status == 403
    assert client.ask("GET", "/v1/p.gif", query="&".join(["a=1"] * 200)).status == 400


def test_the_tag_is_served_small(client: Client) -> None:
    plain = client.ask("GET", "/handbill.js")
    packed = client.ask("GET", "/handbill.js", headers={"accept-encoding": "br, gzip"})
    assert plain.headers["content-type"].startswith("text/javascript")
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < 5_000


def test_health(client: Client) -> None:
    assert client.ask("GET", "/healthz").json == {"status": "ok"}
    assert client.ask("GET", "/healthz", serving=False).status == 503


def test_a_disk_that_takes_nothing_is_503_until_it_does(client: Client) -> None:
    append, full = client.inbox.append, True

    def failing(events: list[Arrived]) -> list[bool]:
        if full:
            raise WorkspaceError("database or disk is full at /secret/path")
        return append(events)

    client.inbox.append = failing  # type: ignore[method-assign, assignment]
    first, second = client.ask_all([("POST", "/v1/events", VIEW, BASIC)] * 2)
    assert {first.status, second.status} == {503}
    assert int(first.headers["retry-after"]) > 0
    assert first.json["error"] == "storage"
    assert b"/secret" not in first.body
    full = False
    assert client.post("/v1/events", VIEW).status == 200


def test_too_much_waiting_is_503_and_nothing_is_kept(
    client_with: Callable[..., Client],
) -> None:
    client = client_with(max_waiting=2)
    answer = client.post("/v1/events", [VIEW] * 3)
    assert (answer.status, answer.json["error"]) == (503, "busy")
    assert "retry-after" in answer.headers
    assert client.records() == []
    assert client.post("/v1/events", [VIEW] * 2).status == 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_committing_thread_that_has_ended(client: Client) -> None:
    def broken(events: list[Arrived]) -> list[bool]:
        raise ZeroDivisionError

    client.inbox.append = broken  # type: ignore[method-assign, assignment]
    assert client.post("/v1/events", VIEW).status == 503


def test_every_endpoint_and_reason_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    app = Collector(Intake(SHOP, Settings(), IDENTITY), WriteKeys([KEY]), Settings())
    for path, method in app.routes.items():
        assert f"`{method} {path}`" in text, path
    for reason in REASONS:
        assert f"`{reason}`" in text, reason
