"""The figures against another implementation, by hand, and against their own definition."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from handbill.feedback import metrics
from handbill.feedback.metrics import Array


@pytest.fixture
def ranked() -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(3)
    probability = np.round(rng.beta(1, 6, 900), 2)  # rounded, so that there are many ties
    outcome = (rng.random(900) < probability).astype(float)
    return outcome, np.clip(probability, 0.005, 0.995), rng.integers(0, 4, 900).astype(float)


def test_auc_is_that_of_scikit_learn(ranked: tuple[Array, Array, Array]) -> None:
    outcome, probability, weights = ranked
    assert metrics.auc(outcome, probability) == pytest.approx(roc_auc_score(outcome, probability))
    weighted = roc_auc_score(outcome, probability, sample_weight=weights)
    assert metrics.auc(outcome, probability, weights) == pytest.approx(weighted)


def test_losses_are_those_of_scikit_learn(ranked: tuple[Array, Array, Array]) -> None:
    outcome, probability, weights = ranked
    losses = metrics.log_losses(outcome, probability)
    assert metrics.mean(losses) == pytest.approx(log_loss(outcome, probability))
    squares = (outcome - probability) ** 2
    weighted = brier_score_loss(outcome, probability, sample_weight=weights)
    assert metrics.mean(squares, weights) == pytest.approx(weighted)


def test_recalibration_is_a_logistic_regression(ranked: tuple[Array, Array, Array]) -> None:
    outcome, probability, weights = ranked
    x = np.log(probability / (1 - probability))[:, None]
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
    model.fit(x, outcome, sample_weight=weights)
    found = metrics.recalibration(outcome, probability, weights)
    assert found == pytest.approx([model.intercept_[0], model.coef_[0, 0]], abs=1e-4)


def test_recalibration_finds_the_planted_line() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(-1, 1.5, 200_000)
    truth = 1 / (1 + np.exp(-(0.4 + 0.7 * x)))
    outcome = (rng.random(len(x)) < truth).astype(float)
    found = metrics.recalibration(outcome, 1 / (1 + np.exp(-x)))
    assert found == pytest.approx([0.4, 0.7], abs=0.03)


def test_recalibration_without_an_answer_is_nan() -> None:
    one_class = metrics.recalibration(np.zeros(50), np.linspace(0.1, 0.9, 50))
    alike = metrics.recalibration(np.tile([0.0, 1.0], 25), np.full(50, 0.3))
    split = metrics.recalibration(np.repeat([0.0, 1.0], 25), np.linspace(0.1, 0.9, 50))
    assert np.isnan([one_class, alike, split]).all()


def test_captured_is_the_mean_over_orders_of_the_ties(ranked: tuple[Array, Array, Array]) -> None:
    outcome, probability, _ = ranked
    rng = np.random.default_rng(9)
    share, best = 0.2, round(0.2 * len(outcome))
    found = []
    for _ in range(2_000):
        order = np.lexsort((rng.random(len(outcome)), -probability))
        found.append(outcome[order[:best]].sum() / outcome.sum())
    answer = metrics.captured(outcome, probability, np.array([share]))[0]
    assert answer == pytest.approx(np.mean(found), abs=4 * np.std(found) / 2_000**0.5 + 1e-9)


def test_by_hand() -> None:
    outcome = np.array([1.0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
    score = np.array([9.0, 8, 7, 6, 5, 4, 3, 2, 1, 0])
    assert metrics.captured(outcome, score, np.array([0.1, 0.2, 0.3])).tolist() == [0.5, 0.5, 1]
    assert metrics.auc(outcome, score) == pytest.approx(15 / 16)
    assert metrics.auc(outcome, np.zeros(10)) == 0.5
    assert metrics.captured(outcome, np.zeros(10), np.array([0.3]))[0] == pytest.approx(0.3)


def test_within_campaigns_a_level_between_them_does_not_help() -> None:
    rng = np.random.default_rng(11)
    strata = np.repeat([0, 1], 5_000)
    level = np.where(strata == 1, 0.4, 0.02)
    outcome = (rng.random(10_000) < level).astype(float)
    assert metrics.auc(outcome, level) > 0.7
    assert metrics.auc_within(outcome, level, strata) == 0.5


def test_bins_are_even_and_keep_equal_probabilities_together() -> None:
    spread = metrics.calibration_bins(np.linspace(0, 1, 1_000), 10)
    assert np.bincount(spread).tolist() == [100] * 10
    assert metrics.calibration_bins(np.full(50, 0.2), 10).tolist() == [0] * 50
    tied = np.array([0.1] * 90 + [0.5] * 10)
    bins = metrics.calibration_bins(tied, 10)
    assert len(set(bins[:90])) == 1


@pytest.mark.parametrize(
    "figure",
    [
        lambda y, p, w: metrics.auc(y, p, w),
        lambda y, p, w: metrics.auc_within(y, p, np.arange(len(y)) % 3, w),
        lambda y, p, w: metrics.captured(y, p, np.array([0.1, 0.5]), w),
        lambda y, p, w: metrics.mean(metrics.log_losses(y, p), w),
        lambda y, p, w: metrics.calibration_error(y, p, metrics.calibration_bins(p, 5), w),
        lambda y, p, w: metrics.recalibration(y, p, w),
    ],
)
def test_weights_count_rows_and_many_resamples_go_at_once(
    figure: Callable[[Array, Array, Array | None], Array], ranked: tuple[Array, Array, Array]
) -> None:
    outcome, probability, weights = ranked
    both = figure(outcome, probability, np.stack([np.ones(len(outcome)), weights]))
    assert both[0] == pytest.approx(figure(outcome, probability, None), abs=1e-9)
    assert both[1] == pytest.approx(figure(outcome, probability, weights), abs=1e-9)


def test_a_row_counted_twice_is_two_rows(ranked: tuple[Array, Array, Array]) -> None:
    outcome, probability, weights = ranked
    rows = np.repeat(np.arange(len(outcome)), weights.astype(int))
    shares = np.array([0.1, 0.25])
    assert metrics.captured(outcome, probability, shares, weights) == pytest.approx(
        metrics.captured(outcome[rows], probability[rows], shares)
    )


def test_one_class_only_is_nan() -> None:
    scores = np.arange(5.0)
    for outcome in (np.zeros(5), np.ones(5)):
        assert np.isnan(metrics.auc(outcome, scores))
    assert np.isnan(metrics.captured(np.zeros(5), scores, np.array([0.5]))).all()
