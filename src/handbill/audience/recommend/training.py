"""Training the Transformer: early stopping on people held out, and checkpoints that resume.

Chance is drawn from the seed and the epoch's number, so a run that was interrupted and resumed ends
with the same weights as one that was not.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from handbill.audience.recommend.behaviour import (
    Batch,
    Behaviour,
    Coded,
    Shape,
    code,
    edges,
    item_loss,
    next_occasions,
    value_loss,
    wait_loss,
)
from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.histories import Floats, Histories, Ints
from handbill.audience.recommend.ranking import lists, quality
from handbill.audience.recommend.tracking import Silent, Tracker, open_tracker
from handbill.workspace import read_json, replacing, write_json

HELD_OUT = 2_000
"""Most people whose last occasion tells when to stop."""
MAY_CHANGE = ("epochs", "patience", "minutes", "tracker", "refit_epochs")
"""Settings with which a checkpoint may be gone on from."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer:
    """The Transformer as a source of candidates.

    Attributes:
        catalogue: The items.
        shape: Its size.
        training: How it learns.
        folder: For checkpoints and TensorBoard; None keeps neither.
        model: What was learned; None before.
        prices: (8,) bounds of the price buckets.
        name: For columns and cards.
    """

    catalogue: Catalogue
    shape: Shape = field(default_factory=Shape)
    training: Training = field(default_factory=Training)
    folder: Path | None = None
    model: Behaviour | None = field(default=None, repr=False)
    prices: Floats | None = field(default=None, repr=False)
    name: str = "behaviour"

    def fit(self, histories: Histories) -> "Transformer":
        """Learn; one that has learned before goes on for `refit_epochs`."""
        if self.model is not None and self.prices is not None:
            model = _copy(self.model)
            _refit(model, histories, self.prices, self.training)
            return replace(self, model=model)
        with torch.random.fork_rng():
            torch.manual_seed(self.training.seed)
            model = Behaviour(self.shape, self.catalogue.vectors)
        prices = edges(histories)
        fitted = replace(self, model=model, prices=prices)
        _train(fitted, model, histories)
        return fitted

    def scores(self, histories: Histories) -> Floats:
        """(P, I) inner product of each person's state with each item."""
        assert self.model is not None  # noqa: S101  fitted before it is asked
        return states(self, histories) @ table(self.model).T


def transferred(source: Transformer, catalogue: Catalogue) -> Transformer:
    """What was learned in one shop, ready to go on in another.

    Everything moves but the items' own embeddings, which start from their text alone.

    Args:
        source: Fitted.
        catalogue: The other shop's items, vectors of the same encoder and axes.
    """
    assert source.model is not None  # noqa: S101  fitted before it moves
    model = Behaviour(source.shape, catalogue.vectors)
    moved = {k: v for k, v in _weights(source.model).items() if not k.startswith("own.")}
    model.load_state_dict(moved, strict=False)
    with torch.no_grad():
        model.own.weight.zero_()
    return replace(source, catalogue=catalogue, model=model)


def table(model: Behaviour) -> Floats:
    """(I, d) item embeddings."""
    with torch.inference_mode():
        model.eval()
        device = model.own.weight.device
        found: Floats = model.item(torch.arange(model.size, device=device)).cpu().numpy()
    return found


