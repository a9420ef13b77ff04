"""The stage over whole workspaces: full ones, poor ones and interrupted ones."""

from collections import Counter
from datetime import date
from itertools import combinations

import numpy as np
import pyarrow.parquet as pq
import pytest

from handbill.audience import Settings
from handbill.audience.copurchase import copurchases
from handbill.errors import ConfigError, SourceError
from handbill.workspace import read_json

AS_OF = "2026-03-31"
SMALL = Settings(recommendations=0, min_segment=10, max_segments=4)


def two_crowds(corner, people=40):
    """Half come every other day for milk, half came once in winter for soap."""
    rng = np.random.default_rng(5)
    events = []
    for number in range(people):
        if number % 2:
            days = np.datetime64("2026-01-05") + np.arange(0, 80, 2)
            item, value = "milk", 3.0
        else:
            days = np.array([np.datetime64("2026-01-10")])
            item, value = "soap", 9.0
        for day in days:
            paid = value + float(rng.integers(0, 3))
            events.append(corner.buys(f"p{number:02d}", f"{day}T10:00", item, paid))
    return events


def full(corner):
    corner.write(
        [*two_crowds(corner), corner.told("p01", "2026-02-01T05:00", "c1")],
        campaigns=[
            corner.campaign("c1", "2026-02-01T05:00", "2026-03-01"),
            corner.campaign("c2", "2026-04-10", "2026-05-01"),
            corner.campaign("c3", "2026-06-10", "2026-07-01"),
        ],
        offers={"c1-x": ["milk"], "c2-y": ["milk", "soap"], "c3-z": ["tea"]},
    )


def test_every_table_of_the_contract_is_written(corner):
    full(corner)
    result = corner.run(AS_OF, SMALL)
    tables = corner.workspace.tables
    days = {"2026-02-01", AS_OF, "2026-04-10", "2026-06-10"}
    for kind in ("customers", "affinity"):
        assert {path.name for path in (tables / kind).iterdir()} == {f"as_of={d}" for d in days}
    planned = pq.read_table(tables / "affinity" / f"as_of={AS_OF}" / "affinity.parquet")
    assert set(planned.column("campaign_id").to_pylist()) == {"c2"}
    offers = pq.read_table(tables / "offer_interest.parquet")
    assert set(offers.column("offer_id").to_pylist()) == {"c2-y"}
    members = pq.read_table(tables / "segments.parquet").to_pylist()
    segments = read_json(tables / "segments.json")
    sizes = {one["id"]: one["size"] for one in segments}
    counted = {name: sum(row["segment_id"] == name for row in members) for name in sizes}
    assert counted == sizes and sum(sizes.values()) == 40
    # The crowds that were planted are apart, whatever else is.
    odd = {row["segment_id"] for row in members if int(row["person"][1:]) % 2}
    even = {row["segment_id"] for row in members if not int(row["person"][1:]) % 2}
    assert odd.isdisjoint(even)
    assert all(fact["en"] and fact["zh"] for one in segments for fact in one["facts"])
    for name, key in {"product_features": "item_id", "customer_category": "category"}.items():
        assert set(pq.read_table(tables / f"{name}.parquet").column(key).to_pylist()) == (
            {"milk", "soap"} if key == "item_id" else {"Milk", "Soap"}
        )
    assert pq.read_table(tables / "sessions.parquet").num_rows == 20 * 40 + 20 + 1
    assert pq.read_table(tables / "copurchases.parquet").num_rows == 0  # one line a basket
    worth = {row["person"]: row for row in pq.read_table(tables / "value.parquet").to_pylist()}
    assert len(worth) == 40 and worth["p01"]["visits"] == 40
    assert read_json(tables / "value.json")["enough"] is False  # 20 people ever came back
    assert result.figures["people"] == 40 and result.figures["dates"] == 4
    assert all(path.exists() for path in result.outputs)


def test_a_second_run_changes_nothing_and_drops_days_that_are_gone(corner):
    full(corner)
    corner.run(AS_OF, SMALL)
    tables = corner.workspace.tables
    first = {path: path.read_bytes() for path in tables.rglob("*.parquet")}
    segments = read_json(tables / "segments.json")
    (tables / "customers" / "as_of=2020-01-01").mkdir()
    corner.run(AS_OF, SMALL)
    assert {path: path.read_bytes() for path in tables.rglob("*.parquet")} == first
    assert read_json(tables / "segments.json") == segments
    assert not [path for path in tables.iterdir() if path.name.startswith(".")]
    assert not (tables / "customers" / "as_of=2020-01-01").exists()


def test_a_shop_with_orders_only_gets_empty_tables_and_notes(corner):
    corner.write([corner.buys("ann", "2026-03-01T10:00", "milk")])
    result = corner.run(AS_OF)
    tables = corner.workspace.tables
    affinity = pq.read_table(tables / "affinity" / f"as_of={AS_OF}" / "affinity.parquet")
    assert affinity.num_rows == 0 and "product_lines_90" in affinity.column_names
    assert pq.read_table(tables / "offer_interest.parquet").num_rows == 0
    assert [one["name"]["zh"] for one in read_json(tables / "segments.json")] == ["全部顾客"]
    said = " ".join(note.en for note in result.notes)
    assert "too few" in said and "no campaigns" in said
    assert "segment_agreement" not in result.figures


