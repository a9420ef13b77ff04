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

from handbill.creative.appeal import Array, describe
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

WIDTH = 32
"""Directions that are kept of them."""

STRENGTHS = (1e-3, 1e-1, 1e1)
"""Inverses of the penalty on squared weights that are tried."""

BINS = 10

RESPONSES: tuple[Label, ...] = ("click", "buy")
"""What an ad is for."""


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


@dataclass(frozen=True, slots=True)
class Known:
    """Results with what was known when each ad went out.

    Attributes:
        texts: (N,).
        facts: (N, D) place in the message, weekday, and the person's past: messages, and the share
            of them that was viewed, clicked and bought from, drawn to everyone's.
        label: (N,) classes.
        people: (N,).
    """

    texts: Sequence[str]
    facts: Array
    label: Array
    people: Sequence[str]

    def of(self, rows: Array) -> "Known":
        """Some of them."""
        return Known(
            [self.texts[n] for n in rows], self.facts[rows], self.label[rows],
            [self.people[n] for n in rows],
        )  # fmt: skip


Head = Callable[[Known], Array]
"""From results to chances, (N, K)."""

Features = Callable[[Known], Any]
"""From results to a table, (N, D), dense or sparse."""


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
    learn, choose, measure = (
        _numbered(known.of(span[np.isin(known.label[span], numbers)]), numbers) for span in spans
    )
    answers = sum(n for name, n in counts.items() if name not in ("none", "bot"))
    wants_states = reader is not None and answers >= STATES
    tried = _heads(learn, len(classes), reader() if reader and wants_states else None)
    heads = {
        name: min((_honest(head, choose) for head in some), key=lambda head: _loss(head, choose))
        for name, some in tried.items()
    }
    ways = [name for name in heads if name != "shares"]
    best = min(ways, key=lambda name: _loss(heads[name], choose))
    chance = heads[best](measure)
    plain = _losses(heads["shares"](measure), measure.label)
    gain = mean_interval(plain - _losses(chance, measure.label), measure.people)
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


def _heads(learn: Known, classes: int, reader: Reader | None) -> dict[str, list[Head]]:
    """Every way to tell, learned from the oldest results; a head for each strength."""
    shares = (np.bincount(learn.label, minlength=classes) + 1.0) / (len(learn.label) + classes)
    heads: dict[str, list[Head]] = {
        "shares": [lambda some: np.tile(shares, (len(some.texts), 1))],
        "words": _regressions(learn, _bag(learn.texts)),
        "counts": _regressions(learn, _standard(learn, _counted)),
    }
    if reader is not None:
        states = _directions(reader, learn.texts)
        heads["states"] = _regressions(
            learn, _standard(learn, lambda some: np.hstack([_counted(some), states(some)]))
        )
    return heads


def _counted(some: Known) -> Array:
    return np.hstack([describe(some.texts), some.facts])


def _bag(texts: Sequence[str]) -> Features:
    """Pairs and threes of characters within words, which all languages have."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), max_features=2_000)
    words.fit(sorted(set(texts)))
    return lambda some: words.transform(some.texts)


def _directions(reader: Reader, texts: Sequence[str]) -> Features:
    """The main directions of a language model's features of texts."""
    table = reader.read(sorted(set(texts)))
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-6
    _, _, axes = np.linalg.svd((table - mean) / spread, full_matrices=False)
    kept = axes[:WIDTH].T

    def states(some: Known) -> Array:
        different, place = np.unique(some.texts, return_inverse=True)
        found: Array = (reader.read(different.tolist()) - mean) / spread @ kept
        return found[place]

    return states


def _standard(learn: Known, features: Features) -> Features:
    """Features with the mean and spread that they had when it learned taken out."""
    table = features(learn)
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-6
    return lambda some: (features(some) - mean) / spread


def _regressions(learn: Known, features: Features) -> list[Head]:
    """Multinomial logistic regressions, from the humblest up."""
    from sklearn.linear_model import LogisticRegression

    table = features(learn)

    def head(strength: float) -> Head:
        model = LogisticRegression(C=strength, max_iter=500).fit(table, learn.label)
        return lambda some: model.predict_proba(features(some))

    return [head(strength) for strength in STRENGTHS]


def _honest(head: Head, later: Known) -> Head:
    """The head with one temperature, chosen on later results; Guo et al. 2017."""
    chance = head(later)
    heats = np.geomspace(0.25, 4, 33)
    best = float(
        min(heats, key=lambda heat: float(_losses(_warm(chance, heat), later.label).mean()))
    )
    return lambda some: _warm(head(some), best)


def _warm(chance: Array, heat: float) -> Array:
    raised = np.clip(chance, 1e-9, 1) ** (1 / heat)
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def _losses(chance: Array, label: Array) -> Array:
    found: Array = -np.log(np.clip(chance[np.arange(len(label)), label], 1e-9, 1))
    return found


def _loss(head: Head, some: Known) -> float:
    return float(_losses(head(some), some.label).mean())


def _way(name: str, chance: Array, label: Array) -> Way:
    told = [_class(LABELS[0], place, chance, label) for place in range(chance.shape[1])]
    return Way(
        name=name,
        log_loss=float(_losses(chance, label).mean()),
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
