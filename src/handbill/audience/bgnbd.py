"""When people buy and when they stop: BG/NBD, fit by its own likelihood with an analytic gradient.

While alive a person buys at random at a rate of their own; rates are Gamma(r, alpha) over people.
After each purchase they stop for good with a chance of their own, Beta(a, b) over people. The days
of one-time buyers and of people first seen on one day repeat, so the likelihood runs over distinct
rows with their counts.

Source: Fader, Hardie & Lee (2005), "Counting your customers" the easy way, eq. 6 and 7.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln

Matrix = NDArray[np.float64]
Slope = Callable[[Matrix], Matrix]

FARTHEST = 12.0
"""Bound of the parameters' logarithms, in units of the mean time observed."""
PRIOR_SPREAD = 2.0
"""Standard deviation of a weak prior on the logarithms, for draws only: where the data leave a
direction open (nobody stops, say), draws stay within reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """What the model needs of each person, (n,) each, in any unit of time.

    Attributes:
        repeats: Purchases after the first.
        last: Time from the first purchase to the last; 0 where there was no other.
        observed: Time from the first purchase to the present.
    """

    repeats: Matrix
    last: Matrix
    observed: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class BgNbd:
    """The fitted model.

    Attributes:
        r: Shape of the rates over people.
        alpha: Inverse scale of the rates, time.
        a: First shape of the chance to stop.
        b: Second shape of it.
        log_likelihood: At the optimum.
        spread: (4, 4) covariance of the logarithms of r, alpha, a and b (Laplace).
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    spread: Matrix

    @property
    def parameters(self) -> Matrix:
        """(1, 4): r, alpha, a, b."""
        return np.array([[self.r, self.alpha, self.a, self.b]])

    def draws(self, count: int, rng: np.random.Generator) -> Matrix:
        """Parameters that the data leave possible, (count, 4)."""
        logs = rng.multivariate_normal(np.log(self.parameters[0]), self.spread, count)
        return np.exp(logs)


def fit_bgnbd(histories: Histories) -> BgNbd | None:
    """Fit the model by maximum likelihood.

    Args:
        histories: Of people who bought at least once.

    Returns:
        The model, or None where nobody bought twice or the optimum is not one.
    """
    if not len(histories.repeats) or histories.repeats.max() <= 0 or histories.observed.max() <= 0:
        return None
    unit = float(histories.observed.mean())
    rows = np.column_stack([histories.repeats, histories.last / unit, histories.observed / unit])
    rows, counts = np.unique(rows, axis=0, return_counts=True)

    def loss(logs: Matrix) -> tuple[float, Matrix]:
        value, slope = log_likelihood(logs, rows, counts)
        return -value, -slope

    bounds = [(-FARTHEST, FARTHEST)] * 4
    found = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=bounds,
                     options={"maxiter": 1000, "ftol": 1e-13, "gtol": 1e-7})  # fmt: skip
    if not np.isfinite(found.fun):
        return None
    r, alpha, a, b = np.exp(found.x)
    return BgNbd(
        r=float(r),
        alpha=float(alpha * unit),
        a=float(a),
        b=float(b),
        # The density of the times changes with their unit: one factor for each repeat purchase.
        log_likelihood=-float(found.fun) - float(histories.repeats.sum()) * float(np.log(unit)),
        spread=laplace(lambda logs: log_likelihood(logs, rows, counts)[1], found.x),
    )


def log_likelihood(logs: Matrix, rows: Matrix, counts: NDArray[np.int64]) -> tuple[float, Matrix]:
    """Log-likelihood and its gradient.

    Args:
        logs: (4,) logarithms of r, alpha, a and b.
        rows: (m, 3) distinct repeats, last and observed.
        counts: (m,) people of each row.

    Returns:
        The sum over people, and its slope in the logarithms, (4,).
    """
    r, alpha, a, b = np.exp(logs)
    x, last, observed = rows.T
    returned = x > 0
    before = np.where(returned, x, 1.0)  # only read where `returned`
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    common += betaln(a, b + x) - betaln(a, b)
    stays = np.log(alpha + observed)
    stops = np.log(alpha + last)
    # Alive to the end, or stopped at the last purchase; both without the factor B(a, b+x)/B(a, b).
    alive = -(r + x) * stays
    gone = np.where(returned, np.log(a) - np.log(b + before - 1.0) - (r + x) * stops, -np.inf)
    either = np.logaddexp(alive, gone)
    share_gone = np.exp(gone - either)
    share_alive = 1.0 - share_gone
    both = digamma(a + b) - digamma(a + b + x)
    slope_r = digamma(r + x) - digamma(r) + np.log(alpha) - share_alive * stays - share_gone * stops
    slope_alpha = r / alpha - (r + x) * (
        share_alive / (alpha + observed) + share_gone / (alpha + last)
    )
    slope_a = both + share_gone / a
    slope_b = both + digamma(b + x) - digamma(b) - share_gone / (b + before - 1.0)
    slopes = np.column_stack([slope_r * r, slope_alpha * alpha, slope_a * a, slope_b * b])
    return float(counts @ (common + either)), np.asarray(counts @ slopes)


def laplace(slope: Slope, optimum: Matrix, step: float = 1e-4) -> Matrix:
    """Covariance of the logarithms of parameters around an optimum.

    Args:
        slope: Gradient of the log-likelihood.
        optimum: Where it is largest.
        step: Of the central differences.

    Returns:
        Inverse of the curvature, a weak prior of `PRIOR_SPREAD` added; symmetric and positive.
    """
    size = len(optimum)
    sides = step * np.eye(size)
    rows = [(slope(optimum + side) - slope(optimum - side)) / (2 * step) for side in sides]
    curvature = -np.array(rows)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    precision = values.clip(min=0.0) + PRIOR_SPREAD**-2
    covariance: Matrix = (vectors / precision) @ vectors.T
    return covariance


def alive(histories: Histories, parameters: Matrix) -> Matrix:
    """Chance that each person still buys.

    Args:
        histories: (n,) people.
        parameters: (d, 4) of r, alpha, a and b, the same unit of time.

    Returns:
        (n, d).
    """
    r, alpha, a, b = parameters.T
    x, last, observed = (
        one[:, None] for one in (histories.repeats, histories.last, histories.observed)
    )
    odds = np.log(a) - np.log(np.maximum(b + x - 1.0, 1e-300))
    odds = odds + (r + x) * (np.log(alpha + observed) - np.log(alpha + last))
    chance: Matrix = np.where(x > 0, 1.0 / (1.0 + np.exp(odds.clip(max=700.0))), 1.0)
    return chance
