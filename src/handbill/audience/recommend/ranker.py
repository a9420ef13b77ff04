"""The second step: boosted trees that order candidates, learned from what people did last.

Source: LambdaMART (Burges 2010) in LightGBM.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from handbill.audience.recommend.candidates import Candidates, Pairs
from handbill.audience.recommend.histories import Floats, Histories, Ints, Items, Sparse
from handbill.audience.recommend.pairs import look_up, ranks
from handbill.audience.recommend.ranking import Quality, quality

COUNTING = ("habit", "follows", "popular")
"""Sources that counts alone join."""
FUSION = 60.0
"""Constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""
LEAD = 10.0
"""Weight of the source that leads where nothing is learned."""
FOLDS = 3
MOST_ROUNDS = 400
PATIENCE = 25
PARAMETERS = {
    "objective": "lambdarank",
    "metric": "ndcg",
    "eval_at": [10],
    "learning_rate": 0.05,
    "num_leaves": 31,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "lambdarank_truncation_level": 20,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranker:
    """Trees, one lot for each fold of people left out; their mean orders.

    Attributes:
        trees: (FOLDS,)
        names: (F,) features in order.
        held_out: Quality on people that the trees judged did not learn from.
    """

    trees: tuple[lgb.Booster, ...]
    names: tuple[str, ...]
    held_out: Quality

    def scores(self, pairs: Pairs) -> Floats:
        """(M,) higher comes first; only the order within a person means something."""
        total = np.zeros(len(pairs.rows))
        for booster in self.trees:
            total += booster.predict(pairs.features)
        return np.asarray(total / len(self.trees), np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Candidates of people with what they did next.

    Attributes:
        pairs: Of people among whose candidates is something they did next.
        labels: (M,) 1 where they did.
        people: (P,) index of each row's person among all asked.
    """

    pairs: Pairs
    labels: Floats
    people: Ints


def fused(pairs: Pairs, first: str, names: Sequence[str]) -> Floats:
    """(M,) places in several sources' orders joined; one source leads, the others decide behind.

    Args:
        pairs: Candidates.
        first: The source that leads: its places count ten times.
        names: All sources; one that does not know an item adds nothing.
    """
    total = np.zeros(len(pairs.rows), np.float32)
    for name in names:
        value = pairs.features[:, pairs.names.index(name)]
        place = ranks(pairs.rows, value)
        weight = LEAD if name == first else 1.0
        total += np.where(value > 0, weight / (FUSION + place), 0.0).astype(np.float32)
    return total


def counted(candidates: Candidates, pairs: Pairs) -> Floats:
    """(M,) what counts alone make of candidates; habit leads where people buy the same again."""
    names = [one.name for one in candidates.sources if one.name in COUNTING]
    return fused(pairs, "habit" if candidates.repeats else "follows", names)


def gather(
    candidates: Candidates,
    histories: Histories,
    wanted: Sparse,
    tell: Callable[[float], None] = lambda share: None,
) -> tuple[Examples, Ints]:
    """Candidates of everyone who did something next that a source had called for.

    Args:
        candidates: Sources fitted on nothing that is wanted.
        histories: (P)
        wanted: (P, I) nonzero where the item came next.
        tell: Told how much is done, 0 to 1.

    Returns:
        Those examples, and (P, 10) everybody's list by counting.
    """
    lists = np.full((len(histories), 10), -1, np.int64)
    parts: list[Pairs] = []
    labels: list[Floats] = []
    for some, part in histories.batches():
        pairs = candidates.pairs(part)
        scores = counted(candidates, pairs)
        lists[some] = order(pairs.rows, pairs.items, scores, len(some), 10)
        label = (look_up(wanted[some], pairs.rows, pairs.items) > 0).astype(np.float32)
        found = np.zeros(len(some), bool)
        found[pairs.rows[label > 0]] = True
        kept = found[pairs.rows]
        parts.append(
            Pairs(
                rows=some[pairs.rows[kept]].astype(np.int32), items=pairs.items[kept],
                features=pairs.features[kept], names=pairs.names,
            )
        )  # fmt: skip
        labels.append(label[kept])
        tell(float(some[-1] + 1) / len(histories))
    rows = np.concatenate([one.rows for one in parts])
    people, packed = np.unique(rows, return_inverse=True)
    examples = Examples(
        pairs=Pairs(
            rows=packed.astype(np.int32),
            items=np.concatenate([one.items for one in parts]),
            features=np.concatenate([one.features for one in parts]),
            names=parts[0].names,
        ),
        labels=np.concatenate(labels),
        people=people.astype(np.int64),
    )
    return examples, lists


def fit_ranker(examples: Examples, wanted: Sparse, seed: int) -> Ranker:
    """Learn to order candidates; judged on each fold by the trees that did not see it.

    Args:
        examples: From `gather`.
        wanted: (P, I) of everyone asked, also those whose wish no source called for.
        seed: Of the folds and the trees.
    """
    pairs = examples.pairs
    fold = np.random.default_rng(seed).integers(FOLDS, size=len(examples.people))
    held = np.zeros(len(pairs.rows), np.float32)
    trees = []
    for number in range(FOLDS):
        out = fold[pairs.rows] == number
        booster = _boost(examples, ~out, out, seed + number)
        held[out] = booster.predict(pairs.features[out])
        trees.append(booster)
    lists = np.full((wanted.shape[0], 10), -1, np.int64)
    lists[examples.people] = order(pairs.rows, pairs.items, held, len(examples.people), 10)
    return Ranker(trees=tuple(trees), names=pairs.names, held_out=quality(lists, wanted))


def order(rows: Items, items: Items, scores: Floats, people: int, k: int) -> Ints:
    """(P, k) items by falling score, -1 where a person has fewer; equal ones by item.

    Args:
        rows: (M,) rising.
        items: (M,)
        scores: (M,)
        people: P
        k: Length.
    """
    by = np.lexsort((items, -scores, rows))
    rows, items = rows[by], items[by]
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    found = np.full((people, k), -1, np.int64)
    kept = place < k
    found[rows[kept], place[kept]] = items[kept]
    return found


def _boost(examples: Examples, learn: Items, judge: Items, seed: int) -> lgb.Booster:
    def data(rows: Items) -> lgb.Dataset:
        sizes = np.bincount(examples.pairs.rows[rows], minlength=len(examples.people))
        return lgb.Dataset(
            examples.pairs.features[rows], examples.labels[rows], group=sizes[sizes > 0],
            feature_name=list(examples.pairs.names),
        )  # fmt: skip

    booster = lgb.train(
        {**PARAMETERS, "seed": seed},
        data(learn),
        MOST_ROUNDS,
        valid_sets=[data(judge)],
        callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
    )
    return booster
