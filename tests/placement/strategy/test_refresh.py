import numpy as np
import pytest

from handbill.errors import ConfigError, SourceError
from handbill.placement.strategy.refresh import LiveCurve
from handbill.types import Interval

PRIOR = [Interval(estimate=1.0, low=0.9, high=1.1), Interval(estimate=1.0, low=0.5, high=2.0), None]


def outcomes(
    rng: np.random.Generator, count: int, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    group, point = rng.integers(0, len(truth), count), rng.integers(0, truth.shape[1], count)
    expected = rng.uniform(0.02, 0.2, count)
    answered = (rng.random(count) < expected * truth[group, point]).astype(float)
    return group, point, answered, expected


def test_before_any_outcome_it_is_the_measured_curve() -> None:
    now = LiveCurve(PRIOR).intervals()
    for told, prior in zip(now[:2], PRIOR[:2], strict=True):
        assert prior is not None
        assert told.estimate == pytest.approx(prior.estimate)
        assert told.low == pytest.approx(prior.low, rel=0.15)
        assert told.high == pytest.approx(prior.high, rel=0.15)
    assert now[2].low < 0.1
    assert now[2].high > 3


def test_it_follows_what_comes_and_covers_it() -> None:
    truth = np.array([[1.0, 0.7, 1.4]])
    inside = 0
    for seed in range(60):
        live = LiveCurve([None] * 3)
        live.learn(*outcomes(np.random.default_rng(seed), 6_000, truth))
        told = live.intervals()
        inside += sum(one.low <= is_ <= one.high for one, is_ in zip(told, truth[0], strict=True))
        assert told[0].high / told[0].low < 1.6
    assert inside >= 0.9 * 180


def test_outcomes_one_by_one_are_outcomes_together() -> None:
    group, point, answered, expected = outcomes(np.random.default_rng(1), 300, np.ones((2, 3)))
    once, bit_by_bit = LiveCurve(PRIOR, groups=2), LiveCurve(PRIOR, groups=2)
    once.learn(group, point, answered, expected)
    for row in range(300):
        at = slice(row, row + 1)
        bit_by_bit.learn(group[at], point[at], answered[at], expected[at])
    for one, other in zip(once.intervals(1), bit_by_bit.intervals(1), strict=True):
        assert one.estimate == pytest.approx(other.estimate)
        assert one.low == pytest.approx(other.low)


def test_a_segment_is_drawn_to_all_until_it_has_outcomes_of_its_own() -> None:
    rng = np.random.default_rng(2)
    truth = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.3]])
    group, point, answered, expected = outcomes(rng, 40_000, truth)
    few = (group == 0) | (np.arange(len(group)) < 30)
    live = LiveCurve([None] * 3, groups=2)
    live.learn(group[few], point[few], answered[few], expected[few])
    assert live.intervals(1)[2].estimate == pytest.approx(1.0, abs=0.25)
    live.learn(group[~few], point[~few], answered[~few], expected[~few])
    assert live.intervals(1)[2].estimate == pytest.approx(0.3, abs=0.08)
    assert live.intervals(0)[2].estimate == pytest.approx(1.0, abs=0.15)


def test_the_forgotten_leaves_the_measured_curve() -> None:
    live = LiveCurve(PRIOR)
    before = live.intervals()
    live.learn(*outcomes(np.random.default_rng(3), 500, np.ones((1, 3)) * 2))
    live.forget(0.0)
    assert live.intervals() == before


def test_bad_outcomes_are_refused_by_name() -> None:
    live = LiveCurve(PRIOR)
    one = np.array([0])
    with pytest.raises(SourceError, match="point runs to 3; there are 3"):
        live.learn(one, np.array([3]), np.ones(1), np.ones(1))
    with pytest.raises(SourceError, match="expected must hold"):
        live.learn(one, one, np.ones(1), np.array([np.nan]))
    with pytest.raises(SourceError, match="equally long"):
        live.learn(one, one, np.ones(2), np.ones(1))
    with pytest.raises(ConfigError, match=r"keep is 1\.5"):
        live.forget(1.5)
    with pytest.raises(ConfigError, match="needs a point"):
        LiveCurve([])
