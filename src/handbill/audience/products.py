"""What became of a product before a day: how much, how often, how lately, at what price."""

from datetime import date

from ibis import Table, _

from handbill.audience.lines import DAY, PURCHASE, second_of
from handbill.audience.windows import by_day, over

KEYS = ("item_id",)

MEANINGS = {
    "item_id": "product",
    "recency_days": "whole days since it was last sold",
    "tenure_days": "whole days since it was first sold",
    "lines_30": "lines sold in the last 30 days",
    "lines_90": "lines sold in the last 90 days",
    "lines_365": "lines sold in the last 365 days",
    "baskets_30": "baskets with it in the last 30 days",
    "baskets_90": "baskets with it in the last 90 days",
    "baskets_365": "baskets with it in the last 365 days",
    "spend_micros_30": "paid for it in the last 30 days, micros",
    "spend_micros_90": "paid for it in the last 90 days, micros",
    "spend_micros_365": "paid for it in the last 365 days, micros",
    "trend": "lines of the last 30 days over a third of those of the last 90; 1 is steady",
    "share_discounted": "share of its lines that the shop had reduced, last 365 days",
    "discount_depth": "reductions over what its lines would have cost without, last 365 days",
    "coupon_share": "share of its lines bought with a coupon, last 365 days",
}
"""Every column and what it means; the last 365 days are those before the day."""


def product_days(lines: Table) -> Table:
    """What `product_features` rests on, summed per day; see `windows.by_day`.

    Args:
        lines: From `enrich`, any part of it that holds whole days.
    """
    bought = lines.filter((_.event == PURCHASE) & _.item_id.notnull())
    return by_day(
        bought,
        KEYS,
        {
            "spend_micros": bought.value,
            "saved": bought.discount,
            "couponed": bought.coupon_value,
            "reduced": bought.discount > 0,
            "coupons": bought.coupon_value > 0,
        },
    )


def product_features(lines: Table, as_of: date) -> Table:
    """Features of every product sold before a day.

    Args:
        lines: From `enrich`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.

    Returns:
        One row per product, the columns of `MEANINGS`.
    """
    return product_table(over(product_days(lines), KEYS, as_of), as_of)


def product_table(windows: Table, as_of: date) -> Table:
    """`product_features` of windows that are there already, by `windows.over`."""
    cut = second_of(as_of)
    full = windows.spend_micros_365 + windows.saved_365 + windows.couponed_365
    lines = windows.lines_365.nullif(0)
    return windows.mutate(
        recency_days=((cut - windows["last"]) // DAY).cast("int64"),
        tenure_days=((cut - windows["first"]) // DAY).cast("int64"),
        trend=3 * windows.lines_30 / windows.lines_90.nullif(0),
        share_discounted=windows.reduced_365 / lines,
        discount_depth=(windows.saved_365 / full.nullif(0)).clip(0.0, 1.0),
        coupon_share=windows.coupons_365 / lines,
    ).select(*MEANINGS)