def test_a_plan_before_the_first_event_has_nobody(corner):
    corner.write([corner.buys("ann", "2026-03-01T10:00", "milk")])
    result = corner.run("2026-01-01")
    assert result.figures["people"] == 0
    assert read_json(corner.workspace.tables / "segments.json") == []


def test_an_interruption_leaves_the_old_tables(corner):
    full(corner)
    corner.run(AS_OF, SMALL)
    customers = corner.workspace.tables / "customers"
    before = {path: path.read_bytes() for path in customers.rglob("*.parquet")}

    class Stopped(BaseException):
        """Ctrl-C."""

    def stop(message, fraction=None):
        if message.startswith("features as of 2026-04"):
            raise Stopped

    from handbill.audience import run

    with pytest.raises(Stopped):
        run(corner.workspace, corner.profile(AS_OF), SMALL, stop)
    assert {path: path.read_bytes() for path in customers.rglob("*.parquet")} == before
    assert not [p for p in corner.workspace.tables.iterdir() if p.name.startswith(".")]


def test_a_missing_log_says_what_to_run(corner):
    with pytest.raises(SourceError, match="handbill run"):
        corner.run(AS_OF)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_segment", 1),
        ("max_segments", 0),
        ("max_segments", 101),
        ("horizon_days", 0),
        ("departments", -1),
        ("seed", -1),
        ("min_segment", True),
        ("horizon_days", 2.5),
    ],
)
def test_a_setting_out_of_bounds_is_named(field, value):
    with pytest.raises(ConfigError, match=rf"audience\.{field} is {value}"):
        Settings(**{field: value})


def test_campaigns_that_begin_on_the_plans_day_are_planned(corner):
    corner.write(
        two_crowds(corner, 4),
        campaigns=[corner.campaign("c1", f"{AS_OF}T05:00", "2026-05-01")],
        offers={"c1-x": ["milk"]},
    )
    result = corner.run(AS_OF)
    assert result.figures["dates"] == 1
    path = corner.workspace.tables / "affinity" / f"as_of={date(2026, 3, 31)}"
    assert pq.read_table(path / "affinity.parquet").num_rows == 4


def test_named_segments_are_written_and_small_rules_are_not(corner):
    full(corner)
    rules = {"milk_people": 'bought("Milk", 90) >= 10', "one": "spend_365 > 99999", "all": "1 = 1"}
    corner.run(AS_OF, Settings(recommendations=0, min_segment=10, max_segments=4, rules=rules))
    tables = corner.workspace.tables
    said = {
        one["rule"]: (one["people"], one["kept"])
        for one in read_json(tables / "rule_segments.json")
    }
    assert said == {"all": (40, True), "milk_people": (20, True), "one": (0, False)}
    rows = pq.read_table(tables / "rule_segments.parquet").to_pylist()
    milk = {row["person"] for row in rows if row["rule"] == "milk_people"}
    assert milk == {f"p{number:02d}" for number in range(1, 40, 2)}
    rfm = {row["person"]: row for row in pq.read_table(tables / "rfm.parquet").to_pylist()}
    assert rfm["p01"]["recency"] == rfm["p01"]["frequency"] == 4
    assert rfm["p00"]["recency"] == rfm["p00"]["frequency"] == 2
    cells = {one["cell"]: one["people"] for one in read_json(tables / "rfm.json")}
    assert cells["loyal"] == cells["hibernating"] == 20 and sum(cells.values()) == 40


def test_a_rule_that_cannot_be_read_stops_the_stage_before_it_writes(corner):
    full(corner)
    with pytest.raises(ConfigError, match=r"audience\.rules\.bad, character 1: there is no column"):
        corner.run(AS_OF, Settings(rules={"bad": "spnd > 3"}))
    assert not (corner.workspace.tables / "customers").exists()
    with pytest.raises(ConfigError, match="small letters"):
        Settings(rules={"Bad name": "1 = 1"})


def test_an_unknown_engine_is_named():
    with pytest.raises(ConfigError, match=r"audience\.engine is 'snowflake'.*duckdb"):
        Settings(engine="snowflake")


def test_pairs_of_a_basket_and_how_much_oftener_than_chance(corner):
    rng = np.random.default_rng(3)
    events, held = [], {}
    for number in range(400):
        when = f"2026-0{rng.integers(1, 4)}-{rng.integers(10, 28)}T{rng.integers(10, 24)}:59:30"
        for item in rng.choice(["milk", "tea", "own-tea", "soap"], rng.integers(1, 4)):
            events.append(corner.buys(f"p{number % 9}", when, str(item)))
            if when < "2026-03-20":
                held.setdefault((f"p{number % 9}", when), set()).add(str(item))
    corner.write(events)
    found = copurchases(corner.log("2026-03-20").lines, date(2026, 3, 20), least=40).to_pyarrow()
    alone = Counter(item for items in held.values() for item in items)
    pairs = Counter(pair for items in held.values() for pair in combinations(sorted(items), 2))
    known = {pair: count for pair, count in pairs.items() if count >= 40}
    assert 0 < len(known) < len(pairs)
    assert {(row["item_id"], row["other_id"]): row for row in found.to_pylist()} == {
        (one, other): {
            "item_id": one,
            "other_id": other,
            "together": count,
            "item_baskets": alone[one],
            "other_baskets": alone[other],
            "confidence": pytest.approx(count / alone[one]),
            "other_confidence": pytest.approx(count / alone[other]),
            "lift": pytest.approx(count * len(held) / alone[one] / alone[other]),
        }
        for (one, other), count in known.items()
    }
