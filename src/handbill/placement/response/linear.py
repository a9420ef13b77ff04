"""The straight half of a response model: a ridge-held logistic regression on tamed columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from handbill.placement.arrays import Floats
from handbill.placement.response.calibration import most_likely

RIDGE = 100.0
"""Precision of each standardised weight's prior: a hundred columns cannot fit a few hundred
redeemers."""

CLIP = 4.0
"""Standard deviations beyond which a column says no more to the straight model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """The straight half: log-odds = intercept + weights . standardised columns.

    Attributes:
        mean: (D,) of the transformed columns in training.
        scale: (D,) standard deviation, 1 where a column does not vary.
        weights: (D,)
        intercept: Log-odds of an average pair.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Linear":
        """From its JSON, the inverse of `dataclasses.asdict`."""
        lists = {name: tuple(record[name]) for name in ("mean", "scale", "weights")}
        return cls(**lists, intercept=record["intercept"])

    def score(self, x: Floats) -> Floats:
        """Log-odds of (N, D) transformed rows."""
        z = standardise(x, self.mean, self.scale)
        return np.asarray(z @ np.asarray(self.weights) + self.intercept, dtype=np.float64)


def standardise(x: Floats, mean: npt.ArrayLike, scale: npt.ArrayLike) -> Floats:
    """(N, D) columns in standard deviations from their means, cut at `CLIP`."""
    return np.asarray(np.clip((x - np.asarray(mean)) / np.asarray(scale), -CLIP, CLIP))


def fit_linear(x: Floats, y: Floats, weight: Floats | None = None) -> Linear:
    """Logistic regression held by a ridge on (N, D) transformed rows, of (N,) weights."""
    mean, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)
    z = standardise(x, mean, scale)
    design = np.hstack([np.ones((len(z), 1)), z])
    precision = np.append(0.0, np.full(x.shape[1], RIDGE))
    start = np.append(np.log(y.mean() / (1 - y.mean())), np.zeros(x.shape[1]))
    beta, _ = most_likely(design, y, start, precision, weight)
    return Linear(
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        weights=tuple(beta[1:].tolist()),
        intercept=float(beta[0]),
    )


def straighten(x: Floats, fill: Floats, kinds: Floats) -> Floats:
    """Columns for the straight half: signed logarithms, medians for unknowns, and that they were.

    Args:
        x: (N, F) with NaN.
        fill: (F,) medians.
        kinds: (N, K)

    Returns:
        (N, 2F + K)
    """
    unknown = np.isnan(x)
    known = np.where(unknown, fill, x)
    return np.hstack([np.sign(known) * np.log1p(np.abs(known)), unknown.astype(np.float64), kinds])


def one_hot(values: "pd.Series[str]", kinds: Sequence[str]) -> Floats:
    """(N, K) indicators."""
    names = values.to_numpy(dtype=object)
    return np.asarray(names[:, None] == np.asarray(kinds, dtype=object), dtype=np.float64)