def states(source: Transformer, histories: Histories) -> Floats:
    """(P, d) each person's state after the last event; zero without any."""
    model, prices = source.model, source.prices
    assert model is not None and prices is not None  # noqa: S101  fitted before it is asked
    model.eval()
    newest = histories.newest(source.shape.length)
    coded = code(newest, prices)
    found = np.zeros((len(histories), source.shape.width), np.float32)
    lengths = newest.lengths
    some = np.flatnonzero(lengths > 0)
    some = some[np.argsort(lengths[some], kind="stable")]
    with torch.inference_mode():
        for start in range(0, len(some), 1_024):
            people = some[start : start + 1_024]
            batch, _ = _padded(coded, newest.offsets[people], lengths[people], model)
            last = torch.from_numpy(lengths[people] - 1).to(batch["items"].device)
            rows = torch.arange(len(people), device=last.device)
            found[people] = model(batch)[rows, last].float().cpu().numpy()
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the other heads say of each person after their last event.

    Attributes:
        kinds: (P, K + 1) probability of each of `KINDS` next, and of nothing.
        purchase_within: (P, WAITS) probability that the next purchase comes within 1, 3, 7, 15, ...
            days (2 ** (n + 1) - 1); it is conditional on the times that the log shows.
        value: (P,) median of the next basket's value, one unit of each line, in units of currency.
    """

    kinds: Floats
    purchase_within: Floats
    value: Floats


def outlook(source: Transformer, histories: Histories) -> Outlook:
    """Ask the heads for the next kind of event, the next purchase and its value.

    Args:
        source: Fitted on histories with times; without times these heads learned nothing.
        histories: (P)
    """
    model = source.model
    assert model is not None  # noqa: S101  fitted before it is asked
    with torch.inference_mode():
        after = torch.from_numpy(states(source, histories)).to(model.own.weight.device)
        kinds = model.next_kind(after).softmax(-1)
        waits = model.wait(after).softmax(-1).cumsum(-1)
        value = model.value(after)[:, 0].expm1().clamp(min=0)
    return Outlook(
        kinds=kinds.cpu().numpy(), purchase_within=waits.cpu().numpy(), value=value.cpu().numpy()
    )


def _train(source: Transformer, model: Behaviour, histories: Histories) -> None:
    """Train until held-out people's lists get no better; the best weights stay."""
    training = source.training
    inside, judge = _hold_out(histories, training.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    lesson = Lesson.of(inside, source)
    optimiser = _optimiser(model, training)
    course = Course.open(source, model, optimiser, histories)
    tracker: Tracker = Silent()
    if source.folder is not None:
        tracker = open_tracker(training.tracker, source.folder, _plain(source))
    deadline = time.monotonic() + training.minutes * 60
    try:
        while course.epoch < training.epochs and course.bad < training.patience:
            loss = lesson.epoch(model, optimiser, course.epoch, deadline)
            ndcg = judge(source)
            tracker.log(course.epoch, {"loss": loss, "ndcg": ndcg}, time.time())
            course.ended(model, optimiser, ndcg)
            if time.monotonic() > deadline:
                break
    finally:
        tracker.close()
    model.load_state_dict(course.best_weights, strict=False)


def _refit(model: Behaviour, histories: Histories, prices: Floats, training: Training) -> None:
    """A few more epochs, with the last events, at a lower rate."""
    training = replace(training, learning_rate=training.learning_rate / 4)
    lesson = Lesson(histories, model.shape, training, code(histories, prices))
    optimiser = _optimiser(model, training)
    deadline = time.monotonic() + training.minutes * 60
    for epoch in range(training.refit_epochs):
        lesson.epoch(model, optimiser, 10_000 + epoch, deadline)


def _optimiser(model: Behaviour, training: Training) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay,
        betas=(0.9, 0.98),
    )  # fmt: skip


