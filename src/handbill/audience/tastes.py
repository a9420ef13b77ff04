"""What people spend on: the share of each of the largest categories."""

from collections.abc import Sequence
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
from ibis import _
from numpy.typing import NDArray

from handbill.audience.lines import DAY, PURCHASE, second_of
from handbill.audience.segments import Matrix
from handbill.audience.tables import Log
from handbill.engine import collect

TOLD_CATEGORIES = 60
"""Categories, the largest by sales, that a segment may be described by."""


def category_shares(log: Log, features: pa.Table, as_of: date) -> dict[str, Matrix]:
    """Share of each person's spend in the largest categories, last 365 days.

    Args:
        log: The log.
        features: Of the day; their order of people is kept.
        as_of: The day.

    Returns:
        (n,) per category, NaN where a person spent nothing. Where the catalogue knows Chinese
        names, only categories that have one, so that no sentence mixes languages.
    """
    cut = second_of(as_of)
    year = log.lines.filter(
        (_.event == PURCHASE) & (_.second < cut) & (_.second >= cut - 365 * DAY)
    )
    known = year.filter(_.category.notnull())
    if log.chinese:
        known = known.filter(_.category.isin(sorted(log.chinese)))
    totals = known.group_by("category").aggregate(value=_.value.sum())
    largest = totals.order_by([ibis.desc("value"), "category"]).limit(TOLD_CATEGORIES)
    names: list[str] = collect(log.engine, largest).column("category").to_pylist()
    told = known.filter(_.category.isin(names))
    spent = collect(log.engine, told.group_by("person", "category").aggregate(value=_.value.sum()))
    place = {person: row for row, person in enumerate(features.column("person").to_pylist())}
    rank = {name: number for number, name in enumerate(names)}
    amounts = np.zeros((len(place), len(names)))
    rows = [place[person] for person in spent.column("person").to_pylist()]
    columns = [rank[name] for name in spent.column("category").to_pylist()]
    amounts[rows, columns] = spent.column("value").to_numpy()
    total = np.array(features.column("spend_micros_365").to_numpy(), dtype=np.float64)
    shares = np.full_like(amounts, np.nan)
    np.divide(amounts, total[:, None], out=shares, where=total[:, None] > 0)
    return {name: shares[:, number].clip(0.0, 1.0) for name, number in rank.items()}


def bought_in(
    log: Log, features: pa.Table, categories: Sequence[str], first: date, last: date
) -> NDArray[np.bool_]:
    """Who bought of which categories from one day on, before another.

    Args:
        log: The log.
        features: Whose people are meant, in their order.
        categories: Which.
        first: First day (UTC).
        last: Day after the last.

    Returns:
        (n, c).
    """
    start, end = second_of(first), second_of(last)
    lines = log.lines.filter((_.event == PURCHASE) & (_.second >= start) & (_.second < end))
    pairs = lines.filter(_.category.isin(list(categories))).select("person", "category").distinct()
    rows = collect(log.engine, pairs)
    place = {person: row for row, person in enumerate(features.column("person").to_pylist())}
    rank = {name: number for number, name in enumerate(categories)}
    bought = np.zeros((len(place), len(rank)), dtype=np.bool_)
    for person, category in zip(
        *(rows.column(name).to_pylist() for name in rows.column_names), strict=True
    ):
        if person in place:
            bought[place[person], rank[category]] = True
    return bought
