"""Every row is kept, a duplicate, or quarantined with its reason; none is lost."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbill.errors import SourceError
from handbill.events.cleaning import REASONS, RULES, Receipt

from .conftest import ORDERS, Importing

GOOD = "anna,o1,p1,2026-05-01 10:00,1,9.90"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",o2,p1,2026-05-01 10:00,1,9.90", "missing_customer"),
        ("  ,o2,p1,2026-05-01 10:00,1,9.90", "missing_customer"),
        ("anna,,p1,2026-05-01 10:00,1,9.90", "missing_order"),
        ("anna,o2,,2026-05-01 10:00,1,9.90", "missing_product"),
        ("anna,o2,p1,,1,9.90", "missing_time"),
        ("anna,o2,p1,yesterday,1,9.90", "unreadable_time"),
        ("anna,o2,p1,01/05/2026,1,9.90", "unreadable_time"),
        ("anna,o2,p1,2026-02-30,1,9.90", "unreadable_time"),
        ("anna,o2,p1,1999-12-31 23:00,1,9.90", "too_early"),
        ("anna,o2,p1,2107-05-01,1,9.90", "too_late"),
        ("anna,o2,p1,2026-05-01,,9.90", "missing_quantity"),
        ("anna,o2,p1,2026-05-01,one,9.90", "unreadable_number"),
        ("anna,o2,p1,2026-05-01,1,", "missing_paid"),
        ('anna,o2,p1,2026-05-01,1,"9,90"', "unreadable_number"),
        ("anna,o2,p1,2026-05-01,1,9.90 or so", "unreadable_number"),
        ("anna,o2,p1,2026-05-01,0,0", "no_quantity"),
        ("anna,o2,p1,2026-05-01,1,-9.90", "sign_mismatch"),
        ("anna,o2,p1,2026-05-01,-1,9.90", "sign_mismatch"),
        ("anna,o2,p1,2026-05-01,10001,9.90", "impossible_quantity"),
        ("anna,o2,p1,2026-05-01,1,1000000.01", "impossible_value"),
        ("anna,o2,p1", "unreadable"),
        ("anna,o2,p1,2026-05-01,1,9.90,more", "unreadable"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    importing: Importing, row: str, reason: str
) -> None:
    done = importing([ORDERS, GOOD, row, GOOD.replace("o1", "o3")])

    assert done.reasons == [(1, reason)]
    assert done.receipt["orders"] == {
        "received": 3, "kept": 2, "duplicate": 0, "quarantined": 1, "reasons": {reason: 1},
    }  # fmt: skip
    assert done.ask("SELECT count(*) FROM {log}") == [(2,)]


def test_rows_keep_their_number_after_a_broken_one(importing: Importing) -> None:
    done = importing([ORDERS, "broken", GOOD, "anna,o2,p1,never,1,1", "broken", ",o2,p1,x,1,1"])

    assert done.reasons == [
        (0, "unreadable"), (2, "unreadable_time"), (3, "unreadable"), (4, "unreadable_time"),
    ]  # fmt: skip


def test_a_negative_quantity_with_negative_money_is_a_refund(importing: Importing) -> None:
    done = importing([ORDERS, GOOD, "anna,o1,p1,2026-05-03 10:00,-1,-9.90"])

    assert done.ask("SELECT event, quantity, value_micros FROM {log} ORDER BY occurred_at") == [
        ("purchase", 1, 9_900_000),
        ("refund", -1, -9_900_000),
    ]
    assert done.receipt["orders"]["quarantined"] == 0


def test_free_goods_are_kept(importing: Importing) -> None:
    done = importing([ORDERS, "anna,o1,p1,2026-05-01,1,0"])
    assert done.ask("SELECT event, value_micros FROM {log}") == [("purchase", 0)]


def test_a_coupon_on_no_line_is_told_apart_from_an_empty_line(importing: Importing) -> None:
    done = importing(
        [
            f"{ORDERS},coupon_discount",
            f"{GOOD},0",
            "anna,o1,p2,2026-05-01,0,0,2.00",
            "anna,o1,p3,2026-05-01,1,2.00,-1",
        ]
    )
    assert done.reasons == [(1, "coupon_only"), (2, "negative_discount")]


def test_equal_rows_count_once_unless_a_line_id_tells_them_apart(importing: Importing) -> None:
    twice = importing([ORDERS, GOOD, GOOD, GOOD.replace("p1", "p2")])
    assert twice.receipt["orders"]["duplicate"] == 1
    assert twice.ask("SELECT count(*), count(DISTINCT event_id) FROM {log}") == [(2, 2)]

    told = importing([f"{ORDERS},line_id", f"{GOOD},1", f"{GOOD},2"])
    assert told.receipt["orders"]["duplicate"] == 0
    assert told.ask("SELECT count(*), count(DISTINCT event_id) FROM {log}") == [(2, 2)]


def test_an_import_that_keeps_nothing_stops_and_leaves_the_old_log(importing: Importing) -> None:
    before = importing([ORDERS, GOOD])

    with pytest.raises(SourceError, match=r"none of 2 orders.*unreadable_time"):
        importing([ORDERS, "anna,o1,p1,01.05.2026,1,1", "ben,o2,p1,02.05.2026,1,1"])

    assert before.ask("SELECT count(*) FROM {log}") == [(1,)]


def test_offers_of_unknown_products_and_campaigns_are_refused(importing: Importing) -> None:
    done = importing(
        [ORDERS, GOOD],
        products=["product_id,title", "p2,Oat biscuits"],
        campaigns=["campaign_id,starts_at,ends_at", "may,2026-05-01,2026-05-31", "bad,2026-05-02,"],
        offers=["campaign_id,coupon,product_id", "may,C,p1", "may,C,p2", "may,C,p9", "june,C,p1"],
        mailings=["customer_id,campaign_id", "anna,may", "ben,june"],
        redemptions=["customer_id,campaign_id,coupon,redeemed_at", "anna,may,C,2026-05-05"],
    )

    assert done.receipt["campaigns"]["reasons"] == {"missing_time": 1}
    assert done.receipt["offers"]["reasons"] == {"unknown_campaign": 1, "unknown_product": 1}
    assert done.receipt["mailings"]["reasons"] == {"unknown_campaign": 1}
    # p1 is not in the shop's list but was sold: it is known, and gets a bare catalogue row
    assert done.ask("SELECT id, title FROM '{catalog}/products.parquet' ORDER BY id") == [
        ("p1", "Product p1"),
        ("p2", "Oat biscuits"),
    ]
    assert done.ask("SELECT id, products FROM '{catalog}/offers.parquet'") == [("may-C", 2)]


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["anna", "ben", ""]),
            st.sampled_from(["o1", "o2"]),
            st.sampled_from(["p1", "p2", ""]),
            st.sampled_from(["2026-05-01", "2026-05-02 10:00", "", "soon"]),
            st.sampled_from(["1", "2", "0", "-1", "x"]),
            st.sampled_from(["1.00", "2", "-1", "", "y"]),
        ).map(",".join)
        | st.sampled_from(["one field", "a,b,c,d,e,f,g"]),
        max_size=30,
    )
)
def test_counts_reconcile_whatever_the_rows_are(importing: Importing, rows: list[str]) -> None:
    done = importing([ORDERS, GOOD, *rows])
    one = done.receipt["orders"]

    assert one["received"] == len(rows) + 1
    assert one["received"] == one["kept"] + one["duplicate"] + one["quarantined"]
    assert sum(one["reasons"].values()) == one["quarantined"] == len(done.reasons)
    assert done.ask("SELECT count(*) FROM {log}") == [(one["kept"],)]


def test_a_receipt_that_does_not_add_up_raises() -> None:
    short = Receipt(received=3, kept=1, duplicate=0, quarantined=1, reasons={"no_quantity": 1})
    with pytest.raises(SourceError, match="3 rows received but 2 accounted for"):
        short.check("orders")


def test_every_reason_has_a_meaning_and_is_in_the_manual(manual: str) -> None:
    used = {reason for rules in RULES.values() for reason, _ in rules}
    assert used <= REASONS.keys()
    assert REASONS.keys() - used == {
        "unreadable", "unreadable_time", "unreadable_number",  # found while reading
        "currency", "not_paid", "no_lines", "unsupported_type",  # by the formats
    }  # fmt: skip
    for reason, meaning in REASONS.items():
        assert f"`{reason}`" in manual, reason
        assert meaning in manual, reason
