"""Whether probabilities mean what they say."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from handbill.feedback.bootstrap import LEVEL, bootstrap, poisson_binomial, wilson
from handbill.feedback.metrics import (
    Array,
    Indices,
    calibration_bins,
    calibration_error,
    log_losses,
    mean,
    recalibration,
)
from handbill.feedback.pairs import Pairs
from handbill.feedback.records import Bin, Calibration, Expected
from handbill.feedback.settings import Settings

_CHANCE_DRAWS = 200
"""Simulations behind `error_by_chance`."""


def calibrate(pairs: Pairs, settings: Settings) -> Calibration:
    """Hold the probabilities against the outcomes.

    Args:
        pairs: Of campaigns that have ended, with both outcomes among them.
        settings: Bins, resamples and seed.
    """
    outcome, probability = pairs.outcome, pairs.probability
    bin_of = calibration_bins(probability, settings.bins)
    losses = log_losses(outcome, probability)
    squares = (outcome - probability) ** 2
    draws = bootstrap(
        {
            "line": partial(recalibration, outcome, probability),
            "error": partial(calibration_error, outcome, probability, bin_of),
            "log_loss": partial(mean, losses),
            "brier": partial(mean, squares),
        },
        pairs.person,
        resamples=settings.resamples,
        seed=settings.seed,
    )
    chance = errors_by_chance(probability, bin_of, settings.seed)
    base = np.full(len(outcome), outcome.mean())
    return Calibration(
        bins=tuple(_bin(outcome, probability, bin_of == i) for i in range(bin_of.max() + 1)),
        slope=draws["line"].at(1).interval(),
        intercept=draws["line"].at(0).interval(),
        error=draws["error"].interval(reflected=True),
        error_by_chance=float(chance.mean()),
        error_by_chance_high=float(np.quantile(chance, LEVEL)),
        log_loss=draws["log_loss"].interval(),
        log_loss_base=float(mean(log_losses(outcome, base))),
        brier=draws["brier"].interval(),
    )


def errors_by_chance(probability: Array, bin_of: Indices, seed: int) -> Array:
    """Calibration errors that perfect probabilities show on as many pairs, by simulation."""
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(_CHANCE_DRAWS):
        outcome = (rng.random(len(probability)) < probability).astype(np.float64)
        errors.append(calibration_error(outcome, probability, bin_of))
    return np.array(errors)


def expected_against_actual(pairs: Pairs) -> Expected:
    """The sum of the probabilities against the redeemers that came."""
    expected = poisson_binomial(pairs.probability)
    actual = int(pairs.outcome.sum())
    return Expected(
        pairs=len(pairs),
        expected=expected,
        actual=actual,
        actual_raw=int(pairs.raw.sum()),
        inside=expected.low <= actual <= expected.high,
    )


def _bin(outcome: Array, probability: Array, rows: NDArray[np.bool_]) -> Bin:
    pairs, redeemers = int(rows.sum()), int(outcome[rows].sum())
    rate = wilson(redeemers, pairs)
    return Bin(
        lowest=float(probability[rows].min()),
        highest=float(probability[rows].max()),
        pairs=pairs,
        expected=float(probability[rows].mean()),
        actual=rate.estimate,
        low=rate.low,
        high=rate.high,
    )
