import numpy as np
import pytest
from scipy.special import expit

from handbill.placement.response.calibration import (
    Calibration,
    calibrate,
    campaign_spread,
    most_likely,
)


def test_a_planted_offset_and_slope_are_recovered() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(-1, 1.5, 40_000)
    redeemed = rng.random(len(score)) < expit(0.4 + 0.7 * score)
    found = calibrate(
        score, redeemed, np.repeat(["a", "b"], len(score) // 2), expit(0.4 + 0.7 * score)
    )
    errors = np.sqrt(np.diag(np.reshape(found.covariance, (2, 2))))
    assert abs(found.offset - 0.4) < 3 * errors[0] < 0.1
    assert abs(found.slope - 0.7) < 3 * errors[1] < 0.1
    assert found.campaigns == 2
    assert found.redeemers == redeemed.sum()
    assert found.spread < 0.05
    off = calibrate(score, redeemed, np.full(len(score), "a"), expit(0.4 + 0.7 * score) / 2)
    assert off.spread == pytest.approx(1, abs=0.05)  # campaigns bring twice what was stated


def test_few_outcomes_hardly_move_it() -> None:
    score = np.array([-1.0, 0.0, 1.0])
    found = calibrate(
        score, np.array([True, False, False]), np.array(["a", "a", "a"]), expit(score)
    )
    assert abs(found.offset) < 0.2
    assert found.slope == pytest.approx(1, abs=0.15)
    assert calibrate(score[:0], np.zeros(0, bool), np.zeros(0, str), score[:0]) == Calibration()


def test_separable_outcomes_stay_finite() -> None:
    score = np.linspace(-30, 30, 200)
    found = calibrate(score, score > 0, np.full(200, "a"), expit(score))
    assert np.isfinite([found.offset, found.slope, *found.covariance]).all()
    assert found.slope > 1


def test_newton_finds_the_optimum_from_a_bad_start() -> None:
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(500), rng.normal(0, 5, 500)])
    y = (rng.random(500) < expit(x @ [1.0, -2.0])).astype(float)
    precision = np.array([0.0, 0.5])
    beta, covariance = most_likely(x, y, np.array([9.0, 9.0]), precision)
    slope = x.T @ (y - expit(x @ beta)) - precision * (beta - 9.0)
    assert np.abs(slope).max() < 1e-5
    assert np.all(np.linalg.eigvalsh(covariance) > 0)


def test_campaigns_that_differ_more_than_chance_show_a_spread() -> None:
    rng = np.random.default_rng(2)
    codes = np.repeat(np.arange(200), 400)
    p = np.full(len(codes), 0.1)
    level = rng.lognormal(-0.125, 0.5, 200)
    wild = rng.random(len(codes)) < p * level[codes]
    calm = rng.random(len(codes)) < p
    assert campaign_spread(p, wild, codes) == pytest.approx(np.sqrt(np.exp(0.25) - 1), abs=0.1)
    assert campaign_spread(p, calm, codes) < 0.1
