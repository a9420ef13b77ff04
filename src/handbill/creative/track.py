"""Where a training's curves go: TensorBoard files, Weights & Biases or MLflow."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handbill.creative.train import Track
from handbill.creative.tune import untracked
from handbill.errors import ConfigError, ModelError

TRACKERS = ("tensorboard", "wandb", "mlflow", "none")


@contextmanager
def tracking(tracker: str, folder: Path, settings: Mapping[str, Any]) -> Iterator[Track]:
    """A place for curves, for the length of the block.

    Args:
        tracker: `tensorboard` writes files that stay on this machine; `wandb` and `mlflow` go where
            their own environment variables say.
        folder: For files.
        settings: Of the training, kept beside its curves.

    Raises:
        ConfigError: There is no such tracker.
        ModelError: The library is not installed.
    """
    if tracker not in TRACKERS:
        raise ConfigError(f"tracker {tracker!r} is unknown; known: {', '.join(TRACKERS)}")
    if tracker == "none":
        yield untracked
        return
    try:
        if tracker == "wandb":
            import wandb

            with wandb.init(project="handbill", dir=folder, config=dict(settings)) as running:
                yield lambda step, figures: running.log(dict(figures), step=step)
        elif tracker == "mlflow":
            import mlflow

            with mlflow.start_run():
                mlflow.log_params(dict(settings))
                yield lambda step, figures: mlflow.log_metrics(dict(figures), step=step)
        else:
            from torch.utils.tensorboard import SummaryWriter

            with SummaryWriter(folder) as writer:
                yield (
                    lambda step, figures: (
                        [writer.add_scalar(name, value, step) for name, value in figures.items()]
                        and None
                    )
                )
    except ImportError as error:
        raise ModelError(
            f"{tracker} is not installed; run: pip install 'handbill[{_extra(tracker)}]', or say "
            "--track none"
        ) from error


def _extra(tracker: str) -> str:
    return "tune" if tracker == "tensorboard" else tracker
