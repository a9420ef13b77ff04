"""Intervals hold the planted truth about as often as they say."""

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from handbill.feedback import metrics
from handbill.feedback.bootstrap import bootstrap, poisson_binomial, wilson


def _people(rng: np.random.Generator, people: int, each: int) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    """Pairs of people with a taste of their own: the pairs of one person go together."""
    taste = np.repeat(rng.normal(size=people), each)
    person = np.repeat(np.arange(people), each)
    return person, taste, rng.normal(size=people * each)


def test_the_interval_of_a_mean_covers_and_needs_whole_people() -> None:
    rng = np.random.default_rng(1)
    covered = naive = 0
    for trial in range(200):
        person, taste, noise = _people(rng, 80, 5)
        values = taste + 0.3 * noise
        figure = {"mean": partial(metrics.mean, values)}
        whole = bootstrap(figure, person, resamples=300, seed=trial)["mean"].interval()
        rows = bootstrap(figure, np.arange(400), resamples=300, seed=trial)["mean"].interval()
        assert whole is not None
        assert rows is not None
        covered += whole.low <= 0 <= whole.high
        naive += rows.low <= 0 <= rows.high
    assert covered >= 180  # 95 of 100 are meant
    assert naive <= 160  # drawing rows instead of people would pretend to know far more


def test_the_interval_of_an_auc_covers_the_planted_one() -> None:
    rng = np.random.default_rng(2)
    apart = 1.0
    truth = norm.cdf(apart / 2**0.5)
    covered = 0
    for trial in range(150):
        outcome = np.repeat([1.0, 0.0], [60, 340])
        scores = rng.normal(size=400) + apart * outcome
        figure = {"auc": partial(metrics.auc, outcome, scores)}
        interval = bootstrap(figure, np.arange(400), resamples=300, seed=trial)["auc"].interval()
        assert interval is not None
        covered += interval.low <= truth <= interval.high
    assert 134 <= covered <= 150


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    rng = np.random.default_rng(3)
    outcome = np.repeat([1.0, 0.0], [60, 340])
    one = rng.normal(size=400) + outcome
    other = one + 0.3 * rng.normal(size=400)
    figures = {
        "one": partial(metrics.auc, outcome, one),
        "other": partial(metrics.auc, outcome, other),
    }
    draws = bootstrap(figures, np.arange(400), resamples=500, seed=0)
    paired = draws["one"].minus(draws["other"]).interval()
    alone = draws["one"].interval()
    assert paired is not None
    assert alone is not None
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(4).normal(size=60)
    figure = {"mean": partial(metrics.mean, values)}
    first, again, other = (
        bootstrap(figure, np.arange(60), resamples=200, seed=seed)["mean"].interval()
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_figure_that_rarely_exists_has_no_interval() -> None:
    outcome = np.zeros(40)
    outcome[0] = 1
    figure = {"auc": partial(metrics.auc, outcome, np.arange(40.0))}
    draws = bootstrap(figure, np.arange(40), resamples=300, seed=0)["auc"]
    assert np.isfinite(draws.estimate)
    assert draws.interval() is None


def test_a_sum_of_unequal_chances_is_counted_exactly() -> None:
    rng = np.random.default_rng(6)
    chances = rng.beta(1, 7, 300)
    expected = poisson_binomial(chances)
    sums = (rng.random((20_000, 300)) < chances).sum(axis=1)
    assert expected.estimate == pytest.approx(chances.sum())
    assert abs(expected.low - np.quantile(sums, 0.025)) <= 1
    assert abs(expected.high - np.quantile(sums, 0.975)) <= 1
    inside = ((sums >= expected.low) & (sums <= expected.high)).mean()
    assert 0.95 <= inside <= 0.985


def test_many_chances_are_counted_by_the_normal_law() -> None:
    few = poisson_binomial(np.random.default_rng(8).beta(1, 9, 4_999))
    many = poisson_binomial(np.append(np.random.default_rng(8).beta(1, 9, 4_999), [0.1, 0.1]))
    assert abs(few.low - many.low) <= 1.5
    assert abs(few.high - many.high) <= 1.5


def test_of_nothing_nothing_is_expected() -> None:
    expected = poisson_binomial(np.zeros(0))
    assert (expected.estimate, expected.low, expected.high) == (0, 0, 0)


@pytest.mark.parametrize(("hits", "of"), [(0, 1), (0, 30), (30, 30), (5, 50)])
def test_a_rate_stays_between_0_and_1(hits: int, of: int) -> None:
    rate = wilson(hits, of)
    assert 0 <= rate.low <= rate.estimate <= rate.high <= 1
    assert rate.high - rate.low > 0
