"""What an ad will do to whom: nothing, a view, a click, a purchase, or a visit by a machine.

A head on a language model's features of the text, and on what was known of the person when the ad
went out. Time runs one way: it learns from the oldest results, is chosen and made honest on later
ones, and measured on the newest, beside what the plain shares of the classes would have said.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from handbill.creative.appeal import Array
from handbill.creative.heads import Head, Known, every_way, honest, loss, losses
from handbill.creative.intervals import mean_interval
from handbill.creative.judge import Reader
from handbill.creative.results import DAYS, LABELS, Label, Result
from handbill.types import Interval, Text

LEARN, CHOOSE = 0.6, 0.8
"""Shares of the results, by time, that it learns from, and up to which ways are chosen between."""

LEAST = 30
"""Results of a class, in learning and in measuring, below which it is not told apart."""

STATES = 500
"""Answers (views, clicks, purchases) from which a language model's features are tried, too."""

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way to tell, on the newest results.

    Attributes:
        name: `shares` (of the classes), `words` (a bag of them), `counts` (signs of the text and
            what was known of the person) or `states` (a language model's features beside those).
        log_loss: Of the labels.
        accuracy: Share of the labels that were the likeliest.
        macro_f1: Mean over the classes.
        error: Expected calibration error, mean over the classes, ten bins each.
    """

    name: str
    log_loss: float
    accuracy: float
    macro_f1: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Class:
    """How well one class is told, on the newest results.

    Attributes:
        name: Of it.
        count: Of the newest results.
        precision: Of those called it, the share that were; None when none was.
        recall: Of those that were it, the share called it.
        f1: Of both.
        auc: Chance that one of it is given more of it than one of another.
        bins: Mean chance, share that were it, and results, from the least likely tenth up.
    """

    name: Label
    count: int
    precision: float | None
    recall: float
    f1: float
    auc: float
    bins: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What results taught, and how far to believe it.

    Attributes:
        counts: Results by class.
        classes: Those told apart; the others are left out.
        ways: All that were tried.
        chosen: The one that was best before the newest results; empty when there was not enough.
        told: How well it tells each class.
        gain: By how much its log loss is below that of the shares, on the newest results.
        why: Not enough data, or no better than the shares; None when it may be used.
        chances: Of texts and what is known of people, (N, classes); None when it may not be used.
    """

    counts: Mapping[str, int]
    classes: tuple[Label, ...] = ()
    ways: tuple[Way, ...] = ()
    chosen: str = ""
    told: tuple[Class, ...] = ()
    gain: Interval | None = None
    why: Text | None = None
    chances: Callable[[Sequence[str], Array], Array] | None = None


def known_of(results: Sequence[Result]) -> Known:
    """What was known of each; an outcome counts for its person only when its window is over.

    Args:
        results: Oldest first.
    """
    waiting: dict[str, list[Result]] = {}
    past: dict[str, Counter[str]] = {}
    everyone = Counter[str]()
    rows = []
    for one in results:
        queue = waiting.setdefault(one.person, [])
        mine = past.setdefault(one.person, Counter())
        while queue and (one.at - queue[0].at).total_seconds() >= DAYS * 86_400:
            label = queue.pop(0).label
            mine.update([label, "sent"])
            everyone.update([label, "sent"])
        # a person of whom little is known is like everyone
        shares = [
            (mine[name] + 5 * everyone[name] / max(1, everyone["sent"])) / (mine["sent"] + 5)
            for name in ("view", "click", "buy", "bot")
        ]
        angle = 2 * math.pi * one.at.weekday() / 7
        rows.append([one.slot, math.cos(angle), math.sin(angle), math.log1p(mine["sent"]), *shares])
        queue.append(one)
    return Known(
        texts=[one.text for one in results],
        facts=np.asarray(rows, dtype=float).reshape(len(results), 8),
        label=np.asarray([LABELS.index(one.label) for one in results], dtype=int),
        people=[one.person for one in results],
    )


def learn_outcomes(
    results: Sequence[Result], reader: Callable[[], Reader] | None = None
) -> Outlook:
    """Learn to tell what becomes of an ad, or say why that cannot be told.

    Args:
        results: Oldest first.
        reader: Opens the model that reads; without one, texts are only counted.
    """
    counts = Counter[str](one.label for one in results)
    spans = _spans(results)
    parts = [Counter(results[n].label for n in span) for span in spans]
    classes = tuple(one for one in LABELS if min(part[one] for part in parts) >= LEAST)
    if len(classes) < 2:
        return Outlook(counts=counts, why=_few(counts))
    known = known_of(results)
    numbers = [LABELS.index(one) for one in classes]
    spans = [span[np.isin(known.label[span], numbers)] for span in spans]
    learn, choose, measure = (_numbered(known.of(span), numbers) for span in spans)
    answers = sum(n for name, n in counts.items() if name not in ("none", "bot"))
    wants_states = reader is not None and answers >= STATES
    tried = every_way(learn, len(classes), reader() if reader and wants_states else None)
    heads = {
        name: min((honest(head, choose) for head in some), key=lambda head: loss(head, choose))
        for name, some in tried.items()
    }
    ways = [name for name in heads if name != "shares"]
    best = min(ways, key=lambda name: loss(heads[name], choose))
    chance = heads[best](measure)
    plain = losses(heads["shares"](measure), measure.label)
    better = plain - losses(chance, measure.label)
    briefs = [results[n].brief.id for n in spans[-1]]
    # what one person does hangs together, and what is done with the ads of one brief, too
    gain = max((mean_interval(better, groups) for groups in (measure.people, briefs)),
               key=lambda one: one.high - one.low)  # fmt: skip
    useful = gain.low > 0
    return Outlook(
        counts=counts,
        classes=classes,
        ways=tuple(_way(name, head(measure), measure.label) for name, head in heads.items()),
        chosen=best,
        told=tuple(_class(name, place, chance, measure.label)
                   for place, name in enumerate(classes)),
        gain=gain,
        why=None if useful else _no_better(gain),
        chances=_asked(heads[best]) if useful else None,
    )  # fmt: skip


def _spans(results: Sequence[Result]) -> list[Array]:
    """Places to learn from, to choose on and to measure on, oldest first.

    What was not known yet when the next part began is in none.
    """
    ends = [0, *(round(share * len(results)) for share in (LEARN, CHOOSE)), len(results)]
    over = timedelta(days=DAYS)
    spans = []
    for low, high in pairwise(ends):
        begins = results[high].at if high < len(results) else None
        some = [n for n in range(low, high) if begins is None or results[n].at + over <= begins]
        spans.append(np.asarray(some, dtype=int))
    return spans


def _asked(head: Head) -> Callable[[Sequence[str], Array], Array]:
    def chances(texts: Sequence[str], facts: Array) -> Array:
        return head(Known(texts, facts, np.zeros(len(texts), dtype=int), [""] * len(texts)))

    return chances


def _numbered(known: Known, numbers: Sequence[int]) -> Known:
    return Known(known.texts, known.facts, np.searchsorted(numbers, known.label), known.people)


def _way(name: str, chance: Array, label: Array) -> Way:
    told = [_class(LABELS[0], place, chance, label) for place in range(chance.shape[1])]
    return Way(
        name=name,
        log_loss=float(losses(chance, label).mean()),
        accuracy=float((chance.argmax(axis=1) == label).mean()),
        macro_f1=float(np.mean([one.f1 for one in told])),
        error=float(
            np.mean([
                sum(n * abs(said - were) for said, were, n in one.bins) / len(label) for one in told
            ])
        ),
    )  # fmt: skip


def _class(name: Label, place: int, chance: Array, label: Array) -> Class:
    called, were = chance.argmax(axis=1) == place, label == place
    hits = int((called & were).sum())
    said: Any = chance[:, place]
    bins = [part for part in np.array_split(np.argsort(said, kind="stable"), BINS) if len(part)]
    return Class(
        name=name,
        count=int(were.sum()),
        precision=hits / int(called.sum()) if called.any() else None,
        recall=hits / max(1, int(were.sum())),
        f1=2 * hits / max(1, int(called.sum()) + int(were.sum())),
        auc=_auc(said, were),
        bins=tuple(
            (float(said[part].mean()), float(were[part].mean()), len(part)) for part in bins
        ),
    )


def _auc(said: Array, were: Array) -> float:
    """From ranks, ties sharing theirs."""
    from scipy.stats import rankdata

    ranks, hits = rankdata(said), int(were.sum())
    others = len(were) - hits
    return float((ranks[were].sum() - hits * (hits + 1) / 2) / max(1, hits * others))


def _few(counts: Mapping[str, int]) -> Text:
    said = ", ".join(f"{name} {counts.get(name, 0)}" for name in LABELS)
    return Text(
        en=f"Not enough data: two outcomes with {LEAST} results each in every part of the time are "
        f"needed; so far there are {said}.",
        zh=f"数据不足：至少需要两种结果，且每种在各时间段都有 {LEAST} 条；目前为 {said}。",
    )


def _no_better(gain: Interval) -> Text:
    return Text(
        en=f"It tells no more than the shares of the outcomes do: the log loss is better by "
        f"{gain.estimate:.4f} ({gain.low:.4f} to {gain.high:.4f}). It is not used.",
        zh=f"并不比各结果的占比更有预测力：对数损失只改善 {gain.estimate:.4f}"
        f"（{gain.low:.4f} 至 {gain.high:.4f}），因此不采用。",
    )
