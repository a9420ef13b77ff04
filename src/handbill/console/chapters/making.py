"""How it was made: the stages that ran and the models they used, for whoever wants to check."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from handbill.console.reading import Reader
from handbill.types import StageRun, Text

LIBRARIES = (
    "handbill", "duckdb", "ibis-framework", "lightgbm", "torch", "transformers", "peft", "pyarrow",
)  # fmt: skip


SHOWN_ITEMS = 40
"""A longer list in a card stays in the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stage that ran.

    Attributes:
        name: Stage.
        seconds: Wall time of the run that made its outputs.
        finished: When, to the minute, UTC.
        key: Hash of everything it read.
        figures: What it reported.
        notes: Plain sentences, such as where there was not enough data.
    """

    name: str
    seconds: float
    finished: str
    key: str
    figures: tuple[tuple[str, float | int | str], ...]
    notes: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model in the workspace.

    Attributes:
        path: `<kind>/<version>`.
        facts: Entries of its card, under dotted names.
    """

    path: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """All of it.

    Attributes:
        steps: In order.
        models: By path.
        libraries: Name and version of those installed.
    """

    steps: tuple[Step, ...]
    models: tuple[Model, ...]
    libraries: tuple[tuple[str, str], ...]

    @property
    def seconds(self) -> float:
        """Of all stages."""
        return sum(step.seconds for step in self.steps)


def read_making(reader: Reader, runs: Sequence[StageRun]) -> Making:
    """The manifests, the models' cards and the libraries' versions."""
    cards = sorted(reader.workspace.models.glob("*/*/card.json"))
    return Making(
        steps=tuple(_step(run) for run in runs),
        models=tuple(_model(reader, card) for card in cards),
        libraries=tuple((name, found) for name in LIBRARIES if (found := _version(name))),
    )


def _step(run: StageRun) -> Step:
    return Step(
        name=run.name,
        seconds=run.seconds,
        finished=f"{run.finished_at:%Y-%m-%d %H:%M} UTC",
        key=run.key,
        figures=tuple(run.result.figures.items()),
        notes=tuple(run.result.notes),
    )


def _model(reader: Reader, card: Path) -> Model:
    path = str(card.parent.relative_to(reader.workspace.models))
    return Model(path=path, facts=tuple(_facts("", reader.json(card) or {})))


def _facts(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    """A card's entries, nested ones under dotted names, short lists on one line."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _facts(f"{prefix}.{key}" if prefix else str(key), inner)
    elif isinstance(value, list):
        if (
            value
            and len(value) <= SHOWN_ITEMS
            and not any(isinstance(v, dict | list) for v in value)
        ):
            yield prefix, ", ".join(map(str, value))
    elif value is not None:
        yield prefix, f"{value:.6g}" if isinstance(value, float) else str(value)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
