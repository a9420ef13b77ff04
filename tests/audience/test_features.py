"""Features on logs small enough to be computed by hand."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbill.audience.features import DAYPARTS, MEANINGS, WEEKDAYS, department_columns

AS_OF = "2026-03-31"


def test_features_equal_numbers_computed_by_hand(corner):
    corner.write(
        [
            # Monday, 30 days before the plan's day less one hour: inside the month.
            corner.buys("ann", "2026-03-30T09:30", "milk", 2.0, discount_micros=500_000),
            corner.buys("ann", "2026-03-30T09:30", "soap", 6.0),
            # Sunday, 40 days back: in the quarter, not in the month.
            corner.buys("ann", "2026-02-15T19:00", "own-tea", 4.0, coupon_micros=1_000_000),
            # Wednesday, 150 days back: in the year only.
            corner.buys("ann", "2025-11-05T23:00", "tea", 3.0),
            # More than a year back: only the tenure remembers it.
            corner.buys("ann", "2025-03-01T12:00", "soap", 100.0),
            {**corner.buys("ann", "2026-03-01T12:00", "soap", 6.0), "event": "refund"},
            corner.told("ann", "2026-01-01", "c1"),
            corner.told("ann", "2025-06-01", "c0"),
            corner.redeems("ann", "2026-01-05T10:00", "c1", "x"),
            corner.redeems("ann", "2026-01-06T10:00", "c1", "y"),
            corner.told("bob", "2026-03-01", "c2"),
        ]
    )
    people = corner.features(AS_OF, departments=["Food", "Care"])
    ann, bob = people["ann"], people["bob"]

    expected = {
        "recency_days": 0,
        "tenure_days": 394,
        "baskets_30": 1,
        "baskets_90": 2,
        "baskets_365": 3,
        "spend_micros_30": 8_000_000,
        "spend_micros_90": 12_000_000,
        "spend_micros_365": 15_000_000,
        "basket_micros": 5_000_000,
        "basket_lines": 4 / 3,
        "gap_days": (144 + 10.5 / 24) / 2,
        "trend": 3 * 1 / 2,
        "products_365": 4,
        "categories_90": 3,
        "share_private": 4 / 15,
        "share_discounted": 2 / 15,
        "discount_depth": 0.5 / 16.5,
        "coupon_lines_365": 1,
        "coupon_lines_90": 1,
        "coupon_share": 1 / 16.5,
        "refunds_365": 1,
        "campaigns_received": 2,
        "campaigns_received_90": 1,
        "campaigns_redeemed": 1,
        "coupons_redeemed": 2,
        "coupons_redeemed_90": 2,
        "redemption_days": 83,
        # The shop saw 3 received and 1 redeemed.
        "response_rate": (1 + 5 / 3) / (2 + 5),
        "share_monday": 1 / 3,
        "share_sunday": 1 / 3,
        "share_wednesday": 1 / 3,
        "share_tuesday": 0,
        "share_morning": 1 / 3,
        "share_evening": 1 / 3,
        "share_night": 1 / 3,
        "department_food": 9 / 15,
        "department_care": 6 / 15,
    }
    assert {name: ann[name] for name in expected} == pytest.approx(expected)

    assert bob["recency_days"] is None and bob["basket_micros"] is None
    assert (bob["baskets_365"], bob["spend_micros_90"], bob["coupon_lines_90"]) == (0, 0, 0)
    assert bob["response_rate"] == pytest.approx(5 / 3 / 6)


def test_every_column_is_documented(corner):
    corner.write([corner.buys("ann", "2026-03-01T12:00", "milk")])
    columns = corner.features(AS_OF, departments=["Food"])["ann"]
    assert list(columns) == [*MEANINGS, "department_food"]


def test_nothing_from_the_day_on_changes_a_feature(corner):
    past = [
        corner.buys("ann", "2026-03-01T12:00", "milk", 2.0),
        corner.buys("bob", "2026-03-30T23:59:59.700", "soap", 5.0),
        corner.told("ann", "2026-02-01", "c1"),
    ]
    future = [
        corner.buys("ann", "2026-03-31T00:00", "soap", 70.0, discount_micros=1, coupon_micros=1),
        corner.buys("ann", "2026-04-20T12:00", "tea", 70.0),
        corner.told("bob", "2026-03-31T00:00", "c2"),
        corner.redeems("ann", "2026-03-31T09:00", "c1", "x"),
        corner.buys("new", "2026-03-31T08:00", "milk"),
    ]
    corner.write(past)
    before = corner.features(AS_OF, departments=["Food"])
    corner.write(past + future)
    assert corner.features(AS_OF, departments=["Food"]) == before
    assert before["bob"]["spend_micros_30"] == 5_000_000
    assert "new" not in before


def test_rows_that_are_not_human_do_not_count(corner):
    human = [corner.buys("ann", "2026-03-01T12:00", "milk")]
    bots = [
        corner.buys("ann", "2026-03-02T12:00", "milk", is_human=False),
        corner.buys("bot", "2026-03-02T12:00", "milk", is_human=False),
    ]
    corner.write(human)
    alone = corner.features(AS_OF)
    corner.write(human + bots)
    assert corner.features(AS_OF) == alone


def test_hours_and_weekdays_are_the_shops(corner):
    # 02:30 UTC on Monday 2 March is 21:30 on Sunday in New York (winter); in July the clock there
    # is an hour nearer: 02:30 is 22:30.
    corner.write(
        [
            corner.buys("ann", "2026-03-02T02:30", "milk"),
            corner.buys("bob", "2026-07-06T02:30", "milk"),
        ]
    )
    here = corner.features("2026-08-01", timezone="America/New_York")
    assert (here["ann"]["share_sunday"], here["ann"]["share_evening"]) == (1, 1)
    assert (here["bob"]["share_sunday"], here["bob"]["share_night"]) == (1, 1)
    there = corner.features("2026-08-01", timezone="Asia/Shanghai")
    assert (there["ann"]["share_monday"], there["ann"]["share_morning"]) == (1, 1)


def test_a_log_without_baskets_or_discounts_works(corner):
    line = corner.buys("ann", "2026-03-01T12:00", "milk", 2.0, transaction_id=None)
    again = corner.buys("ann", "2026-03-01T13:00", "nowhere", 2.0, transaction_id=None)
    corner.write([line, again])
    ann = corner.features(AS_OF, departments=["Food"])["ann"]
    assert ann["baskets_30"] == 2
    assert (ann["discount_depth"], ann["coupon_share"], ann["department_food"]) == (0, 0, 0.5)


def test_departments_get_different_columns_in_any_script():
    columns = department_columns(["Drug gm", "Drug-GM", "生鲜", "酒水"])
    assert len(set(columns.values())) == 4
    assert all(name.isascii() for name in columns.values())


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.integers(0, 500 * 24),
            st.sampled_from(["milk", "tea", "own-tea", "soap"]),
            st.integers(0, 50),
            st.integers(0, 10),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_shares_are_shares_and_windows_nest(corner, lines):
    start = date(2025, 1, 1).toordinal()
    corner.write(
        corner.buys(
            person,
            f"{date.fromordinal(start + hour // 24)}T{hour % 24:02d}:00",
            item,
            value,
            discount_micros=off * 1_000_000,
        )
        for person, hour, item, value, off in lines
    )
    for row in corner.features("2026-05-20", departments=["Food", "Care"]).values():
        shares = {
            name: value
            for name, value in row.items()
            if name.startswith(("share_", "department_")) and value is not None
        }
        assert all(0 <= value <= 1 for value in shares.values()), shares
        assert row["baskets_30"] <= row["baskets_90"] <= row["baskets_365"]
        assert row["spend_micros_30"] <= row["spend_micros_90"] <= row["spend_micros_365"]
        if row["baskets_365"]:
            assert sum(row[f"share_{day}"] for day in WEEKDAYS) == pytest.approx(1)
            parts = sum(row[f"share_{part}"] for part in (*DAYPARTS, "night"))
            assert parts == pytest.approx(1)
        if row["spend_micros_365"]:
            assert row["department_food"] + row["department_care"] == pytest.approx(1)


def test_a_refund_counts_although_nothing_was_bought_within_the_year(corner):
    corner.write(
        [
            corner.buys("ann", "2025-01-05T10:00", "milk"),
            {**corner.buys("ann", "2026-02-01T10:00", "milk", -1.0), "event": "refund"},
        ]
    )
    assert corner.features("2026-03-01")["ann"]["refunds_365"] == 1
