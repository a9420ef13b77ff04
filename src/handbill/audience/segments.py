"""Groups of people who buy alike: k-means in the space, and into the number, that holds best.

A space is how people shop (recency, frequency, spend, prices), alone or with what they spend on. A
grouping counts when a bootstrap finds it again; of those that count, the one is taken whose people
most exceed others in buying their top category in the month that followed.

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

RESAMPLES = 8
STARTS = 8
FARTHEST = 2.5
"""Standard deviations beyond which being further out makes no difference."""
DIRECTIONS = 6
"""Main directions of what people spend on."""
SAME = 0.2
"""Jaccard overlap with a segment of the previous run from which on it is the same one."""

BY_HABITS = "habits"
BY_BOTH = "habits and tastes"

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """Who belongs together.

    Attributes:
        labels: (n,) index of each person's segment, 0 the one that spends most per person.
        stability: (k,) mean Jaccard overlap of each segment with its bootstrap twin, 0 to 1.
        agreement: Mean adjusted Rand index between the whole and its bootstrap, -1 to 1.
    """

    labels: Labels
    stability: Matrix
    agreement: float


def spaces_of(features: pa.Table, shares: Mapping[str, Matrix]) -> dict[str, Matrix]:
    """People as points (n, d) in each space, on comparable scales."""
    habits = scaled(coordinates(features))
    if len(shares) < 2:
        return {BY_HABITS: habits}
    spent = tastes(np.column_stack([*shares.values()]))
    return {BY_HABITS: habits, BY_BOTH: np.hstack([habits, spent])}


def column(features: pa.Table, name: str) -> Matrix:
    """A numeric column as floats (n,), null as NaN."""
    values = features.column(name).cast(pa.float64()).to_numpy()
    return np.array(values, dtype=np.float64)


def coordinates(features: pa.Table) -> Matrix:
    """People as points (n, d) in `SPACE`, not standardised.

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


def scaled(points: Matrix) -> Matrix:
    """Points with mean 0 and deviation 1 in each direction, the far ends drawn in."""
    low, high = np.quantile(points, [0.01, 0.99], axis=0)
    clipped = points.clip(low, high)
    spread = clipped.std(axis=0)
    spread[spread < 1e-9] = 1.0
    return np.asarray((clipped - clipped.mean(axis=0)) / spread).clip(-FARTHEST, FARTHEST)


def tastes(shares: Matrix, most: int = DIRECTIONS) -> Matrix:
    """What people spend on as points (n, d): the main directions of their shares' square roots.

    Args:
        shares: (n, c) of spend per category; NaN where nothing was spent.
        most: Directions.
    """
    roots = np.sqrt(np.nan_to_num(shares).clip(min=0.0))
    centred = roots - roots.mean(axis=0)
    # Through the categories' own products: they are few, people may be many.
    values, vectors = np.linalg.eigh(centred.T @ centred)
    found = vectors[:, np.argsort(values)[::-1][:most]]
    signs = np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    points = centred @ (found * signs)
    spread = float(points[:, 0].std())
    return np.asarray(points / spread if spread > 1e-9 else points)


def find_segments(
    points: Matrix, spend: Matrix, *, number: int, min_segment: int, seed: int
) -> Segmentation:
    """Group people into a number of segments, fewer where some would be too small.

    Args:
        points: (n, d) on comparable scales.
        spend: (n,) what orders the segments, descending by mean.
        number: Of groups to look for.
        min_segment: Fewest people of a segment; those of smaller ones join the nearest.
        seed: Of the clustering and the bootstrap.

    Returns:
        At least one segment; each has `min_segment` people or more unless there are fewer in all.
    """
    with threadpool_limits(limits=1):
        model = fit(points, number, seed)
        labels = dissolve_small(points, model.labels_.astype(np.int64), min_segment)
        order = np.argsort([-spend[labels == one].mean() for one in range(labels.max() + 1)])
        labels = np.argsort(order)[labels]
        twins = resampled(points, number, seed)
    scores = [adjusted_rand_score(model.labels_, one) for one in twins]
    settled = [dissolve_small(points, one, min_segment) for one in twins]
    return Segmentation(
        labels=labels,
        stability=_overlap(labels, settled),
        agreement=float(np.mean(scores)) if number > 1 else 1.0,
    )


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


def keep_ids(
    labels: Labels,
    people: Sequence[str],
    before: Mapping[str, str],
    retired: Sequence[str] = (),
) -> list[str]:
    """Names that stay with a segment from one run to the next.

    Args:
        labels: (n,) of this run.
        people: (n,) pseudonyms.
        before: Person -> id in the previous run.
        retired: Ids of segments that are gone: they name nothing else again.

    Returns:
        (k,) ids. Segments and previous ones are paired so that their overlaps (Jaccard, among
        people of both runs) sum to the most; less than `SAME` is no pair, and gets a new id.
    """
    count = int(labels.max()) + 1 if len(labels) else 0
    old = sorted(set(before.values()))
    place = {name: column for column, name in enumerate(old)}
    shared = np.zeros((count, len(old)))
    for label, person in zip(labels, people, strict=True):
        if person in before:
            shared[label, place[before[person]]] += 1
    union = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None] - shared
    overlap = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    ids: dict[int, str] = {
        int(row): old[column]
        for row, column in zip(*linear_sum_assignment(-overlap), strict=True)
        if overlap[row, column] >= SAME
    }
    taken = {*old, *retired}
    fresh = (name for number in range(1, 100_000) if (name := f"s{number}") not in taken)
    return [ids.get(row) or next(fresh) for row in range(count)]


def fit(points: Matrix, number: int, seed: int) -> KMeans:
    """k-means, the best of `STARTS`."""
    return KMeans(number, n_init=STARTS, random_state=seed).fit(points)


def resampled(points: Matrix, number: int, seed: int) -> list[Labels]:
    """Everyone's label under models fitted to people drawn with replacement."""
    labels = []
    for draw in range(RESAMPLES):
        rows = np.random.default_rng([seed, draw]).integers(0, len(points), len(points))
        distinct = len(np.unique(points[rows], axis=0))
        model = fit(points[rows], min(number, distinct), seed + draw + 1)
        labels.append(model.predict(points).astype(np.int64))
    return labels


def _overlap(labels: Labels, twins: Sequence[Labels]) -> Matrix:
    """Mean over resamples of each segment's best Jaccard overlap."""
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
