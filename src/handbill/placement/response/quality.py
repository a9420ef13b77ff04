"""How good the response model is, forward in time and by segment, with intervals.

Pairs of one person go together: intervals add up each person's pull before squaring it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from handbill.placement import words
from handbill.placement.arrays import Bools, Floats, Ints
from handbill.types import Interval, Text

Z95 = 1.959964
BINS = 10
FEW = 10
"""Redeemers, and others, below which a segment's ranking is not told."""

DRAWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Forward scores against what followed.

    Attributes:
        pairs: Mailed.
        redeemers: Of them redeemed.
        expected: Redeemers that were expected.
        auc: Probability that a redeemer is ranked above another; None with too few.
        log_loss: Mean logarithmic loss; None with too few.
        log_loss_base: Of stating everybody's own rate.
        error: Expected calibration error, in ten bins.
        error_by_chance: What perfect probabilities would show on as many pairs, on average.
        why: There are too few; None when there are enough.
    """

    pairs: int
    redeemers: int
    expected: float
    auc: Interval | None
    log_loss: Interval | None
    log_loss_base: float | None
    error: float | None
    error_by_chance: float | None
    why: Text | None

    def record(self) -> dict[str, Any]:
        """As `tables/response.json` has it."""
        return asdict(self)


def by_segment(
    forward: pd.DataFrame, segments: Mapping[str, str], seed: int
) -> tuple[Quality, dict[str, Quality]]:
    """The quality of all forward scores, and of each segment's.

    Args:
        forward: `person`, `redeemed`, `probability` of campaigns whose outcomes are in.
        segments: Of every person known today; others count only in the whole.
        seed: Of the draws behind `error_by_chance`.
    """
    of = forward["person"].map(segments)
    return measure(forward, seed), {
        str(name): measure(some, seed) for name, some in forward.groupby(of, sort=True)
    }


def measure(forward: pd.DataFrame, seed: int) -> Quality:
    """The quality of some forward scores."""
    y = forward["redeemed"].to_numpy(dtype=np.bool_)
    p = np.clip(forward["probability"].to_numpy(dtype=np.float64), 1e-6, 1 - 1e-6)
    counts: dict[str, Any] = {
        "pairs": len(y),
        "redeemers": int(y.sum()),
        "expected": round(float(p.sum()), 2),
    }
    if min(y.sum(), (~y).sum()) < FEW:
        return Quality(
            **counts, auc=None, log_loss=None, log_loss_base=None, error=None,
            error_by_chance=None, why=words.few_forward(int(y.sum()), FEW),
        )  # fmt: skip
    person = pd.factorize(forward["person"])[0].astype(np.int64)
    rate = y.mean()
    losses = -np.where(y, np.log(p), np.log1p(-p))
    rng = np.random.default_rng(seed)
    chance = [calibration_error(rng.random(len(p)) < p, p) for _ in range(DRAWS)]
    return Quality(
        **counts,
        auc=auc(y, p, person),
        log_loss=clustered(losses, person),
        log_loss_base=float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))),
        error=calibration_error(y, p),
        error_by_chance=float(np.mean(chance)),
        why=None,
    )


def auc(y: Bools, score: Floats, person: Ints) -> Interval:
    """Area under the curve, ties half, with the variance of its placements by person.

    Args:
        y: (N,) outcomes, both of them there.
        score: (N,) higher is better.
        person: (N,) numbers from 0.

    Source: DeLong, DeLong & Clarke-Pearson, Biometrics 1988; clustered, Obuchowski 1997.
    """
    hits, misses = np.sort(score[y]), np.sort(score[~y])
    place = np.empty(len(y))  # share of the other kind that each pair is ranked rightly against
    place[y] = _below(misses, score[y])
    place[~y] = 1 - _below(hits, score[~y])
    area = float(place[y].mean())
    pull = (place - area) / np.where(y, y.sum(), (~y).sum())
    error = float(np.sqrt(np.square(np.bincount(person, pull)).sum()))
    low, high = np.clip([area - Z95 * error, area + Z95 * error], 0.0, 1.0)
    return Interval(estimate=area, low=float(low), high=float(high))


def _below(ordered: Floats, values: Floats) -> Floats:
    """Share of sorted numbers below each value, equal ones half."""
    both = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray(both / (2 * len(ordered)), dtype=np.float64)


def clustered(values: Floats, person: Ints) -> Interval:
    """A mean of (N,) numbers with its interval over people."""
    mean = float(values.mean())
    pull = np.bincount(person, (values - mean) / len(values))
    error = Z95 * float(np.sqrt(np.square(pull).sum()))
    return Interval(estimate=mean, low=mean - error, high=mean + error)


def calibration_error(y: Bools, p: Floats) -> float:
    """Mean distance of the rates of ten equal bins from their probabilities.

    Source: Naeini, Cooper & Hauskrecht, AAAI 2015.
    """
    edges = np.quantile(p, np.arange(1, BINS) / BINS)
    apart = np.bincount(np.searchsorted(edges, p, "left"), y - p, BINS)
    return float(np.abs(apart).sum() / len(p))
