import numpy as np
import pytest
from scipy.special import expit

from handbill.placement.planning.promise import expected_redemptions
from handbill.placement.response.calibration import Calibration

SURE = Calibration(covariance=(1e-12, 0.0, 0.0, 1e-12), spread=0.0)


def test_without_doubt_about_the_model_only_chance_remains() -> None:
    score = np.random.default_rng(0).normal(-2, 1, 600)
    found = expected_redemptions(score, np.zeros(600, int), SURE, np.random.default_rng(1))
    p = expit(score)
    assert found.estimate == pytest.approx(p.sum())
    half = 1.96 * np.sqrt((p * (1 - p)).sum())
    assert found.low == pytest.approx(p.sum() - half, abs=2.5)
    assert found.high == pytest.approx(p.sum() + half, abs=2.5)


def test_the_interval_holds_the_count_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    score = rng.normal(-2, 1, 300)
    campaign = np.repeat([0, 1], 150)
    model = Calibration(covariance=(0.02, 0.0, 0.0, 0.01), spread=0.25)
    found = expected_redemptions(score, campaign, model, rng)
    sigma = np.sqrt(np.log1p(0.25**2))
    inside = 0
    for _ in range(1_000):
        offset, slope = rng.normal(0, np.sqrt(0.02)), rng.normal(1, 0.1)
        level = rng.lognormal(-(sigma**2) / 2, sigma, 2)[campaign]
        count = (rng.random(300) < expit(offset + slope * score) * level).sum()
        inside += found.low <= count <= found.high
    assert 0.93 <= inside / 1_000 <= 0.98


def test_no_messages_promise_nothing() -> None:
    found = expected_redemptions(np.zeros(0), np.zeros(0, int), SURE, np.random.default_rng(0))
    assert (found.estimate, found.low, found.high) == (0, 0, 0)
