"""Groups of people who buy alike: k-means, as many as a bootstrap finds again, none too small.

Source: Hennig (2007), Cluster-wise assessment of cluster stability (bootstrap, here scored by the
adjusted Rand index of Hubert & Arabie 1985).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

SPACE = (
    "recency_days",
    "baskets_90",
    "spend_micros_90",
    "basket_micros",
    "categories_90",
    "share_discounted",
    "share_private",
    "coupon_share",
)
"""The features that people are grouped by; everything but the shares on a logarithmic scale."""

STABLE = 0.7
"""Mean adjusted Rand index that a number of segments must reach under the bootstrap."""
RESAMPLES = 10
SAMPLE = 20_000
"""People that the choice of the number looks at; everyone is assigned in the end."""

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """Who belongs together.

    Attributes:
        labels: (n,) index of each person's segment, 0 the one that spends most per person.
        centroids: (k, d) means in the coordinates of `coordinates`.
        stability: (k,) mean Jaccard overlap of each segment with its bootstrap twin, 0 to 1.
        agreement: Mean adjusted Rand index between the whole and its bootstrap, -1 to 1.
        tried: The same for each number of segments that was tried.
    """

    labels: Labels
    centroids: Matrix
    stability: Matrix
    agreement: float
    tried: Mapping[int, float]


def column(features: pa.Table, name: str) -> Matrix:
    """A numeric column as floats (n,), null as NaN."""
    values = features.column(name).cast(pa.float64()).to_numpy()
    return np.array(values, dtype=np.float64)


def coordinates(features: pa.Table) -> Matrix:
    """People as points (n, d) in `SPACE`, not standardised: comparable from one day to another.

    Money is taken relative to the median buyer, so that the currency's unit does not matter. Who
    never bought is as far back as anyone, with nothing spent.
    """
    points = []
    for name in SPACE:
        values = column(features, name)
        known = values[~np.isnan(values)]
        missing = float(known.max()) if name == "recency_days" and known.size else 0.0
        values = np.where(np.isnan(values), missing, values).clip(min=0.0)
        if name.startswith(("spend_micros", "basket_micros")):
            positive = values[values > 0]
            values = values / float(np.median(positive)) if positive.size else values
        points.append(values if "share" in name else np.log1p(values))
    return np.column_stack(points)


def find_segments(
    points: Matrix, spend: Matrix, *, max_segments: int, min_segment: int, seed: int
) -> Segmentation:
    """Group people into the largest number of segments that a bootstrap finds again.

    Args:
        points: (n, d) from `coordinates`.
        spend: (n,) what orders the segments, descending by mean.
        max_segments: Most segments to try.
        min_segment: Fewest people of a segment; those of smaller ones join the nearest.
        seed: Of the clustering and the bootstrap.

    Returns:
        At least one segment; each has `min_segment` people or more unless there are fewer in all.
    """
    # Several threads gain nothing on so few numbers, and spin for each other on a busy machine.
    with threadpool_limits(limits=1):
        return _find(points, spend, max_segments, min_segment, seed)


def _find(
    points: Matrix, spend: Matrix, max_segments: int, min_segment: int, seed: int
) -> Segmentation:
    scaled = _standardised(points)
    most = min(max_segments, len(points) // min_segment, len(np.unique(scaled, axis=0)))
    rng = np.random.default_rng(seed)
    sample = rng.permutation(len(points))[:SAMPLE]
    tried = {
        number: _agreement(scaled[np.sort(sample)], number, seed) for number in range(2, most + 1)
    }
    number = choose_number(tried)
    model = _fit(scaled, number, seed)
    labels = dissolve_small(scaled, model.predict(scaled).astype(np.int64), min_segment)
    order = np.argsort([-spend[labels == one].mean() for one in range(labels.max() + 1)])
    labels = np.argsort(order)[labels]
    centroids = np.array([points[labels == one].mean(axis=0) for one in range(len(order))])
    return Segmentation(
        labels=labels,
        centroids=centroids,
        stability=_overlap(scaled, labels, number, min_segment, seed),
        agreement=tried.get(number, 1.0),
        tried=tried,
    )


def choose_number(tried: Mapping[int, float]) -> int:
    """The largest number that is stable; else the most stable one; 1 when none was tried.

    Example:
        >>> choose_number({2: 0.95, 3: 0.8, 4: 0.5}), choose_number({2: 0.3, 3: 0.5})
        (3, 3)
    """
    stable = [number for number, agreement in tried.items() if agreement >= STABLE]
    return max(stable) if stable else max(tried, key=lambda number: tried[number], default=1)


def dissolve_small(points: Matrix, labels: Labels, min_segment: int) -> Labels:
    """Move the people of segments that are too small to the nearest one left, smallest first.

    Args:
        points: (n, d).
        labels: (n,) from 0.
        min_segment: Fewest people of a segment.

    Returns:
        (n,) labels from 0 without a gap.
    """
    labels = labels.copy()
    while True:
        names, sizes = np.unique(labels, return_counts=True)
        if len(names) == 1 or sizes.min() >= min_segment:
            return np.searchsorted(names, labels).astype(np.int64)
        gone = names[int(sizes.argmin())]
        kept = [name for name in names if name != gone]
        centres = np.array([points[labels == name].mean(axis=0) for name in kept])
        homeless = np.flatnonzero(labels == gone)
        labels[homeless] = np.array(kept)[_nearest(points[homeless], centres)]


def keep_ids(centroids: Matrix, before: Mapping[str, Sequence[float]]) -> list[str]:
    """Names that stay with a segment from one run to the next.

    Args:
        centroids: (k, d) of this run.
        before: Of the previous run, by id.

    Returns:
        (k,) ids. A segment keeps the id of the nearest previous one, each used once, unless that
        is further away than half the distance between two typical segments; others get new ids.
    """
    ids: list[str | None] = [None] * len(centroids)
    old = np.array([list(point) for point in before.values()], dtype=np.float64)
    if old.ndim == 2 and old.shape[1:] == centroids.shape[1:]:
        spread = np.vstack([centroids, old]).std(axis=0)
        spread[spread < 1e-3] = 1.0  # what is left of equal centroids after rounding is no spread
        distance = np.linalg.norm((centroids[:, None] - old[None]) / spread, axis=2)
        apart = np.sqrt(2.0 * centroids.shape[1])  # of two independent standardised points
        for row, match in zip(*linear_sum_assignment(distance), strict=True):
            if distance[row, match] <= apart / 2:
                ids[row] = list(before)[match]
    taken = {one for one in ids if one} | set(before)
    fresh = (f"s{number}" for number in range(1, 10_000) if f"s{number}" not in taken)
    return [one or next(fresh) for one in ids]


def _standardised(points: Matrix) -> Matrix:
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    clipped = points.clip(low, high)
    spread = clipped.std(axis=0)
    spread[spread < 1e-9] = 1.0
    scaled: Matrix = (clipped - clipped.mean(axis=0)) / spread
    return scaled


def _fit(points: Matrix, number: int, seed: int, starts: int = 10) -> KMeans:
    return KMeans(number, n_init=starts, random_state=seed).fit(points)


def _resampled(points: Matrix, number: int, seed: int) -> list[Labels]:
    """Everyone's label under models fitted to people drawn with replacement."""
    labels = []
    for draw in range(RESAMPLES):
        rows = np.random.default_rng([seed, draw]).integers(0, len(points), len(points))
        model = _fit(points[rows], number, seed + draw + 1, starts=4)
        labels.append(model.predict(points).astype(np.int64))
    return labels


def _agreement(points: Matrix, number: int, seed: int) -> float:
    whole = _fit(points, number, seed).labels_
    scores = [adjusted_rand_score(whole, one) for one in _resampled(points, number, seed)]
    return float(np.mean(scores))


def _overlap(points: Matrix, labels: Labels, number: int, min_segment: int, seed: int) -> Matrix:
    """Mean over resamples of each segment's best Jaccard overlap."""
    twins = [dissolve_small(points, one, min_segment) for one in _resampled(points, number, seed)]
    overlaps = np.zeros(labels.max() + 1)
    for segment in range(len(overlaps)):
        inside = labels == segment
        for twin in twins:
            shared = np.bincount(twin[inside], minlength=twin.max() + 1)
            union = inside.sum() + np.bincount(twin, minlength=twin.max() + 1) - shared
            overlaps[segment] += float((shared / union).max()) / len(twins)
    return overlaps


def _nearest(points: Matrix, centres: Matrix) -> Labels:
    distance = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
    nearest: Labels = distance.argmin(axis=1).astype(np.int64)
    return nearest
