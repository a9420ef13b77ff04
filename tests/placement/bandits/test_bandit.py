from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.errors import ConfigError, SourceError
from handbill.placement.arrays import Floats
from handbill.placement.bandits.bandit import (
    Bandit,
    LinearArms,
    LinearThompson,
    LinUcb,
    NeuralLinear,
    best_of_normals,
    choose,
)
from handbill.placement.bandits.delayed import DelayedFeedback

K, D = 4, 3


def squares(contexts: Floats) -> Floats:
    return np.hstack([contexts, contexts**2])


MAKERS: dict[str, Callable[[], Bandit]] = {
    "linucb": lambda: LinUcb(arms=K, size=D, width=0.5, explore=0.1),
    "thompson": lambda: LinearThompson(arms=K, size=D, noise=0.3, explore=0.05),
    "neural": lambda: NeuralLinear(squares, lambda: LinUcb(arms=K, size=2 * D, width=0.5)),
}


def world(rng: np.random.Generator, weights: Floats, context: Floats, arm: int) -> float:
    return float(weights[arm] @ context + 0.1 * rng.normal())


def run(bandit: Bandit, weights: Floats, rounds: int, seed: int = 0) -> list[int]:
    """Arms chosen; each row says whether it was the best."""
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(rounds):
        context = np.abs(rng.normal(size=D))
        choice = choose(bandit, context, rng)
        reward = world(rng, weights, context, choice.arm)
        bandit.learn(context[None], np.array([choice.arm]), np.array([reward]))
        hits.append(int(choice.arm == int((weights @ context).argmax())))
    return hits


@pytest.mark.parametrize("name", MAKERS)
def test_finds_the_planted_best_arm(name: str) -> None:
    weights = np.random.default_rng(7).normal(size=(K, D))
    hits = run(MAKERS[name](), weights, 600)
    assert np.mean(hits[-200:]) > 0.8 > np.mean(hits[:20]) - 0.2


@pytest.mark.parametrize("name", MAKERS)
def test_the_logged_propensity_is_the_frequency(name: str) -> None:
    bandit = MAKERS[name]()
    run(bandit, np.random.default_rng(1).normal(size=(K, D)), 40)
    rng = np.random.default_rng(2)
    context = np.array([0.4, 0.1, 0.9])
    drawn = [choose(bandit, context, rng) for _ in range(4_000)]
    chance = drawn[0].propensities
    assert chance.sum() == pytest.approx(1) and (chance > 0).all()
    seen = np.bincount([one.arm for one in drawn], minlength=K) / 4_000
    np.testing.assert_allclose(seen, chance, atol=0.03)
    assert all(one.propensity == chance[one.arm] for one in drawn)


@pytest.mark.parametrize("name", MAKERS)
def test_one_batch_teaches_the_same_as_one_by_one(name: str) -> None:
    rng = np.random.default_rng(3)
    contexts, arms = rng.normal(size=(30, D)), rng.integers(K, size=30)
    rewards = rng.normal(size=30)
    together, apart = MAKERS[name](), MAKERS[name]()
    together.learn(contexts, arms, rewards)
    for at in range(30):
        apart.learn(contexts[at : at + 1], arms[at : at + 1], rewards[at : at + 1])
    np.testing.assert_allclose(
        together.propensities(contexts[0]), apart.propensities(contexts[0]), atol=1e-6
    )


@pytest.mark.parametrize("name", ["linucb", "thompson"])
def test_forgetting_lets_it_follow_a_world_that_turns(name: str) -> None:
    before = np.array([[1.0, 1.0, 1.0], [0.2, 0.2, 0.2], [0, 0, 0], [0, 0, 0]])
    after = before[[1, 0, 2, 3]]

    def late_hits(keep: float) -> float:
        bandit = MAKERS[name]()
        run(bandit, before, 600)
        hits: list[int] = []
        for part in range(6):
            bandit.forget(keep)
            hits += run(bandit, after, 50, seed=10 + part)
        return float(np.mean(hits))

    assert late_hits(0.3) > late_hits(1.0) + 0.1


