"""Which grouping to take: tried in several ways, judged by how it holds and what follows.

Source: Hennig (2007), Cluster-wise assessment of cluster stability (bootstrap, here scored by the
adjusted Rand index of Hubert & Arabie 1985).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from handbill.audience.segments import Labels, Matrix, fit, resampled

STABLE = 0.8
"""Mean adjusted Rand index that a grouping must reach under the bootstrap."""
SAMPLE = 20_000
"""People that the choice of the number looks at; everyone is assigned in the end."""
NUMBERS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 64, 80, 100)
"""Numbers of segments that are tried."""
NEARLY = 0.05
"""Lifts that differ by less are one: on a few thousand people, chance alone moves them so far."""
OWN = 0.01
"""Share of its spend that a segment's top category has at least."""

Lift = Callable[[Labels], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One way to group people, and how it did.

    Attributes:
        space: What people were grouped by.
        number: Of groups.
        agreement: Mean adjusted Rand index between the whole and its bootstrap, -1 to 1.
        lift: How much oftener a group's people bought its top category in the month that followed
            than everyone did, mean over people; None where no month has followed.
    """

    space: str
    number: int
    agreement: float
    lift: float | None


def try_groupings(
    spaces: Mapping[str, Matrix],
    numbers: Sequence[int],
    past: Mapping[str, Matrix],
    lift: Lift | None,
    seed: int,
) -> list[Tried]:
    """Group people in several ways: how each holds today, and what it would have told before.

    Args:
        spaces: Name -> (n, d) points of today.
        numbers: Of groups.
        past: Name -> (m, d) points of a month before.
        lift: Of labels of the past, from `lift_in`; None where no month has followed.
        seed: Of the clustering and the bootstrap.
    """
    found = []
    # Several threads gain nothing on so few numbers, and spin for each other on a busy machine.
    with threadpool_limits(limits=1):
        for name, points in spaces.items():
            rows = np.sort(np.random.default_rng(seed).permutation(len(points))[:SAMPLE])
            sample = points[rows]
            most = len(np.unique(sample, axis=0))
            for number in (one for one in numbers if one <= most):
                whole = fit(sample, number, seed).labels_
                agreement = _agreement(sample, whole, number, seed)
                gain = None
                if lift is not None and name in past and len(past[name]) > number:
                    gain = lift(fit(past[name], number, seed).labels_.astype(np.int64))
                found.append(Tried(space=name, number=number, agreement=agreement, lift=gain))
    return found


def choose(tried: Sequence[Tried]) -> Tried | None:
    """Of the stable groupings with nearly the largest lift the finest; else the most stable one.

    Where no month has followed, the finest stable one.

    Example:
        >>> few = Tried(space="habits", number=3, agreement=0.95, lift=1.1)
        >>> many = Tried(space="habits", number=8, agreement=0.82, lift=1.4)
        >>> loose = Tried(space="habits", number=12, agreement=0.5, lift=1.9)
        >>> choose([few, many, loose]).number
        8
    """
    stable = [one for one in tried if one.agreement >= STABLE]
    if stable:
        best = max(one.lift or 0.0 for one in stable)
        near = [one for one in stable if (one.lift or 0.0) >= best - NEARLY]
        return max(near, key=lambda one: (one.number, one.agreement))
    return max(tried, key=lambda one: one.agreement, default=None)


def lift_in(shares: Matrix, bought: NDArray[np.bool_]) -> Lift:
    """How to judge labels by what people bought afterwards.

    Args:
        shares: (n, c) of spend per category before; NaN where nothing was spent.
        bought: (n, c) whether a person bought of the category in the month that followed.

    Returns:
        Gives `Tried.lift`; a segment's top category is the one it exceeds everyone most in.
    """
    return lambda labels: lift_on(top_categories(labels, shares), labels, bought)


def top_categories(labels: Labels, shares: Matrix) -> list[int | None]:
    """The category that each segment's people exceed everyone most in.

    Args:
        labels: (n,) segment of each person.
        shares: (n, c) of spend per category; NaN where nothing was spent.

    Returns:
        (k,) of those with `OWN` of the segment's spend or more; None where there is none.
    """
    known = np.nan_to_num(shares)
    usual = np.maximum(known.mean(axis=0), 1e-9)
    tops: list[int | None] = []
    for segment in range(int(labels.max()) + 1):
        inside = labels == segment
        own = known[inside].mean(axis=0) if inside.any() else np.zeros(len(usual))
        told = own >= OWN
        tops.append(int(np.where(told, own / usual, 0.0).argmax()) if told.any() else None)
    return tops


def lift_on(tops: Sequence[int | None], labels: Labels, bought: NDArray[np.bool_]) -> float | None:
    """How much oftener segments' people bought their top category than everyone, mean over people.

    Args:
        tops: (k,) from `top_categories`.
        labels: (n,) segment of each person.
        bought: (n, c) whether a person bought of a category.
    """
    rate = bought.mean(axis=0)
    gains, sizes = [], []
    for segment, top in enumerate(tops):
        inside = labels == segment
        if top is not None and rate[top] > 0 and inside.any():
            gains.append(float(bought[inside, top].mean() / rate[top]))
            sizes.append(int(inside.sum()))
    return float(np.average(gains, weights=sizes)) if gains else None


def _agreement(points: Matrix, whole: Labels, number: int, seed: int) -> float:
    scores = [adjusted_rand_score(whole, one) for one in resampled(points, number, seed)]
    return float(np.mean(scores))
