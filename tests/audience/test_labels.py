"""Labels as they stood at a time, on logs small enough to say by hand what is right."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from ibis import Table, _

from handbill.audience.features import customer_features
from handbill.audience.labels import (
    ClassCount,
    Outcome,
    attach,
    class_counts,
    labels,
    leaks,
    thinned,
    time_split,
)
from handbill.errors import ConfigError, SourceError

TIME = pa.timestamp("us", tz="UTC")
LOG = pa.schema(
    [
        ("event_id", pa.string()), ("event", pa.string()), ("person", pa.string()),
        ("occurred_at", TIME), ("transaction_id", pa.string()), ("item_id", pa.string()),
        ("value_micros", pa.int64()), ("discount_micros", pa.int64()),
        ("coupon_micros", pa.int64()), ("promotion_id", pa.string()), ("coupon", pa.string()),
        ("is_human", pa.bool_()), ("context", pa.string()),
    ]
)  # fmt: skip
CLICK = Outcome(name="click", event="select_promotion", of="promotion", window=timedelta(hours=24))
BUY = Outcome(name="buy", event="purchase", of="product", window=timedelta(hours=72))
BOTH = (CLICK, BUY)


def hour(number: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=number)


def did(event: str, at: float, *, arrived: float | None = None, **more: Any) -> dict[str, Any]:
    context = None
    if arrived is not None:
        received = hour(arrived).isoformat().replace("+00:00", "Z")
        context = json.dumps({"received_at": received}, separators=(",", ":"))
    return {
        "event": event, "person": "ann", "occurred_at": hour(at), "is_human": True,
        "context": context, **more,
    }  # fmt: skip


def shown(at: float, **more: Any) -> dict[str, Any]:
    return did("view_promotion", at, **{"promotion_id": "spring", **more})


def clicked(at: float, **more: Any) -> dict[str, Any]:
    return did("select_promotion", at, **{"promotion_id": "spring", **more})


def log(*rows: dict[str, Any]) -> Table:
    numbered = [{"event_id": f"e{number}", **row} for number, row in enumerate(rows)]
    return ibis.memtable(pa.Table.from_pylist(numbered, schema=LOG))


def states(events: Table, at: float, outcome: str = "click", **more: Any) -> dict[str, str]:
    rows = labels(events, hour(at), BOTH, **more).to_pyarrow().to_pylist()
    assert len({row["example_id"] for row in rows}) == len(rows)
    return {row["example_id"]: row[outcome] for row in rows}


def test_a_label_is_open_until_its_window_is_over() -> None:
    events = log(shown(0), shown(0, person="bob"), clicked(20))
    assert states(events, 0) == {}
    assert states(events, 10) == {"e0": "open", "e1": "open"}
    assert states(events, 21) == {"e0": "positive", "e1": "open"}
    assert states(events, 25) == {"e0": "positive", "e1": "negative"}


def test_an_outcome_after_the_window_is_none() -> None:
    assert states(log(shown(0), clicked(24)), 30) == {"e0": "negative"}
    assert states(log(shown(0), clicked(-1)), 30) == {"e0": "negative"}


def test_what_has_not_arrived_is_not_known() -> None:
    events = log(shown(0), clicked(1, arrived=40))
    assert states(events, 39) == {"e0": "negative"}
    assert states(events, 39, settle=timedelta(hours=20)) == {"e0": "open"}
    assert states(events, 41) == {"e0": "positive"}
    assert states(log(shown(0, arrived=5)), 4) == {}


def test_an_outcome_is_credited_once_to_the_last_impression() -> None:
    events = log(shown(0), shown(5), shown(9), clicked(6), clicked(7))
    assert states(events, 100) == {"e0": "negative", "e1": "positive", "e2": "negative"}
    [first] = [
        row for row in labels(events, hour(100), BOTH).to_pyarrow().to_pylist()
        if row["example_id"] == "e1"
    ]  # fmt: skip
    assert first["click_at"] == hour(6)


def test_another_promotion_or_person_does_not_count() -> None:
    events = log(shown(0), clicked(1, promotion_id="summer"), clicked(1, person="bob"))
    assert states(events, 100) == {"e0": "negative"}


def test_a_product_is_bought_for_an_impression_that_shows_or_advertises_it() -> None:
    bought = did("purchase", 10, item_id="tea")
    assert states(log(shown(0, item_id="tea"), bought), 100, "buy") == {"e0": "positive"}
    assert states(log(shown(0, item_id="soap"), bought), 100, "buy") == {"e0": "negative"}
    assert states(log(shown(0), bought), 100, "buy") == {"e0": "negative"}
    about = ibis.memtable(
        pa.table({"promotion_id": ["spring", "spring"], "item_id": ["tea", "milk"]})
    )
    assert states(log(shown(0), bought), 100, "buy", advertised=about) == {"e0": "positive"}


def test_robots_make_no_positives_and_are_counted_apart() -> None:
    events = log(
        shown(0), clicked(1, is_human=False), shown(0, person="bot", is_human=False),
        shown(0, person="bob"), clicked(2, person="bob"), shown(90, person="cy"),
    )  # fmt: skip
    assert class_counts(labels(events, hour(100), [CLICK]), [CLICK]) == (
        ClassCount(outcome="click", humans=True, positive=1, negative=1, open=1),
        ClassCount(outcome="click", humans=False, positive=1, negative=2, open=1),
    )
    assert class_counts(labels(log(), hour(1), [CLICK]), [CLICK])[0].positive == 0


def test_training_labels_stand_as_they_did_at_the_cut() -> None:
    events = log(shown(0), clicked(30 - 7), shown(25), clicked(40), shown(35), clicked(36))
    parts = time_split(events, hour(30), hour(100), [CLICK])
    train, test = (
        {row["example_id"]: row["click"] for row in part.to_pyarrow().to_pylist()}
        for part in (parts.train, parts.test)
    )
    assert train == {"e0": "positive", "e2": "open"}
    assert test == {"e4": "positive"}
    with pytest.raises(ConfigError, match="not before the end"):
        time_split(events, hour(5), hour(5))


def test_thinned_negatives_keep_rates_true() -> None:
    people = [shown(0, person=f"p{number}") for number in range(4_000)]
    clicks = [clicked(1, person=f"p{number}") for number in range(400)]
    examples = labels(log(*people, *clicks), hour(100), [CLICK])
    kept = thinned(examples, "click", 0.1, seed=3).to_pyarrow().to_pylist()
    positive = [row for row in kept if row["click"] == "positive"]
    assert len(positive) == 400
    assert 250 < len(kept) - 400 < 470
    total = sum(row["weight"] for row in kept)
    assert 400 / total == pytest.approx(0.1, rel=0.15)
    again = thinned(examples, "click", 0.1, seed=3).to_pyarrow().to_pylist()
    other = thinned(examples, "click", 0.1, seed=4).to_pyarrow().to_pylist()
    ids, ids_again, ids_other = (
        {row["example_id"] for row in rows} for rows in (kept, again, other)
    )
    assert ids == ids_again != ids_other
    with pytest.raises(ConfigError, match="keep is 0"):
        thinned(examples, "click", 0, seed=3)


def test_an_example_gets_features_from_before_it_only() -> None:
    features = ibis.memtable(
        pa.table(
            {
                "person": ["ann", "ann", "ann"],
                "as_of": pa.array([hour(1), hour(5), hour(9)], TIME),
                "baskets": [1, 5, 9],
            }
        )
    )
    events = log(shown(0), shown(5), shown(8), shown(7, person="bob"))
    rows = attach(labels(events, hour(20), [CLICK]), features).to_pyarrow().to_pylist()
    assert {row["example_id"]: row["baskets"] for row in rows} == {
        "e0": None, "e1": 5, "e2": 5, "e3": None,
    }  # fmt: skip


DAY = date(2026, 3, 2)
CUT = datetime(2026, 3, 2, tzinfo=UTC)
BASKETS = log(
    *(
        did("purchase", at, item_id="tea", value_micros=9, transaction_id=f"t{at}", person=person)
        for at, person in [(1, "ann"), (5, "bob"), (20, "ann"), (30, "ann"), (47, "cy")]
    )
)
PRODUCTS = ibis.memtable(
    pa.table(
        {"id": ["tea"], "department": ["Food"], "category": ["Tea"], "brand_kind": ["private"]}
    )
)


def test_the_customer_features_do_not_leak() -> None:
    def features(events: Table) -> Table:
        return customer_features(events, PRODUCTS, DAY)

    assert leaks(features, BASKETS, CUT) == ()


def test_a_planted_leak_is_caught_by_its_name() -> None:
    def features(events: Table) -> Table:
        sound = customer_features(events, PRODUCTS, DAY).select("person", "baskets_30")
        whole = events.group_by(buyer="person").aggregate(later_baskets=_.count())
        return sound.left_join(whole, sound.person == whole.buyer).drop("buyer")

    assert leaks(features, BASKETS, CUT) == ("later_baskets",)


def test_a_row_that_only_the_future_makes_is_a_leak() -> None:
    def people(events: Table) -> Table:
        return events.select("person").distinct()

    assert leaks(people, BASKETS, CUT) == ("person",)


def test_a_late_arrival_is_a_leak_where_arrivals_count() -> None:
    late = log(did("purchase", 1, arrived=50), did("purchase", 2))

    def features(events: Table) -> Table:
        past = events.filter(_.occurred_at < ibis.literal(CUT))
        return past.group_by("person").aggregate(n=_.count())

    assert leaks(features, late, CUT, arrivals=True) == ("n",)
    with pytest.raises(SourceError, match="no leak could show"):
        leaks(features, late, CUT)
