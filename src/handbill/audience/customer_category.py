"""What a person bought of each category before a day."""

from datetime import date

from ibis import Table, _

from handbill.audience.lines import DAY, PURCHASE, second_of
from handbill.audience.windows import by_day, over

KEYS = ("person", "category")

MEANINGS = {
    "person": "pseudonym",
    "category": "category, or the department of a product without one",
    "recency_days": "whole days since the category was last bought",
    "tenure_days": "whole days since it was first bought",
    "lines_30": "lines in the last 30 days",
    "lines_90": "lines in the last 90 days",
    "lines_365": "lines in the last 365 days",
    "baskets_30": "baskets with it in the last 30 days",
    "baskets_90": "baskets with it in the last 90 days",
    "baskets_365": "baskets with it in the last 365 days",
    "spend_micros_30": "paid in the last 30 days, micros",
    "spend_micros_90": "paid in the last 90 days, micros",
    "spend_micros_365": "paid in the last 365 days, micros",
    "share": "share of the person's spend, last 365 days; null where nothing was spent",
    "trend": "baskets of the last 30 days over a third of those of the last 90; 1 is steady",
    "coupon_share": "share of the lines bought with a coupon, last 365 days",
}
"""Every column and what it means; the last 365 days are those before the day."""


def customer_category_days(lines: Table) -> Table:
    """What `customer_category_features` rests on, summed per day; see `windows.by_day`.

    Args:
        lines: From `enrich`, any part of it that holds whole days.
    """
    bought = lines.filter((_.event == PURCHASE) & _.category.notnull())
    return by_day(
        bought,
        KEYS,
        {
            "spend_micros": bought.value,
            "coupons": bought.coupon_value > 0,
        },
    )


def customer_category_features(lines: Table, as_of: date) -> Table:
    """Features of every person and category bought before a day.

    Args:
        lines: From `enrich`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.

    Returns:
        One row per person and category, the columns of `MEANINGS`.
    """
    return customer_category_table(over(customer_category_days(lines), KEYS, as_of), as_of)


def customer_category_table(windows: Table, as_of: date) -> Table:
    """`customer_category_features` of windows that are there already, by `windows.over`."""
    cut = second_of(as_of)
    total = windows.group_by("person").aggregate(spend=_.spend_micros_365.sum())
    joined = windows.inner_join(total, "person")
    return joined.mutate(
        recency_days=((cut - joined["last"]) // DAY).cast("int64"),
        tenure_days=((cut - joined["first"]) // DAY).cast("int64"),
        share=(joined.spend_micros_365 / joined.spend.nullif(0)).clip(0.0, 1.0),
        trend=3 * joined.baskets_30 / joined.baskets_90.nullif(0),
        coupon_share=joined.coupons_365 / joined.lines_365.nullif(0),
    ).select(*MEANINGS)
