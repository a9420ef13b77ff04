"""Two models of what is ahead on a day that is over: the simple one stays unless it is worse.

The difference is one between people, drawn independently; the trees are used only where their error
is smaller by more than chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from handbill.audience.bgnbd import BgNbd, Matrix, fit_bgnbd
from handbill.audience.forecast import LEVEL, Ahead, ahead_columns, forecast
from handbill.audience.gamma_gamma import GammaGamma, fit_gamma_gamma
from handbill.audience.learned import (
    Example,
    Target,
    inputs_of,
    interval,
    losses,
    predict,
    spread,
    train,
)
from handbill.audience.lines import DAY, second_of
from handbill.audience.purchases import History, Purchases

FEWEST_RETURNING = 30
"""People who bought on two days or more that the classic model needs."""
FEWEST_DAYS = 42
"""Days between the first purchase and the plan's day that it needs."""
REACH = 2.0
"""How many times the days observed a horizon may be."""
FEWEST_EXAMPLES = 500
"""People on earlier days that the learned model needs."""

Model = Literal["bg_nbd", "trees"]
Features = Callable[[date], pa.Table]
"""Gives the features of everyone as of a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Both models on a day that is over.

    Attributes:
        target: `churn` or `spend`.
        days: The horizon.
        day: The day they looked ahead from.
        people: They looked at.
        errors: Mean error by model: log loss of churn, Tweedie deviance of spend.
        auc: Of churn by model, with `frequency` (visits in the 90 days before) beside them.
        coverage: Share of people whose spend fell into the classic model's interval.
        total: Expected over actual sum by model.
        better: By how much the trees' error is smaller, with its 95 % interval; None where there
            were too few examples to train them.
        used: Which one the table has.
    """

    target: Target
    days: int
    day: date
    people: int
    errors: Mapping[str, float]
    auc: Mapping[str, float]
    coverage: float | None
    total: Mapping[str, float]
    better: tuple[float, float, float] | None
    used: Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """A test with what it was made of.

    Attributes:
        record: How both models did.
        outcome: (n,) what happened.
        predicted: (n,) by the trees; None where there were too few examples.
    """

    record: HeldOut
    outcome: Matrix
    predicted: Matrix | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """Trains on days that are over, tests on a later one."""

    purchases: Purchases
    as_of: date
    features: Features
    seed: int

    def test(self, target: Target, days: int) -> Tested | None:
        """Both models on the last day whose outcome is known; None where the log is too short."""
        day = self.as_of - timedelta(days=days)
        history, today = self._history(day)
        models = fit_models(history, today - self.purchases.first_day) if history else None
        if history is None or models is None or days > REACH * (today - self.purchases.first_day):
            return None
        timing, money = models
        if target == "spend" and money is None:
            return None
        ahead = forecast(timing, money, history, [days], seed=self.seed)
        outcome = self._outcome(history, today, target, days)
        if target == "churn" and outcome.min() == outcome.max():
            return None
        said = {"bg_nbd": 1 - ahead.active[days] if target == "churn" else ahead.spend[days].mean}
        examples = self._examples(target, days, self._earlier(day, days))
        if sum(len(one.outcome) for one in examples) >= FEWEST_EXAMPLES:
            model = train(examples, target, self.seed)
            said["trees"] = predict(model, self._inputs(day, history), target)
        each = {name: losses(outcome, one, target) for name, one in said.items()}
        better = _difference(each["bg_nbd"] - each["trees"]) if "trees" in each else None
        inside = ahead.spend.get(days)
        record = HeldOut(
            target=target,
            days=days,
            day=day,
            people=len(outcome),
            errors={name: float(one.mean()) for name, one in each.items()},
            auc=_aucs(outcome, said, self._recent(history, today)) if target == "churn" else {},
            coverage=_coverage(outcome, inside) if target == "spend" and inside else None,
            total={name: float(one.sum() / max(outcome.sum(), 1.0)) for name, one in said.items()},
            better=better,
            used="trees" if better is not None and better[1] > 0 else "bg_nbd",
        )
        return Tested(record=record, outcome=outcome, predicted=said.get("trees"))

    def columns(self, tested: Tested, people: Sequence[str]) -> dict[str, Matrix]:
        """What the trees, trained on the tested day too, say of the plan's day."""
        record = tested.record
        days = [record.day, *self._earlier(record.day, record.days)]
        model = train(self._examples(record.target, record.days, days), record.target, self.seed)
        history, _ = self._history(self.as_of)
        assert history is not None and tested.predicted is not None  # noqa: S101  it was tested
        predicted = predict(model, self._inputs(self.as_of, history), record.target)
        if record.target == "churn":
            return {f"churn_{record.days}": predicted}
        edges, bounds = spread(tested.outcome, tested.predicted, LEVEL)
        low, high = interval(predicted, edges, bounds)
        return ahead_columns("spend", record.days, Ahead(mean=predicted, low=low, high=high))

    def _earlier(self, day: date, days: int) -> list[date]:
        """Days whose outcome was known on a day, the latest first, two at most."""
        first = second_of(day) // DAY - self.purchases.first_day
        steps = [step for step in (1, 2) if first - step * days >= min(days, FEWEST_DAYS)]
        return [day - timedelta(days=step * days) for step in steps]

    def _examples(self, target: Target, days: int, on: Sequence[date]) -> list[Example]:
        found = []
        for day in on:
            history, today = self._history(day)
            if history is not None and len(history.rows):
                outcome = self._outcome(history, today, target, days)
                found.append(Example(inputs=self._inputs(day, history), outcome=outcome))
        return found

    def _history(self, day: date) -> tuple[History | None, int]:
        today = second_of(day) // DAY
        history = self.purchases.before(today)
        return (history if len(history.rows) else None), today

    def _outcome(self, history: History, today: int, target: Target, days: int) -> Matrix:
        visits, spend = self.purchases.after(today, days)
        chosen = (visits == 0).astype(np.float64) if target == "churn" else spend
        return chosen[history.rows]

    def _inputs(self, day: date, history: History) -> Matrix:
        names = [one for one in self.features(self.as_of).column_names if one != "person"]
        people = [self.purchases.people[row] for row in history.rows]
        return inputs_of(self.features(day), people, names)

    def _recent(self, history: History, today: int) -> Matrix:
        return self.purchases.after(today - 90, 90)[0][history.rows]


