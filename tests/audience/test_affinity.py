"""What people bought before of a campaign's products and categories, computed by hand."""

import pytest

from handbill.audience.affinity import MEANINGS

AS_OF = "2026-03-31"
CAMPAIGNS = {"c1-x": ["milk"], "c2-u": ["own-tea", "milk"], "c2-v": ["soap"], "c3-w": ["soap"]}


def write(corner, events):
    corner.write(
        events,
        campaigns=[
            corner.campaign("c1", "2026-01-01", "2026-02-01", kind="A"),
            corner.campaign("c2", "2026-03-31T05:00", "2026-05-01", kind="A"),
            corner.campaign("c3", "2026-04-10", "2026-05-01", kind="B"),
        ],
        offers=CAMPAIGNS,
    )


def test_affinity_equals_numbers_computed_by_hand(corner):
    write(
        corner,
        [
            corner.buys("ann", "2026-03-30T09:00", "milk", 2.0, coupon_micros=500_000),
            corner.buys("ann", "2026-03-01T09:00", "milk", 2.0),
            corner.buys("ann", "2025-11-01T09:00", "own-tea", 1.0),
            corner.buys("ann", "2025-11-01T09:00", "tea", 5.0, coupon_micros=1),
            corner.buys("ann", "2024-11-01T09:00", "soap", 90.0),
            corner.told("ann", "2026-01-01", "c1"),
            corner.redeems("ann", "2026-01-10", "c1", "x"),
            corner.buys("bob", "2026-03-29T09:00", "tea", 3.0),
            corner.told("cal", "2026-03-01", "c1"),
        ],
    )
    pairs = corner.affinity(AS_OF, ["c2", "c3"])
    assert set(pairs) == {(one, c) for one in ("ann", "bob", "cal") for c in ("c2", "c3")}
    expected = {
        "product_lines_90": 2,
        "product_lines_365": 3,
        "product_spend_micros_90": 4_000_000,
        "product_spend_micros_365": 5_000_000,
        "product_days": 0,
        "products_bought": 2,
        "product_share": 0.5,
        "product_baskets_90": 2,
        "product_coupon_lines": 1,
        "product_coupon_lines_90": 1,
        "offers_couponed": 1,
        "category_coupon_lines": 2,
        "category_coupon_lines_90": 1,
        "offers_bought": 1,
        "offers_bought_90": 1,
        "offers_repeated": 1,
        "offer_baskets": 3,
        "offer_baskets_most": 3,
        "offer_strength": 1.3862944,
        "offer_share": 0.5,
        # Milk is all covered; of tea's 9.00 only the own label's 1.00.
        "category_lines_90": 2,
        "category_spend_micros_365": 10_000_000,
        "category_share": 1.0,
        "category_days": 0,
        "categories_bought": 2,
        "category_covered": (4 + 6 / 9) / 10,
        "category_redemptions": 1,
        "product_redemptions": 1,
        "kind_received": 1,
        "kind_redeemed": 1,
        "overlapping": 0,
    }
    ann = pairs["ann", "c2"]
    assert {name: ann[name] for name in expected} == pytest.approx(expected)
    assert set(ann) == set(MEANINGS)

    assert pairs["ann", "c3"]["product_lines_365"] == 0
    assert pairs["ann", "c3"]["product_days"] is None
    assert (pairs["bob", "c2"]["products_bought"], pairs["bob", "c2"]["categories_bought"]) == (
        0,
        1,
    )
    assert (pairs["cal", "c2"]["overlapping"], pairs["cal", "c2"]["product_share"]) == (1, 0)
    assert pairs["ann", "c3"]["kind_received"] == 0


def test_nothing_from_the_day_on_changes_an_affinity(corner):
    past = [
        corner.buys("ann", "2026-03-01T09:00", "milk"),
        corner.buys("bob", "2026-03-01T10:00", "tea"),
    ]
    write(corner, past)
    before = corner.affinity(AS_OF, ["c2", "c3"])
    write(
        corner,
        [
            *past,
            corner.buys("ann", "2026-03-31T00:00", "soap", coupon_micros=5),
            corner.buys("bob", "2026-04-01T00:00", "own-tea"),
            corner.told("ann", "2026-03-31T05:00", "c2"),
            corner.redeems("ann", "2026-04-02T05:00", "c2", "u"),
        ],
    )
    assert corner.affinity(AS_OF, ["c2", "c3"]) == before


def test_no_campaign_is_no_rows_of_the_same_columns(corner):
    corner.write([corner.buys("ann", "2026-03-01T09:00", "milk")])
    assert corner.affinity(AS_OF, []) == {}