def test_ridge_weights_are_those_of_the_closed_form() -> None:
    rng = np.random.default_rng(4)
    arms = LinearArms(arms=2, size=D, prior=2.0)
    contexts, rewards = rng.normal(size=(500, D)), rng.normal(size=500)
    arms.learn(contexts, np.ones(500, dtype=np.int64), rewards)
    precision = contexts.T @ contexts + 2 * np.eye(D)
    np.testing.assert_allclose(arms.weights[1], np.linalg.solve(precision, contexts.T @ rewards))
    np.testing.assert_allclose(arms.inverse[1], np.linalg.inv(precision), atol=1e-10)
    arms.forget(0.5)
    discounted = 0.5 * precision + np.eye(D)
    np.testing.assert_allclose(arms.inverse[1], np.linalg.inv(discounted), atol=1e-10)
    np.testing.assert_allclose(arms.inverse[0], np.eye(D) / 2)


@given(seed=st.integers(0, 200), spread=st.sampled_from([0.0, 0.5, 2.0]), count=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_probability_of_being_best_is_that_of_many_draws(
    seed: int, spread: float, count: int
) -> None:
    rng = np.random.default_rng(seed)
    mean, sd = rng.normal(size=count), np.exp(spread * rng.normal(size=count))
    draws = (mean + sd * rng.normal(size=(40_000, count))).argmax(axis=1)
    seen = np.bincount(draws, minlength=count) / 40_000
    np.testing.assert_allclose(best_of_normals(mean, sd), seen, atol=0.015)


def test_arms_that_are_certain_or_equal() -> None:
    assert best_of_normals(np.zeros(4), np.zeros(4)).tolist() == [0.25] * 4
    certain = best_of_normals(np.array([0.0, 1.0]), np.array([0.0, 0.5]))
    assert certain.sum() == pytest.approx(1)
    assert certain[0] == pytest.approx(0.0228, abs=0.005)
    assert LinUcb(arms=1, size=1).propensities(np.ones(1)).tolist() == [1.0]


def test_a_new_network_relearns_what_is_kept() -> None:
    def cubes(contexts: Floats) -> Floats:
        return np.hstack([contexts, contexts**3])

    def make(features: Callable[[Floats], Floats]) -> NeuralLinear:
        return NeuralLinear(features, lambda: LinUcb(arms=K, size=2 * D))

    rng = np.random.default_rng(5)
    data = rng.normal(size=(50, D)), rng.integers(K, size=50), rng.normal(size=50)
    changed, fresh = make(squares), make(cubes)
    changed.learn(*data)
    changed.retrained(cubes)
    fresh.learn(*data)
    context = np.array([1.0, -1.0, 0.5])
    np.testing.assert_allclose(changed.propensities(context), fresh.propensities(context))


def test_bad_input_is_refused_by_name() -> None:
    bandit = LinUcb(arms=K, size=D)
    with pytest.raises(SourceError, match="NaN"):
        bandit.propensities(np.array([np.nan, 0, 0]))
    with pytest.raises(SourceError, match=r"context has shape \(2,\)"):
        bandit.propensities(np.ones(2))
    with pytest.raises(SourceError, match="rewards hold NaN"):
        bandit.learn(np.ones((1, D)), np.array([0]), np.array([np.nan]))
    with pytest.raises(SourceError, match="there are 4"):
        bandit.learn(np.ones((1, D)), np.array([K]), np.ones(1))
    with pytest.raises(ConfigError, match="explore is 2"):
        LinUcb(arms=K, size=D, explore=2)
    with pytest.raises(ConfigError, match="keep is -1"):
        bandit.forget(-1)
    with pytest.raises(ConfigError, match="noise"):
        LinearThompson(arms=K, size=D, noise=0)


def test_late_rewards_are_learned_with_the_silent_ones_and_not_before() -> None:
    bandit = LinUcb(arms=2, size=1)
    late = DelayedFeedback(bandit=bandit, window=timedelta(hours=24))
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    for number in range(10):
        late.shown(f"d{number}", np.ones(1), 0, noon)
    assert late.rewarded("d0", 1.0, noon + timedelta(hours=20))
    assert not late.rewarded("d1", 1.0, noon + timedelta(hours=25))  # too late
    assert not late.rewarded("d2", 1.0, noon - timedelta(hours=1))  # a clock set back
    assert not late.rewarded("unknown", 1.0, noon)
    assert late.close(noon + timedelta(hours=23)) == 0
    assert bandit.arms.weights[0, 0] == 0
    assert late.close(noon + timedelta(hours=25)) == 10
    assert bandit.arms.weights[0, 0] == pytest.approx(1 / 11)
    assert late.close(noon + timedelta(hours=99)) == 0
    assert not late.rewarded("d0", 1.0, noon + timedelta(hours=21))  # learned already
