"""The outcome model: it finds planted preferences, and its chances are what they say."""

from pathlib import Path

import numpy as np
import pytest

from handbill.creative.appeal import describe, embed, fit
from handbill.creative.models import ModelFolder, load

TRUTH = np.array([0.4, -0.3, 0.0, 0.2])


def shown(seed: int, tests: int, effect: float = 1.0, views: int = 4_000):  # type: ignore[no-untyped-def]
    """Tests of three texts; each test has its own level, far larger than what texts do."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(tests * 3, 4)) * [1, 2, 1, 1] + [5, 0, 0, 0]
    names = np.repeat([f"t{n}" for n in range(tests)], 3)
    level = np.repeat(rng.normal(-4, 1, tests), 3)
    odds = level + effect * features @ TRUTH
    clicks = rng.binomial(views, 1 / (1 + np.exp(-odds))).astype(float)
    return features, clicks, np.full(len(clicks), float(views)), list(names), odds


def test_planted_weights_come_back_whatever_the_level_of_a_test() -> None:
    features, clicks, views, tests, _ = shown(1, 300)
    model = fit(features, clicks, views, tests, penalty=np.full(4, 1.0))
    assert model.weights / model.spread == pytest.approx(TRUTH, abs=0.03)


def test_chances_are_what_they_say() -> None:
    features, clicks, views, tests, _ = shown(2, 400, effect=0.15)
    model = fit(features, clicks, views, tests, penalty=np.full(4, 10.0))
    new, _, _, _, odds = shown(3, 2_000, effect=0.15)
    chance = model.wins(new[0::3], new[1::3])
    won = odds[0::3] > odds[1::3]
    assert (won == (chance > 0.5)).mean() > 0.9
    assert chance == pytest.approx(1 - model.wins(new[1::3], new[0::3]))
    # outcomes are drawn again from the same odds: the posterior of a test, not the hidden truth
    rng = np.random.default_rng(4)
    one, two = (rng.binomial(4_000, 1 / (1 + np.exp(-odds[n::3]))) for n in (0, 1))
    sure = np.maximum(chance, 1 - chance)
    right = ((one > two) == (chance > 0.5))[one != two]
    assert right.mean() == pytest.approx(sure[one != two].mean(), abs=0.06)


def test_noise_teaches_nothing() -> None:
    features, clicks, views, tests, _ = shown(5, 200, effect=0.0)
    model = fit(features, clicks, views, tests, penalty=np.full(4, 10.0))
    chance = model.wins(features[0::3], features[1::3])
    assert np.abs(chance - 0.5).max() < 0.25


def test_texts_are_counted() -> None:
    table = describe(["Why you should care!", "他为什么这样做？", ""])
    assert table.shape == (3, 14)
    assert table[0, 0] == 20
    assert (table[0, 6], table[1, 5]) == (1, 1)
    assert np.isfinite(table).all()


def test_states_do_not_depend_on_who_else_is_in_the_batch(tiny_model: Path) -> None:
    model, tokenizer = load(ModelFolder(id="tiny@1", path=str(tiny_model)), threads=1)
    texts = ["Coffee", "A long headline about pizza and everything else", "茶"]
    together = embed(model.eval(), tokenizer, texts, layers=(1, 2))
    alone = np.vstack([embed(model, tokenizer, [one], layers=(1, 2)) for one in texts])
    assert together.shape == (3, 2 * 32 + 1)
    assert together == pytest.approx(alone, abs=1e-4)
    assert (together[:, -1] < 0).all()
