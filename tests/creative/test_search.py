"""A search keeps to its time, compares by held-out loss, and leaves nothing behind."""

import importlib.util
from pathlib import Path

import pytest

from handbill.creative.example import pair_of, read_examples
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.search import search
from handbill.creative.track import tracking
from handbill.errors import ConfigError, ModelError

PAIRS = [pair_of(one) for one in read_examples("en")[:24]]


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


def test_the_best_of_the_trials_wins(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    base = find(str(tiny_model), tmp_path, (), quiet)
    start = Recipe(epochs=2, rank=4, threads=1, learning_rate=1e-4, held_out=0.3)
    recipe, trials = search(base, PAIRS, start, 0.1, tmp_path / "aside", tmp_path, quiet)
    assert trials[0]["learning_rate"] == start.learning_rate  # what is given is tried first
    assert len(trials) > 1
    best = min(trials, key=lambda one: one["held_out_loss"])
    assert best["held_out_loss"] < trials[0]["held_out_loss"]
    assert recipe.learning_rate == best["learning_rate"]
    assert (recipe.epochs, recipe.minutes, recipe.patience) == (2, None, start.patience)
    assert not (tmp_path / "aside").exists()


def test_without_anything_held_out_settings_cannot_be_compared(
    tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("optuna")
    base = find(str(tiny_model), tmp_path, (), quiet)
    start = Recipe(epochs=1, rank=4, threads=1, held_out=0.0)
    with pytest.raises(ModelError, match="nothing was held out"):
        search(base, PAIRS, start, 0.1, tmp_path / "aside", tmp_path, quiet)


def test_a_tracker_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known: tensorboard"), tracking("paper", tmp_path, {}):
        pass
    if importlib.util.find_spec("mlflow") is None:
        with (
            pytest.raises(ModelError, match=r"handbill\[mlflow\]"),
            tracking("mlflow", tmp_path, {}),
        ):
            pass
