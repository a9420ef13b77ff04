"""Authors: a model that has learned how the shop writes, and remembers what it answered."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from handbill.creative.answers import Answers
from handbill.creative.pairs import Pair
from handbill.creative.promoted import current
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.select import Maker
from handbill.creative.settings import Settings
from handbill.ports import Progress
from handbill.types import Language
from handbill.workspace import Workspace

if TYPE_CHECKING:
    from handbill.creative.server import ServerWriter
    from handbill.creative.tune import Adapter
    from handbill.creative.writer import LocalWriter

SERVER = re.compile(r"https?://[^#\s]+#[^#\s]+$")
"""A model behind a server, as settings name it."""

AT_ONCE = 4
"""Prompts asked together: enough to fill a batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What a model is taught before it writes.

    Attributes:
        prompt: Version of the wire format.
        lines: Lines that every answer has.
        pairs: What a local model is tuned on.
        instruction: What a model behind a server is told instead, examples included.
        structured: Whether a server is asked for an ad by schema.
    """

    prompt: str
    lines: int
    pairs: tuple[Pair, ...]
    instruction: str = ""
    structured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """A model that is ready to write.

    Attributes:
        writer: It answers requests.
        maker: As the ledger records it.
        folder: Where its answers are kept.
        way: What else decides its answers.
        adapter: What it was tuned to; None behind a server.
    """

    writer: "LocalWriter | ServerWriter"
    maker: Maker
    folder: Path
    way: dict[str, str | int | float]
    adapter: "Adapter | None" = None

    def answer(
        self,
        prompts: Sequence[str],
        language: Language,
        *,
        samples: int,
        max_new_tokens: int,
        seed: int,
        progress: Progress,
    ) -> dict[str, list[str]]:
        """The answers to each different prompt, asked a few at a time so that progress shows.

        Those of an earlier run are taken as they are: approving an ad must not have all of them
        written again, and an interrupted run goes on where it stopped.
        """
        kept = Answers.open(
            self.folder,
            language=language,
            prompt=self.maker.prompt,
            samples=samples,
            seed=seed,
            **self.way,
        )
        asked = list(dict.fromkeys(prompts))
        for at in range(0, len(asked), AT_ONCE):
            progress(f"writing in {language}", at / len(asked))
            some = asked[at : at + AT_ONCE]
            if all(one in kept.known for one in some):
                continue
            texts = self.writer.generate(
                some, samples=samples, max_new_tokens=max_new_tokens, seed=seed + at
            )
            kept.add(some, texts)
        return kept.known


def open_author(
    workspace: Workspace, settings: Settings, name: str, lesson: Lesson, progress: Progress
) -> Author:
    """Make a model ready: tuned when it is a local one, instructed when it is behind a server.

    Args:
        workspace: Its models are kept there.
        settings: Of the stage.
        name: As in `creative.models`.
        lesson: What it is taught.
        progress: Told each step.

    Raises:
        ModelError: It is not installed, not accepted, damaged, or cannot be tuned.
    """
    if SERVER.match(name):
        return _instructed(workspace, settings, name, lesson)
    return _tuned(workspace, settings, name, lesson, progress)


def _tuned(
    workspace: Workspace, settings: Settings, name: str, lesson: Lesson, progress: Progress
) -> Author:
    from handbill.creative.tune import tune, version_of
    from handbill.creative.writer import OVERSAMPLE, LocalWriter

    base = find(name, workspace.models, settings.accept_licences, progress)
    recipe = recipe_of(settings)
    folder = workspace.models / "adapter"
    path = folder / version_of(base, lesson.pairs, recipe)
    adapter = tune(base, lesson.pairs, recipe, path, workspace.models, progress)
    version = current(folder, adapter.version)
    adapter = replace(adapter, version=version, path=folder / version)
    writer = LocalWriter.open(adapter.base, adapter.path, threads=settings.threads)
    writer.lines = lesson.lines
    return Author(
        writer=writer,
        maker=Maker(model=writer.name, adapter=adapter.version, prompt=lesson.prompt),
        folder=adapter.path / "answers",
        way={
            "oversample": OVERSAMPLE,
            "temperature": writer.temperature,
            "top_p": writer.top_p,
            "lines": lesson.lines,
        },
        adapter=adapter,
    )


def _instructed(workspace: Workspace, settings: Settings, name: str, lesson: Lesson) -> Author:
    from handbill.creative.purse import MILLION, Purse
    from handbill.creative.server import KEY, ServerWriter

    url, _, model = name.partition("#")
    purse = Purse(
        path=workspace.models / "server" / "spent.sqlite",
        budget=round(settings.server_budget * MILLION),
        price_in=round(settings.server_price_in * MILLION),
        price_out=round(settings.server_price_out * MILLION),
    )
    writer = ServerWriter(
        url=url,
        model=model,
        system=lesson.instruction,
        purse=purse if settings.server_budget else None,
        key=os.environ.get(KEY, ""),
        timeout=settings.server_timeout,
        structured=lesson.structured,
    )
    return Author(
        writer=writer,
        maker=Maker(model=writer.name, adapter="", prompt=lesson.prompt),
        folder=workspace.models / "server" / "answers",
        way={"model": name, "system": writer.system, "temperature": writer.temperature},
    )


def recipe_of(settings: Settings) -> Recipe:
    """How the shop's adapter is tuned: a few steps on a hundred ads, each length together."""
    return Recipe(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        rank=settings.rank,
        dropout=0.0,
        batch=8,
        held_out=0.125,
        patience=0,
        looks=1,
        threads=settings.threads,
        seed=settings.seed,
    )
