import numpy as np
import pytest

from handbill.errors import SourceError
from handbill.placement.bandits import LinUcb, choose, cold_weights, likeness

TEXTS = [
    "Frozen pizza tonight, put it in the oven",
    "Fresh beef for the weekend roast",
    "今晚来份冷冻披萨",
]
WEIGHTS = np.array([[0.1, 0.0], [0.0, 0.2], [0.3, 0.3]])


def test_a_cold_creative_starts_like_its_nearest_text() -> None:
    new = ["Frozen pizza tonight, put it into the oven", "今晚来份冷冻披萨，放进烤箱", "zzz"]
    found = cold_weights(new, TEXTS, WEIGHTS, np.array([50.0, 50.0, 50.0]))
    mean = WEIGHTS.mean(axis=0)
    for row, like in ((0, 0), (1, 2)):
        assert np.abs(found[row] - WEIGHTS[like]).max() < 0.5 * np.abs(mean - WEIGHTS[like]).max()
    np.testing.assert_allclose(found[2], mean)  # like nothing: the mean of all


def test_what_was_shown_oftener_is_trusted_more() -> None:
    twice = [TEXTS[0], TEXTS[0]]
    found = cold_weights([TEXTS[0]], twice, WEIGHTS[:2], np.array([300.0, 100.0]))
    np.testing.assert_allclose(found[0], 0.75 * WEIGHTS[0] + 0.25 * WEIGHTS[1])


def test_likeness_is_a_cosine() -> None:
    found = likeness(TEXTS, TEXTS)
    np.testing.assert_allclose(np.diag(found), 1)
    np.testing.assert_allclose(found, found.T)
    assert found.min() >= 0


def test_a_warm_start_saves_clicks_and_a_wrong_one_is_unlearned() -> None:
    """Forty creatives, two of which are good; texts tell which, or the contrary."""
    truth = np.where(np.arange(40) < 2, 0.3, 0.05)

    def clicks(start: np.ndarray | None, rounds: int, seed: int) -> float:
        rng = np.random.default_rng(seed)
        bandit = LinUcb(arms=40, size=1, width=0.3, explore=0.02, prior=20)
        for arm in range(40 if start is not None else 0):
            bandit.arms.start(arm, np.array([start[arm]]))
        total = 0.0
        for _ in range(rounds):
            arm = choose(bandit, np.ones(1), rng).arm
            reward = float(rng.random() < truth[arm])
            bandit.learn(np.ones((1, 1)), np.array([arm]), np.array([reward]))
            total += truth[arm]
        return total / rounds

    gain = [clicks(truth, 150, seed) - clicks(None, 150, seed) for seed in range(5)]
    assert np.mean(gain) > 0.05
    assert clicks(0.35 - truth, 8_000, 0) > 0.15


def test_a_start_is_a_prior_that_outcomes_outweigh_and_forgetting_returns_to() -> None:
    arms = LinUcb(arms=2, size=1, prior=4.0).arms
    arms.start(0, np.array([0.5]))
    assert arms.weights[0] == pytest.approx(0.5)
    arms.learn(np.ones((4, 1)), np.zeros(4, dtype=np.int64), np.zeros(4))
    assert arms.weights[0] == pytest.approx(0.25)  # four outcomes against a prior worth four
    arms.start(0, np.array([0.6]))  # begun anew, what was learned stays
    assert arms.weights[0] == pytest.approx(0.3)
    arms.forget(0.0)
    assert arms.weights[0] == pytest.approx(0.6)
    assert arms.weights[1] == 0


def test_bad_starts_are_refused() -> None:
    arms = LinUcb(arms=2, size=1).arms
    with pytest.raises(SourceError, match="arm 2 of 2"):
        arms.start(2, np.zeros(1))
    with pytest.raises(SourceError, match="finite weights"):
        arms.start(0, np.array([np.nan]))
    with pytest.raises(SourceError, match="cold creatives need"):
        cold_weights(["a"], TEXTS, WEIGHTS, np.zeros(3))
