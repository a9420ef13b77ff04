"""People's own versions of ads, the evidence they rest on, and two signatures."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine, select

from handbill.creative import evidence
from handbill.creative.edit import Change, edit, edited
from handbill.creative.review import decide, waiting
from handbill.creative.select import plain
from handbill.creative.shelf import put
from handbill.errors import PolicyError
from handbill.state import closing_state, creatives
from handbill.types import Brief, Creative, Fact
from handbill.workspace import Workspace

NOW = datetime(2026, 11, 24, tzinfo=UTC)
BRIEF = Brief(
    id="b1",
    segment_id="all",
    offer_id="o1",
    language="en",
    channel="email",
    facts=tuple(
        Fact(name=name, value=value, source=f"catalog/offers#{name}")
        for name, value in {
            "offer": "coupon",
            "category": "coffee",
            "shop": "Corner Market",
            "offer_ends": "December 24",
        }.items()
    ),
    audience="everyone",
)


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[Engine]:
    with closing_state(workspace.state_url) as opened:
        yield opened


@pytest.fixture
def ad(engine: Engine) -> Creative:
    (one,) = plain(BRIEF)
    put(engine, [one], [], "person", NOW)
    return one


def status(engine: Engine, one: str) -> str:
    with engine.connect() as connection:
        found: str = connection.execute(
            select(creatives.c.status).where(creatives.c.id == one)
        ).scalar_one()
    return found


def test_an_edit_is_another_ad_with_its_own_digest(engine: Engine, ad: Creative) -> None:
    made = edit(
        engine, ad.id, Change(headline="{category}, when the kettle is on"), by="Ann", now=NOW
    )
    assert made.id != ad.id
    assert made.digest != ad.digest
    assert {one.id for one in waiting(engine)} == {ad.id, made.id}
    assert (
        edit(engine, ad.id, Change(headline="{category}, when the kettle is on"), by="Ann", now=NOW)
        == made
    )


@pytest.mark.parametrize(
    "headline",
    [
        "The best {category}",
        "{category} for 4 dollars",
        "The b3st {category}",
        "A cup of {price}",
        "A" * 90,
    ],
)
def test_what_a_person_writes_is_checked_like_any_other(
    engine: Engine, ad: Creative, headline: str
) -> None:
    with pytest.raises(PolicyError, match="may not run"):
        edit(engine, ad.id, Change(headline=headline), by="Ann", now=NOW)
    assert len(waiting(engine)) == 1


@pytest.mark.parametrize("by", ["", "policy:checks"])
def test_an_edit_has_a_name(engine: Engine, ad: Creative, by: str) -> None:
    with pytest.raises(PolicyError, match="who edits"):
        edit(engine, ad.id, Change(headline="{category}, when the kettle is on"), by=by, now=NOW)


def test_nobody_approves_what_they_wrote(engine: Engine, ad: Creative) -> None:
    made = edit(
        engine, ad.id, Change(headline="{category}, when the kettle is on"), by="Ann", now=NOW
    )
    with pytest.raises(PolicyError, match="someone else"):
        decide(engine, [made.id], decision="approved", by="Ann", reason="", now=NOW)
    assert decide(engine, [made.id], decision="approved", by="Bob", reason="", now=NOW) == 1


def test_two_people_sign_where_the_shop_wants_two(engine: Engine, ad: Creative) -> None:
    decide(engine, [ad.id], decision="approved", by="Ann", reason="", now=NOW)
    assert put(engine, [ad], [], "person", NOW, signatures=2) == {ad.id: "waiting"}
    (one,) = waiting(engine, signatures=2)
    assert one.signed == ("Ann",)
    decide(engine, [ad.id], decision="approved", by="Ann", reason="", now=NOW)
    assert put(engine, [ad], [], "person", NOW, signatures=2) == {ad.id: "waiting"}
    decide(engine, [ad.id], decision="approved", by="Bob", reason="", now=NOW)
    assert put(engine, [ad], [], "person", NOW, signatures=2) == {ad.id: "approved"}
    assert waiting(engine, signatures=2) == ()


def test_a_proven_claim_runs_until_its_proof_is_withdrawn(engine: Engine, ad: Creative) -> None:
    claim = Change(headline="Organic {category}, on the table")
    with pytest.raises(PolicyError, match="certification"):
        edit(engine, ad.id, claim, by="Ann", now=NOW)
    record = evidence.add(
        engine, kind="certification", statement="organic", document="cert 7", by="Ann", now=NOW
    )
    made = edit(engine, ad.id, claim, by="Ann", now=NOW)
    shown = {one.id: one.claims for one in waiting(engine)}
    assert any(f"evidence#{record.id}" in one for one in shown[made.id])
    assert evidence.withdraw(engine, record.id, by="Bob", reason="lapsed", now=NOW) == 1
    assert status(engine, made.id) == "withdrawn"
    assert status(engine, ad.id) == "passed"
    assert edited(engine, [BRIEF], NOW.date()) == ((), ())


def test_a_proof_past_its_last_day_bears_nothing(engine: Engine, ad: Creative) -> None:
    evidence.add(
        engine,
        kind="certification",
        statement="organic",
        document="cert 7",
        by="Ann",
        now=NOW,
        valid_until=date(2026, 11, 30),
    )
    made = edit(engine, ad.id, Change(headline="Organic {category} for you"), by="Ann", now=NOW)
    kept, fallen = edited(engine, [BRIEF], date(2026, 11, 30))
    assert ([one.id for one in kept], fallen) == ([made.id], ())
    kept, fallen = edited(engine, [BRIEF], date(2026, 12, 1))
    assert (kept, [one.id for one in fallen]) == ((), [made.id])


def test_a_changed_fact_takes_the_edit_along(engine: Engine, ad: Creative) -> None:
    edit(engine, ad.id, Change(headline="{category}, when the kettle is on"), by="Ann", now=NOW)
    facts = tuple(
        dataclasses.replace(fact, value="December 31") if fact.name == "offer_ends" else fact
        for fact in BRIEF.facts
    )
    assert edited(engine, [dataclasses.replace(BRIEF, facts=facts)], NOW.date()) == ((), ())
    assert edited(engine, [], NOW.date()) == ((), ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "charm"}, "no kind"),
        ({"statement": " "}, "--says"),
        ({"document": ""}, "--document"),
        ({"by": ""}, "--by"),
    ],
)
def test_a_record_says_what_it_proves_and_where(
    engine: Engine, change: dict[str, str], message: str
) -> None:
    whole = {"kind": "award", "statement": "Gold 2026", "document": "letter", "by": "Ann"}
    with pytest.raises(PolicyError, match=message):
        evidence.add(engine, **(whole | change), now=NOW)  # type: ignore[arg-type]


def test_only_a_standing_record_can_be_withdrawn(engine: Engine) -> None:
    with pytest.raises(PolicyError, match="no standing record"):
        evidence.withdraw(engine, "e_0", by="Ann", reason="gone", now=NOW)
    with pytest.raises(PolicyError, match="who withdraws"):
        evidence.withdraw(engine, "e_0", by="", reason="gone", now=NOW)
