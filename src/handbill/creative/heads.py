"""Heads: from a text and what is known of a person to the chance of each outcome."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from handbill.creative.appeal import Array, describe
from handbill.creative.judge import Reader

WIDTH = 32
"""Directions that are kept of them."""

STRENGTHS = (1e-3, 1e-1, 1e1)
"""Inverses of the penalty on squared weights that are tried."""


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


def every_way(learn: Known, classes: int, reader: Reader | None) -> dict[str, list[Head]]:
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


def honest(head: Head, later: Known) -> Head:
    """The head with one temperature, chosen on later results; Guo et al. 2017."""
    chance = head(later)
    heats = np.geomspace(0.25, 4, 33)
    best = float(
        min(heats, key=lambda heat: float(losses(_warm(chance, heat), later.label).mean()))
    )
    return lambda some: _warm(head(some), best)


def _warm(chance: Array, heat: float) -> Array:
    raised = np.clip(chance, 1e-9, 1) ** (1 / heat)
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def losses(chance: Array, label: Array) -> Array:
    """Log loss of each label, (N,)."""
    found: Array = -np.log(np.clip(chance[np.arange(len(label)), label], 1e-9, 1))
    return found


def loss(head: Head, some: Known) -> float:
    """Mean log loss of a head."""
    return float(losses(head(some), some.label).mean())
