"""The Transformer as a source of candidates: trained with early stopping, moved, asked."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from handbill.audience.recommend.behaviour import Behaviour, Shape, code, edges
from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.checkpoint import Course, weights
from handbill.audience.recommend.histories import Floats, Histories
from handbill.audience.recommend.ranking import lists, quality
from handbill.audience.recommend.tracking import Silent, Tracker, open_tracker
from handbill.audience.recommend.training import Lesson, Training, optimiser_of, padded

HELD_OUT = 2_000
"""Most people whose last occasion tells when to stop."""


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
        items: (I, d) embeddings of the items; None while it learns.
        name: For columns and cards.
    """

    catalogue: Catalogue
    shape: Shape = field(default_factory=Shape)
    training: Training = field(default_factory=Training)
    folder: Path | None = None
    model: Behaviour | None = field(default=None, repr=False)
    prices: Floats | None = field(default=None, repr=False)
    items: Floats | None = field(default=None, repr=False)
    name: str = "behaviour"

    def fit(self, histories: Histories) -> "Transformer":
        """Learn; one that has learned before goes on for `refit_epochs`."""
        if self.model is not None and self.prices is not None:
            model = _copy(self.model)
            _refit(model, histories, self.prices, self.training)
            return replace(self, model=model, items=table(model))
        with torch.random.fork_rng():
            torch.manual_seed(self.training.seed)
            model = Behaviour(self.shape, self.catalogue.vectors)
        prices = edges(histories)
        fitted = replace(self, model=model, prices=prices, items=None)
        _train(fitted, model, histories)
        return replace(fitted, items=table(model))

    def scores(self, histories: Histories) -> Floats:
        """(P, I) inner product of each person's state with each item."""
        assert self.model is not None  # noqa: S101  fitted before it is asked
        items = table(self.model) if self.items is None else self.items
        return states(self, histories) @ items.T


def transferred(source: Transformer, catalogue: Catalogue) -> Transformer:
    """What was learned in one shop, ready to go on in another.

    Everything moves but the items' own embeddings, which start from their text alone.

    Args:
        source: Fitted.
        catalogue: The other shop's items, vectors of the same encoder and axes.
    """
    assert source.model is not None  # noqa: S101  fitted before it moves
    model = Behaviour(source.shape, catalogue.vectors)
    moved = {k: v for k, v in weights(source.model).items() if not k.startswith("own.")}
    model.load_state_dict(moved, strict=False)
    with torch.no_grad():
        model.own.weight.zero_()
    return replace(source, catalogue=catalogue, model=model, items=None)


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
            batch, _ = padded(coded, newest.offsets[people], lengths[people], model)
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
    prices = edges(histories) if source.prices is None else source.prices
    lesson = Lesson(inside, source.shape, training, code(inside, prices))
    optimiser = optimiser_of(model, training)
    course = Course.open(
        source.folder, _plain(source), source.catalogue.vectors, model, optimiser, histories
    )
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
    optimiser = optimiser_of(model, training)
    deadline = time.monotonic() + training.minutes * 60
    for epoch in range(training.refit_epochs):
        lesson.epoch(model, optimiser, 10_000 + epoch, deadline)


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


def _copy(model: Behaviour) -> Behaviour:
    vectors: Tensor = model.vectors
    twin = Behaviour(model.shape, vectors[:-1].cpu().numpy())
    twin.load_state_dict(weights(model), strict=False)
    twin.to(model.own.weight.device)
    return twin


def _plain(source: Transformer) -> dict[str, float]:
    return {**asdict(source.shape), **asdict(source.training)}
