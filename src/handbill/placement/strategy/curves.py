"""How sales and answers change with the hour, the messages before, and the price: with intervals.

A curve is a ratio at each of its points: to the mean of all points for habits, to its first or its
commonest point for answers. Answers are compared within a person and a campaign taken out, since
those who are written to oftenest are those who answer most; what cannot be told says why.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from scipy.stats import norm

from handbill.placement import words
from handbill.placement.arrays import Floats
from handbill.placement.strategy.positions import Cut
from handbill.placement.strategy.ratios import BASE, estimate
from handbill.placement.strategy.send_time import Habits, by_segment
from handbill.types import Interval, Text

LEVEL = 0.95
BAND = 4
"""Hours of the day that are taken together where answers are counted."""

MOST = 3
"""Messages before, from which on they are taken together."""

MIN_BASKETS = 100
"""Baskets of a segment below which its habits are not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a curve.

    Attributes:
        at: Where on the curve: an hour, a weekday from Monday, messages before, a share cut off.
        label: The same, readable.
        value: Ratio; None where there is too little to say.
        count: Baskets, redemptions or units that it rests on.
    """

    at: float
    label: Text
    value: Interval | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A measured response.

    Attributes:
        name: `hour`, `weekday` (when people shop), `sent_hour`, `sent_weekday` (answers by when a
            message came), `messages_28`, `messages_60` (answers by messages in the days before),
            `discount` (unit sales by price cut).
        segment_id: Whose; None for everyone's.
        points: In order.
        why: It says nothing; None when it does.
    """

    name: str
    segment_id: str | None
    points: tuple[Point, ...]
    why: Text | None = None

    def record(self) -> dict[str, Any]:
        """As `tables/curves.json` has it."""
        return {
            "name": self.name,
            "segment_id": self.segment_id,
            "why": self.why and asdict(self.why),
            "points": [
                {
                    "at": one.at,
                    "label": asdict(one.label),
                    "estimate": one.value and one.value.estimate,
                    "low": one.value and one.value.low,
                    "high": one.value and one.value.high,
                    "count": one.count,
                }
                for one in self.points
            ],
        }


def habit_curves(habits: Habits) -> list[Curve]:
    """When people shop, the shop's and each segment's, as ratios to an average hour and weekday.

    A segment's is drawn to the shop's by a few baskets. Intervals count people, not baskets.
    """
    found = []
    names, segment = habits.segments()
    for name, counts in (("weekday", habits.weekday), ("hour", habits.hour)):
        found.append(_habit(name, None, counts, counts.sum(axis=0)))
        if len(names) > 1:
            sums = by_segment(counts, segment, len(names))
            found += [
                _habit(name, one, counts[segment == rank], sums[rank])
                for rank, one in enumerate(names)
            ]
    return found


def _habit(name: str, segment: str | None, counts: Floats, total: Floats) -> Curve:
    """Ratios from baskets (K,), with intervals over the people's (N, K)."""
    baskets = counts.sum()
    if baskets < MIN_BASKETS:
        return Curve(name=name, segment_id=segment, points=(), why=words.few_baskets(int(baskets)))
    size = len(total)
    ratio = total * size / total.sum()
    apart = counts * size - ratio * counts.sum(axis=1, keepdims=True)  # (N, K) each person's pull
    error = np.sqrt((apart**2).sum(axis=0)) / baskets
    return Curve(
        name=name,
        segment_id=segment,
        points=tuple(
            Point(
                at=float(rank),
                label=words.hour(rank) if name == "hour" else words.weekday(rank),
                value=_log_interval(float(ratio[rank]), float(error[rank])),
                count=int(counts[:, rank].sum()),
            )
            for rank in range(size)
        ),
    )


def _log_interval(ratio: float, error: float) -> Interval | None:
    """An interval that stays above 0; None where nothing was ever bought."""
    if ratio <= 0:
        return None
    reach = float(np.exp(norm.ppf(0.5 + LEVEL / 2) * error / ratio))
    return Interval(estimate=ratio, low=ratio / reach, high=ratio * reach, level=LEVEL)


def answer_curves(
    con: duckdb.DuckDBPyConnection, *, before: date, zone: str, min_answers: int
) -> list[Curve]:
    """Redemptions by when a message came, and by how many came in the weeks before.

    Args:
        con: With the views `events` and `campaigns`.
        before: Only campaigns that ended by this day count, so that every answer is in.
        zone: IANA zone of the shop's clock.
        min_answers: Redemptions below which a point is not reported.
    """
    answers: pd.DataFrame = con.execute(
        _ANSWERS, [zone, zone, before.isoformat(), before.isoformat()]
    ).df()
    clocked = answers[answers["clocked"]]
    curves = []
    for name, column in (("sent_hour", "band"), ("sent_weekday", "weekday")):
        curve = _answers(name, clocked, column, min_answers)
        if clocked.empty and len(answers):
            curve = Curve(name=name, segment_id=None, points=(), why=words.no_clock())
        curves.append(curve)
    return curves + [
        _answers(f"messages_{days}", answers, f"recent_{days}", min_answers) for days in (28, 60)
    ]


