"""Days on which people bought and what they paid: what value and churn rest on, in memory.

A basket more on the same day (the shop's clock) is the same visit: two tickets at one counter say
nothing of when someone comes back.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from ibis import _
from numpy.typing import NDArray

from handbill.audience.bgnbd import Histories, Matrix
from handbill.audience.lines import DAY, PURCHASE, second_of
from handbill.audience.tables import Log
from handbill.engine import collect

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """One row per person and day with a purchase; a row's person is a place in `people`.

    Attributes:
        people: (n,) pseudonyms of all who ever bought, sorted.
        person: (m,) place in `people`.
        day: (m,) days since 1970-01-01 on the shop's clock.
        spend: (m,) paid, micros.
    """

    people: list[str]
    person: Integers
    day: Integers
    spend: Matrix

    @property
    def first_day(self) -> int:
        """The first day with a purchase."""
        return int(self.day.min())

    def before(self, day: int) -> "History":
        """What is known of each person on the morning of a day."""
        size = len(self.people)
        past = self.day < day
        person, days, spend = self.person[past], self.day[past], self.spend[past]
        count = np.bincount(person, minlength=size).astype(np.float64)
        first, last = np.full(size, day), np.full(size, -1)
        np.minimum.at(first, person, days)
        np.maximum.at(last, person, days)
        known = np.flatnonzero(count > 0)
        return History(
            rows=known,
            visits=count[known],
            spend=np.bincount(person, weights=spend, minlength=size)[known].clip(min=0.0),
            timing=Histories(
                repeats=count[known] - 1.0,
                last=(last - first)[known].astype(np.float64),
                observed=(day - first)[known].astype(np.float64),
            ),
        )

    def after(self, day: int, length: int) -> tuple[Matrix, Matrix]:
        """Visits and spend of each person in `length` days from a day on, (n,) each."""
        ahead = (self.day >= day) & (self.day < day + length)
        size = len(self.people)
        visits = np.bincount(self.person[ahead], minlength=size)
        spend = np.bincount(self.person[ahead], weights=self.spend[ahead], minlength=size)
        return visits.astype(np.float64), spend.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """People who bought before a day.

    Attributes:
        rows: (n,) places in `Purchases.people`.
        visits: (n,) days with a purchase, at least 1.
        spend: (n,) paid on them, micros.
        timing: Their repeats and times, in days.
    """

    rows: Integers
    visits: Matrix
    spend: Matrix
    timing: Histories

    def take(self, some: Integers | slice) -> "History":
        """The same of some of the people."""
        timing = self.timing
        return History(
            rows=self.rows[some],
            visits=self.visits[some],
            spend=self.spend[some],
            timing=Histories(
                repeats=timing.repeats[some],
                last=timing.last[some],
                observed=timing.observed[some],
            ),
        )


def purchases_of(log: Log, as_of: date) -> Purchases:
    """The days on which people bought, before a day.

    Args:
        log: The log.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
    """
    bought = log.lines.filter((_.event == PURCHASE) & (_.second < second_of(as_of)))
    days = bought.group_by("person", day=(bought.local // DAY).cast("int64")).aggregate(
        spend=bought.value.sum().cast("float64")
    )
    rows = collect(log.engine, days).sort_by([("person", "ascending"), ("day", "ascending")])
    names = rows.column("person").combine_chunks().dictionary_encode()
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
    return Purchases(
        people=names.dictionary.to_pylist(),
        person=names.indices.to_numpy(zero_copy_only=False).astype(np.int64),
        day=rows.column("day").to_numpy().astype(np.int64),
        spend=rows.column("spend").to_numpy().astype(np.float64),
    )
