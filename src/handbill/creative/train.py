"""The training loop: batches, steps, looks at held-out text, checkpoints that survive a kill."""

import errno
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from handbill.creative.method import Tunable
from handbill.creative.models import precision
from handbill.creative.recipe import Recipe
from handbill.errors import ModelError, WorkspaceError
from handbill.ports import Progress
from handbill.workspace import replacing

JITTER = 12.0
"""Tokens by which lengths are blurred, so that every epoch batches anew."""

CHECKPOINT_SECONDS = 120.0
"""Work that a kill can cost."""

Row = tuple[list[int], int]
"""Token ids of a request and its text, and where the text begins."""

Track = Callable[[int, Mapping[str, float]], None]
"""Told a step and figures of it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a training makes small, told of rows of its kind.

    Attributes:
        length: Of a row; those of about one length are computed together.
        counts: What a row counts for in the mean.
        loss: Of a model on rows, summed, and what they count for together.
    """

    length: Callable[[Any], int]
    counts: Callable[[Any], int]
    loss: Callable[[Any, Sequence[Any]], tuple[torch.Tensor, int]]


@dataclass(slots=True)
class Course:
    """Where a training is; what a checkpoint keeps besides tensors.

    Attributes:
        step: Steps done.
        seconds: Time spent, restarts included.
        losses: Mean loss per token of each step.
        looks: Step and held-out loss of each look.
        best: The lowest of them.
        since: Looks since it.
        stopped: Why it ended before its epochs did; empty when it did not.
    """

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    looks: list[tuple[int, float]] = field(default_factory=list)
    best: float = math.inf
    since: int = 0
    stopped: str = ""


