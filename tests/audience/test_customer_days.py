"""Customer features from the sums of days against the same from the log, over random logs."""

import random
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta

import ibis
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.audience.customer_days import CustomerDays, customer_days, customer_windows
from handbill.audience.customer_table import customer_table
from handbill.audience.features import features_of
from handbill.audience.lines import enrich, second_of
from handbill.engine import connect

FIRST = date(2024, 12, 20)
DEPARTMENTS = ["Food", "Care"]
EVENTS = pa.schema(
    [(name, pa.string()) for name in ("event", "person", "transaction_id", "item_id")]
    + [("promotion_id", pa.string()), ("coupon", pa.string()), ("is_human", pa.bool_())]
    + [(f"{name}_micros", pa.int64()) for name in ("value", "discount", "coupon")]
    + [("occurred_at", pa.timestamp("us", tz="UTC"))]
)
PRODUCTS = pa.table(
    {
        "id": ["i0", "i1", "i2", "i3"],
        "brand_kind": ["private", "national", None, "private"],
        "department": ["Food", "Care", "Food", None],
        "category": ["k0", "k1", None, None],
    },
    schema=pa.schema(
        [(name, pa.string()) for name in ("id", "brand_kind", "department", "category")]
    ),
)


@pytest.fixture(scope="module")
def backend():
    engine = connect(threads=1)
    yield engine
    engine.disconnect()


def log_of(rng: random.Random, events: int) -> pa.Table:
    """Baskets (some over midnight), refunds, campaigns, views, robots; few people, 420 days."""
    rows = []
    for number in range(events):
        when = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        when += timedelta(seconds=rng.randrange(420 * 86400))
        if rng.random() < 0.15:
            when = when.replace(hour=23, minute=58)
        base = {
            "event": rng.choices(
                ["purchase", "refund", "view_promotion", "select_promotion", "view_item"],
                [12, 2, 3, 2, 2],
            )[0],
            "person": f"p{rng.randrange(6)}",
            "is_human": rng.random() > 0.05,
        }
        if base["event"].endswith("_promotion"):
            campaign = rng.choice(["c0", "c1", "c2", None])
            rows.append({**base, "occurred_at": when, "promotion_id": campaign})
            continue
        for line in range(rng.randint(1, 4)):
            sold = {
                "occurred_at": when + line * timedelta(minutes=rng.choice([0, 0, 1])),
                "transaction_id": rng.choice([None, f"t{number % 40}"]),
                "item_id": rng.choice(["i0", "i1", "i2", "i3", "unknown", None]),
                "value_micros": rng.choice([None, 0, -100_000, 2_500_000, 9_990_000]),
                "discount_micros": rng.choice([None, 0, 500_000]),
                "coupon_micros": rng.choice([None, 0, 250_000]),
            }
            rows.append({**base, **sold})
    full = [{name: row.get(name) for name in EVENTS.names} for row in rows]
    return pa.Table.from_pylist(full, schema=EVENTS)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), events=st.integers(1, 150), start=st.integers(20, 430))
def test_features_of_day_sums_equal_features_of_the_log(backend, seed, events, start):
    lines = enrich(
        ibis.memtable(log_of(random.Random(seed), events)),
        ibis.memtable(PRODUCTS),
        "America/New_York",
    )
    lines = ibis.memtable(backend.to_pyarrow(lines))
    day = FIRST + timedelta(days=start)
    windows = customer_windows(customer_days(lines), second_of(day))
    from_sums = customer_table(windows, second_of(day), departments=DEPARTMENTS)
    anew = features_of(lines, day, departments=DEPARTMENTS)
    left, right = (
        backend.to_pyarrow(table.order_by("person")).to_pylist() for table in (from_sums, anew)
    )
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        for name, value in other.items():
            known = pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            assert one[name] == known, name


def test_days_summed_one_by_one_equal_days_of_the_whole(backend):
    events = log_of(random.Random(3), 150)
    products = ibis.memtable(PRODUCTS)
    whole = customer_days(enrich(ibis.memtable(events), products))
    numbers = sorted(
        {(row.date() - date(1970, 1, 1)).days for row in events["occurred_at"].to_pylist()}
    )[:40:10]
    for number in numbers:
        some = [
            (row.date() - date(1970, 1, 1)).days == number
            for row in events["occurred_at"].to_pylist()
        ]
        alone = customer_days(enrich(ibis.memtable(events.filter(some)), products))
        for one in fields(CustomerDays):
            full, part = getattr(whole, one.name), getattr(alone, one.name)
            there = backend.to_pyarrow(full.filter(full.day == number)).to_pylist()
            here = backend.to_pyarrow(part).to_pylist()
            assert sorted(map(str, here)) == sorted(map(str, there)), one.name


def test_a_basket_over_midnight_is_one_on_either_day(corner):
    corner.write(
        [
            corner.buys("ann", "2026-03-01T23:59", "milk", 2.0, transaction_id="t"),
            corner.buys("ann", "2026-03-02T00:01", "soap", 3.0, transaction_id="t"),
        ]
    )
    assert corner.features("2026-03-02")["ann"]["baskets_30"] == 1
    after = corner.features("2026-03-31")["ann"]
    assert (after["baskets_30"], after["spend_micros_30"]) == (2, 5_000_000)
    # 30 days on, the second day's part is still within the window.
    assert corner.features("2026-04-01")["ann"]["spend_micros_30"] == 3_000_000
