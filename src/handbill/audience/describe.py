"""From people and their features to named, described segments that keep their ids."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from handbill.audience.metrics import HABITS, Metric, category_metric, habit_values
from handbill.audience.portraits import (
    EVERYONE,
    MOST_FACTS,
    Difference,
    differences,
    name_segments,
)
from handbill.audience.segments import (
    SPACE,
    Labels,
    Matrix,
    Segmentation,
    column,
    coordinates,
    find_segments,
    keep_ids,
)
from handbill.audience.settings import Settings
from handbill.types import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """The segments of a day.

    Attributes:
        ids: (n,) segment of each person, in the order of the features.
        segments: The list of `tables/segments.json`.
        found: How they were found; None when everyone is one segment for want of people.
    """

    ids: list[str]
    segments: list[dict[str, Any]]
    found: Segmentation | None


def describe_segments(
    features: pa.Table,
    shares: Mapping[str, Matrix],
    chinese: Mapping[str, str],
    before: Sequence[Mapping[str, Any]],
    settings: Settings,
    currency: str,
) -> Described:
    """Group people, say what sets each group apart, and keep the ids of the previous run.

    Args:
        features: Of the plan's day.
        shares: Share of each person's spend per category, (n,) each; NaN where nothing was spent.
        chinese: Chinese names of categories.
        before: The previous `tables/segments.json`, empty the first time.
        settings: The stage's.
        currency: Of money in the sentences.
    """
    people = features.num_rows
    if people < 2 * settings.min_segment:
        return _everyone(people)
    points = coordinates(features)
    found = find_segments(
        points,
        column(features, "spend_micros_365"),
        max_segments=settings.max_segments,
        min_segment=settings.min_segment,
        seed=settings.seed,
    )
    portraits = _portraits(features, shares, chinese, found.labels)
    names = name_segments(portraits) if len(portraits) > 1 else [EVERYONE]
    ids = keep_ids(found.centroids, _previous(before))
    segments = [
        {
            "id": ids[rank],
            "name": _both(names[rank]),
            "size": int((found.labels == rank).sum()),
            "facts": [_fact(one, currency) for one in portraits[rank][:MOST_FACTS]],
            "stability": round(float(found.stability[rank]), 3),
            "centroid": dict(zip(SPACE, np.round(found.centroids[rank], 6).tolist(), strict=True)),
        }
        for rank in range(len(ids))
    ]
    return Described(ids=[ids[label] for label in found.labels], segments=segments, found=found)


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


def _previous(before: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Centroids of the previous run that lie in the same space."""
    return {
        str(one["id"]): [float(one["centroid"][name]) for name in SPACE]
        for one in before
        if set(one.get("centroid", {})) == set(SPACE)
    }


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
