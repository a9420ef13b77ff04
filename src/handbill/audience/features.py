"""What a person did before a day, in numbers: one family of Ibis expressions for any engine."""

import re
from collections.abc import Sequence
from datetime import date

import ibis
from ibis import Table, _
from ibis.expr.types import FloatingColumn, IntegerColumn, IntegerScalar

from handbill.audience.customer_days import (
    DAYPARTS,
    EVER,
    WEEKDAYS,
    CustomerWindows,
    customer_days,
    customer_windows,
)
from handbill.audience.lines import DAY, RECEIVED, REDEEMED, enrich, second_of

PRIOR_CAMPAIGNS = 5.0
"""Campaigns that the shop's response rate counts for in a person's shrunk rate."""

MEANINGS = {
    "person": "pseudonym",
    "recency_days": "whole days since the last basket; null before the first",
    "tenure_days": "whole days since the first basket in the log; null before it",
    "baskets_30": "baskets in the last 30 days",
    "baskets_90": "baskets in the last 90 days",
    "baskets_365": "baskets in the last 365 days",
    "spend_micros_30": "paid in the last 30 days, micros",
    "spend_micros_90": "paid in the last 90 days, micros",
    "spend_micros_365": "paid in the last 365 days, micros",
    "basket_micros": "mean paid per basket, last 365 days, micros",
    "basket_lines": "mean lines per basket, last 365 days",
    "gap_days": "mean days between two baskets, last 365 days; null below two",
    "trend": "baskets of the last 30 days over a third of those of the last 90; 1 is steady",
    "products_365": "different products bought, last 365 days",
    "categories_90": "different categories bought, last 90 days",
    "share_private": "share of spend in the shop's own label, last 365 days",
    "share_discounted": "share of spend on lines that the shop had reduced, last 365 days",
    "discount_depth": "reductions over what the baskets would have cost without, last 365 days",
    "coupon_lines_365": "lines bought with a coupon, last 365 days",
    "coupon_lines_90": "lines bought with a coupon, last 90 days",
    "coupon_share": "coupons over what the baskets would have cost without, last 365 days",
    "refunds_365": "lines brought back, last 365 days",
    "campaigns_received": "campaigns that reached the person",
    "campaigns_received_90": "campaigns that reached the person in the last 90 days",
    "campaigns_redeemed": "campaigns of which the person used a coupon",
    "coupons_redeemed": "coupons of campaigns used",
    "coupons_redeemed_90": "coupons of campaigns used in the last 90 days",
    "redemption_days": "whole days since a campaign's coupon was used; null when never",
    "response_rate": "campaigns redeemed per campaign received, shrunk to the shop's rate",
}
"""Every fixed column and what it means; the last 365 days are those before the day."""
MEANINGS |= {f"share_{day}": f"share of baskets on a {day.title()}" for day in WEEKDAYS}
MEANINGS |= {
    f"share_{part}": f"share of baskets from {low}:00 to {high}:00"
    for part, (low, high) in DAYPARTS.items()
}
MEANINGS |= {"share_night": "share of baskets from 22:00 to 5:00"}


def customer_features(
    events: Table,
    products: Table,
    as_of: date,
    *,
    departments: Sequence[str] = (),
    zone: str = "UTC",
) -> Table:
    """Features of every person with an event before a day, from the tables of a workspace.

    Args:
        events: `log/events`.
        products: `catalog/products`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
        departments: Those that get a share column each, named by `department_columns`.
        zone: IANA zone in which hours and weekdays are read.

    Returns:
        One row per person; the columns of `MEANINGS`, then the departments' shares of spend.
    """
    return features_of(enrich(events, products, zone), as_of, departments=departments)


def features_of(lines: Table, as_of: date, *, departments: Sequence[str] = ()) -> Table:
    """`customer_features` of lines that `enrich` made, so that many days share one preparation."""
    return features_at(lines, second_of(as_of), departments=departments)


def features_at(
    lines: Table, cut: int | IntegerScalar, *, departments: Sequence[str] = ()
) -> Table:
    """`features_of` as of an epoch second, which may be a parameter of a prepared query."""
    days = customer_days(lines.filter(_.second < cut), departments)
    return customer_table(customer_windows(days, cut), cut, departments=departments)


