"""What customer features rest on, day by day, so that days that are over need not be read again.

Sums per person and day become windows (`windows.over`). Of what is counted once
however often it comes (products, categories), it is enough to know when it was bought last: it is
within a window if that is. The first visit of the last 365 days is no sum: it is looked up in the
days of visits, of which there are few per person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import ibis
from ibis import Table, _
from ibis.expr.types import IntegerScalar, IntegerValue

from handbill.audience.lines import DAY, PURCHASE, RECEIVED, REDEEMED
from handbill.audience.windows import WINDOWS, Windows, over_at

PERSON = ("person",)
TOLD = ("person", "promotion_id", "event")
PLACED = ("person", "department")
YEAR = 365
EVER = 100_000
"""Days of a window that holds every log there is."""
TOLD_WINDOWS = (90, EVER)

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYPARTS = {"morning": (5, 11), "midday": (11, 14), "afternoon": (14, 18), "evening": (18, 22)}
"""Hours of the shop's clock, the last one exclusive; what remains is the night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDays:
    """What happened on each day, of any part of a log that holds whole days.

    Attributes:
        sums: `person`, `day` (since 1970-01-01), sums of that day, `first` and `last` (epoch
            seconds of the day's first and last basket); one row, or two, per person and day.
        told: `person`, `promotion_id`, `event`, `day`, `uses`, `first`, `last`.
        products: `person`, `item_id`, `day`: bought then, a row for each line.
        categories: `person`, `category`, `day`.
        spending: `person`, `department`, `day`, `spend`, `first`, `last`.
    """

    sums: Table
    told: Table
    products: Table
    categories: Table
    spending: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerWindows:
    """The same up to a day: what `customer_table` makes features of.

    Attributes:
        sums: `person`, `<sum>_<days>`, `first`, `last`.
        told: `person`, `promotion_id`, `event`, `uses_90`, all uses as `uses_<EVER>`, `last`.
        products: `person`, `item_id`, the last `day` on which it was bought.
        categories: The same of `category`.
        spending: `person`, `department`, `spend_365`.
        visits: `person`, `first_recent`: the first basket of the last 365 days.
    """

    sums: Table
    told: Table
    products: Table
    categories: Table
    spending: Table
    visits: Table


def customer_days(lines: Table) -> CustomerDays:
    """Sum a log by day; a day that is over never changes.

    Args:
        lines: From `enrich`, any part of it that holds whole days (UTC).
    """
    dated = lines.mutate(day=(_.second // DAY).cast("int64"))
    bought = dated.filter(_.event == PURCHASE)
    told = dated.filter(_.event.isin([RECEIVED, REDEEMED]))
    placed = bought.filter(_.department.notnull())
    return CustomerDays(
        sums=ibis.union(*_person_days(dated, bought)),
        told=told.group_by("day", *TOLD).aggregate(
            uses=_.count(), first=_.second.min(), last=_.second.max()
        ),
        products=_days_of(bought, "item_id"),
        categories=_days_of(bought, "category"),
        spending=placed.group_by("day", *PLACED).aggregate(
            spend=_.value.sum().cast("int64"), first=_.second.min(), last=_.second.max()
        ),
    )


def customer_windows(days: CustomerDays, cut: int | IntegerScalar) -> CustomerWindows:
    """Everything before an epoch second, a midnight, which may be a parameter of a query."""
    today = cut // DAY
    recent = days.sums.filter((_.day < today) & (_.day >= today - YEAR))

    def latest(pairs: Table) -> Table:
        """Pairs that no window holds any more are left out."""
        return _latest(pairs.filter((_.day < today) & (_.day >= today - YEAR)))

    return CustomerWindows(
        sums=over_at(days.sums, PERSON, cut, sum_windows(days.sums)),
        told=over_at(days.told, TOLD, cut, TOLD_WINDOWS),
        products=latest(days.products),
        categories=latest(days.categories),
        spending=over_at(days.spending, PLACED, cut, (YEAR,)),
        visits=recent.group_by("person").aggregate(first_recent=_["first"].min()),
    )


def sum_windows(sums: Table) -> Windows:
    """Which windows each sum has: most are only asked for over a year."""
    every = ("baskets", "spend", "coupon_lines")
    return {name: WINDOWS if name in every else (YEAR,) for name in sums.columns}


def _person_days(dated: Table, bought: Table) -> tuple[Table, Table]:
    """Days with a basket, and days with anything else; columns alike.

    A basket that passes midnight (UTC) is one on either day: a day must not wait for the next one.
    """
    lines: Mapping[str, IntegerValue] = {
        "spend": bought.value,
        "saved": bought.discount,
        "couponed": bought.coupon_value,
        "private": ibis.cases((bought.private, bought.value), else_=0),
        "reduced": ibis.cases((bought.discount > 0, bought.value), else_=0),
        "coupon_lines": (bought.coupon_value > 0).cast("int64"),
    }
    baskets = bought.group_by("person", "day", "basket").aggregate(
        first=_.second.min(),
        local=_.local.min(),
        lines=_.count(),
        **{name: value.sum() for name, value in lines.items()},
    )
    hour = (baskets.local % DAY) // 3600
    # 1970-01-01 was a Thursday.
    weekday = (baskets.local // DAY + 3) % 7
    times = {f"on_{name}": weekday == rank for rank, name in enumerate(WEEKDAYS)}
    times |= {f"on_{part}": (hour >= low) & (hour < high) for part, (low, high) in DAYPARTS.items()}
    times |= {"on_night": (hour < 5) | (hour >= 22)}
    zero, none = ibis.literal(0, type="int64"), ibis.null("int64")
    visits = baskets.group_by("person", "day").aggregate(
        first=_["first"].min(),
        last=_["first"].max(),
        baskets=_.count(),
        **{name: baskets[name].sum().cast("int64") for name in ("lines", *lines)},
        **{name: baskets.count(where=condition) for name, condition in times.items()},
    )
    others = dated.filter(_.event != PURCHASE)
    refunds = others.group_by("person", "day").aggregate(
        refunds=others.count(where=others.event == "refund")
    )
    zeros = {name: zero for name in visits.columns if name not in ("person", "day")}
    rest = refunds.mutate(**{**zeros, "first": none, "last": none})
    visits = visits.mutate(refunds=zero)
    return visits, rest.select(visits.columns)


def _days_of(bought: Table, column: str) -> Table:
    return bought.filter(_[column].notnull()).select("person", column, "day")


def _latest(pairs: Table) -> Table:
    keys = [name for name in pairs.columns if name != "day"]
    return pairs.group_by(*keys).aggregate(day=_.day.max())
