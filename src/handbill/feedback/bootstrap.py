"""Intervals: whole people are drawn again, as the pairs of one person are not independent."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, norm

from handbill.feedback.metrics import Array, Indices
from handbill.types import Interval

LEVEL = 0.95
"""Coverage of every interval of this stage."""

Statistic = Callable[[Array], Array]
"""Weights (..., n) to a figure, (...) or (..., K)."""

_CELLS = 2_000_000
"""Weights held at once, so that memory stays small however many pairs there are."""


@dataclass(frozen=True, slots=True)
class Draws:
    """A figure with its bootstrap replicates.

    Attributes:
        estimate: (...) on the data as they are.
        values: (R, ...) on the resamples; those of two figures of one call are paired.
    """

    estimate: Array
    values: Array

    def at(self, index: int) -> "Draws":
        """One component of a figure that has several."""
        return Draws(self.estimate[..., index], self.values[..., index])

    def times(self, factor: "Draws | float") -> "Draws":
        """The paired product, or the figure in another unit."""
        other = factor if isinstance(factor, Draws) else constant(factor)
        return Draws(self.estimate * other.estimate, self.values * other.values)

    def minus(self, other: "Draws") -> "Draws":
        """The paired difference."""
        return Draws(self.estimate - other.estimate, self.values - other.values)

    def over(self, other: "Draws") -> "Draws":
        """The paired ratio; NaN where the other is 0."""
        return Draws(_divide(self.estimate, other.estimate), _divide(self.values, other.values))

    def interval(self, *, reflected: bool = False) -> Interval | None:
        """The interval, or None when the figure does not exist in 1 of 20 resamples.

        Args:
            reflected: Take the basic interval, cut at 0, instead of the percentiles: for a
                distance, which every resample makes larger.

        Source: Davison and Hinkley 1997, equations 5.6 (basic) and 5.18 (percentile).
        """
        known = self.values[np.isfinite(self.values)]
        if not np.isfinite(self.estimate) or len(known) < LEVEL * len(self.values):
            return None
        low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        if reflected:
            low, high = (max(0.0, 2 * self.estimate - end) for end in (high, low))
        return Interval(
            estimate=float(self.estimate), low=float(low), high=float(high), level=LEVEL
        )


def constant(value: float) -> Draws:
    """A figure that is known."""
    return Draws(np.asarray(value, dtype=np.float64), np.asarray(value, dtype=np.float64))


def bootstrap(
    statistics: Mapping[str, Statistic], clusters: Indices, *, resamples: int, seed: int
) -> dict[str, Draws]:
    """Evaluate figures on the data and on resamples of whole clusters, the same for all figures.

    Args:
        statistics: Named figures.
        clusters: (n,) number of each pair's person, 0 to C - 1.
        resamples: R.
        seed: Of the draws.

    Returns:
        Each figure's draws.

    Source: Davison and Hinkley 1997, section 3.8 (cluster resampling).
    """
    once = np.ones(len(clusters))
    parts: dict[str, list[Array]] = {name: [] for name in statistics}
    for weights in _resampled(clusters, resamples, np.random.default_rng(seed)):
        for name, statistic in statistics.items():
            parts[name].append(statistic(weights))
    return {
        name: Draws(statistic(once), np.concatenate(parts[name]))
        for name, statistic in statistics.items()
    }


def wilson(hits: int, of: int) -> Interval:
    """A rate with its score interval, which holds for few hits too.

    Args:
        hits: How many.
        of: Of how many, at least 1.

    Source: Wilson 1927.

    Example:
        >>> rate = wilson(5, 50)
        >>> round(rate.low, 3), round(rate.high, 3)
        (0.043, 0.214)
    """
    z = float(norm.ppf((1 + LEVEL) / 2))
    rate, shrink = hits / of, 1 + z * z / of
    centre = (rate + z * z / (2 * of)) / shrink
    half = z * ((rate * (1 - rate) + z * z / (4 * of)) / of) ** 0.5 / shrink
    return Interval(
        estimate=rate,
        low=max(0.0, min(rate, centre - half)),  # the exact ends are lost to rounding otherwise
        high=min(1.0, max(rate, centre + half)),
        level=LEVEL,
    )


def poisson_binomial(probabilities: Array) -> Interval:
    """How many of independent events happen, when their probabilities are right.

    Args:
        probabilities: (n,) from 0 to 1.

    Returns:
        Expected number and the range that holds it in 95 of 100 cases.

    Source: Le Cam 1960; exact by convolution below 5,000 events, beyond it normal.

    Example:
        >>> poisson_binomial(np.full(100, 0.1))
        Interval(estimate=10.0, low=5.0, high=16.0, level=0.95)
    """
    expected = float(np.round(probabilities.sum(), 9))
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    if len(probabilities) and np.ptp(probabilities) == 0:
        low, high = binom.ppf(tails, len(probabilities), probabilities[0])
    elif len(probabilities) < 5_000:
        mass = np.ones(1)
        for p in probabilities:
            mass = np.append(mass * (1 - p), 0.0) + np.append(0.0, mass * p)
        low, high = np.searchsorted(np.cumsum(mass), tails)
    else:
        deviation = float(np.sqrt((probabilities * (1 - probabilities)).sum()))
        low, high = np.round(norm.ppf(tails, expected, deviation))
    return Interval(estimate=expected, low=float(low), high=float(high), level=LEVEL)


def _resampled(clusters: Indices, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """Weights (r, n) in portions: how often each pair's person was drawn."""
    people = int(clusters.max()) + 1
    portion = max(1, min(resamples, _CELLS // len(clusters)))
    for start in range(0, resamples, portion):
        rows = min(portion, resamples - start)
        drawn = rng.integers(people, size=(rows, people))
        drawn += people * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * people).reshape(rows, people)
        yield counts[:, clusters].astype(np.float64)


def _divide(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom != 0, top / bottom, np.nan)
