"""When a person shops: the weekday and hour at which a message finds them in the mood.

Counts of baskets by hour and by weekday, drawn to those of the person's segment, and these to the
shop's (a Dirichlet prior whose weight is `STRENGTH` baskets).
"""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd

from handbill.placement.arrays import Floats, Ints

STRENGTH = 12.0
"""Baskets that the segment's (and the shop's) habits count for."""

WEEKDAY, HOUR = 7, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """When N people shop.

    Attributes:
        people: `person` and `segment_id`, in order of the person.
        weekday: (N, 7) baskets by weekday, from Monday.
        hour: (N, 24) baskets by hour of the shop's clock.
    """

    people: pd.DataFrame
    weekday: Floats
    hour: Floats

    def segments(self) -> tuple[list[str], Ints]:
        """Names of the segments and (N,) the number of each person's."""
        names, of = np.unique(self.people["segment_id"].to_numpy(dtype=str), return_inverse=True)
        return names.tolist(), of.astype(np.int64)


def read_habits(
    con: duckdb.DuckDBPyConnection, people: pd.DataFrame, *, before: date, zone: str
) -> Habits:
    """Count baskets by weekday and hour.

    Args:
        con: With the view `events`.
        people: `person` and `segment_id`.
        before: Only baskets before this day, UTC, count.
        zone: IANA zone of the shop's clock.
    """
    ZoneInfo(zone)
    baskets = con.execute(
        """WITH baskets AS (
            SELECT person, coalesce(transaction_id, event_id) AS basket,
                timezone(?, min(occurred_at)) AS moment
            FROM events WHERE event = 'purchase' AND occurred_at < ?::DATE::TIMESTAMPTZ
            GROUP BY ALL)
        SELECT person, isodow(moment) - 1 AS weekday, hour(moment) AS hour, count(*) AS baskets
        FROM baskets GROUP BY ALL ORDER BY ALL""",
        [zone, before.isoformat()],
    ).df()
    people = people.sort_values("person", ignore_index=True)
    rows = pd.Index(people["person"]).get_indexer(pd.Index(baskets["person"]))
    known = rows >= 0
    counts = {"weekday": np.zeros((len(people), WEEKDAY)), "hour": np.zeros((len(people), HOUR))}
    for name, table in counts.items():
        column = baskets[name].to_numpy(dtype=np.int64)
        np.add.at(table, (rows[known], column[known]), baskets["baskets"].to_numpy()[known])
    return Habits(people=people[["person", "segment_id"]], **counts)


def send_times(habits: Habits, *, min_baskets: int, quiet: tuple[int, int]) -> pd.DataFrame:
    """The best weekday and hour of each person.

    Args:
        habits: From `read_habits`.
        min_baskets: Baskets below which the choice counts as the segment's.
        quiet: Hours from and to which nothing is sent; equal for none.

    Returns:
        `person`, `weekday`, `hour`, `baskets`, `source`, one row per person.
    """
    names, segment = habits.segments()
    weekday = shrunk(habits.weekday, segment, len(names))
    hour = shrunk(habits.hour, segment, len(names))
    hour[:, quiet_hours(*quiet)] = -1.0
    own = habits.weekday.sum(axis=1)
    together = np.bincount(segment, own, len(names))[segment]
    source = np.where(
        own >= min_baskets, "person", np.where(together >= min_baskets, "segment", "shop")
    )
    return pd.DataFrame(
        {
            "person": habits.people["person"],
            "weekday": weekday.argmax(axis=1).astype(np.int32),
            "hour": hour.argmax(axis=1).astype(np.int32),
            "baskets": own.astype(np.int64),
            "source": source,
        }
    )


def shrunk(counts: Floats, segment: Ints, segments: int) -> Floats:
    """Habits of people drawn to their segment's, and these to the shop's.

    Args:
        counts: (N, K) baskets.
        segment: (N,) numbers from 0.
        segments: How many there are.

    Returns:
        (N, K), each row sums to 1.
    """
    of_segment = by_segment(counts, segment, segments)
    of_segment = of_segment / of_segment.sum(axis=1, keepdims=True)
    of_person = counts + STRENGTH * of_segment[segment]
    return np.asarray(of_person / of_person.sum(axis=1, keepdims=True), dtype=np.float64)


def by_segment(counts: Floats, segment: Ints, segments: int) -> Floats:
    """(S, K) baskets of each segment, and `STRENGTH` more that fall as the shop's do."""
    size = counts.shape[1]
    shop = counts.sum(axis=0) + 1.0 / size
    sums = np.zeros((segments, size))
    np.add.at(sums, segment, counts)
    return np.asarray(sums + STRENGTH * shop / shop.sum(), dtype=np.float64)


def quiet_hours(start: int, end: int) -> list[int]:
    """The hours in which nothing is sent, over midnight when need be.

    Example:
        >>> quiet_hours(22, 2)
        [22, 23, 0, 1]
        >>> quiet_hours(8, 8)
        []
    """
    return [(start + step) % HOUR for step in range((end - start) % HOUR)]
