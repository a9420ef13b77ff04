"""Which products are bought together, and how much oftener than chance would have it.

Source: association rules (Agrawal, Imielinski & Swami 1993): support, confidence, lift.
"""

from datetime import date

import ibis
from ibis import Table, _

from handbill.audience.lines import DAY, PURCHASE, second_of

KEYS = ("item_id", "other_id")
BASKET = ["person", "basket", "day"]
WINDOW = (365,)
MOST_ITEMS = 50
"""A basket of more products says little of any two, and its pairs are many: it is left out."""

MEANINGS = {
    "item_id": "product; its id sorts before the other's",
    "other_id": "the other product",
    "together": "baskets with both, last 365 days",
    "item_baskets": "baskets with the product, last 365 days",
    "other_baskets": "baskets with the other, last 365 days",
    "confidence": "share of the product's baskets that hold the other",
    "other_confidence": "share of the other's baskets that hold the product",
    "lift": "baskets with both over those expected were the two independent; 1 is chance",
}
"""Every column and what it means; baskets of more than `MOST_ITEMS` products count for none."""


def copurchase_days(lines: Table) -> Table:
    """What `copurchases` rests on, summed per day.

    Args:
        lines: From `enrich`, any part of it that holds whole days.

    Returns:
        As of `windows.by_day`: `baskets` per day and pair. A product with itself stands for its
        own baskets, and two empty ids for all of them.
    """
    one, fit = _held(lines)
    other = one.select(*BASKET, other_id="item_id")
    pairs = one.inner_join(other, BASKET).filter(_.item_id <= _.other_id)
    columns = ["day", *KEYS, "first", "last"]
    everything = fit.mutate(item_id=ibis.literal(""), other_id=ibis.literal(""))
    rows = ibis.union(pairs.select(columns), everything.select(columns))
    return rows.group_by("day", *KEYS).aggregate(
        baskets=_.count(), first=_["first"].min(), last=_["last"].max()
    )


def copurchases(lines: Table, as_of: date, *, least: int = 5) -> Table:
    """Pairs of products bought together before a day.

    Args:
        lines: From `enrich`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
        least: Fewest baskets that a pair must share.

    Returns:
        One row per pair, the columns of `MEANINGS`.
    """
    # Not by way of the days: a pair's count on each day is most of that work.
    cut = second_of(as_of)
    one, fit = _held(lines.filter((_.second < cut) & (_.second >= cut - WINDOW[0] * DAY)))
    alone = one.group_by("item_id").aggregate(together=_.count())
    frequent = one.semi_join(alone.filter(_.together >= least), "item_id")
    other = frequent.select(*BASKET, other_id="item_id")
    pairs = frequent.inner_join(other, BASKET).filter(_.item_id < _.other_id)
    counts = pairs.group_by(*KEYS).aggregate(together=_.count())
    return _measures(
        counts.filter(_.together >= least),
        alone.select("item_id", "together", other_id="item_id"),
        fit.aggregate(total=_.count()),
    )


def copurchase_table(windows: Table, *, least: int = 5) -> Table:
    """`copurchases` of windows that are there already, by `over` or `advance`."""
    counts = windows.select(*KEYS, together="baskets_365")
    alone = counts.filter((_.item_id == _.other_id) & (_.item_id != ""))
    total = counts.filter(_.item_id == "").select(total="together")
    pairs = counts.filter((_.item_id < _.other_id) & (_.together >= least) & (_.item_id != ""))
    return _measures(pairs, alone, total)


def _held(lines: Table) -> tuple[Table, Table]:
    """What each basket held, each product once, and the baskets; those that are too full left out.

    A basket that passes midnight is one on either day.
    """
    bought = lines.filter((_.event == PURCHASE) & _.item_id.notnull())
    items = bought.group_by(
        "person", "basket", "item_id", day=(_.second // DAY).cast("int64")
    ).aggregate(first=_.second.min(), last=_.second.max())
    sizes = items.group_by(*BASKET).aggregate(
        items=_.count(), first=_["first"].min(), last=_["last"].max()
    )
    fit = sizes.filter(_["items"] <= MOST_ITEMS)
    return items.semi_join(fit, BASKET), fit


def _measures(pairs: Table, alone: Table, total: Table) -> Table:
    first = alone.select("item_id", item_baskets="together")
    second = alone.select("other_id", other_baskets="together")
    joined = pairs.inner_join(first, "item_id").inner_join(second, "other_id").cross_join(total)
    return joined.mutate(
        confidence=joined.together / joined.item_baskets,
        other_confidence=joined.together / joined.other_baskets,
        lift=joined.together
        * joined.total.cast("float64")
        / (joined.item_baskets.cast("float64") * joined.other_baskets.cast("float64")),
    ).select(*MEANINGS)
