"""A search for the settings of a tuning, bounded by time."""

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from handbill.creative.models import ModelFolder
from handbill.creative.pairs import Pair
from handbill.creative.recipe import Recipe
from handbill.creative.tune import tune
from handbill.errors import ModelError
from handbill.ports import Progress

SHARE = 8
"""A trial takes so small a part of the search's time, so that there are about so many."""


def search(
    base: ModelFolder,
    pairs: Sequence[Pair],
    recipe: Recipe,
    minutes: float,
    folder: Path,
    models: Path,
    progress: Progress,
) -> tuple[Recipe, list[dict[str, Any]]]:
    """Try settings by Optuna's TPE; the lowest held-out loss wins.

    Each trial is a short tuning of its own, so short ones are compared with short ones. A trial
    that is worse than the median at its looks is not cut off: at this length it is over by then.

    Args:
        base: The model.
        pairs: What it learns.
        recipe: What stays as it is.
        minutes: For all trials; the last may run over by its own length.
        folder: For what the trials leave; emptied.
        models: Where models are kept.
        progress: Told each trial.

    Returns:
        The recipe with the best settings, and every trial.

    Raises:
        ModelError: Optuna is not installed, or no trial came to an end.
    """
    try:
        import optuna
    except ImportError as error:
        raise ModelError("optuna is not installed; run: pip install 'handbill[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="minimize", sampler=optuna.samplers.TPESampler(seed=recipe.seed)
    )
    if recipe.rank in _RANKS:
        study.enqueue_trial({name: getattr(recipe, name) for name in _NAMES})
    until = time.monotonic() + 60 * minutes
    trials: list[dict[str, Any]] = []
    shutil.rmtree(folder, ignore_errors=True)
    while not trials or time.monotonic() < until:
        trial = study.ask()
        settings = _settings(trial)
        short = replace(recipe, **settings, minutes=minutes / SHARE, patience=0)

        def tell(message: str, fraction: float | None = None) -> None:
            left = max(0.0, until - time.monotonic())
            progress(f"trial {len(trials) + 1}: {message}", 1 - left / (60 * minutes))

        try:
            adapter = tune(base, pairs, short, folder / f"{trial.number}", models, tell)
            loss = adapter.loss_after
        except ModelError as error:
            if "not a number" not in str(error):
                raise
            loss = math.inf  # such a learning rate is an answer, too
        if math.isnan(loss):
            raise ModelError("nothing was held out, so settings cannot be compared")
        study.tell(trial, min(loss, 1e3))
        trials.append({**settings, "held_out_loss": min(loss, 1e3)})
    shutil.rmtree(folder, ignore_errors=True)
    return replace(recipe, **{name: study.best_params[name] for name in _NAMES}), trials


_NAMES = ("learning_rate", "rank", "dropout", "weight_decay")
_RANKS = (4, 8, 16, 32, 64)


def _settings(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 5e-5, 5e-3, log=True),
        "rank": trial.suggest_categorical("rank", _RANKS),
        "dropout": trial.suggest_float("dropout", 0.0, 0.2),
        "weight_decay": trial.suggest_float("weight_decay", 0.0, 0.1),
    }
