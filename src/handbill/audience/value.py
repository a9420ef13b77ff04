"""What each person is worth and how likely they are gone, with intervals, or why nobody can say.

Two models look ahead: BG/NBD with Gamma-Gamma, which needs only dates and amounts, and trees on all
features. Both are held out on a day that is over, and the trees are used only where they are better
by more than chance. Worth is what is paid, before refunds; costs are not in it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from handbill.audience.bgnbd import BgNbd, Matrix, fit_bgnbd
from handbill.audience.forecast import LEVEL, Ahead, Forecast, forecast
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
from handbill.types import MICROS, Text

HORIZONS = (30, 90, 365)
CHURN_DAYS = 30
"""Who buys nothing for so long counts as gone."""
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
class Value:
    """What is ahead of the people of a shop.

    Attributes:
        people: (n,) pseudonyms of those who ever bought.
        columns: Those of `tables/value.parquet` after `person`, (n,) each, NaN where unknown.
        timing: When they buy; None where there is not enough data.
        money: What they pay; None likewise.
        held_out: The tests that chose the models.
        observed_days: From the first purchase to the plan's day.
        why: What there is not enough data for.
    """

    people: list[str]
    columns: dict[str, Matrix]
    timing: BgNbd | None = None
    money: GammaGamma | None = None
    held_out: tuple[HeldOut, ...] = ()
    observed_days: int = 0
    why: tuple[Text, ...] = field(default=())


def value_of(purchases: Purchases, as_of: date, features: Features, seed: int) -> Value:
    """Look ahead from a day.

    Args:
        purchases: Before the day.
        as_of: The day.
        features: Asked for earlier days, and for the day itself.
        seed: Of the draws and the trees.
    """
    today = second_of(as_of) // DAY
    history = purchases.before(today) if len(purchases.day) else None
    if history is None:
        return Value(people=[], columns=_unknown(0), why=(_too_few(0, 0),))
    people = [purchases.people[row] for row in history.rows]
    observed = today - purchases.first_day
    models = _fit(history, observed)
    if models is None:
        returning = int((history.timing.repeats > 0).sum())
        return Value(
            people=people,
            columns=_unknown(len(people)) | {"visits": history.visits},
            observed_days=observed,
            why=(_too_few(returning, observed),),
        )
    timing, money = models
    horizons = [days for days in HORIZONS if days <= REACH * observed]
    ahead = forecast(timing, money, history, horizons, seed=seed)
    columns = _unknown(len(people)) | _columns(history, ahead)
    learner = _Learner(purchases=purchases, as_of=as_of, features=features, seed=seed)
    held_out = []
    targets: tuple[tuple[Target, int], ...] = (("churn", CHURN_DAYS), ("spend", 30), ("spend", 90))
    for target, days in targets:
        tested = learner.test(target, days)
        if tested is None:
            continue
        held_out.append(tested.record)
        if tested.record.used == "trees":
            columns |= learner.columns(tested, people)
    return Value(
        people=people,
        columns=columns,
        timing=timing,
        money=money,
        held_out=tuple(held_out),
        observed_days=observed,
        why=_unanswered(horizons, money, observed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tested:
    record: HeldOut
    outcome: Matrix
    predicted: Matrix | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learner:
    """Trains on days that are over, tests on a later one."""

    purchases: Purchases
    as_of: date
    features: Features
    seed: int

    def test(self, target: Target, days: int) -> _Tested | None:
        """Both models on the last day whose outcome is known; None where the log is too short."""
        day = self.as_of - timedelta(days=days)
        history, today = self._history(day)
        models = _fit(history, today - self.purchases.first_day) if history else None
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
        return _Tested(record=record, outcome=outcome, predicted=said.get("trees"))

    def columns(self, tested: _Tested, people: Sequence[str]) -> dict[str, Matrix]:
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
        return _ahead("spend", record.days, Ahead(mean=predicted, low=low, high=high), "_micros")

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


def _fit(history: History, observed: int) -> tuple[BgNbd, GammaGamma | None] | None:
    if (history.timing.repeats > 0).sum() < FEWEST_RETURNING or observed < FEWEST_DAYS:
        return None
    timing = fit_bgnbd(history.timing)
    money = fit_gamma_gamma(history.visits * (history.spend > 0), history.spend)
    return None if timing is None else (timing, money)


def _unknown(people: int) -> dict[str, Matrix]:
    """Every column, nothing known."""
    names = ["visits", "alive", f"churn_{CHURN_DAYS}"]
    for days in HORIZONS:
        names += [f"purchases_{days}{end}" for end in ("", "_low", "_high")]
        names += [f"spend_{days}{end}_micros" for end in ("", "_low", "_high")]
    return {name: np.full(people, np.nan) for name in names}


def _columns(history: History, ahead: Forecast) -> dict[str, Matrix]:
    columns = {"visits": history.visits, "alive": ahead.alive}
    columns[f"churn_{CHURN_DAYS}"] = 1.0 - ahead.active[CHURN_DAYS]
    for days, some in ahead.purchases.items():
        columns |= _ahead("purchases", days, some)
    for days, some in ahead.spend.items():
        columns |= _ahead("spend", days, some, "_micros")
    return columns


def _ahead(kind: str, days: int, some: Ahead, unit: str = "") -> dict[str, Matrix]:
    return {
        f"{kind}_{days}{unit}": some.mean,
        f"{kind}_{days}_low{unit}": some.low,
        f"{kind}_{days}_high{unit}": some.high,
    }


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


def _too_few(returning: int, observed: int) -> Text:
    return Text(
        en=f"Not enough data for value and churn: {returning} people bought on two days or more "
        f"in {max(observed, 0)} days; {FEWEST_RETURNING} people and {FEWEST_DAYS} days are needed.",
        zh=f"数据不足，无法估计顾客价值与流失：{max(observed, 0)} 天内只有 {returning} 位顾客在两个"
        f"或以上的日子购买过；至少需要 {FEWEST_RETURNING} 位顾客和 {FEWEST_DAYS} 天的记录。",
    )


def _unanswered(
    horizons: Sequence[int], money: GammaGamma | None, observed: int
) -> tuple[Text, ...]:
    why = []
    beyond = [days for days in HORIZONS if days not in horizons]
    if beyond:
        said = ", ".join(map(str, beyond))
        why.append(
            Text(
                en=f"{observed} days of purchases are too few to look {said} days ahead.",
                zh=f"购买记录只有 {observed} 天，不足以预测未来 {said.replace(', ', '、')} 天。",
            )
        )
    if money is None:
        why.append(
            Text(
                en="All purchases are worth the same or nothing, so spend is not forecast.",
                zh="所有购买的金额相同或为零，因此不预测消费金额。",
            )
        )
    return tuple(why)


def value_table(value: Value) -> pa.Table:
    """`tables/value.parquet`: money and counts are whole, what is unknown is null."""

    def column(name: str, values: Matrix) -> pa.Array:
        whole = name == "visits" or name.endswith("_micros")
        exact = pa.array(np.round(values) if whole else values, pa.float64(), from_pandas=True)
        return exact.cast(pa.int64()) if whole else exact

    columns = {name: column(name, values) for name, values in value.columns.items()}
    people = pa.array(value.people, pa.string())
    return pa.table({"person": people, **columns}).sort_by("person")


def value_record(value: Value, as_of: date) -> dict[str, Any]:
    """`tables/value.json`: how the table was made and how well it did where that is known."""
    timing, money = value.timing, value.money
    return {
        "as_of": str(as_of),
        "enough": timing is not None,
        "level": LEVEL,
        "people": len(value.people),
        "observed_days": value.observed_days,
        "timing": timing
        and {"r": timing.r, "alpha_days": timing.alpha, "a": timing.a, "b": timing.b},
        "money": money and {"p": money.p, "q": money.q, "gamma": money.gamma / MICROS},
        "held_out": [
            {
                "target": one.target,
                "days": one.days,
                "day": str(one.day),
                "people": one.people,
                "errors": dict(one.errors),
                "auc": dict(one.auc),
                "coverage": one.coverage,
                "total": dict(one.total),
                "better": one.better
                and dict(zip(("estimate", "low", "high"), one.better, strict=True)),
                "used": one.used,
            }
            for one in value.held_out
        ],
        "why": [{"en": one.en, "zh": one.zh} for one in value.why],
    }
