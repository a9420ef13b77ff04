"""The desk: sign in, read, decide, rewrite; and what it keeps out."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from handbill.console.desk.app import Desk
from handbill.console.desk.sessions import COOKIE, LASTS, Sessions
from handbill.creative.select import plain
from handbill.creative.shelf import put
from handbill.errors import ConfigError
from handbill.shop import Shop
from handbill.state import approvals, closing_state
from handbill.trust.access import admit, admitted, dismiss, holder
from handbill.types import Brief, Creative, Fact, Finding, ShopProfile
from handbill.workspace import Workspace, write_parquet

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOSTILE = "<script>alert('x')</script>"
ADDRESS = "http://desk.example"
SETTINGS = '[shop]\nname = "Corner & Sons"\ncurrency = "USD"\ntimezone = "UTC"\nlanguage = "en"\n'


def brief(offer: str, language: str = "en", category: str = "coffee") -> Brief:
    values = {
        "offer": "coupon",
        "category": category,
        "shop": "Corner Market",
        "offer_ends": "December 24",
    }
    return Brief(
        id=f"b-{offer}-{language}",
        segment_id="all",
        offer_id=offer,
        language=language,
        channel="email",
        facts=tuple(
            Fact(name=name, value=value, source=f"catalog/offers#{name}")
            for name, value in values.items()
        ),
        audience="everyone",
    )


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def shop(tmp_path) -> Shop:
    workspace = Workspace.create(tmp_path / "shop", SETTINGS)
    return Shop.open(workspace.root)


@pytest.fixture
def ad(shop: Shop) -> Creative:
    (one,) = plain(brief("o1"))
    with closing_state(shop.workspace.state_url) as engine:
        put(engine, [one], [], "person", NOW)
    return one


def desk(shop: Shop, clock: Clock, signatures: int = 1) -> TestClient:
    profile = ShopProfile(
        name="Corner & Sons", currency="USD", timezone="UTC", language="en", as_of=date(2026, 11, 1)
    )
    opened = Desk(
        office=shop,
        workspace=shop.workspace,
        shop=profile,
        signatures=signatures,
        clock=clock,
    )
    return TestClient(opened.app(), base_url=ADDRESS)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ana(shop: Shop, clock: Clock) -> Iterator[TestClient]:
    with desk(shop, clock) as visitor:
        key = admit(shop.workspace.keys, "Ana")
        assert visitor.post("/enter", data={"key": key}).status_code == 200
        yield visitor


def decided(shop: Shop) -> list[tuple[str, str, str, str]]:
    rows = select(
        approvals.c.creative_id, approvals.c.decision, approvals.c.decided_by, approvals.c.reason
    )
    with closing_state(shop.workspace.state_url) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.execute(rows)]


@pytest.mark.parametrize(
    "page",
    [
        "/",
        "/fallen",
        "/decided",
        "/ads/x",
        "/report",
        "/customer?id=1",
        f"/pictures/{'0' * 64}.png",
    ],
)
def test_without_a_key_there_is_only_the_door(shop: Shop, clock: Clock, page: str) -> None:
    with desk(shop, clock) as visitor:
        reply = visitor.get(page, follow_redirects=False)
        assert (reply.status_code, reply.headers["location"]) == (303, "/enter")
        assert visitor.post("/enter", data={"key": "guess"}).status_code == 403
        assert COOKIE not in visitor.cookies


def test_without_a_key_nothing_is_decided(shop: Shop, clock: Clock, ad: Creative) -> None:
    with desk(shop, clock) as visitor:
        visitor.post("/decide", data={"id": ad.id, "decision": "approved"})
        visitor.post(f"/ads/{ad.id}", data={"headline": "x", "body": "y", "call_to_action": "z"})
    assert decided(shop) == []
    assert len(shop.dossiers()) == 1


def test_an_ad_shows_its_facts_and_is_approved_in_the_visitors_name(
    shop: Shop, ana: TestClient, ad: Creative
) -> None:
    queue = ana.get("/").text
    assert '<span class="fact" title="catalog/offers#category">coffee</span>' in queue.lower()
    done = ana.post("/decide", data={"id": ad.id, "decision": "approved"})
    assert "Approved: 1." in done.text
    assert decided(shop) == [(ad.id, "approved", "Ana", "")]
    assert shop.waiting() == ()
    assert ad.digest[:12] in ana.get("/decided").text


def test_a_rejection_needs_its_reason(shop: Shop, ana: TestClient, ad: Creative) -> None:
    refused = ana.post("/decide", data={"id": ad.id, "decision": "rejected", "reason": " "})
    assert refused.status_code == 422
    assert "say why it is rejected" in refused.text
    assert decided(shop) == []
    ana.post("/decide", data={"id": ad.id, "decision": "rejected", "reason": "Too dry"})
    assert decided(shop) == [(ad.id, "rejected", "Ana", "Too dry")]
    assert "Too dry" in ana.get(f"/ads/{ad.id}").text


def test_two_signatures_are_two_people(tmp_path, clock: Clock) -> None:
    workspace = Workspace.create(tmp_path / "two", SETTINGS + "[creative]\nsignatures = 2\n")
    shop = Shop.open(workspace.root)
    (one,) = plain(brief("o1"))
    with closing_state(workspace.state_url) as engine:
        put(engine, [one], [], "person", NOW, 2)
    with desk(shop, clock, signatures=2) as visitor:
        visitor.post("/enter", data={"key": admit(workspace.keys, "Ana")})
        visitor.post("/decide", data={"id": one.id, "decision": "approved"})
        visitor.post("/decide", data={"id": one.id, "decision": "approved"})
        assert "signatures still needed: 1" in visitor.get("/").text
        assert [ad.id for ad in shop.waiting()] == [one.id]
        visitor.post("/leave")
        visitor.post("/enter", data={"key": admit(workspace.keys, "Wang")})
        visitor.post("/decide", data={"id": one.id, "decision": "approved"})
    assert shop.waiting() == ()


def test_a_version_of_ones_own_waits_for_someone_else(
    shop: Shop, ana: TestClient, ad: Creative
) -> None:
    words = {"headline": "Our {category} coupon", "body": ad.body, "call_to_action": "Go"}
    assert "waits for someone else" in ana.post(f"/ads/{ad.id}", data=words).text
    (mine,) = [one for one in shop.dossiers() if one.origin == "person"]
    assert (mine.author, mine.state) == ("person:Ana", "waiting")
    assert f'value="{mine.id}"' not in ana.get("/").text
    assert ana.post("/decide", data={"id": mine.id, "decision": "approved"}).status_code == 422
    assert decided(shop) == []


def test_a_version_that_may_not_run_is_shown_with_its_findings(
    shop: Shop, ana: TestClient, ad: Creative
) -> None:
    texts = {"body": ad.body, "call_to_action": "Use my coupon"}
    reply = ana.post(f"/ads/{ad.id}", data={"headline": "The best {category}", **texts})
    assert reply.status_code == 422
    assert "<q>best</q>" in reply.text
    assert 'value="The best {category}"' in reply.text  # nobody has to type it again
    reply = ana.post(f"/ads/{ad.id}", data={"headline": f"{{category}} {HOSTILE}", **texts})
    assert reply.status_code == 422
    assert HOSTILE not in reply.text
    assert "&lt;script&gt;" in reply.text
    assert len(shop.dossiers()) == 1


def test_what_a_check_stopped_is_shown_with_why_and_cannot_be_approved(
    shop: Shop, ana: TestClient
) -> None:
    (one,) = plain(brief("o2"))
    found = Finding(rule="absolute-claim", span="best", outcome="block", reason="No proof.")
    fallen = dataclasses.replace(one, findings=(found,), headline=f"Best {HOSTILE}")
    behind = dataclasses.replace(
        one,
        id="c_behind",
        headline="Second best",
        findings=(Finding(rule="outranked", span="", outcome="pass", reason="Others are better."),),
    )
    with closing_state(shop.workspace.state_url) as engine:
        put(engine, [], [fallen, behind], "person", NOW)
    page = ana.get("/fallen").text
    assert "Second best" not in page  # no check stopped it
    assert "Second best" in ana.get(f"/ads/{one.id}").text
    assert "<q>best</q>" in page and "No proof." in page
    assert HOSTILE not in page
    assert ana.post("/decide", data={"id": one.id, "decision": "approved"}).status_code == 422


def test_a_long_queue_is_turned_page_by_page(shop: Shop, ana: TestClient) -> None:
    many = [one for n in range(30) for one in plain(brief(f"o{n}", category=f"tea no {n}"))]
    many += plain(brief("z", "zh", "茶"))
    with closing_state(shop.workspace.state_url) as engine:
        put(engine, many, [], "person", NOW)
    pages = [ana.get(f"/?page={n}").text for n in (1, 2)]
    ids = [one.id for one in many]
    assert sum(page.count('name="id" value') for page in pages) == len(ids)
    assert all(sum(f'value="{one}"' in page for page in pages) == 1 for one in ids)
    assert ana.get("/?language=zh").text.count('name="id" value') == len(plain(brief("z", "zh")))
    for odd in ("/?page=99", "/?page=-1", "/?page=x&language=%3Cb%3E", "/?said=approved&count=x"):
        assert ana.get(odd).status_code == 200


def test_a_form_from_another_site_is_refused(shop: Shop, ana: TestClient, ad: Creative) -> None:
    for origin in ("https://evil.example", "null"):
        reply = ana.post(
            "/decide", data={"id": ad.id, "decision": "approved"}, headers={"origin": origin}
        )
        assert reply.status_code == 403
    assert decided(shop) == []
    own = ana.post(
        "/decide", data={"id": ad.id, "decision": "approved"}, headers={"origin": ADDRESS}
    )
    assert own.status_code == 200


def test_the_cookie_and_the_headers_keep_others_out(shop: Shop, clock: Clock) -> None:
    with desk(shop, clock) as visitor:
        key = admit(shop.workspace.keys, "Ana")
        reply = visitor.post("/enter", data={"key": key}, follow_redirects=False)
    cookie = reply.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert key not in cookie
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "'unsafe-inline'" not in policy.split("style-src")[0]
    assert reply.headers["cache-control"] == "no-store"


def test_a_session_ends_by_itself_and_with_the_key(
    shop: Shop, ana: TestClient, clock: Clock
) -> None:
    clock.now = NOW + LASTS - timedelta(seconds=1)
    assert "/leave" in ana.get("/").text
    dismiss(shop.workspace.keys, "Ana")
    assert "/leave" not in ana.get("/").text
    admit(shop.workspace.keys, "Ana")
    clock.now = NOW + LASTS
    assert "/leave" not in ana.get("/").text


def test_a_session_that_is_over_is_forgotten() -> None:
    sessions = Sessions()
    first = sessions.begin("Ana", NOW)
    sessions.begin("Wang", NOW + LASTS)
    assert first not in sessions.open


def test_a_customer_or_report_that_is_not_there_is_one_line(shop: Shop, ana: TestClient) -> None:
    for page in ("/customer?id=1", "/customer", "/report", "/ads/none"):
        reply = ana.get(page)
        assert reply.status_code == 404
        assert str(shop.workspace.root) not in reply.text
        assert 'role="alert"' in reply.text


def test_keys_are_kept_as_hashes_and_replaced(shop: Shop) -> None:
    folder = shop.workspace.keys
    old = admit(folder, "Ana")
    assert old not in (folder / "people.json").read_text()
    new = admit(folder, " Ana ")
    assert (holder(folder, old), holder(folder, new)) == (None, "Ana")
    assert admitted(folder) == ("Ana",)
    for name in ("", "policy:checks", "x" * 81, "a\nb:c"):
        with pytest.raises(ConfigError, match="no name to sign with"):
            admit(folder, name)
    with pytest.raises(ConfigError, match="may not sign in anyway"):
        dismiss(folder, "Wang")


def test_pictures_are_decided_on_beside_their_ad(
    shop: Shop, ad: Creative, ana: TestClient, needs
) -> None:
    needs("chromium")
    table = pa.Table.from_pylist([{"id": "o1", "title": "House coffee"}])
    write_parquet(shop.workspace.catalog / "products.parquet", table)
    ana.post("/decide", data={"id": ad.id, "decision": "approved"})
    made = shop.pictures(formats=["300x250", "728x90"])
    page = ana.get(f"/ads/{ad.id}").text
    assert all(f'src="/pictures/{one.id}.png"' in page for one in made)
    seen = ana.get(f"/pictures/{made[0].id}.png")
    assert (seen.headers["content-type"], len(seen.content)) == ("image/png", made[0].bytes)
    assert ana.get("/pictures/..%2Fstate.sqlite.png").status_code == 404
    small, strip = (one.id for one in made)
    ana.post("/pictures", data={"ad": ad.id, "id": small, "decision": "approved"})
    ana.post(
        "/pictures", data={"ad": ad.id, "id": strip, "decision": "rejected", "reason": "crowded"}
    )
    assert {one.format: one.status for one in shop.current_pictures()} == {
        "300x250": "approved",
        "728x90": "rejected",
    }
    assert ("rejected", "Ana", "crowded") in {row[1:] for row in decided(shop)}
    refused = ana.post("/pictures", data={"ad": ad.id, "id": "0" * 64, "decision": "approved"})
    assert "is gone or no longer true" in refused.text
