"""Where a training's curves go: TensorBoard files, Weights & Biases or MLflow."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
    with ExitStack() as open_until_then:
        try:
            track = _open(tracker, folder, settings, open_until_then)
        except ImportError as error:
            extra = "tune" if tracker == "tensorboard" else tracker
            raise ModelError(
                f"{tracker} is not installed; run: pip install 'handbill[{extra}]', or say "
                "--track none"
            ) from error
        yield track


def _open(tracker: str, folder: Path, settings: Mapping[str, Any], until: ExitStack) -> Track:
    if tracker == "wandb":
        import wandb

        run = until.enter_context(wandb.init(project="handbill", dir=folder, config=dict(settings)))
        return lambda step, figures: run.log(dict(figures), step=step)
    if tracker == "mlflow":
        import mlflow

        until.enter_context(mlflow.start_run())
        mlflow.log_params(dict(settings))
        return lambda step, figures: mlflow.log_metrics(dict(figures), step=step)
    if tracker == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        writer = until.enter_context(SummaryWriter(folder))

        def curve(step: int, figures: Mapping[str, float]) -> None:
            for name, value in figures.items():
                writer.add_scalar(name, value, step)

        return curve
    return untracked
