"""What each person is worth and how likely they are gone, with intervals, or why nobody can say.

Two models look ahead: BG/NBD with Gamma-Gamma, which needs only dates and amounts, and trees on all
features. Both are held out on a day that is over, and the trees are used only where they are better
by more than chance. Worth is what is paid, before refunds; costs are not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from handbill.audience.bgnbd import BgNbd, Matrix
from handbill.audience.drift import drift_of
from handbill.audience.forecast import LEVEL, Forecast, ahead_columns, forecast
from handbill.audience.gamma_gamma import GammaGamma
from handbill.audience.held_out import (
    FEWEST_DAYS,
    FEWEST_RETURNING,
    REACH,
    Features,
    HeldOut,
    Learner,
    fit_models,
)
from handbill.audience.learned import Target
from handbill.audience.lines import DAY, second_of
from handbill.audience.purchases import History, Purchases
from handbill.types import MICROS, Text

HORIZONS = (30, 90, 365)
CHURN_DAYS = 30
"""Who buys nothing for so long counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What is ahead of the people of a shop.

    Attributes:
        people: (n,) pseudonyms of those who ever bought.
        columns: Those of `tables/value.parquet` after `person`, (n,) each, NaN where unknown.
        timing: When they buy; None where there is not enough data.
        money: What they pay; None likewise.
        drift: How much rates wander, see `drift.drift_of`.
        held_out: The tests that chose the models.
        observed_days: From the first purchase to the plan's day.
        why: What there is not enough data for.
    """

    people: list[str]
    columns: dict[str, Matrix]
    timing: BgNbd | None = None
    money: GammaGamma | None = None
    drift: float = 0.0
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
    models = fit_models(history, observed)
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
    drift = drift_of(purchases, today, seed)
    ahead = forecast(timing, money, history, horizons, seed=seed, drift=drift)
    columns = _unknown(len(people)) | _columns(history, ahead)
    learner = Learner(purchases=purchases, as_of=as_of, features=features, seed=seed)
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
        drift=drift,
        held_out=tuple(held_out),
        observed_days=observed,
        why=_unanswered(horizons, money, observed),
    )


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
        columns |= ahead_columns("purchases", days, some)
    for days, some in ahead.spend.items():
        columns |= ahead_columns("spend", days, some)
    return columns


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
        "drift": value.drift,
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