def customer_table(
    windows: CustomerWindows, cut: int | IntegerScalar, *, departments: Sequence[str] = ()
) -> Table:
    """`features_at` of windows that are there already.

    Args:
        windows: From `customer_windows` or `advance_customers`.
        cut: Epoch second, the midnight that they are as of.
        departments: Those that `customer_days` was given.
    """
    joined = _visits(windows, cut)
    for part in (
        _different(windows.products, cut, products_365=365),
        _different(windows.categories, cut, categories_90=90),
        _response(windows.told, cut),
    ):
        joined = joined.left_join(part, "person").drop("person_right")
    counts = [
        name
        for name in joined.columns
        if name.startswith(("campaigns_", "coupons_")) or name in ("products_365", "categories_90")
    ]
    joined = joined.mutate({name: joined[name].fill_null(0) for name in counts})
    joined = joined.cross_join(
        joined.aggregate(
            shop_rate=ibis.coalesce(
                _.campaigns_redeemed.sum() / _.campaigns_received.sum().nullif(0), 0.0
            )
        )
    )
    joined = joined.mutate(
        response_rate=(_.campaigns_redeemed + PRIOR_CAMPAIGNS * _.shop_rate)
        / (_.campaigns_received + PRIOR_CAMPAIGNS),
        **{
            column: _part(joined[f"department_{rank}_365"], joined.spend_365.nullif(0))
            for rank, column in enumerate(department_columns(departments).values(), start=1)
        },
    )
    return joined.select(*MEANINGS, *department_columns(departments).values())


def department_columns(departments: Sequence[str]) -> dict[str, str]:
    """The column of each department's share of spend.

    Example:
        >>> department_columns(["Meat & fish", "生鲜"])
        {'Meat & fish': 'department_meat_fish', '生鲜': 'department_2'}
    """
    columns: dict[str, str] = {}
    for rank, department in enumerate(departments, start=1):
        slug = re.sub(r"[^a-z0-9]+", "_", department.lower()).strip("_") or str(rank)
        name = f"department_{slug}"
        columns[department] = f"{name}_{rank}" if name in columns.values() else name
    return columns


def _visits(windows: CustomerWindows, cut: int | IntegerScalar) -> Table:
    """When, how often, on what and at what price; each basket counts once for its time."""
    sums = windows.sums.left_join(windows.visits, "person").drop("person_right")
    baskets, paid = sums.baskets_365.nullif(0), sums.spend_365.nullif(0)
    full = (sums.spend_365 + sums.saved_365 + sums.couponed_365).nullif(0)
    return sums.mutate(
        recency_days=_days(sums["last"], cut),
        tenure_days=_days(sums["first"], cut),
        spend_micros_30=sums.spend_30,
        spend_micros_90=sums.spend_90,
        spend_micros_365=sums.spend_365,
        basket_micros=sums.spend_365 / baskets,
        basket_lines=sums.lines_365 / baskets,
        gap_days=(sums["last"] - sums.first_recent) / (sums.baskets_365 - 1).nullif(0) / DAY,
        trend=3 * sums.baskets_30 / sums.baskets_90.nullif(0),
        share_private=_part(sums.private_365, paid),
        share_discounted=_part(sums.reduced_365, paid),
        discount_depth=_part(sums.saved_365, full),
        coupon_share=_part(sums.couponed_365, full),
        **{
            f"share_{name}": sums[f"on_{name}_365"] / baskets
            for name in (*WEEKDAYS, *DAYPARTS, "night")
        },
    )


def _different(pairs: Table, cut: int | IntegerScalar, **window: int) -> Table:
    """Of how many different things the last purchase is within a window."""
    [(name, days)] = window.items()
    return pairs.group_by("person").aggregate(
        **{name: pairs.count(where=pairs.day >= cut // DAY - days)}
    )


def _response(told: Table, cut: int | IntegerScalar) -> Table:
    """What earlier campaigns brought; each counts once, whatever the number of its coupons."""
    received, used = told.event == RECEIVED, told.event == REDEEMED
    named = told.promotion_id.notnull()
    ever = told[f"uses_{EVER}"]
    return told.group_by("person").aggregate(
        campaigns_received=told.count(where=received & named),
        campaigns_received_90=told.count(where=received & named & (told.uses_90 > 0)),
        campaigns_redeemed=told.count(where=used & named),
        coupons_redeemed=ever.sum(where=used),
        coupons_redeemed_90=told.uses_90.sum(where=used),
        redemption_days=_days(told["last"].max(where=used), cut),
    )


def _part(some: IntegerColumn, whole: IntegerColumn) -> FloatingColumn:
    """A share; within 0 and 1 although a line below zero (a coupon above its price) may occur."""
    return (some.fill_null(0) / whole).clip(0.0, 1.0)


def _days(second: IntegerColumn, cut: int | IntegerScalar) -> IntegerColumn:
    return ((cut - second) // DAY).cast("int64")
