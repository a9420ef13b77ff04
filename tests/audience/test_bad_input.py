"""Odd logs: handled, or said to be too little; never a crash, never an invented figure."""

import pyarrow.parquet as pq
import pytest

from handbill.audience import Settings
from handbill.workspace import read_json

AS_OF = "2026-03-31"
SMALL = Settings(recommendations=0, min_segment=5, max_segments=4)


def tables(corner, name):
    return pq.read_table(corner.workspace.tables / f"{name}.parquet").to_pylist()


def test_people_who_all_came_once(corner):
    corner.write(
        corner.buys(f"p{number:02d}", f"2026-0{1 + number % 3}-1{number % 9}T10:00", "tea", 5.0)
        for number in range(60)
    )
    result = corner.run(AS_OF, SMALL)
    rows = tables(corner, "value")
    assert len(rows) == 60 and all(row["visits"] == 1 and row["alive"] is None for row in rows)
    assert any("0 people bought on two days" in note.en for note in result.notes)
    assert sum(one["size"] for one in read_json(corner.workspace.tables / "segments.json")) == 60


def test_everything_on_one_day(corner):
    corner.write(
        corner.buys(
            f"p{number % 30:02d}", f"2026-03-01T{number % 24:02d}:00", "tea", 1 + number % 7
        )
        for number in range(200)
    )
    corner.run(AS_OF, SMALL)
    assert {row["visits"] for row in tables(corner, "value")} == {1}
    corner.run("2026-03-02", SMALL)  # the day after
    assert len(tables(corner, "value")) == 30


def test_a_person_with_fifty_thousand_events(corner):
    busy = [
        corner.buys("busy", f"2026-0{1 + n % 3}-{1 + n % 28:02d}T{n % 24:02d}:{n % 60:02d}",
                    "milk" if n % 2 else "tea", 1.0)
        for n in range(50_000)
    ]  # fmt: skip
    others = [
        corner.buys(f"p{number:02d}", f"2026-0{1 + visit % 3}-{3 + number % 20:02d}T12:00", "soap")
        for number in range(60)
        for visit in range(3)
    ]
    corner.write([*busy, *others])
    corner.run(AS_OF, SMALL)
    (row,) = [row for row in tables(corner, "value") if row["person"] == "busy"]
    assert row["visits"] == 84 and row["alive"] > 0.9
    assert row["purchases_30_low"] > 10 and row["spend_90_micros"] > 0


@pytest.mark.parametrize("value", [None, 0])
def test_prices_that_are_missing_or_nothing(corner, value):
    rows = [
        {**corner.buys(f"p{n % 50:02d}", f"2026-0{1 + n % 3}-{1 + n % 27:02d}T10:00", "tea"),
         "value_micros": value}
        for n in range(600)
    ]  # fmt: skip
    corner.write(rows)
    result = corner.run(AS_OF, SMALL)
    values = tables(corner, "value")
    assert all(row["spend_30_micros"] is None and row["alive"] is not None for row in values)
    assert any("spend is not forecast" in note.en for note in result.notes)
    assert len(tables(corner, "rfm")) == 50


def test_one_person(corner):
    corner.write([corner.buys("ann", f"2026-03-{day:02d}T10:00", "tea") for day in range(1, 25)])
    result = corner.run(AS_OF)
    (row,) = tables(corner, "value")
    assert row["visits"] == 24 and row["alive"] is None
    assert result.figures["people"] == 1 and result.figures["segments"] == 1
    (scored,) = tables(corner, "rfm")
    assert (scored["recency"], scored["frequency"], scored["money"]) == (5, 5, 5)


def test_people_who_were_only_told_never_bought(corner):
    corner.write(
        [corner.told("ann", "2026-03-01T10:00", "c1"), corner.told("bob", "2026-03-02T10:00", "c1")]
    )
    result = corner.run(AS_OF)
    assert tables(corner, "value") == [] and tables(corner, "rfm") == []
    assert tables(corner, "copurchases") == [] and len(tables(corner, "sessions")) == 2
    assert result.figures["people"] == 2


def test_more_segments_than_people_can_fill_are_not_made(corner):
    corner.write(
        corner.buys(f"p{n % 40:02d}", f"2026-0{1 + n % 3}-{1 + n % 27:02d}T10:00", "tea", n % 9)
        for n in range(500)
    )
    result = corner.run(AS_OF, Settings(recommendations=0, min_segment=5, segments=100))
    assert 1 <= result.figures["segments"] <= 8
