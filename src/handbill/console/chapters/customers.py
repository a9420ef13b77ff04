"""Who the customers are: segments, their share of spend, and what they care for."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from handbill.console.reading import Reader, text, texts
from handbill.types import Text

YEAR = timedelta(days=365)
SHOWN_INTERESTS = 3
MIN_SHARE = 0.02
"""A category counts as an interest of a segment when it holds at least this share of its scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """A category that a segment cares for more than others do.

    Attributes:
        category: Its readable name.
        ratio: The segment's mean score over everyone's.
    """

    category: Text
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFigures:
    """One segment.

    Attributes:
        id: As in the tables.
        name: Short, from what sets it apart.
        size: People.
        share_people: Of all people in segments.
        share_spend: Of what all of them paid in the year before the plan's day.
        facts: What sets it apart, strongest first.
        interests: What it cares for more than others, strongest first.
        stability: How surely the same people are found again, 0 to 1; None when not measured.
    """

    id: str
    name: Text
    size: int
    share_people: float
    share_spend: float
    facts: tuple[Text, ...]
    interests: tuple[Interest, ...]
    stability: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is expected of all who ever bought.

    Attributes:
        people: They.
        spend: Micros they are expected to pay in 90 days; None where that is unknown.
        gone: How many of them are expected to buy nothing in 30 days.
        auc: Of that, by model, on a day that is over; empty where it could not be tried.
        used: The model that was used.
    """

    people: int
    spend: float | None
    gone: float
    auc: dict[str, float]
    used: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """All segments, the largest share of spend first.

    Attributes:
        segments: At least one.
        people: In all segments.
        top: Segments that outspend their number, together: their share of people and of spend.
        ahead: What is expected of them; None where there is not enough data.
    """

    segments: tuple[SegmentFigures, ...]
    people: int
    top: tuple[float, float]
    ahead: Ahead | None = None


SPEND = """
    SELECT segment_id, count(DISTINCT s.person) AS people,
           coalesce(sum(value_micros), 0)::DOUBLE AS spend
    FROM {segments} s LEFT JOIN {events} e
      ON e.person = s.person AND e.event = 'purchase' AND e.is_human
     AND e.occurred_at >= ?::DATE AND e.occurred_at < ?::DATE
    GROUP BY 1
"""
INTERESTS = """
    WITH sizes AS (SELECT segment_id, count(*) AS people FROM {segments} GROUP BY 1),
    held AS (
        SELECT s.segment_id, i.category, sum(i.score) AS score
        FROM {interests} i JOIN {segments} s USING (person) GROUP BY 1, 2
    ),
    everyone AS (
        SELECT category, sum(score) / (SELECT sum(people) FROM sizes) AS mean FROM held GROUP BY 1
    )
    SELECT segment_id, category, score / people / mean AS ratio
    FROM held JOIN sizes USING (segment_id) JOIN everyone USING (category)
    WHERE score / people > mean
    QUALIFY score >= ? * sum(score) OVER (PARTITION BY segment_id)
    ORDER BY segment_id, ratio DESC, category
"""
AHEAD = """
    SELECT count(*) AS people, sum(spend_90_micros)::DOUBLE AS spend, sum(churn_30) AS gone
    FROM {value} WHERE churn_30 IS NOT NULL
"""
CHINESE = "SELECT DISTINCT category, category_zh FROM {products} WHERE category_zh IS NOT NULL"


def read_customers(reader: Reader, as_of: date) -> Customers | None:
    """The segments as of the plan's day; None when there are none yet."""
    tables = reader.workspace.tables
    entries = reader.json(tables / "segments.json")
    if not entries:
        return None
    spend = {
        row["segment_id"]: row["spend"]
        for row in reader.rows(
            SPEND, as_of - YEAR, as_of,
            segments=tables / "segments.parquet", events=reader.workspace.events,
        )
    }  # fmt: skip
    interests = _interests(reader)
    people = sum(entry["size"] for entry in entries)
    total = sum(spend.values()) or 1.0
    segments = sorted(
        (_segment(entry, people, spend, total, interests) for entry in entries),
        key=lambda one: (-one.share_spend, one.id),
    )
    top = [one for one in segments if one.share_spend > one.share_people]
    shares = (sum(one.share_people for one in top), sum(one.share_spend for one in top))
    return Customers(segments=tuple(segments), people=people, top=shares, ahead=_ahead(reader))


def _ahead(reader: Reader) -> Ahead | None:
    tables = reader.workspace.tables
    rows = reader.rows(AHEAD, value=tables / "value.parquet")
    if not rows or not rows[0]["people"]:
        return None
    record: Any = reader.json(tables / "value.json") or {"held_out": []}
    tested: dict[str, Any] = next(
        (one for one in record["held_out"] if one["target"] == "churn"), {}
    )
    return Ahead(**rows[0], auc=tested.get("auc") or {}, used=tested.get("used"))


def _segment(
    entry: Any, people: int, spend: dict[str, float], total: float,
    interests: dict[str, list[Interest]],
) -> SegmentFigures:  # fmt: skip
    return SegmentFigures(
        id=entry["id"],
        name=text(entry["name"]) or Text(en=entry["id"], zh=entry["id"]),
        size=entry["size"],
        share_people=entry["size"] / people if people else 0.0,
        share_spend=spend.get(entry["id"], 0.0) / total,
        facts=texts(entry.get("facts")),
        interests=tuple(interests.get(entry["id"], [])[:SHOWN_INTERESTS]),
        stability=entry.get("stability"),
    )


def _interests(reader: Reader) -> dict[str, list[Interest]]:
    tables, products = reader.workspace.tables, reader.workspace.catalog / "products.parquet"
    names = {row["category"]: row["category_zh"] for row in reader.rows(CHINESE, products=products)}
    found: dict[str, list[Interest]] = {}
    for row in reader.rows(
        INTERESTS, MIN_SHARE,
        interests=tables / "interests.parquet", segments=tables / "segments.parquet",
    ):  # fmt: skip
        category = row["category"]
        one = Interest(
            category=Text(en=category, zh=names.get(category, category)), ratio=row["ratio"]
        )
        found.setdefault(row["segment_id"], []).append(one)
    return found
