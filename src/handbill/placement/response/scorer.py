"""Scores a few candidates within a request: a response model without the libraries that made it.

The trees of all boosters are laid flat. Every split of every tree is asked of every candidate in
one comparison; a split that sends a candidate to the right rules out the leaves on its left, and
the first leaf that is left is the tree's answer.

Source: Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of
    regression trees, SIGIR 2015.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from handbill.errors import WorkspaceError
from handbill.placement.arrays import Floats, Ints
from handbill.placement.response.calibration import Calibration
from handbill.placement.response.linear import Linear, straighten
from handbill.workspace import read_json

Bytes = npt.NDArray[np.uint8]

LEAVES = 8
"""Most leaves of a tree: one bit of a byte each."""


@dataclass(frozen=True, slots=True)
class _Split:
    """One question of a tree: which leaves are on its left, where an unknown goes."""

    column: int
    threshold: float
    unknown: float
    rules_out: int


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees laid flat: Q distinct questions, T trees of at most D splits each.

    Attributes:
        rows: (Q,) which row of the columns, given three times, each question looks at.
        threshold: (Q, 1) values up to which the answer is left.
        question: (D * T,) number of the question of each split; a split that is not there asks
            question 0 and rules nothing out.
        rules_out: (D * T, 1) leaves that an answer of right rules out, as bits.
        value: (T * 256,) what each tree says when the bits of a byte are ruled out.
        start: (T, 1) where each tree begins in `value`.
        boosters: Whose mean is the answer.
    """

    rows: Ints
    threshold: Floats
    question: Ints
    rules_out: Bytes
    value: Floats
    start: Ints
    boosters: int

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Forest":
        """Lay out boosters given as LightGBM's text.

        Raises:
            ValueError: A tree has more than 8 leaves, categories, or zeros for unknown.
        """
        trees = [_tree(part) for text in texts for part in _parts(text)]
        depth = max(1, max(len(splits) for splits, _ in trees))
        asked: dict[tuple[int, float], int] = {}
        question = np.zeros((depth, len(trees)), dtype=np.int64)
        rules_out = np.zeros((depth, len(trees)), dtype=np.uint8)
        value = np.zeros((len(trees), 256))
        ruled = np.arange(256)
        for place, (splits, leaves) in enumerate(trees):
            for rank, one in enumerate(splits):
                key = (3 * one.column + _UNKNOWN.index(one.unknown), one.threshold)
                question[rank, place] = asked.setdefault(key, len(asked))
                rules_out[rank, place] = one.rules_out
            for leaf in reversed(range(len(leaves))):
                value[place, (ruled >> leaf) & 1 == 0] = leaves[leaf]
        keys = list(asked) or [(0, np.inf)]
        return cls(
            np.array([row for row, _ in keys], dtype=np.int64),
            np.array([[threshold] for _, threshold in keys]),
            question.ravel(),
            rules_out.reshape(-1, 1),
            value.ravel(),
            np.arange(len(trees))[:, None] * 256,
            len(texts),
        )

    def score(self, x: Floats) -> Floats:
        """Mean of the boosters' log-odds for (N, F) rows with NaN where unknown, (N,)."""
        columns = x.T
        unknown = np.isnan(columns)
        three = np.stack([np.where(unknown, fill, columns) for fill in _UNKNOWN], axis=1)
        asked = three.reshape(3 * x.shape[1], len(x))[self.rows]  # (Q, N)
        right = (asked > self.threshold).view(np.uint8)
        out = right[self.question] * self.rules_out  # (D * T, N)
        trees = len(self.start)
        ruled = np.bitwise_or.reduce(out.reshape(len(out) // trees, trees, len(x)), axis=0)
        found: Floats = self.value[self.start + ruled].sum(axis=0) / self.boosters
        return found


_UNKNOWN = (-np.inf, 0.0, np.inf)
"""What an unknown is taken for, so that it goes left, where 0 goes, or right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A response model for the decision path: equal to it, and quick for few candidates.

    Attributes:
        version: Of the model.
        columns: Features, F of them, in the order in which rows are given.
        kinds: Kinds of campaign, K of them.
        fill: (F,) medians for the straight half.
        linear: The straight half.
        forest: The trees; None when there are none.
        calibration: From scores to probabilities.
    """

    version: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    fill: Floats
    linear: Linear
    forest: Forest | None
    calibration: Calibration

    @classmethod
    def load(cls, folder: Path) -> "Scorer":
        """Read a model from its version's folder, `models/response/<version>`.

        Raises:
            WorkspaceError: The folder is incomplete or damaged.
        """
        card: dict[str, Any] = read_json(folder / "card.json")
        try:
            names = [f"trees-{rank}.txt" for rank in range(card["boosters"])]
            return cls(
                version=card["version"],
                columns=tuple(card["columns"]),
                kinds=tuple(card["kinds"]),
                fill=np.array(card["fill"], dtype=np.float64),
                linear=Linear.from_record(card["linear"]),
                forest=Forest.of([(folder / one).read_text(encoding="utf-8") for one in names])
                if names
                else None,
                calibration=Calibration.from_record(card["calibration"]),
            )
        except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
            raise WorkspaceError(f"{folder} is not a whole model; run placement again") from error

    def score(self, x: Floats, kind: Sequence[str]) -> Floats:
        """Log-odds before calibration.

        Args:
            x: (N, F) features, NaN where unknown.
            kind: (N,) each candidate's kind of campaign; one that is not known counts as none.

        Returns:
            (N,)
        """
        hot = np.array([[one == known for known in self.kinds] for one in kind], dtype=np.float64)
        hot = hot.reshape(len(x), len(self.kinds))
        straight = self.linear.score(straighten(x, self.fill, hot))
        if self.forest is None:
            return straight
        found: Floats = (self.forest.score(np.hstack([x, hot])) + straight) / 2
        return found

    def probability(self, x: Floats, kind: Sequence[str]) -> Floats:
        """Calibrated probability of a redemption, (N,)."""
        return self.calibration.probability(self.score(x, kind))


def _parts(text: str) -> list[dict[str, str]]:
    """The trees of a booster's text, each as its fields."""
    body = text.partition("\nend of trees")[0]
    return [
        dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
        for part in body.split("\nTree=")[1:]
    ]


def _tree(fields: dict[str, str]) -> tuple[list[_Split], list[float]]:
    """The splits of a tree and its leaves' values from left to right."""
    values = [float(one) for one in fields["leaf_value"].split()]
    if len(values) > LEAVES or fields["num_cat"] != "0":
        raise ValueError(f"trees of {len(values)} leaves or with categories are not laid flat")
    if len(values) == 1:
        return [], values
    left, right, column, kind = (
        [int(one) for one in fields[name].split()]
        for name in ("left_child", "right_child", "split_feature", "decision_type")
    )
    threshold = [float(one) for one in fields["threshold"].split()]
    leaves: list[int] = []
    bits = {}

    def walk(node: int) -> int:
        """Bits of the leaves below a node; leaves are numbered from left to right."""
        if node < 0:
            leaves.append(~node)
            return 1 << (len(leaves) - 1)
        bits[node] = walk(left[node])
        return bits[node] | walk(right[node])

    walk(0)
    splits = [_Split(column[node], threshold[node], _goes(kind[node]), bits[node]) for node in bits]
    return splits, [values[leaf] for leaf in leaves]


def _goes(decision: int) -> float:
    """What a split takes an unknown for, from LightGBM's flags."""
    missing, left = decision >> 2 & 3, decision >> 1 & 1
    if missing == 1:
        raise ValueError("trees that take zeros for unknown are not laid flat")
    return 0.0 if missing == 0 else (-np.inf if left else np.inf)
