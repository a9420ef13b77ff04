"""Turns a model's score into a probability that holds on days the model has not seen."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from handbill.placement.arrays import Bools, Floats

PRIOR_SD = (0.5, 0.25)
"""How far the offset and the slope may be thought to lie from 0 and 1 before outcomes are seen.

Campaigns differ more than people do, so a few of them may only move the probabilities a little.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """p = expit(offset + slope * score), with what is not known of the two.

    Attributes:
        offset: 0 leaves the level as it is.
        slope: 1 leaves the spread as it is.
        covariance: (2, 2) of offset and slope, row by row.
        spread: Relative standard deviation of a campaign's true total around the expected one.
        pairs: Pairs it rests on.
        redeemers: Of them redeemed.
        campaigns: They came from.
    """

    offset: float = 0.0
    slope: float = 1.0
    covariance: tuple[float, float, float, float] = (
        PRIOR_SD[0] ** 2,
        0.0,
        0.0,
        PRIOR_SD[1] ** 2,
    )
    spread: float = 0.3
    pairs: int = 0
    redeemers: int = 0
    campaigns: int = 0

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Calibration":
        """From its JSON, the inverse of `dataclasses.asdict`."""
        return cls(**{**record, "covariance": tuple(record["covariance"])})

    def probability(self, score: Floats) -> Floats:
        """Probabilities of scores, (N,) -> (N,)."""
        return np.asarray(expit(self.offset + self.slope * score), dtype=np.float64)

    def draws(self, score: Floats, count: int, rng: np.random.Generator) -> Floats:
        """Probabilities under `count` likely offsets and slopes, (count, N)."""
        covariance = np.asarray(self.covariance).reshape(2, 2)
        pairs = rng.multivariate_normal([self.offset, self.slope], covariance, count)
        return np.asarray(expit(pairs[:, :1] + pairs[:, 1:] * score), dtype=np.float64)


def calibrate(
    score: Floats,
    redeemed: Bools,
    campaign: npt.NDArray[np.str_],
    stated: Floats,
) -> Calibration:
    """Fit offset and slope on scores that were made before their outcomes happened.

    The fit is drawn towards leaving the scores as they are, so with few outcomes it does little.

    Args:
        score: (N,) log-odds.
        redeemed: (N,) outcomes.
        campaign: (N,) which campaign each pair is of.
        stated: (N,) probabilities as they were stated then: how far campaigns came out from them
            is how far the next may.

    Returns:
        The most likely calibration.

    Source: Platt, Probabilistic outputs for support vector machines (1999), with a normal prior.
    """
    if len(score) == 0:
        return Calibration()
    design = np.column_stack([np.ones_like(score), score])  # (N, 2)
    beta, covariance = most_likely(
        design, redeemed.astype(np.float64), np.array([0.0, 1.0]), 1 / np.square(PRIOR_SD)
    )
    names, codes = np.unique(campaign, return_inverse=True)
    return Calibration(
        offset=float(beta[0]),
        slope=float(beta[1]),
        covariance=tuple(float(one) for one in covariance.ravel()),  # type: ignore[arg-type]
        spread=campaign_spread(stated, redeemed, codes),
        pairs=len(score),
        redeemers=int(redeemed.sum()),
        campaigns=len(names),
    )


def most_likely(
    design: Floats,
    outcome: Floats,
    mean: Floats,
    precision: Floats,
    weight: Floats | None = None,
) -> tuple[Floats, Floats]:
    """Logistic regression with a normal prior, by Newton's method.

    Args:
        design: (N, D) rows.
        outcome: (N,) of 0 and 1.
        mean: (D,) of the prior.
        precision: (D,) one over the prior's variance; 0 for none.
        weight: (N,) how much each row counts; 1 when None.

    Returns:
        (D,) most likely coefficients and their (D, D) covariance.
    """
    beta = mean.copy()
    counts = np.ones(len(design)) if weight is None else weight
    value = _objective(design @ beta, outcome, counts, beta - mean, precision)
    for _ in range(100):
        p = expit(design @ beta)
        gradient = design.T @ (counts * (outcome - p)) - precision * (beta - mean)
        information = (design * (counts * p * (1 - p))[:, None]).T @ design + np.diag(precision)
        step = np.linalg.solve(information, gradient)
        while True:  # halve a step that overshoots; the objective is concave, so one will do
            ahead = beta + step
            better = _objective(design @ ahead, outcome, counts, ahead - mean, precision)
            if better >= value - 1e-12 * abs(value):
                break
            step = step / 2
        beta, value = ahead, better
        if np.abs(step).max() < 1e-8:
            break
    return beta, np.linalg.inv(information)


def _objective(
    logit: Floats, outcome: Floats, counts: Floats, off: Floats, precision: Floats
) -> float:
    """Log posterior up to a constant."""
    likelihood = counts @ (outcome * logit - np.logaddexp(0, logit))
    return float(likelihood - 0.5 * np.sum(precision * off**2))


def campaign_spread(p: Floats, redeemed: Bools, codes: npt.NDArray[np.intp]) -> float:
    """How much campaigns differ beyond chance, as a share of the expected total.

    The excess of squared differences over their binomial variance, relative to the squared
    expectations; a prior of 0.3 that counts as one campaign of ten expected redeemers keeps it
    from being 0 or boundless when there are few.

    Args:
        p: (N,) probabilities.
        redeemed: (N,) outcomes.
        codes: (N,) campaign numbers, from 0.

    Returns:
        Relative standard deviation, 0 or more.
    """
    expected = np.bincount(codes, weights=p)
    actual = np.bincount(codes, weights=redeemed.astype(np.float64))
    variance = np.bincount(codes, weights=p * (1 - p))
    excess = float(np.sum((actual - expected) ** 2 - variance)) + 0.3**2 * 100
    return float(np.sqrt(max(0.0, excess) / (float(np.sum(expected**2)) + 100)))
