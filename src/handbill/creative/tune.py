"""Fine-tuning: a language model learns the shop's voice from pairs of facts and ads."""

import hashlib
import json
import math
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from handbill.creative.general import read_general
from handbill.creative.method import prepare
from handbill.creative.models import ModelFolder, frame, load, precision
from handbill.creative.pairs import Pair, augmented, data_hash, slotted, split
from handbill.creative.recipe import Recipe
from handbill.creative.train import Course, Row, Track, fit, full_disk, mean_loss
from handbill.creative.vocabulary import choose, prune, size_of
from handbill.errors import ModelError
from handbill.ports import Progress
from handbill.workspace import read_json, write_json

FORMAT = "tune-1"
"""Version of all that is fixed here; a change of it trains anew."""

LARGE = 65_536
"""Tokens up to which a vocabulary is not worth cutting."""

PROMPT_TOKENS = 512
"""A pair with a longer request is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """A trained adapter and what is known of it.

    Attributes:
        version: Content hash of base model, pairs and recipe.
        path: Folder with the safetensors and card.json.
        base: The model to put it on, its vocabulary as it was trained.
        seconds: Time the training took.
        loss_before: Mean loss per token on held-out pairs, without the adapter; NaN without any.
        loss_after: The same with it.
        trained: Whether this call trained it, or found it.
    """

    version: str
    path: Path
    base: ModelFolder
    seconds: float
    loss_before: float
    loss_after: float
    trained: bool


def untracked(step: int, figures: Mapping[str, float]) -> None:
    """Track nothing: the card keeps the losses anyway."""


def version_of(base: ModelFolder, pairs: Sequence[Pair], recipe: Recipe) -> str:
    """What an adapter of this base, data and recipe is called."""
    return hashlib.sha256(
        json.dumps(_identity(base, pairs, recipe), sort_keys=True).encode()
    ).hexdigest()[:16]


def tune(
    base: ModelFolder,
    pairs: Sequence[Pair],
    recipe: Recipe,
    path: Path,
    models: Path,
    progress: Progress,
    track: Track = untracked,
) -> Adapter:
    """Train an adapter, go on with one that was interrupted, or find the one already trained.

    Loss counts only on the text, not on its request; some products are held out.

    Args:
        base: The model, whole.
        pairs: What it learns.
        recipe: How.
        path: Folder that the adapter becomes. What is unfinished lies hidden beside it.
        models: Where models are kept; one with a smaller vocabulary is put there.
        progress: Told each step.
        track: Told losses.

    Raises:
        ModelError: The base does not load, the loss is not a number, or nothing can be learned.
        WorkspaceError: The disk is full; what was trained is kept.
    """
    identity = _identity(base, pairs, recipe)
    version = version_of(base, pairs, recipe)
    if (path / "card.json").is_file():
        found = read_json(path / "card.json")
        if found.get("version") != version:
            raise ModelError(
                f"{path} holds another adapter ({found.get('version')}); name another folder or "
                "delete it"
            )
        return _adapter(path, base, models, trained=False)
    part = path.with_name(f".{path.name}.{version}.part")
    part.mkdir(parents=True, exist_ok=True)
    kept = _vocabulary(base, pairs, recipe, models, progress)
    small = prune(base, kept, models) if kept else base
    progress("loading the model")
    model, tokenizer = load(small, threads=recipe.threads)
    model.to(recipe.device)
    teacher = Teacher(tokenizer, recipe)
    train, held = split(pairs, share=recipe.held_out, most=recipe.held_out_most, seed=recipe.seed)
    held_rows = teacher.rows(held)
    rows = teacher.rows(train)
    if not rows:
        raise ModelError("no pair is short enough to train on; shorten the requests")
    general = [(ids, 1) for ids in tokenizer(list(_general(pairs)))["input_ids"]]
    progress("measuring before")
    before = _cached(
        part / "before.json",
        lambda: _measured(model, held_rows, general),
    )
    steps = recipe.epochs * math.ceil(len(rows) / recipe.batch)
    tunable = prepare(
        model,
        recipe.method,
        rank=recipe.rank,
        dropout=recipe.dropout,
        steps=steps,
        seed=recipe.seed,
    )
    if recipe.checkpointing:
        model.activation_checkpointing_enable()
    course = fit(
        tunable,
        lambda epoch: teacher.rows(train, epoch),
        held_rows,
        recipe,
        part / "checkpoint.safetensors",
        track,
        progress,
    )
    progress("measuring after")
    after = _measured(model, held_rows, general)
    card = identity | {
        "version": version,
        "kind": recipe.method,
        "parents": [base.id],
        "base_name": base.name or base.id,
        "vocabulary": len(kept),
        "pairs": len(rows),
        "held_out": len(held_rows),
        "left_out": len(train) - len(rows),
        "loss_before": before["held_out"],
        "loss_after": after["held_out"],
        "general_before": before["general"],
        "general_after": after["general"],
        **_told(course),
    }
    publish(tunable, base, tokenizer, kept, card, part, path)
    return _adapter(path, base, models, trained=True)


def publish(
    tunable: Any,
    base: ModelFolder,
    tokenizer: Any,
    kept: Sequence[int],
    card: Mapping[str, Any],
    part: Path,
    path: Path,
) -> None:
    """Write the adapter aside and let it appear whole; the checkpoint goes last."""
    ready = part / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    try:
        tunable.save(ready, base.id, tokenizer)
        if kept:
            write_json(ready / "vocabulary.json", list(kept))
        write_json(ready / "card.json", card)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(ready, ignore_errors=True)
        raise full_disk(error, ready) from error
    shutil.rmtree(path, ignore_errors=True)
    ready.replace(path)
    shutil.rmtree(part, ignore_errors=True)


def open_base(base: ModelFolder, adapter: Path, models: Path) -> ModelFolder:
    """The base of an adapter as it was trained: with the same vocabulary."""
    listed = adapter / "vocabulary.json"
    return prune(base, read_json(listed), models) if listed.is_file() else base


class Teacher:
    """Pairs as rows of token ids."""

    def __init__(self, tokenizer: Any, recipe: Recipe) -> None:
        self.tokenizer = tokenizer
        self.recipe = recipe

    def rows(self, pairs: Sequence[Pair], epoch: int | None = None) -> list[Row]:
        """Rows, each epoch augmented its own way; what asks too much is left out."""
        chosen = []
        for number, pair in enumerate(pairs):
            one = slotted(pair) if self.recipe.slots else pair
            if epoch is not None and one.attributes:
                # the seed names the pair, so that a restart in mid-epoch sees the same
                chance = random.Random(f"{self.recipe.seed}/{epoch}/{number}")  # noqa: S311
                # what the text mentions is told from the values, not from their slots
                other = augmented(
                    pair, shuffle=self.recipe.shuffle, drop=self.recipe.drop, chance=chance
                )
                one = slotted(other) if self.recipe.slots else other
            chosen.append(one)
        if not chosen:
            return []
        asked = self.tokenizer(
            [frame(self.tokenizer, one.request) for one in chosen],
            add_special_tokens=not self.tokenizer.chat_template,
        )["input_ids"]
        said = self.tokenizer([one.completion for one in chosen], add_special_tokens=False)
        return [
            ([*request, *self._end(text)], len(request))
            for request, text in zip(asked, said["input_ids"], strict=True)
            if len(request) <= PROMPT_TOKENS
        ]

    def _end(self, text: list[int]) -> list[int]:
        """A text with its end mark, or as much of it as fits."""
        return [*text, self.tokenizer.eos_token_id][: self.recipe.max_tokens]


def _vocabulary(
    base: ModelFolder, pairs: Sequence[Pair], recipe: Recipe, models: Path, progress: Progress
) -> list[int]:
    """Tokens to keep, chosen once for a base and its pairs; none, the vocabulary stays whole."""
    if recipe.vocabulary == "full" or size_of(base) <= LARGE:
        return []
    digest = hashlib.sha256(f"{base.id} {data_hash(pairs)}".encode()).hexdigest()[:16]
    kept: list[int] = _cached(
        models / "vocabulary" / f"{digest}.json", lambda: list(_chosen(base, pairs, progress))
    )
    return kept


def _chosen(base: ModelFolder, pairs: Sequence[Pair], progress: Progress) -> Sequence[int]:
    progress("choosing a vocabulary")
    texts = [f"{one.request}\n\n{one.completion}" for one in pairs]
    texts += [slotted(one).completion for one in pairs if one.attributes]
    return choose(base, [*texts, *_general(pairs)])


def _general(pairs: Sequence[Pair]) -> tuple[str, ...]:
    return read_general(one.completion for one in pairs)


def _cached(path: Path, make: Callable[[], Any]) -> Any:
    """What an interrupted run had found already, so that it need not be found again."""
    if not path.is_file():
        write_json(path, make())
    return read_json(path)


def _measured(
    model: Any, held_out: Sequence[Row], general: Sequence[Row]
) -> dict[str, float | None]:
    losses = {
        "held_out": mean_loss(model, held_out) if held_out else None,
        "general": mean_loss(model, general),
    }
    if any(loss is not None and not math.isfinite(loss) for loss in losses.values()):
        raise ModelError("the model's loss is not a number; its weights are damaged")
    return losses


def _told(course: Course) -> dict[str, Any]:
    return {
        "steps": course.step,
        "stopped": course.stopped,
        "seconds": course.seconds,
        "losses": course.losses,
        "looks": [list(look) for look in course.looks],
    }


def _identity(base: ModelFolder, pairs: Sequence[Pair], recipe: Recipe) -> dict[str, Any]:
    return {
        "base": base.id,
        "data": data_hash(pairs),
        "format": FORMAT,
        "precision": str(precision(recipe.device)),
        "recipe": asdict(recipe),
    }


def _adapter(path: Path, base: ModelFolder, models: Path, *, trained: bool) -> Adapter:
    card = read_json(path / "card.json")
    return Adapter(
        version=card["version"],
        path=path,
        base=open_base(base, path, models),
        seconds=card["seconds"],
        loss_before=_number(card["loss_before"]),
        loss_after=_number(card["loss_after"]),
        trained=trained,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
