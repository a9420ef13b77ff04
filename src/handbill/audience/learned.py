"""A learned model beside the classic one: trees on the features, trained on days that are over.

Source: Ke et al. (2017), LightGBM; spend by the Tweedie likelihood (Jorgensen 1987), which is for
amounts that are often zero; its intervals are split-conformal within thirds of the prediction (Vovk
2012): the ratios of actual to predicted spend on a day the model had not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import lightgbm
import numpy as np
import pyarrow as pa

from handbill.audience.bgnbd import Matrix
from handbill.audience.segments import column
from handbill.types import MICROS

POWER = 1.5
FLOOR = 0.01
ROUNDS = 120
GROUPS = 3

Target = Literal["churn", "spend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """People on one day and what followed.

    Attributes:
        inputs: (n, d) features as of the day.
        outcome: (n,) 1 for no purchase in the time that followed, or micros paid in it.
    """

    inputs: Matrix
    outcome: Matrix


def inputs_of(features: pa.Table, people: Sequence[str], names: Sequence[str]) -> Matrix:
    """The features of some people as numbers (n, d), NaN where there is none.

    Args:
        features: Of a day.
        people: Whose, all of them in `features`.
        names: Columns.
    """
    place = {person: row for row, person in enumerate(features.column("person").to_pylist())}
    rows = [place[person] for person in people]
    return np.column_stack([column(features, name) for name in names])[rows]


def train(examples: Sequence[Example], target: Target, seed: int) -> lightgbm.Booster:
    """Fit trees to what followed on earlier days."""
    inputs = np.vstack([one.inputs for one in examples])
    outcome = np.concatenate([one.outcome for one in examples])
    if target == "spend":
        outcome = outcome.clip(min=0.0) / MICROS
    settings = {
        "objective": "binary" if target == "churn" else "tweedie",
        "num_leaves": 15,
        "min_data_in_leaf": 40,
        "learning_rate": 0.05,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "seed": seed % 2**31,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 2,
        "verbose": -1,
    }
    if target == "spend":
        settings["tweedie_variance_power"] = POWER
    data = lightgbm.Dataset(inputs, label=outcome, free_raw_data=True)
    return lightgbm.train(settings, data, num_boost_round=ROUNDS)


def predict(model: lightgbm.Booster, inputs: Matrix, target: Target) -> Matrix:
    """Chance to churn, or micros to be paid, (n,)."""
    predicted = np.asarray(model.predict(inputs), dtype=np.float64)
    return predicted * MICROS if target == "spend" else predicted


def losses(outcome: Matrix, predicted: Matrix, target: Target) -> Matrix:
    """Each person's error, (n,): log loss of churn, Tweedie deviance of spend."""
    if target == "churn":
        chance = predicted.clip(1e-6, 1 - 1e-6)
        return np.asarray(-np.log(np.where(outcome > 0, chance, 1 - chance)))
    paid = outcome.clip(min=0.0) / MICROS
    # Below a hundredth of the mean all is "next to nothing": the deviance has no bound there.
    expected = (predicted / MICROS).clip(min=max(float(paid.mean()) * FLOOR, 1e-6))
    # Tweedie deviance for 1 < power < 2, per person.
    root = paid ** (2 - POWER) / ((1 - POWER) * (2 - POWER))
    linear = paid * expected ** (1 - POWER) / (1 - POWER)
    return np.asarray(2 * (root - linear + expected ** (2 - POWER) / (2 - POWER)))


def spread(outcome: Matrix, predicted: Matrix, level: float) -> tuple[Matrix, Matrix]:
    """Where actual spend falls relative to the predicted one, in thirds of the prediction.

    Args:
        outcome: (n,) actual, on a day that the model had not seen.
        predicted: (n,).
        level: Share of people that the bounds shall hold.

    Returns:
        Upper edges of the thirds' predictions, (GROUPS,), and the ratios' bounds, (GROUPS, 2).
    """
    edges = np.quantile(predicted, np.arange(1, GROUPS + 1) / GROUPS)
    group = np.searchsorted(edges[:-1], predicted)
    ratio = outcome.clip(min=0.0) / predicted.clip(min=1.0)
    tails = [(1 - level) / 2, (1 + level) / 2]
    whole = np.quantile(ratio, tails)
    bounds = np.array(
        [np.quantile(ratio[group == one], tails) if (group == one).any() else whole
         for one in range(GROUPS)]
    )  # fmt: skip
    return edges, bounds


def interval(predicted: Matrix, edges: Matrix, bounds: Matrix) -> tuple[Matrix, Matrix]:
    """The bounds of `spread` around other predictions, (n,) low and high."""
    chosen = bounds[np.searchsorted(edges[:-1], predicted)]
    return predicted * chosen[:, 0], predicted * chosen[:, 1]