def _hold_out(histories: Histories, seed: int) -> tuple[Histories, Callable[[Transformer], float]]:
    """Histories without some people's last occasion, and a judge by those."""
    rng = np.random.default_rng(seed)
    some = np.flatnonzero(histories.last_occasions >= 1)
    count = min(HELD_OUT, max(1, len(some) // 5)) if len(some) else 0
    held = np.sort(rng.choice(some, count, replace=False))
    out = np.zeros(len(histories), np.bool_)
    out[held] = True
    inside = histories.keep(~(out[histories.owners] & (histories.ages == 0)))
    wanted, asked = histories.last()[held], inside.take(held)
    again = asked.counts().multiply(wanted).nnz > 0.02 * wanted.nnz

    def judge(source: Transformer) -> float:
        return quality(lists(source, asked, 10, repeats=again), wanted).ndcg

    return inside, judge


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

    @classmethod
    def of(cls, histories: Histories, source: Transformer) -> "Lesson":
        """With the source's shape, training and price buckets."""
        assert source.prices is not None  # noqa: S101  set by `fit`
        coded = code(histories, source.prices)
        return cls(histories, source.shape, source.training, coded)

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
        batch, events = _padded(self._coded, self._starts[windows], self._lengths[windows], model)
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
            negatives.to(device), self._share.log().to(device), self._training.correction,
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


@dataclass(slots=True)
class Course:
    """How far training is.

    Attributes:
        folder: Of the checkpoint; None keeps none.
        key: Hash of what is learned from and how.
        epoch: Epochs that have ended.
        best: Best held-out NDCG.
        bad: Epochs since.
        best_weights: Of that epoch.
    """

    folder: Path | None
    key: str
    epoch: int
    best: float
    bad: int
    best_weights: dict[str, Tensor]

    @classmethod
    def open(
        cls, source: Transformer, model: Behaviour, optimiser: torch.optim.Optimizer,
        histories: Histories,
    ) -> "Course":  # fmt: skip
        """From the checkpoint where one of the same key lies, else from the beginning."""
        # How long to train may change; the rest makes it another training.
        settings = json.dumps(
            {key: value for key, value in _plain(source).items() if key not in MAY_CHANGE},
            sort_keys=True,
        )
        digest = hashlib.sha256(settings.encode() + histories.items.tobytes())
        digest.update(histories.offsets.tobytes() + source.catalogue.vectors.tobytes())
        key = digest.hexdigest()
        fresh = cls(source.folder, key, 0, -1.0, 0, _weights(model))
        card = source.folder / "checkpoint.json" if source.folder is not None else None
        if card is None or source.folder is None or not card.exists():
            return fresh
        record = read_json(card)
        if record["key"] != key:
            return fresh
        stored = load_file(source.folder / record["file"])
        model.load_state_dict(_part(stored, "model."), strict=False)
        _restore(optimiser, _part(stored, "optimiser."))
        best = _part(stored, "best.")
        return cls(source.folder, key, record["epoch"], record["best"], record["bad"], best)

    def ended(self, model: Behaviour, optimiser: torch.optim.Optimizer, ndcg: float) -> None:
        """Note an epoch's end, on disk where there is a folder."""
        self.epoch += 1
        self.bad += 1
        if ndcg > self.best:
            self.best, self.bad, self.best_weights = ndcg, 0, _weights(model)
        if self.folder is None:
            return
        stored = {f"model.{name}": value for name, value in _weights(model).items()}
        stored |= {f"best.{name}": value.clone() for name, value in self.best_weights.items()}
        for number, one in optimiser.state_dict()["state"].items():
            stored |= {f"optimiser.{number}.{name}": torch.as_tensor(one[name]) for name in one}
        name = f"checkpoint-{self.epoch % 2}.safetensors"
        with replacing(self.folder / name) as part:
            save_file({key: value.contiguous() for key, value in stored.items()}, part)
        record = {"key": self.key, "file": name, "epoch": self.epoch, "best": self.best}
        write_json(self.folder / "checkpoint.json", {**record, "bad": self.bad})


def _weights(model: Behaviour) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def _part(stored: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in stored.items()
        if name.startswith(prefix)
    }


def _restore(optimiser: torch.optim.Optimizer, stored: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in stored.items():
        number, what = name.split(".", 1)
        state.setdefault(int(number), {})[what] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _copy(model: Behaviour) -> Behaviour:
    vectors: Tensor = model.vectors
    twin = Behaviour(model.shape, vectors[:-1].cpu().numpy())
    twin.load_state_dict(_weights(model), strict=False)
    twin.to(model.own.weight.device)
    return twin


def _plain(source: Transformer) -> dict[str, float]:
    return {**asdict(source.shape), **asdict(source.training)}


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


def _padded(coded: Coded, starts: Ints, lengths: Ints, model: Behaviour) -> tuple[Batch, Ints]:
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