def fit(
    tunable: Tunable,
    rows_of: Callable[[int], Sequence[Any]],
    held_out: Sequence[Any],
    recipe: Recipe,
    checkpoint: Path,
    track: Track,
    progress: Progress,
    every: float = CHECKPOINT_SECONDS,
    *,
    aim: Aim | None = None,
) -> Course:
    """Train, and leave the weights of the best look in the model; without patience the last ones.

    Order, dropout and augmentation follow from seed, epoch and step alone, so a run that was
    killed and goes on ends with the very weights of one that was not.

    Args:
        tunable: The model.
        rows_of: Rows of an epoch; as many each time.
        held_out: Rows of the looks; none, no looks.
        recipe: Settings.
        checkpoint: File that is read when it is there and removed by the caller.
        track: Told losses.
        progress: Told each step, with the time left.
        every: Seconds between checkpoints.
        aim: What is made small; without it the loss per token of the rows' texts.

    Raises:
        ModelError: The loss is not a number.
        WorkspaceError: The disk is full; the last whole checkpoint stays.
    """
    aim = aim or TEXTS
    optimizer = torch.optim.AdamW(
        list(tunable.weights.values()), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    course, best = _resume(tunable, optimizer, checkpoint)
    rows = rows_of(0)
    per_epoch = math.ceil(len(rows) / recipe.batch)
    steps = recipe.epochs * per_epoch
    look_at = {round((n + 1) * per_epoch / recipe.looks) for n in range(recipe.looks)}
    begun = time.perf_counter() - course.seconds
    saved = time.perf_counter()
    while course.step < steps and not course.stopped:
        epoch, place = divmod(course.step, per_epoch)
        if place == 0 or course.step == 0 or not rows:
            rows = rows_of(epoch)
        batches = _batches(rows, recipe, epoch, aim)
        for batch in batches[place:]:
            done = max(course.step / steps, _share(course.seconds, recipe.minutes))
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _schedule(done, course.step)
            course.losses.append(step(tunable, batch, optimizer, recipe, course.step, aim))
            course.step += 1
            course.seconds = time.perf_counter() - begun
            figures = {"loss": course.losses[-1], "learning_rate": optimizer.param_groups[0]["lr"]}
            track(course.step, figures)
            left = course.seconds * (1 - done) / max(done, 1e-9)
            progress(_said(course.losses[-1], left if course.step > 1 else None), done)
            if (course.step - 1) % per_epoch + 1 in look_at and held_out:
                best = _look(tunable, held_out, course, best, recipe, track, aim)
            if recipe.minutes is not None and course.seconds >= 60 * recipe.minutes:
                course.stopped = course.stopped or "the minutes were up"
            if time.perf_counter() - saved >= every and course.step < steps:
                _save(tunable, optimizer, course, best, checkpoint)
                saved = time.perf_counter()
            if course.stopped:
                break
    if held_out and course.stopped == "the minutes were up":
        best = _look(tunable, held_out, course, best, recipe, track, aim)
    if recipe.patience:
        with torch.no_grad():
            for name, weight in tunable.weights.items():
                if name in best:
                    weight.copy_(best[name])
    return course


def batch_loss(model: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, int]:
    """Summed loss over the texts' tokens; the vocabulary is scored at those positions only."""
    scores, ids = positions(model, rows)
    return cross_entropy(scores, ids, reduction="sum"), len(ids)


def positions(model: Any, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores where the texts' tokens are predicted, and these tokens.

    Returns:
        (N, V) logits and (N,) token ids, row after row.
    """
    width = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)  # (B, T)
    mask = torch.zeros(len(rows), width, dtype=torch.long)
    target = torch.zeros(len(rows), width, dtype=torch.bool)
    for row, (tokens, start) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
        target[row, start : len(tokens)] = True
    ids, mask, target = (one.to(model.device) for one in (ids, mask, target))
    hidden = model.get_decoder()(
        input_ids=ids, attention_mask=mask, use_cache=False
    ).last_hidden_state
    scored = hidden[:, :-1][target[:, 1:]]  # (N, D): each predicts the next token
    return model.get_output_embeddings()(scored), ids[:, 1:][target[:, 1:]]


TEXTS = Aim(
    length=lambda row: len(row[0]),
    counts=lambda row: len(row[0]) - max(1, row[1]),
    loss=batch_loss,
)
"""The loss per token of texts: `Row`s."""


def mean_loss(model: Any, rows: Sequence[Any], aim: Aim = TEXTS, batch: int = 8) -> float:
    """Mean loss per token, or of what else is aimed at, in the precision of training."""
    total, count = 0.0, 0
    training = model.training
    model.eval()
    order = sorted(rows, key=aim.length)
    with torch.inference_mode(), autocast(model):
        for at in range(0, len(order), batch):
            loss, counted = aim.loss(model, order[at : at + batch])
            total, count = total + float(loss), count + counted
    model.train(training)
    return total / max(1, count)


def step(
    tunable: Tunable,
    batch: Sequence[Any],
    optimizer: Any,
    recipe: Recipe,
    number: int,
    aim: Aim = TEXTS,
) -> float:
    """One step over a batch, a micro-batch at a time.

    Args:
        tunable: The model.
        batch: Rows.
        optimizer: Of its weights.
        recipe: Settings.
        number: Of the step; dropout follows from it, so that it is the same after a restart.
        aim: What is made small.

    Returns:
        Mean loss, per token for texts.

    Raises:
        ModelError: The loss is not a number.
    """
    model = tunable.model
    tunable.wrapped.train()
    total = sum(map(aim.counts, batch))
    loss_sum = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed * 1_000_003 + number)
        for at in range(0, len(batch), recipe.micro_batch):
            with autocast(model):
                loss, _ = aim.loss(model, batch[at : at + recipe.micro_batch])
            loss = loss.float() / total
            if not math.isfinite(float(loss.detach())):
                raise ModelError("the tuning's loss is not a number; lower the learning rate")
            loss.backward()
            loss_sum += float(loss.detach())
        penalty = tunable.penalty()
        if isinstance(penalty, torch.Tensor):
            penalty.backward()
    torch.nn.utils.clip_grad_norm_(list(tunable.weights.values()), 1.0)
    optimizer.step()
    tunable.after_step(number + 1)
    optimizer.zero_grad(set_to_none=True)
    return loss_sum


def autocast(model: Any) -> Any:
    """The precision of training on the device where a model lies."""
    kind = precision(model.device.type)
    return torch.autocast(model.device.type, dtype=kind, enabled=kind != torch.float32)


def _look(
    tunable: Tunable,
    held_out: Sequence[Any],
    course: Course,
    best: dict[str, torch.Tensor],
    recipe: Recipe,
    track: Track,
    aim: Aim,
) -> dict[str, torch.Tensor]:
    """Measure the held-out loss; the best weights so far."""
    loss = mean_loss(tunable.model, held_out, aim)
    course.looks.append((course.step, loss))
    track(course.step, {"held_out_loss": loss})
    if loss < course.best:
        course.best, course.since = loss, 0
        return {name: weight.detach().clone() for name, weight in tunable.weights.items()}
    course.since += 1
    if recipe.patience and course.since >= recipe.patience:
        course.stopped = course.stopped or "the held-out loss no longer fell"
    return best


def _batches(rows: Sequence[Any], recipe: Recipe, epoch: int, aim: Aim) -> list[list[Any]]:
    """An epoch's batches in random order, each of about one length: padding is work, too."""
    order = torch.Generator().manual_seed(recipe.seed * 1_009 + epoch)
    lengths = torch.tensor([aim.length(row) for row in rows])
    near = (lengths + torch.rand(len(rows), generator=order) * JITTER).argsort().tolist()
    size = recipe.batch
    batches = [[rows[one] for one in near[at : at + size]] for at in range(0, len(near), size)]
    return [batches[at] for at in torch.randperm(len(batches), generator=order).tolist()]


def _share(seconds: float, minutes: float | None) -> float:
    return 0.0 if minutes is None else min(1.0, seconds / (60 * minutes))


def _schedule(done: float, step: int) -> float:
    """Cosine to a tenth over the share of the work done, after a warm-up of a tenth."""
    if done < 0.1:
        return min(1.0, max(done / 0.1, (step + 1) / 20))
    return 0.1 + 0.45 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


def _said(loss: float, left: float | None) -> str:
    if left is None:
        return f"tuning, loss {loss:.2f}"
    text = f"{left / 60:.0f} min" if left >= 90 else f"{left:.0f} s"
    return f"tuning, loss {loss:.2f}, {text} left"


def _save(
    tunable: Tunable,
    optimizer: Any,
    course: Course,
    best: Mapping[str, torch.Tensor],
    path: Path,
) -> None:
    """One file, whole or not at all: weights, the optimizer's moments, the best look, the course.

    Raises:
        WorkspaceError: It does not fit; what was there stays.
    """
    tensors = {f"best/{name}": value for name, value in best.items()}
    for name, weight in tunable.weights.items():
        tensors[f"weight/{name}"] = weight.detach()
        for moment, value in optimizer.state[weight].items():
            tensors[f"{moment}/{name}"] = value
    tensors |= {f"memory/{name}": value for name, value in tunable.memory().items()}
    whole = {name: value.contiguous().cpu().clone() for name, value in tensors.items()}
    try:
        with replacing(path) as part:
            save_file(whole, part, metadata={"course": json.dumps(asdict(course))})
    except (OSError, SafetensorError) as error:
        raise full_disk(error, path) from error


def full_disk(error: Exception, path: Path) -> WorkspaceError:
    """One line for a write that did not end well."""
    reason = str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        reason = "the disk is full"
    return WorkspaceError(
        f"{path.parent} cannot take a checkpoint: {reason}; the last whole one is kept, so free "
        "space and run the same command again"
    )


def _resume(tunable: Tunable, optimizer: Any, path: Path) -> tuple[Course, dict[str, torch.Tensor]]:
    """The course of an earlier run that did not end, its weights put in place."""
    if not path.is_file():
        return Course(), {}
    try:
        with safe_open(path, framework="pt") as kept:
            told = json.loads(kept.metadata()["course"])
            tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"the checkpoint {path} is damaged; delete it and run again") from error
    told["looks"] = [(step, loss) for step, loss in told["looks"]]
    course = Course(**told)
    course.stopped = ""
    with torch.no_grad():
        for name, weight in tunable.weights.items():
            weight.copy_(tensors[f"weight/{name}"])
            optimizer.state[weight] = {
                moment: tensors[f"{moment}/{name}"].to("cpu" if moment == "step" else weight.device)
                for moment in ("step", "exp_avg", "exp_avg_sq")
            }
    tunable.remember(_under("memory/", tensors))
    return course, _under("best/", tensors)


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)
    }
