"""Intervals of means: whole groups are drawn again, as the values of one group hang together."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handbill.types import Interval

DRAWS = 2_000
LEVEL = 0.95


def mean_interval(values: Sequence[float] | Any, groups: Sequence[str], seed: int = 7) -> Interval:
    """A mean with its interval.

    Args:
        values: (N,), one or more.
        groups: (N,) what each belongs to, such as the brief or the test.
        seed: Of the draws.
    """
    table = np.asarray(values, dtype=float)
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    sums, counts = np.bincount(group, table), np.bincount(group).astype(float)
    even = np.full(len(counts), 1 / len(counts))
    draws = np.random.default_rng(seed).multinomial(len(counts), even, size=DRAWS)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(estimate=float(table.mean()), low=float(low), high=float(high), level=LEVEL)
