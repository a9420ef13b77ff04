"""What a person did before a day, in numbers: one family of Ibis expressions for any engine."""

import re
from collections.abc import Sequence
from datetime import date

import ibis
from ibis import Table, _
from ibis.expr.types import FloatingColumn, IntegerColumn, IntegerScalar

from handbill.audience.customer_days import DAYPARTS, WEEKDAYS
from handbill.audience.lines import DAY, PURCHASE, RECEIVED, REDEEMED, enrich, second_of

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
    past = lines.filter(_.second < cut)
    bought = past.filter(_.event == PURCHASE)
    people = past.select("person").distinct()
    joined = people
    for part in (
        _visits(bought, cut),
        _spending(bought, cut, departments),
        _refunds(past, cut),
        _response(past, cut),
    ):
        joined = joined.left_join(part, "person").drop("person_right")
    counts = [
        name
        for name in joined.columns
        if name.startswith(("baskets_", "spend_", "campaigns_", "coupons_", "coupon_lines_"))
        or name in ("products_365", "categories_90", "refunds_365")
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
        / (_.campaigns_received + PRIOR_CAMPAIGNS)
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


def _visits(bought: Table, cut: int | IntegerScalar) -> Table:
    """When and how often: one row per basket first, so that each counts once.

    A basket that passes midnight (UTC) is one on either day, as it is in `customer_days`.
    """
    year, quarter, month = (cut - days * DAY for days in (365, 90, 30))
    baskets = bought.group_by("person", "basket", day=bought.second // DAY).aggregate(
        second=_.second.min(), local=_.local.min(), value=_.value.sum(), lines=_.count()
    )
    hour = (baskets.local % DAY) // 3600
    # 1970-01-01 was a Thursday.
    weekday = (baskets.local // DAY + 3) % 7
    recent = baskets.second >= year
    number = baskets.count(where=recent).nullif(0)

    def share(condition: ibis.expr.types.BooleanValue) -> FloatingColumn:
        return baskets.count(where=recent & condition) / number

    dayparts = {
        f"share_{part}": share((hour >= low) & (hour < high))
        for part, (low, high) in DAYPARTS.items()
    }
    weekdays = {f"share_{name}": share(weekday == rank) for rank, name in enumerate(WEEKDAYS)}
    visits = baskets.group_by("person").aggregate(
        recency_days=days_before(baskets.second.max(), cut),
        tenure_days=days_before(baskets.second.min(), cut),
        baskets_30=baskets.count(where=baskets.second >= month),
        baskets_90=baskets.count(where=baskets.second >= quarter),
        baskets_365=baskets.count(where=recent),
        spend_micros_30=baskets.value.sum(where=baskets.second >= month),
        spend_micros_90=baskets.value.sum(where=baskets.second >= quarter),
        spend_micros_365=baskets.value.sum(where=recent),
        basket_lines=baskets.lines.sum(where=recent) / number,
        first_recent=baskets.second.min(where=recent),
        last_recent=baskets.second.max(where=recent),
        share_night=share((hour < 5) | (hour >= 22)),
        **dayparts,
        **weekdays,
    )
    return visits.mutate(
        basket_micros=_.spend_micros_365 / _.baskets_365.nullif(0),
        gap_days=(_.last_recent - _.first_recent) / (_.baskets_365 - 1).nullif(0) / DAY,
        trend=3 * _.baskets_30 / _.baskets_90.nullif(0),
    ).drop("first_recent", "last_recent")


def _spending(bought: Table, cut: int | IntegerScalar, departments: Sequence[str]) -> Table:
    """On what, and at what price."""
    quarter = cut - 90 * DAY
    year = bought.filter(_.second >= cut - 365 * DAY)
    shares = {
        column: year.value.sum(where=year.department == department)
        for department, column in department_columns(departments).items()
    }
    sums = year.group_by("person").aggregate(
        spend=year.value.sum(),
        saved=year.discount.sum(),
        couponed=year.coupon_value.sum(),
        private=year.value.sum(where=year.private),
        reduced=year.value.sum(where=year.discount > 0),
        products_365=year.item_id.nunique(),
        categories_90=year.category.nunique(where=year.second >= quarter),
        coupon_lines_365=year.count(where=year.coupon_value > 0),
        coupon_lines_90=year.count(where=(year.coupon_value > 0) & (year.second >= quarter)),
        **shares,
    )
    paid = sums.spend.nullif(0)
    full = (sums.spend + sums.saved + sums.couponed).nullif(0)
    return sums.mutate(
        share_private=part_of(sums.private, paid),
        share_discounted=part_of(sums.reduced, paid),
        discount_depth=part_of(sums.saved, full),
        coupon_share=part_of(sums.couponed, full),
        **{column: part_of(sums[column], paid) for column in shares},
    ).drop("spend", "saved", "couponed", "private", "reduced")


def _refunds(past: Table, cut: int | IntegerScalar) -> Table:
    """Lines brought back, also by people who bought nothing within the year."""
    refunds = past.filter((_.event == "refund") & (_.second >= cut - 365 * DAY))
    return refunds.group_by("person").aggregate(refunds_365=_.count())


def _response(past: Table, cut: int | IntegerScalar) -> Table:
    """What earlier campaigns brought; each counts once, whatever the number of its coupons."""
    quarter = cut - 90 * DAY
    told = past.filter(_.event.isin([RECEIVED, REDEEMED]))
    received, used = told.event == RECEIVED, told.event == REDEEMED
    return told.group_by("person").aggregate(
        campaigns_received=told.promotion_id.nunique(where=received),
        campaigns_received_90=told.promotion_id.nunique(where=received & (told.second >= quarter)),
        campaigns_redeemed=told.promotion_id.nunique(where=used),
        coupons_redeemed=told.count(where=used),
        coupons_redeemed_90=told.count(where=used & (told.second >= quarter)),
        redemption_days=days_before(told.second.max(where=used), cut),
    )


def part_of(some: IntegerColumn, whole: IntegerColumn) -> FloatingColumn:
    """A share; within 0 and 1 although a line below zero (a coupon above its price) may occur."""
    return (some.fill_null(0) / whole).clip(0.0, 1.0)


def days_before(second: IntegerColumn, cut: int | IntegerScalar) -> IntegerColumn:
    """Whole days from an epoch second to another."""
    return ((cut - second) // DAY).cast("int64")
