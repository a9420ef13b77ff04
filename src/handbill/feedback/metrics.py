"""How good a ranking and its probabilities are.

Every function is pure and takes `weights` of shape (..., n): how often each pair counts. Without
them each pair counts once; with (R, n) they answer for R bootstrap resamples at once, shape (R,).
Where a figure does not exist (one class only) the answer is NaN, which `bootstrap` turns into None.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

SMALLEST = 1e-6
"""Probabilities are cut to [SMALLEST, 1 - SMALLEST] before their logarithm is taken."""


def auc(outcomes: Array, scores: Array, weights: Array | None = None) -> Array:
    """Probability that a redeemer is ranked above another pair, ties counting half.

    Args:
        outcomes: (n,) 1 where redeemed, else 0.
        scores: (n,) higher is better.
        weights: (..., n) or None.

    Returns:
        (...) from 0 to 1.

    Source: Mann and Whitney 1947; Hanley and McNeil 1982.

    Example:
        >>> float(auc(np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.8, 0.1])))
        0.875
    """
    concordant, comparable = _concordance(outcomes, scores, _weights(outcomes, weights))
    return _ratio(concordant, comparable)


def auc_within(
    outcomes: Array, scores: Array, strata: Indices, weights: Array | None = None
) -> Array:
    """AUC that compares only pairs of the same stratum, so that levels between strata do not help.

    Args:
        outcomes: (n,) 1 where redeemed, else 0.
        scores: (n,) higher is better.
        strata: (n,) number of each pair's stratum, such as its campaign.
        weights: (..., n) or None.

    Returns:
        (...) from 0 to 1: concordant over comparable, summed over the strata.

    Example:
        >>> strata = np.array([0, 0, 1, 1])
        >>> float(auc_within(np.array([1.0, 0, 1, 0]), np.array([2.0, 1, 9, 8]), strata))
        1.0
    """
    weights = _weights(outcomes, weights)
    total = np.zeros((2, *weights.shape[:-1]))
    for stratum in np.unique(strata):
        rows = strata == stratum
        total += _concordance(outcomes[rows], scores[rows], weights[..., rows])
    return _ratio(total[0], total[1])


def captured(outcomes: Array, scores: Array, shares: Array, weights: Array | None = None) -> Array:
    """Share of all redeemers among the best `shares` of the pairs.

    Pairs of equal score are taken as if in random order, so the answer is an expectation and does
    not depend on the order of the rows.

    Args:
        outcomes: (n,) 1 where redeemed, else 0.
        scores: (n,) higher is better.
        shares: (S,) from 0 to 1.
        weights: (..., n) or None.

    Returns:
        (..., S) from 0 to 1. Divided by `shares` it is the lift.

    Example:
        >>> outcomes, scores = np.array([1.0, 0, 1, 0]), np.array([0.9, 0.8, 0.8, 0.1])
        >>> captured(outcomes, scores, np.array([0.25, 0.5, 1.0])).tolist()
        [0.5, 0.75, 1.0]
    """
    weights = _weights(outcomes, weights)
    reached, found = _gain(outcomes, scores, weights)
    answer = np.full((*weights.shape[:-1], len(shares)), np.nan)
    for row in np.ndindex(weights.shape[:-1]):
        if found[row][-1] > 0:  # between two groups of equal score the line is the expectation
            at = shares * reached[row][-1]
            answer[row] = np.interp(at, reached[row], found[row]) / found[row][-1]
    return answer


def mean(values: Array, weights: Array | None = None) -> Array:
    """Weighted mean of a figure per pair, such as its outcome or loss, shape (...)."""
    weights = _weights(values, weights)
    return _ratio(weights @ values, weights.sum(axis=-1))


def log_losses(outcomes: Array, probabilities: Array) -> Array:
    """Each pair's logarithmic loss, (n,); `mean` of it is the log loss.

    Example:
        >>> log_losses(np.array([1.0, 0.0]), np.array([0.5, 0.5])).round(3).tolist()
        [0.693, 0.693]
    """
    p = _inside(probabilities)
    losses: Array = -(outcomes * np.log(p) + (1 - outcomes) * np.log1p(-p))
    return losses


def calibration_bins(probabilities: Array, count: int) -> Indices:
    """The bin of each pair: about equally many in each, equal probabilities in the same one.

    Example:
        >>> calibration_bins(np.array([0.1, 0.1, 0.1, 0.4]), 2).tolist()
        [0, 0, 0, 1]
    """
    edges = np.unique(np.quantile(probabilities, np.arange(1, count) / count))
    raw = np.searchsorted(edges, probabilities, side="left")
    return np.unique(raw, return_inverse=True)[1]


def calibration_error(
    outcomes: Array, probabilities: Array, bin_of: Indices, weights: Array | None = None
) -> Array:
    """Expected calibration error: the mean distance of the bins' rates from their probabilities.

    Args:
        outcomes: (n,) 1 where redeemed, else 0.
        probabilities: (n,) from 0 to 1.
        bin_of: (n,) from `calibration_bins`.
        weights: (..., n) or None.

    Returns:
        (...) from 0 to 1.

    Source: Naeini, Cooper and Hauskrecht 2015.

    Example:
        >>> y, p = np.array([1.0, 0, 1, 1]), np.array([0.5, 0.5, 0.8, 0.8])
        >>> round(float(calibration_error(y, p, np.array([0, 0, 1, 1]))), 3)
        0.1
    """
    weights = _weights(outcomes, weights)
    member = bin_of[:, None] == np.arange(bin_of.max() + 1)  # (n, B)
    gaps = np.abs(weights @ (member * (outcomes - probabilities)[:, None]))
    return _ratio(gaps.sum(axis=-1), weights.sum(axis=-1))


def recalibration(
    outcomes: Array, probabilities: Array, weights: Array | None = None, *, steps: int = 25
) -> Array:
    """Intercept and slope of the outcomes' logistic regression on the logit of the probabilities.

    0 and 1 are perfect; a slope below 1 says that the probabilities are too extreme.

    Args:
        outcomes: (n,) 1 where redeemed, else 0.
        probabilities: (n,) from 0 to 1.
        weights: (..., n) or None.
        steps: Newton steps at most.

    Returns:
        (..., 2) intercept and slope; NaN where the likelihood has no single best point.

    Source: Cox 1958, "Two further applications of a model for binary regression".
    """
    weights = _weights(outcomes, weights)
    logits = logit(_inside(probabilities))
    centre, scale = logits.mean(), logits.std() or 1.0
    x = (logits - centre) / scale  # so that a Newton step does not overshoot
    rate = _inside(mean(outcomes, weights))
    beta = np.stack([logit(rate), np.zeros_like(rate)], axis=-1)
    step = np.full_like(beta, np.inf)
    for _ in range(steps):
        fitted = expit(beta[..., :1] + beta[..., 1:] * x)
        residual, curvature = weights * (outcomes - fitted), weights * fitted * (1 - fitted)
        g0, g1 = residual.sum(axis=-1), residual @ x
        h0, h1, h2 = curvature.sum(axis=-1), curvature @ x, curvature @ (x * x)
        determinant = h0 * h2 - h1 * h1
        flat = determinant <= 1e-9 * h0 * h2  # all probabilities alike, or one class only
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.stack([h2 * g0 - h1 * g1, h0 * g1 - h1 * g0], -1) / determinant[..., None]
        step = np.where(flat[..., None], np.nan, step)
        beta = beta + np.clip(step, -1, 1)
        if not np.any(np.abs(step) > 1e-7):
            break
    slope = beta[..., 1] / scale
    line = np.stack([beta[..., 0] - slope * centre, slope], axis=-1)
    return np.where(np.abs(step).max(axis=-1, keepdims=True) < 1e-4, line, np.nan)


def _concordance(outcomes: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Weight of (redeemer, other) pairs in right order, ties half; and of all of them."""
    reached, found = _gain(outcomes, scores, weights)
    others = reached - found
    area = np.asarray(np.trapezoid(found, others, axis=-1))
    return area, found[..., -1] * others[..., -1]


def _gain(outcomes: Array, scores: Array, weights: Array) -> tuple[Array, Array]:
    """Pairs reached and redeemers found, best scores first, one step per distinct score."""
    order = np.argsort(-scores, kind="stable")
    ranked, ordered = scores[order], weights[..., order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    steps = [np.add.reduceat(one, starts, axis=-1) for one in (ordered, ordered * outcomes[order])]
    zero = np.zeros((*weights.shape[:-1], 1))
    reached, found = (np.concatenate([zero, np.cumsum(one, axis=-1)], axis=-1) for one in steps)
    return reached, found


def _weights(like: Array, weights: Array | None) -> Array:
    return np.ones(len(like)) if weights is None else weights


def _inside(probabilities: Array) -> Array:
    return np.clip(probabilities, SMALLEST, 1 - SMALLEST)


def _ratio(top: Array, bottom: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom > 0, top / bottom, np.nan)
