"""What a plan may be expected to bring, with what is not known of it."""

import numpy as np
from scipy.special import expit

from handbill.placement.arrays import Floats, Ints
from handbill.placement.response.calibration import Calibration
from handbill.types import Interval

DRAWS = 4_000
LEVEL = 0.95
POINTS = 500


def expected_redemptions(
    score: Floats, campaign: Ints, calibration: Calibration, rng: np.random.Generator
) -> Interval:
    """Redemptions of M messages.

    Three things are not known: the calibration, how this campaign differs from others like it, and
    chance. Each is drawn; the last as a binomial with the mean and the variance of the sum of
    unequal chances (the Poisson-binomial).

    Args:
        score: (M,) log-odds before calibration.
        campaign: (M,) numbers of their campaigns.
        calibration: With its covariance and spread.
        rng: Draws.

    Returns:
        The expected number and the interval in which the count will lie.
    """
    if len(score) == 0:
        return Interval(estimate=0.0, low=0.0, high=0.0, level=LEVEL)
    total = np.zeros(DRAWS)
    sigma = np.sqrt(np.log1p(calibration.spread**2))
    draws = rng.multivariate_normal(
        [calibration.offset, calibration.slope],
        np.asarray(calibration.covariance).reshape(2, 2),
        DRAWS,
    )
    for one in np.unique(campaign):
        sums, squares = _moments(*_thinned(score[campaign == one]), draws)
        level = rng.lognormal(-(sigma**2) / 2, sigma, DRAWS)
        chance = np.clip(squares / sums * level, 1e-12, 1.0)
        total += rng.binomial(
            np.maximum(1, np.round(sums * level / chance)).astype(np.int64), chance
        )
    low, high = np.quantile(total, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    estimate = float(calibration.probability(score).sum())
    return Interval(
        estimate=estimate,
        low=min(float(low), estimate),
        high=max(float(high), estimate),
        level=LEVEL,
    )


def _thinned(score: Floats) -> tuple[Floats, Floats]:
    """At most `POINTS` scores and their weights: neighbours of many are as good as their mean."""
    ordered = np.sort(score)
    parts = np.array_split(ordered, min(POINTS, len(ordered)))
    sizes = np.array([len(part) for part in parts], dtype=np.float64)
    starts = np.append(0, np.cumsum(sizes)[:-1]).astype(np.int64)
    return np.add.reduceat(ordered, starts) / sizes, sizes


def _moments(score: Floats, weight: Floats, draws: Floats) -> tuple[Floats, Floats]:
    """(D,) sums of probabilities and of their squares, under each drawn calibration."""
    p = expit(draws[:, :1] + draws[:, 1:] * score)  # (D, N)
    return p @ weight, (p * p) @ weight
