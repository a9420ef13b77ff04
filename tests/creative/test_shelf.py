"""What is recorded, approved and withdrawn."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, func, select

from handbill.creative.select import Choice, Maker, choose
from handbill.creative.shelf import POLICY, put, write_table
from handbill.state import approvals, creatives, open_state
from handbill.types import Brief, Fact, creative_digest

NOW = datetime(2026, 10, 30, tzinfo=UTC)
GOOD = "The morning cup\nThe kettle is on and the paper is here.\nPour a cup"
BANNED = "The best cup in town\nNothing else comes close to it.\nPour a cup"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_state(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield engine
    engine.dispose()


def choice(*answers: str, category: str = "coffee") -> Choice:
    facts = {
        "offer": "coupon",
        "category": category,
        "shop": "Corner Market",
        "offer_ends": "December 24",
    }
    brief = Brief(
        id=f"brief-{category}",
        segment_id="all",
        offer_id="o",
        language="en",
        channel="email",
        facts=tuple(Fact(name=key, value=value, source="test") for key, value in facts.items()),
        audience="everyone",
    )
    maker = Maker(model="m", adapter="a", prompt="p")
    return choose(brief, answers, maker, [], variants=2)


def count(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_a_person_decides_unless_the_shop_says_otherwise(engine: Engine) -> None:
    one = choice(GOOD)
    assert set(put(engine, one.kept, one.rejected, "person", NOW).values()) == {"waiting"}
    assert count(engine, approvals) == 0
    assert set(put(engine, one.kept, one.rejected, "checks", NOW).values()) == {"approved"}
    with engine.connect() as connection:
        row = connection.execute(select(approvals)).one()
    assert (row.decided_by, row.digest) == (POLICY, one.kept[0].digest)


def test_running_again_changes_nothing(engine: Engine) -> None:
    one = choice(GOOD, BANNED)
    for _ in range(3):
        put(engine, one.kept, one.rejected, "checks", NOW)
    assert count(engine, creatives) == 2
    assert count(engine, approvals) == 1


def test_what_needs_evidence_waits_even_where_checks_decide(engine: Engine) -> None:
    medicine = choice(GOOD, category="pain relief")
    assert set(put(engine, medicine.kept, (), "checks", NOW).values()) == {"waiting"}
    assert count(engine, approvals) == 0


def test_a_persons_no_outlasts_the_rule(engine: Engine) -> None:
    one = choice(GOOD)
    put(engine, one.kept, (), "person", NOW)
    with engine.begin() as connection:
        connection.execute(
            approvals.insert().values(
                id="x",
                creative_id=one.kept[0].id,
                digest=one.kept[0].digest,
                decision="rejected",
                decided_by="ana",
                reason="not our voice",
                decided_at=NOW,
            )
        )
    assert set(put(engine, one.kept, (), "checks", NOW).values()) == {"rejected"}
    assert count(engine, approvals) == 1


def test_what_is_no_longer_written_is_withdrawn_and_can_come_back(engine: Engine) -> None:
    old, new = choice(GOOD), choice(GOOD, category="tea")
    status = select(creatives.c.status).where(creatives.c.id == old.kept[0].id)
    for kept, expected in ((old, "passed"), (new, "withdrawn"), (old, "passed")):
        put(engine, kept.kept, kept.rejected, "checks", NOW, channel="email")
        with engine.connect() as connection:
            assert connection.execute(status).scalar_one() == expected


def test_what_is_written_on_one_channel_withdraws_nothing_on_another(engine: Engine) -> None:
    old, new = choice(GOOD), choice(GOOD, category="tea")
    status = select(creatives.c.status).where(creatives.c.id == old.kept[0].id)
    for channel in ("email", "", "copy:push"):
        first = old if channel == "email" else new
        put(engine, first.kept, (), "checks", NOW, channel=channel)
        with engine.connect() as connection:
            assert connection.execute(status).scalar_one() == "passed"


def test_the_table_holds_what_delivery_needs_to_check_the_digest(
    engine: Engine, tmp_path: Path
) -> None:
    one = choice(GOOD, BANNED)
    statuses = put(engine, one.kept, one.rejected, "checks", NOW)
    path = write_table(tmp_path / "creatives.parquet", one.kept, one.rejected, statuses)
    rows = pq.read_table(path).to_pylist()
    assert [row["status"] for row in rows] == ["approved", "rejected"]
    for row in rows:
        slots = {name: fact["value"] for name, fact in json.loads(row["slots"]).items()}
        texts = (row["headline"], row["body"], row["call_to_action"])
        assert creative_digest(*texts, slots) == row["digest"]
    assert json.loads(rows[1]["findings"])[0]["rule"] == "absolute-claim"


def test_an_empty_shelf_is_a_table_too(engine: Engine, tmp_path: Path) -> None:
    path = write_table(tmp_path / "creatives.parquet", (), (), put(engine, (), (), "checks", NOW))
    assert pq.read_table(path).num_rows == 0