def fit_models(history: History, observed: int) -> tuple[BgNbd, GammaGamma | None] | None:
    """When people buy and what they pay; None where there is not enough data.

    Args:
        history: Of a day.
        observed: Days from the first purchase to it.
    """
    if (history.timing.repeats > 0).sum() < FEWEST_RETURNING or observed < FEWEST_DAYS:
        return None
    timing = fit_bgnbd(history.timing)
    money = fit_gamma_gamma(history.visits * (history.spend > 0), history.spend)
    return None if timing is None else (timing, money)


def _difference(each: Matrix) -> tuple[float, float, float]:
    """Mean with its 95 % interval, people drawn independently."""
    mean = float(each.mean())
    error = 1.96 * float(each.std(ddof=1)) / float(np.sqrt(len(each))) if len(each) > 1 else np.inf
    return mean, mean - error, mean + error


def _aucs(gone: Matrix, said: Mapping[str, Matrix], recent: Matrix) -> dict[str, float]:
    return {name: _auc(gone, one) for name, one in {"frequency": -recent, **said}.items()}


def _auc(positive: Matrix, score: Matrix) -> float:
    """Chance that a random positive ranks above a random negative, ties counted half."""
    some = float(positive.sum())
    others = len(positive) - some
    ranks = rankdata(score)[positive > 0].sum()
    return float((ranks - some * (some + 1) / 2) / (some * others))


def _coverage(outcome: Matrix, ahead: Ahead) -> float:
    return float(((outcome >= ahead.low) & (outcome <= ahead.high)).mean())
