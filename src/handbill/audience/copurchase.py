"""Which products are bought together, and how much oftener than chance would have it.

Source: association rules (Agrawal, Imielinski & Swami 1993): support, confidence, lift.
"""

from datetime import date

import ibis
from ibis import Table, _

from handbill.audience.lines import DAY, PURCHASE, second_of

KEYS = ("item_id", "other_id")
BASKET = ["person", "basket", "day"]
YEAR = 365
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
    """What `copurchases` rests on, counted per day.

    Args:
        lines: From `enrich`, any part of it that holds whole days.

    Returns:
        `day` (since 1970-01-01), `item_id`, `other_id`, `baskets` with both. A product with itself
        stands for its own baskets, and two empty ids for all of them.
    """
    one, fit = _held(lines)
    other = one.select(*BASKET, other_id="item_id")
    pairs = one.inner_join(other, BASKET).filter(_.item_id <= _.other_id)
    everything = fit.mutate(item_id=ibis.literal(""), other_id=ibis.literal(""))
    columns = ["day", *KEYS]
    rows = ibis.union(pairs.select(columns), everything.select(columns))
    return rows.group_by(columns).aggregate(baskets=_.count().cast("int64"))


def copurchases(lines: Table, as_of: date, *, least: int = 5) -> Table:
    """`copurchase_table` of lines that `enrich` made."""
    return copurchase_table(copurchase_days(lines), as_of, least=least)


def copurchase_table(days: Table, as_of: date, *, least: int = 5) -> Table:
    """Pairs of products bought together in the 365 days before a day.

    Args:
        days: From `copurchase_days`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
        least: Fewest baskets that a pair must share.

    Returns:
        One row per pair, the columns of `MEANINGS`.
    """
    today = second_of(as_of) // DAY
    year = days.filter((_.day < today) & (_.day >= today - YEAR))
    counts = year.group_by(*KEYS).aggregate(together=_.baskets.sum().cast("int64"))
    named = counts.filter(_.item_id != "")
    alone = named.filter(_.item_id == _.other_id)
    pairs = named.filter((_.item_id < _.other_id) & (_.together >= least))
    total = counts.filter(_.item_id == "").select(total="together")
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


def _held(lines: Table) -> tuple[Table, Table]:
    """What each basket held, each product once, and the baskets; those that are too full left out.

    A basket that passes midnight is one on either day.
    """
    bought = lines.filter((_.event == PURCHASE) & _.item_id.notnull())
    items = bought.select(
        "person", "basket", "item_id", day=(bought.second // DAY).cast("int64")
    ).distinct()
    sizes = items.group_by(*BASKET).aggregate(items=_.count())
    fit = sizes.filter(_["items"] <= MOST_ITEMS)
    return items.semi_join(fit, BASKET), fit
