"""From people and their features to named, described segments that keep their ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handbill.audience.groupings import NUMBERS, Tried, choose, lift_in, try_groupings
from handbill.audience.metrics import HABITS, Metric, category_metric, habit_values
from handbill.audience.portraits import (
    EVERYONE,
    MOST_FACTS,
    Difference,
    differences,
    name_segments,
)
from handbill.audience.segments import (
    BY_HABITS,
    SPACE,
    Labels,
    Matrix,
    Segmentation,
    column,
    coordinates,
    find_segments,
    keep_ids,
    spaces_of,
)
from handbill.audience.settings import Settings
from handbill.types import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The shop a month before: groupings are judged by what followed.

    Attributes:
        features: As of that day.
        shares: Share of each person's spend per category, (n,) each.
        bought: (n, c) whether they bought of each of those categories in the month that followed.
    """

    features: pa.Table
    shares: Mapping[str, Matrix]
    bought: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The previous run's segments, whose ids are kept.

    Attributes:
        members: Person -> id.
        retired: Ids of segments that were gone by then.
    """

    members: Mapping[str, str]
    retired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The segments of a day.

    Attributes:
        ids: (n,) segment of each person, in the order of the features.
        segments: The list of `tables/segments.json`.
        found: How they hold; None when everyone is one segment for want of people.
        tried: The groupings that were looked at.
        chosen: The one that was taken.
        retired: Ids that name nothing any more.
    """

    ids: list[str]
    segments: list[dict[str, Any]]
    found: Segmentation | None
    tried: tuple[Tried, ...] = ()
    chosen: Tried | None = None
    retired: tuple[str, ...] = ()


def describe_segments(
    features: pa.Table,
    shares: Mapping[str, Matrix],
    chinese: Mapping[str, str],
    before: Before,
    settings: Settings,
    currency: str,
    past: Past | None = None,
) -> Described:
    """Group people, say what sets each group apart, and keep the ids of the previous run.

    Args:
        features: Of the plan's day.
        shares: Share of each person's spend per category, (n,) each; NaN where nothing was spent.
        chinese: Chinese names of categories.
        before: The previous run's segments.
        settings: The stage's.
        currency: Of money in the sentences.
        past: What the groupings' lift is measured on; without one they have none.
    """
    people = features.num_rows
    if people < 2 * settings.min_segment:
        return _everyone(people)
    spaces = spaces_of(features, shares)
    tried = _try(spaces, settings, past)
    chosen = choose(tried)
    found = find_segments(
        spaces[chosen.space if chosen else BY_HABITS],
        column(features, "spend_micros_365"),
        number=chosen.number if chosen else 1,
        min_segment=settings.min_segment,
        seed=settings.seed,
    )
    portraits = _portraits(features, shares, chinese, found.labels)
    names = name_segments(portraits) if len(portraits) > 1 else [EVERYONE]
    persons = features.column("person").to_pylist()
    ids = keep_ids(found.labels, persons, before.members, before.retired)
    points = coordinates(features)
    segments = [
        {
            "id": ids[rank],
            "name": _both(names[rank]),
            "size": int((found.labels == rank).sum()),
            "facts": [_fact(one, currency) for one in portraits[rank][:MOST_FACTS]],
            "stability": round(float(found.stability[rank]), 3),
            "centroid": _centroid(points[found.labels == rank]),
        }
        for rank in range(len(ids))
    ]
    gone = {*before.members.values(), *before.retired} - set(ids)
    return Described(
        ids=[ids[label] for label in found.labels],
        segments=segments,
        found=found,
        tried=tuple(tried),
        chosen=chosen,
        retired=tuple(sorted(gone)),
    )


def segment_card(described: Described, as_of: date) -> dict[str, Any]:
    """`card.json` of the segments: how they were chosen, how they hold, which ids they keep."""
    chosen = described.chosen
    return {
        "as_of": str(as_of),
        "space": chosen and chosen.space,
        "asked": chosen and chosen.number,
        "agreement": described.found and described.found.agreement,
        "lift": chosen and chosen.lift,
        "tried": [
            {"space": one.space, "number": one.number, "agreement": one.agreement,
             "lift": one.lift}
            for one in described.tried
        ],
        "segments": {one["id"]: one["name"] for one in described.segments},
        "retired": list(described.retired),
    }  # fmt: skip


def _try(spaces: Mapping[str, Matrix], settings: Settings, past: Past | None) -> list[Tried]:
    """The groupings worth a look."""
    lift, then = None, dict[str, Matrix]()
    if past is not None and past.shares and past.features.num_rows >= 2 * settings.min_segment:
        then = spaces_of(past.features, past.shares)
        lift = lift_in(np.column_stack([*past.shares.values()]), past.bought)
    most = min(settings.max_segments, len(spaces[BY_HABITS]) // settings.min_segment)
    numbers = [number for number in NUMBERS if number <= most]
    if settings.segments:
        numbers = [min(settings.segments, most)]
    return try_groupings(spaces, numbers, then, lift, settings.seed)


def _centroid(points: Matrix) -> dict[str, float]:
    return dict(zip(SPACE, np.round(points.mean(axis=0), 6).tolist(), strict=True))


def _everyone(people: int) -> Described:
    segment = {
        "id": "s1",
        "name": _both(EVERYONE),
        "size": people,
        "facts": [],
        "stability": 1.0,
        "centroid": {},
    }
    return Described(ids=["s1"] * people, segments=[segment] if people else [], found=None)


def _portraits(
    features: pa.Table, shares: Mapping[str, Matrix], chinese: Mapping[str, str], labels: Labels
) -> list[list[Difference]]:
    metrics: list[Metric] = [
        *HABITS,
        *(category_metric(category, chinese.get(category)) for category in shares),
    ]
    values = {**habit_values(features), **shares}
    return [differences(values, metrics, labels, segment) for segment in range(labels.max() + 1)]


def _fact(difference: Difference, currency: str) -> dict[str, Any]:
    return {
        **_both(difference.sentence(currency)),
        "metric": difference.metric.name,
        "value": difference.value,
        "others": difference.others,
        "ratio": difference.ratio.estimate,
        "low": difference.ratio.low,
        "high": difference.ratio.high,
    }


def _both(text: Text) -> dict[str, str]:
    return {"en": text.en, "zh": text.zh}
