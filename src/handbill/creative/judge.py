"""A judge: it tells from a text how well people will take to it, and how far to believe it.

It is the reward model: it says whether a writer became better, and never learned from the tests
that the writer learned from.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from handbill.creative.appeal import Appeal, Array, describe, embed, fit
from handbill.creative.intervals import mean_interval
from handbill.creative.models import ModelFolder, load, precision
from handbill.creative.shown import Shown, beats, by_test
from handbill.errors import ModelError
from handbill.types import Interval
from handbill.workspace import read_json, write_json

DEPTHS = (1 / 3, 1 / 2, 2 / 3)
"""Layers that are read, as shares of the model's depth: the middle ones, so that none is chosen."""

COUNTED_PENALTY, STATES_PENALTY = 1e2, 3e4
"""Of squared weights of what is counted in a text, and of what a model makes of it."""

DECIDED = 0.975
"""Posterior probability from which a pair has a winner that a judge is asked for."""

FOLDS = 5
PAIRS = 50
"""Decided pairs below which nobody knows how good a judge is."""


@dataclass(slots=True)
class Reader:
    """Turns texts to features with a language model; each text once.

    Attributes:
        id: Of the model.
        model: Of transformers.
        tokenizer: Its tokenizer.
        known: Features of texts read before.
    """

    id: str
    model: Any
    tokenizer: Any
    known: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def open(cls, base: ModelFolder, *, threads: int) -> "Reader":
        """Load a model.

        Raises:
            ModelError: It does not load.
        """
        model, tokenizer = load(base, threads=threads)
        return cls(id=base.id, model=model.to(precision()).eval(), tokenizer=tokenizer)

    def read(self, texts: Sequence[str]) -> Array:
        """Features, (N, D): what is counted, then what the model makes of each text."""
        new = [one for one in dict.fromkeys(texts) if one not in self.known]
        if new:
            depth = self.model.config.get_text_config().num_hidden_layers
            layers = [round(share * depth) for share in DEPTHS]
            states = embed(self.model, self.tokenizer, new, layers=layers)
            self.known.update(zip(new, np.hstack([describe(new), states]), strict=True))
        return np.asarray([self.known[one] for one in texts])

    def penalty(self) -> Array:
        """Of the squared weights, (D,)."""
        counted = describe([""]).shape[1]
        width = self.read([""]).shape[1]
        return np.repeat([COUNTED_PENALTY, STATES_PENALTY], [counted, width - counted])


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What was learned from tests.

    Attributes:
        version: Content hash of the tests and the model that reads.
        appeal: Scores.
        reader: Features.
        accuracy: Share of decided pairs whose winner it told, on tests that it did not learn from;
            None where there were too few.
        pairs: Decided pairs.
    """

    version: str
    appeal: Appeal
    reader: Reader
    accuracy: Interval | None
    pairs: int

    @property
    def reliable(self) -> bool:
        """Whether it is better than a coin."""
        return self.accuracy is not None and self.accuracy.low > 0.5

    def score(self, texts: Sequence[str]) -> Array:
        """Log-odds of a click, (N,); only differences mean something."""
        return self.appeal.score(self.reader.read(texts))

    def wins(self, first: Sequence[str], second: Sequence[str]) -> Array:
        """How likely each first text beats its second."""
        return self.appeal.wins(self.reader.read(first), self.reader.read(second))

    def liked(self, texts: Sequence[str]) -> dict[str, float]:
        """How much better each text, stripped, is taken than the others of its brief, -1 to 1."""
        stripped = [one.strip() for one in texts]
        scores = self.score(stripped)
        return dict(zip(stripped, np.clip(scores - scores.mean(), -1, 1).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write it as safetensors with a card; the card last."""
        folder.mkdir(parents=True, exist_ok=True)
        names = ("mean", "spread", "weights")
        tensors = {name: np.ascontiguousarray(getattr(self.appeal, name)) for name in names}
        save_file(tensors, folder / "appeal.safetensors")
        told = self.accuracy
        write_json(
            folder / "card.json",
            {
                "version": self.version,
                "reader": self.reader.id,
                "scale": self.appeal.scale,
                "pairs": self.pairs,
                "accuracy": told and {"estimate": told.estimate, "low": told.low,
                                      "high": told.high},
            },
        )  # fmt: skip

    @classmethod
    def load(cls, folder: Path, reader: Reader) -> "Judge":
        """Read what `save` wrote.

        Raises:
            ModelError: It is damaged, or was learned with another reader.
        """
        try:
            card = read_json(folder / "card.json")
            kept = load_file(folder / "appeal.safetensors")
            told = card["accuracy"]
            judge = cls(
                version=card["version"],
                appeal=Appeal(scale=card["scale"], **kept),
                reader=reader,
                accuracy=told and Interval(**told),
                pairs=card["pairs"],
            )
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise ModelError(f"the judge in {folder} is damaged; delete it: {error}") from error
        if card["reader"] != reader.id:
            raise ModelError(f"the judge in {folder} reads with {card['reader']}, not {reader.id}")
        return judge


def learn(shown: Sequence[Shown], reader: Reader, seed: int = 7) -> Judge | None:
    """Learn from tests; None when no test has two texts.

    Args:
        shown: Outcomes.
        reader: Features.
        seed: Of the folds.
    """
    groups = [some for some in by_test(shown) if len(some) > 1]
    texts = [one for some in groups for one in some]
    if not texts:
        return None
    names = [f"{one.test}\x1f{one.prompt}" for one in texts]
    features = reader.read([one.text for one in texts])
    clicks, views = (
        np.array([getattr(one, name) for one in texts]) for name in ("clicks", "views")
    )
    views = np.maximum(views, 1.0)
    penalty = reader.penalty()
    order = np.random.default_rng(seed).permutation(len(groups)) % FOLDS
    fold = np.repeat(order, [len(some) for some in groups])
    pairs, place = [], 0
    for some in groups:
        pairs += [(place + a, place + b) for a, b in _decided(some)]
        place += len(some)
    right = np.full(len(pairs), 0.5)
    ends = np.asarray(pairs, dtype=int).reshape(-1, 2)
    if len(pairs) >= PAIRS:
        for number in range(FOLDS):
            seen = np.flatnonzero(fold != number)
            model = fit(
                features[seen], clicks[seen], views[seen], [names[one] for one in seen],
                penalty=penalty,
            )  # fmt: skip
            mine = fold[ends[:, 0]] == number
            chance = model.wins(features[ends[mine, 0]], features[ends[mine, 1]])
            right[mine] = (chance > 0.5) + 0.5 * (chance == 0.5)
    told = [names[one] for one, _ in pairs]
    digest = [[one.test, one.prompt, one.text, one.views, one.clicks] for one in texts]
    identity = json.dumps([reader.id, DEPTHS, COUNTED_PENALTY, STATES_PENALTY, seed, digest])
    return Judge(
        version=hashlib.sha256(identity.encode()).hexdigest()[:16],
        appeal=fit(features, clicks, views, names, penalty=penalty, seed=seed),
        reader=reader,
        accuracy=mean_interval(right, told, seed) if len(pairs) >= PAIRS else None,
        pairs=len(pairs),
    )


def _decided(texts: Sequence[Shown]) -> list[tuple[int, int]]:
    """Pairs of places that chance does not explain, the winner first."""
    found = []
    for one, other in combinations(range(len(texts)), 2):
        first, second = texts[one], texts[other]
        chance = beats(first.clicks, first.views, second.clicks, second.views)
        if max(chance, 1 - chance) >= DECIDED:
            found.append((one, other) if chance > 0.5 else (other, one))
    return found
