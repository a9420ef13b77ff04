"""How the Transformer learns: batches of histories, epoch after epoch.

Chance is drawn from the seed and the epoch's number, so a run that was interrupted and resumed ends
with the same weights as one that was not.
"""

import contextlib
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from handbill.audience.recommend.behaviour import (
    Batch,
    Behaviour,
    Coded,
    Shape,
    item_loss,
    next_occasions,
    value_loss,
    wait_loss,
)
from handbill.audience.recommend.histories import Histories, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How the Transformer learns.

    Attributes:
        learning_rate: Of AdamW, after a short warm-up.
        weight_decay: Of AdamW.
        batch: Sequences whose gradient is computed at once.
        accumulate: Batches before a step, where memory is short.
        negatives: Items that a batch shares as what was not next.
        correction: See `behaviour.item_loss`.
        heads: Weight of the other heads' losses beside the next item's.
        epochs: At most.
        patience: Epochs without a better held-out NDCG before it stops.
        minutes: At most, in all; the best so far stands.
        refit_epochs: With the last events, once it is known when to stop.
        tracker: `tensorboard`, `wandb`, `mlflow` or `none`.
        seed: Of weights, order, dropout and negatives.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    batch: int = 256
    accumulate: int = 1
    negatives: int = 2_048
    correction: float = 1.0
    heads: float = 0.1
    epochs: int = 30
    patience: int = 2
    minutes: float = 20.0
    refit_epochs: int = 2
    tracker: str = "tensorboard"
    seed: int = 0


class Lesson:
    """Batches of one set of histories, epoch after epoch.

    Args:
        histories: To learn from.
        shape: Of the Transformer.
        training: How it learns.
        coded: The same histories in buckets.
    """

    def __init__(
        self, histories: Histories, shape: Shape, training: Training, coded: Coded
    ) -> None:
        self._training = training
        self._coded = coded
        self._items = histories.items
        self._next, self._many = next_occasions(histories)
        self._starts, self._lengths = _windows(histories, shape.length)
        popularity = np.bincount(histories.items, minlength=histories.size).astype(np.float64)
        share = popularity / max(popularity.sum(), 1) / 2 + 0.5 / histories.size
        self._share = torch.from_numpy(share.astype(np.float32))
        self._chance = self._share.log()

    def epoch(
        self, model: Behaviour, optimiser: torch.optim.Optimizer, number: int, deadline: float
    ) -> float:
        """Learn from everything once; the mean loss.

        Args:
            model: Learns.
            optimiser: Its optimiser.
            number: Of the epoch; with the seed it decides all chance.
            deadline: Monotonic second after which it stops in the middle.
        """
        training = self._training
        rng = np.random.default_rng((training.seed, number))
        device = model.own.weight.device
        losses = []
        model.train()
        with torch.random.fork_rng(), _mixed(device):
            torch.manual_seed(training.seed * 100_003 + number)
            optimiser.zero_grad()
            batches = self._batches(rng)
            for step, people in enumerate(batches):
                if time.monotonic() > deadline:
                    break
                _warm(optimiser, training, number * len(batches) + step)
                loss = self._loss(model, people, rng)
                if loss is None:
                    continue
                (loss / training.accumulate).backward()
                if (step + 1) % training.accumulate == 0:
                    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                    optimiser.step()
                    optimiser.zero_grad()
                losses.append(loss.item())
        return float(np.mean(losses)) if losses else 0.0

    def _batches(self, rng: np.random.Generator) -> list[Ints]:
        """Windows of about one length together, in random order."""
        size = self._training.batch
        order = rng.permutation(len(self._starts))
        parts = []
        for start in range(0, len(order), 20 * size):
            some = order[start : start + 20 * size]
            some = some[np.argsort(self._lengths[some], kind="stable")]
            parts += [some[first : first + size] for first in range(0, len(some), size)]
        return [parts[number] for number in rng.permutation(len(parts))]

    def _loss(self, model: Behaviour, windows: Ints, rng: np.random.Generator) -> Tensor | None:
        """Of all heads together; None where nothing follows."""
        device = model.own.weight.device
        batch, events = padded(self._coded, self._starts[windows], self._lengths[windows], model)
        flat = model(batch)[torch.from_numpy(events >= 0).to(device)]  # (M, d)
        event = events[events >= 0]
        total = torch.zeros((), device=device)
        follows = np.flatnonzero(self._many[event] > 0)
        if not len(follows):
            return None
        target = self._next[event[follows]]
        target = target + rng.integers(0, self._many[event[follows]])
        negatives = torch.multinomial(self._share, self._training.negatives, replacement=True)
        total = item_loss(
            model, flat[torch.from_numpy(follows).to(device)],
            torch.from_numpy(self._items[target].astype(np.int64)).to(device),
            negatives.to(device), self._chance.to(device), self._training.correction,
        )  # fmt: skip
        if self._training.heads and self._coded.timed:
            total = total + self._training.heads * self._other_heads(model, flat, event)
        return total

    def _other_heads(self, model: Behaviour, flat: Tensor, event: Ints) -> Tensor:
        """Next kind, time to the next purchase, next basket's value."""
        device, coded = flat.device, self._coded
        kind = torch.from_numpy(coded.kind[event]).to(device)
        loss = nn.functional.cross_entropy(model.next_kind(flat), kind)
        wait = torch.from_numpy(coded.wait[event]).to(device)
        came = torch.from_numpy(coded.came[event] > 0).to(device)
        loss = loss + wait_loss(model.wait(flat), wait, came)
        value = torch.from_numpy(coded.value[event]).to(device)
        known = ~value.isnan()
        if known.any():
            loss = loss + value_loss(model.value(flat[known]), value[known])
        return loss


def optimiser_of(model: Behaviour, training: Training) -> torch.optim.Optimizer:
    """AdamW with the settings of a training."""
    return torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay,
        betas=(0.9, 0.98),
    )  # fmt: skip


def _warm(optimiser: torch.optim.Optimizer, training: Training, step: int) -> None:
    """Raise the rate over the first 50 steps of all."""
    for group in optimiser.param_groups:
        group["lr"] = training.learning_rate * min(1.0, (step + 1) / 50)


def _mixed(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bfloat16 where there is a GPU."""
    mixed: contextlib.AbstractContextManager[object] = torch.autocast(
        device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"
    )
    return mixed


def _windows(histories: Histories, length: int) -> tuple[Ints, Ints]:
    """First event and length of stretches of at most `length`, cut from each person's end."""
    starts, lengths = [], []
    for first, last in zip(histories.offsets[:-1], histories.offsets[1:], strict=True):
        for end in range(int(last), int(first), -length):
            start = max(int(first), end - length)
            starts.append(start)
            lengths.append(end - start)
    return np.array(starts, np.int64), np.array(lengths, np.int64)


def padded(coded: Coded, starts: Ints, lengths: Ints, model: Behaviour) -> tuple[Batch, Ints]:
    """Stretches side by side, padded behind: inputs (B, T), and the events' numbers, -1 beyond."""
    longest = int(lengths.max())
    steps = np.arange(longest)
    there = steps < lengths[:, None]
    events = np.where(there, starts[:, None] + steps, -1)
    device = model.own.weight.device
    batch = {}
    for name, values in coded.columns.items():
        filled = np.where(
            there, values[np.maximum(events, 0)], model.size if name == "items" else 0
        )
        batch[name] = torch.from_numpy(filled).to(device)
    return batch, events