def _answers(name: str, answers: pd.DataFrame, column: str, min_answers: int) -> Curve:
    redeemed = int(answers["answered"].sum())
    if redeemed < min_answers:
        why = words.few_answers(redeemed, min_answers)
        return Curve(name=name, segment_id=None, points=(), why=why)
    values = answers[column].astype("int64")
    counts = values.value_counts()
    if len(counts) < 2:
        return Curve(name=name, segment_id=None, points=(), why=words.all_alike())
    base = 0 if name.startswith("messages") and 0 in counts else int(counts.index[0])
    campaigns = answers["campaign"].astype("str")
    cells = pd.DataFrame(
        {
            "product": answers["person"],
            "unit": answers["person"],
            "units": answers["answered"],
            "activity": 1.0,
            "value": ("v" + values.astype("str")).where(values != base, BASE),
            "campaign": campaigns.where(campaigns != campaigns.mode()[0], BASE),
        }
    )
    found = estimate(cells, ("value", "campaign"), min_answers, level=LEVEL)
    known = {
        int(value[1:]): interval for (factor, value), interval in found.items() if factor == "value"
    }
    known[base] = Interval(estimate=1.0, low=1.0, high=1.0, level=LEVEL)
    heard = answers.groupby(values)["answered"].sum()
    return Curve(
        name=name,
        segment_id=None,
        points=tuple(
            Point(
                at=float(value),
                label=_label(name, value),
                value=known.get(value),
                count=int(heard[value]),
            )
            for value in sorted(counts.index.tolist())
        ),
        why=words.few_answers_apart(min_answers) if len(known) < 2 else None,
    )


def _label(name: str, value: int) -> Text:
    if name == "sent_hour":
        return words.hours(value, value + BAND)
    if name == "sent_weekday":
        return words.weekday(value)
    return words.messages(value, more=value == MOST)


def discount_curve(cuts: Sequence[Cut], min_units: int) -> Curve:
    """Unit sales by price cut, against the regular price."""
    if not cuts:
        return Curve(name="discount", segment_id=None, points=(), why=words.no_cuts())
    return Curve(
        name="discount",
        segment_id=None,
        points=tuple(
            Point(at=one.low, label=words.cut(one.low, one.high), value=one.uplift, count=one.units)
            for one in cuts
        ),
        why=None if any(one.uplift for one in cuts) else words.few_sales(min_units),
    )


_ANSWERS = f"""
    WITH seen AS (
        SELECT person, promotion_id, occurred_at,
            coalesce(context, '') NOT LIKE '%"dated_by"%' AS clocked,
            {
    ", ".join(
        f"count(*) OVER (PARTITION BY person ORDER BY occurred_at RANGE BETWEEN "
        f"INTERVAL {days} DAYS PRECEDING AND INTERVAL 1 MICROSECOND PRECEDING) "
        f"AS recent_{days}"
        for days in (28, 60)
    )
}
        FROM events WHERE event = 'view_promotion' AND promotion_id IS NOT NULL),
    first AS (
        SELECT * FROM seen
        QUALIFY row_number() OVER (
            PARTITION BY person, promotion_id ORDER BY occurred_at, clocked) = 1),
    used AS (
        SELECT DISTINCT e.person, e.promotion_id FROM events e
        JOIN campaigns c ON c.id = e.promotion_id
        WHERE e.event = 'select_promotion'
            AND e.occurred_at >= c.starts_at AND e.occurred_at < c.ends_at)
    SELECT f.person, f.promotion_id AS campaign, (u.person IS NOT NULL)::DOUBLE AS answered,
        f.clocked, hour(timezone(?, f.occurred_at)) // {BAND} * {BAND} AS band,
        isodow(timezone(?, f.occurred_at)) - 1 AS weekday,
        least(f.recent_28, {MOST}) AS recent_28, least(f.recent_60, {MOST}) AS recent_60
    FROM first f JOIN campaigns c ON c.id = f.promotion_id
    LEFT JOIN used u ON u.person = f.person AND u.promotion_id = f.promotion_id
    WHERE c.ends_at <= ?::DATE::TIMESTAMPTZ AND f.occurred_at < ?::DATE::TIMESTAMPTZ
    ORDER BY ALL
"""
