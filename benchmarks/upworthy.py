"""Upworthy: which of two headlines of a test won, from their texts alone."""

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from handbill.creative.appeal import Array, describe, embed, fit
from handbill.creative.models import load, precision
from handbill.creative.registry import find, home

FOLDS = 5
LAYERS = (10, 15, 20)
"""Of 30 of SmolLM2-135M: the middle ones together, so that none has to be chosen."""

DECIDED = 1.96
"""Standard errors apart: what a test of two proportions calls a winner at 5 %."""


@dataclass(frozen=True, slots=True)
class Tests:
    """Headlines as they were shown: under one test and picture, people were drawn alike.

    Attributes:
        headline: (N,) texts.
        test: (N,) ids; a test is never split between learning and scoring.
        group: (N,) test and picture.
        clicks: (N,).
        views: (N,).
    """

    headline: Sequence[str]
    test: Sequence[str]
    group: Sequence[str]
    clicks: Array
    views: Array


def data_file() -> Path:
    """Where the archive's exploratory part lies."""
    folder = Path(os.environ.get("HANDBILL_DATA", "../shared/data"))
    return folder / "upworthy" / "experiments.parquet"


def read() -> Tests | None:
    """The archive's exploratory part; None when it is not here."""
    path = data_file()
    if not path.is_file():
        return None
    rows = pd.read_parquet(path)
    rows["headline"] = rows["headline"].map(html.unescape)
    keys = ["clickability_test_id", "eyecatcher_id", "headline"]
    rows = rows.groupby(keys, as_index=False)[["clicks", "impressions"]].sum()
    return Tests(
        headline=rows["headline"].tolist(),
        test=rows["clickability_test_id"].tolist(),
        group=(rows["clickability_test_id"] + "/" + rows["eyecatcher_id"]).tolist(),
        clicks=rows["clicks"].to_numpy(float),
        views=rows["impressions"].to_numpy(float),
    )


def decided(tests: Tests) -> list[tuple[int, int]]:
    """Pairs of a group that chance does not explain, the winner first."""
    members: dict[str, list[int]] = {}
    for place, group in enumerate(tests.group):
        members.setdefault(group, []).append(place)
    pairs = []
    for some in members.values():
        for one, other in combinations(some, 2):
            clicks, views = tests.clicks[[one, other]], tests.views[[one, other]]
            both = clicks.sum() / views.sum()
            error = np.sqrt(both * (1 - both) * (1 / views).sum())
            gap = (clicks / views) @ [1, -1]
            if error > 0 and abs(gap) > DECIDED * error:
                pairs.append((one, other) if gap > 0 else (other, one))
    return pairs


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Accuracy on decided pairs, out of fold by test, beside length and a bag of words."""
    tests = read()
    if tests is None:
        return {}, ["upworthy: its data is not here"]
    pairs = np.asarray(decided(tests))
    blocks = features(tests.headline, quick)
    models = {
        "length": ["length"],
        "words": ["counted", "words"],
        "": list(blocks),
    }
    found: dict[str, float | int] = {"upworthy_pairs": len(pairs)}
    for name, chosen in models.items():
        if name == "" and "states" not in blocks:
            continue
        right, chance = scored(tests, pairs, {one: blocks[one] for one in chosen})
        low, high = interval(right, [tests.test[one] for one, _ in pairs])
        key = f"upworthy_pair_accuracy{name and '_' + name}"
        found |= {key: float(right.mean()), f"{key}_low": low, f"{key}_high": high}
        if name == "":
            found["upworthy_ece"] = calibration(chance)
    notes = [] if "states" in blocks else ["upworthy: without smollm2-135m only plain features"]
    return found, notes


def features(headlines: Sequence[str], quick: bool) -> dict[str, tuple[Array, float]]:
    """Blocks of features, each with the penalty of its weights."""
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
    table = words.fit_transform(headlines)  # unlabelled text of all folds: no outcome is in it
    bag = TruncatedSVD(800, random_state=7).fit_transform(table)
    counted = describe(headlines)
    blocks = {"length": (counted[:, :1], 1.0), "counted": (counted, 1e2), "words": (bag, 1e4)}
    try:
        base = find("smollm2-135m", home(), (), lambda message, fraction=None: None)
    except Exception as error:  # noqa: BLE001  the benchmark says what it could not measure
        print(f"upworthy: {error}")
        return blocks
    different = sorted(set(headlines))
    place = {text: number for number, text in enumerate(different)}
    model, tokenizer = load(base, threads=2)
    states = embed(model.to(precision()).eval(), tokenizer, different, layers=LAYERS)
    blocks["states"] = (states[[place[one] for one in headlines]], 3e4)
    return blocks


def scored(
    tests: Tests, pairs: Array, blocks: Mapping[str, tuple[Array, float]]
) -> tuple[Array, Array]:
    """For each pair, whether the winner was told, and the chance given to the winner."""
    table = np.hstack([block for block, _ in blocks.values()])
    penalty = np.concatenate([np.full(block.shape[1], cost) for block, cost in blocks.values()])
    names = sorted(set(tests.test))
    fold_of = dict(
        zip(names, np.random.default_rng(11).permutation(len(names)) % FOLDS, strict=True)
    )
    fold = np.asarray([fold_of[one] for one in tests.test])
    chance = np.zeros(len(pairs))
    for number in range(FOLDS):
        known = np.flatnonzero(fold != number)
        model = fit(
            table[known], tests.clicks[known], tests.views[known],
            [tests.group[one] for one in known], penalty=penalty,
        )  # fmt: skip
        mine = fold[pairs[:, 0]] == number
        chance[mine] = model.wins(table[pairs[mine, 0]], table[pairs[mine, 1]])
    return (chance > 0.5) + 0.5 * (chance == 0.5), chance


def interval(right: Array, test: Sequence[str]) -> tuple[float, float]:
    """95 % interval of an accuracy, whole tests drawn again 2,000 times."""
    _, group = np.unique(test, return_inverse=True)
    wins, counts = np.bincount(group, right), np.bincount(group).astype(float)
    draws = np.random.default_rng(7).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), size=2_000
    )
    means = (draws @ wins) / (draws @ counts)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def calibration(chance: Array) -> float:
    """Expected calibration error of the chance that the favourite wins, ten equal parts."""
    sure, right = np.maximum(chance, 1 - chance), chance > 0.5
    parts = np.array_split(np.argsort(sure), 10)
    return float(
        sum(len(one) * abs(sure[one].mean() - right[one].mean()) for one in parts) / len(sure)
    )
