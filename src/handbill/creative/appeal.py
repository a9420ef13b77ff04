"""Which of two texts people click: learned from randomised tests of texts against each other."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, np.dtype[Any]]

NOISE = 0.03
"""Variance of a text's log-odds that no amount of views takes away; it keeps large tests humble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """A linear score of a text's features; only differences within one test mean something.

    Attributes:
        mean: (D,) of each feature.
        spread: (D,) of each feature.
        weights: (D,) of the standardised features; log-odds of a click.
        scale: From a difference of scores to the log-odds that the first text wins.
    """

    mean: Array
    spread: Array
    weights: Array
    scale: float

    def score(self, features: Array) -> Array:
        """Scores of texts.

        Args:
            features: (N, D).

        Returns:
            (N,); higher is clicked more.
        """
        found: Array = ((features - self.mean) / self.spread) @ self.weights
        return found

    def wins(self, first: Array, second: Array) -> Array:
        """How likely each first text beats its second, 0 to 1.

        Args:
            first: (P, D).
            second: (P, D).
        """
        gap = self.scale * (self.score(first) - self.score(second))
        return _sigmoid(gap)


def fit(
    features: Array,
    clicks: Array,
    views: Array,
    tests: Sequence[str],
    *,
    penalty: Array,
    folds: int = 5,
    seed: int = 7,
) -> Appeal:
    """Learn scores from tests; what all texts of one test share is taken out.

    Ridge regression of the log-odds of a click, each test centred on its own mean and each text
    weighted by what its views can tell. The scale of the probabilities comes from tests that the
    scores were not learned from.

    Args:
        features: (N, D) of each text that was shown.
        clicks: (N,) people who clicked.
        views: (N,) people who saw it.
        tests: (N,) texts of one test were shown to people drawn alike.
        penalty: (D,) of the squared weights.
        folds: Parts that the scale is learned over.
        seed: Of the parts.
    """
    _, group = np.unique(np.asarray(tests), return_inverse=True)
    rate = (clicks + 0.5) / (views + 1)
    odds = np.log(rate / (1 - rate))
    weight = 1 / (1 / (views * rate * (1 - rate)) + NOISE)
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    design = _centred((features - mean) / spread, group, weight)
    target = _centred(odds[:, None], group, weight)[:, 0]
    part = np.random.default_rng(seed).integers(folds, size=group.max() + 1)[group]
    # what each part adds to the normal equations, so that leaving one out is a subtraction
    sums = [_normal(design[part == one], target[part == one], weight[part == one])
            for one in range(folds)]  # fmt: skip
    square = np.sum([one for one, _ in sums], axis=0) + np.diag(penalty)
    product = np.sum([one for _, one in sums], axis=0)
    held = np.zeros(len(target))
    for fold, (less, fewer) in enumerate(sums):
        held[part == fold] = design[part == fold] @ np.linalg.solve(square - less, product - fewer)
    gaps, won = _pairs(held, clicks, views, group)
    return Appeal(
        mean=mean,
        spread=spread,
        weights=np.linalg.solve(square, product),
        scale=_slope(gaps, won),
    )


def describe(texts: Sequence[str]) -> Array:
    """What can be counted in a text: its length, signs, digits, capitals and words for people.

    Returns:
        (N, 14).
    """
    rows = []
    for text in texts:
        words = text.split()
        small = text.lower()
        rows.append(
            [
                len(text),
                len(text) ** 2 / 1e4,
                math.log(len(text) + 1),
                len(words),
                sum(map(len, words)) / max(1, len(words)),
                text.count("?") + text.count("？"),
                text.count("!") + text.count("！"),
                text.count(".") + text.count("。"),
                text.count(",") + text.count("，"),
                text.count('"') + text.count("“"),
                sum(sign.isdigit() for sign in text),
                sum(sign.isupper() for sign in text) / max(1, len(text)),
                len(re.findall(r"\b(?:you|your|we|our|us)\b|你|我们", small)),
                len(re.findall(r"\b(?:he|she|his|her|they|their|this|these)\b|他|她|这", small)),
            ]
        )
    return np.asarray(rows, dtype=np.float64).reshape(len(texts), 14)


def embed(
    model: Any, tokenizer: Any, texts: Sequence[str], *, layers: Sequence[int], batch: int = 64
) -> Array:
    """What a language model makes of texts: mean states of layers, and how likely it finds them.

    Args:
        model: Of transformers.
        tokenizer: Its tokenizer.
        texts: N of them.
        layers: L numbers; the middle ones say most about meaning.
        batch: Texts computed together.

    Returns:
        (N, L D + 1).
    """
    order = sorted(range(len(texts)), key=lambda at: (len(texts[at]), at))
    width = model.config.get_text_config().hidden_size
    rows: Array = np.zeros((len(texts), len(layers) * width + 1))
    with torch.inference_mode():
        for at in range(0, len(order), batch):
            some = order[at : at + batch]
            rows[some] = _states(model, tokenizer, [texts[one] for one in some], layers)
    return rows


def _states(model: Any, tokenizer: Any, texts: list[str], layers: Sequence[int]) -> Array:
    start = tokenizer.bos_token or tokenizer.eos_token  # so that the first word is predicted, too
    inputs = tokenizer(
        [start + text for text in texts],
        return_tensors="pt",
        padding=True,
        padding_side="right",
        add_special_tokens=False,
    ).to(model.device)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    output = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    words = mask.clone()
    words[:, 0] = 0  # the first state is an outlier and says nothing
    count = words.sum(dim=1, keepdim=True).clamp(min=1)
    means = [
        (output.hidden_states[layer].float() * words[..., None]).sum(dim=1) / count
        for layer in layers
    ]
    scores = output.logits[:, :-1].float().log_softmax(dim=-1)
    known = scores.gather(2, ids[:, 1:, None])[..., 0] * mask[:, 1:]
    whole = torch.cat([*means, known.sum(dim=1, keepdim=True) / count], dim=1)
    found: Array = whole.cpu().double().numpy()
    return found


def _centred(values: Array, group: Any, weight: Array) -> Array:
    """Values less their weighted mean of the test."""
    total = np.bincount(group, weight)
    sums = np.zeros((len(total), values.shape[1]))
    np.add.at(sums, group, values * weight[:, None])
    found: Array = values - (sums / total[:, None])[group]
    return found


def _normal(design: Array, target: Array, weight: Array) -> tuple[Array, Array]:
    """The two sides of the normal equations of weighted least squares."""
    weighted = design * weight[:, None]
    return weighted.T @ design, weighted.T @ target


def _pairs(score: Array, clicks: Array, views: Array, group: Any) -> tuple[Array, Array]:
    """Every two texts of a test: the difference of their scores, and how surely the first won."""
    gaps, won = [], []
    for texts in np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1]):
        for place, one in enumerate(texts):
            for other in texts[:place]:
                both = (clicks[one] + clicks[other] + 1) / (views[one] + views[other] + 2)
                error = math.sqrt(both * (1 - both) * (1 / views[one] + 1 / views[other]))
                gap = clicks[one] / views[one] - clicks[other] / views[other]
                won.append(0.5 * (1 + math.erf(gap / error / math.sqrt(2))))
                gaps.append(score[one] - score[other])
    return np.asarray(gaps), np.asarray(won)


def _slope(gaps: Array, won: Array) -> float:
    """Logistic regression through the origin, by Newton's steps."""
    slope = 0.0
    for _ in range(50):
        chance = _sigmoid(slope * gaps)
        gradient = float(np.sum(gaps * (won - chance)))
        curve = float(np.sum(gaps**2 * chance * (1 - chance))) + 1e-9
        step = gradient / curve
        slope += max(-5.0, min(5.0, step))
        if abs(step) < 1e-9:
            break
    return slope


def _sigmoid(values: Array) -> Array:
    found: Array = 0.5 * (1 + np.tanh(values / 2))
    return found
