"""Ways to choose whom to mail, compared on the same pairs."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from scipy.stats import hypergeom, norm

from handbill.feedback.bootstrap import LEVEL, Draws, Statistic, bootstrap, constant
from handbill.feedback.metrics import Array, Indices, auc, auc_within, captured, mean
from handbill.feedback.outcomes import numbered
from handbill.feedback.pairs import Pairs
from handbill.feedback.records import At, Difference, GainPoint, Ranking
from handbill.feedback.settings import Settings
from handbill.types import Interval, Text

HANDBILL, RECENCY_FREQUENCY, HABIT = "handbill", "recency_frequency", "retailer_habit"
RANDOM, RETAILER = "random", "retailer"

LABELS = {
    HANDBILL: Text(en="Handbill", zh="Handbill"),
    RECENCY_FREQUENCY: Text(en="Recency, frequency and spend", zh="近度、频度与消费额"),
    HABIT: Text(en="Those the shop mailed oftenest", zh="商家以往最常投放的顾客"),
    RANDOM: Text(en="Random order", zh="随机排序"),
    RETAILER: Text(en="Mailing everyone, as the shop did", zh="全部投放（商家当时的做法）"),
}
NOT_RANKED = Text(
    en="The shop mailed everyone in this list, so it ranked nobody: there is no AUC.",
    zh="商家给名单上的每个人都投放了，没有排序，因此没有 AUC。",
)

SHARES = (0.1, 0.2, 0.3)
"""Shares of the pairs at which rankings are compared."""

CURVE = np.linspace(0, 1, 41)
"""Points of the gain curve; `SHARES` are among them."""

_AT = {share: int(np.argmin(np.abs(CURVE - share))) for share in SHARES}


def compare(
    pairs: Pairs, settings: Settings, cost_micros: int | None
) -> tuple[tuple[Ranking, ...], tuple[Difference, ...]]:
    """Compare all rankings on the same pairs and the same resamples.

    Args:
        pairs: With both outcomes among them.
        settings: Resamples and seed.
        cost_micros: Cost of one message, None when unknown.

    Returns:
        The rankings, and Handbill's differences from the others that rank by a score.
    """
    scores = {
        HANDBILL: pairs.probability,
        RECENCY_FREQUENCY: pairs.score_rf,
        HABIT: pairs.habit,
    }
    strata = numbered(pairs.campaign)
    draws = bootstrap(
        _statistics(scores, pairs.outcome, strata),
        pairs.person,
        resamples=settings.resamples,
        seed=settings.seed,
    )
    rankings = [_ranking(name, draws, pairs, cost_micros) for name in scores]
    rankings.append(_random(pairs, strata, cost_micros))
    rankings.append(_retailer(draws["rate"], pairs, cost_micros))
    differences = [
        difference
        for than in (RECENCY_FREQUENCY, HABIT)
        for difference in _differences(draws, than)
    ]
    return tuple(rankings), tuple(differences)


def _statistics(
    scores: Mapping[str, Array], outcome: Array, strata: Indices
) -> dict[str, Statistic]:
    statistics: dict[str, Statistic] = {"rate": partial(mean, outcome)}
    for name, score in scores.items():
        statistics[f"{name} auc"] = partial(auc, outcome, score)
        statistics[f"{name} auc_within"] = partial(auc_within, outcome, score, strata)
        statistics[f"{name} captured"] = partial(captured, outcome, score, CURVE)
    return statistics


def _ranking(
    name: str, draws: Mapping[str, Draws], pairs: Pairs, cost_micros: int | None
) -> Ranking:
    curve, rate = draws[f"{name} captured"], draws["rate"]
    return Ranking(
        name=name,
        label=LABELS[name],
        why=None,
        auc=draws[f"{name} auc"].interval(),
        auc_within=draws[f"{name} auc_within"].interval(),
        at=tuple(
            _at(share, curve.at(index), rate, pairs, cost_micros) for share, index in _AT.items()
        ),
        gain=tuple(_point(share, curve.at(i)) for i, share in enumerate(CURVE)),
    )


def _at(share: float, found: Draws, rate: Draws, pairs: Pairs, cost_micros: int | None) -> At:
    lift = found.times(1 / share)
    messages_per_redeemer = constant(1).over(lift.times(rate))
    return At(
        share=share,
        mailed=share * len(pairs),
        redeemers=float(found.estimate * pairs.outcome.sum()),
        lift=lift.interval(),
        captured=found.interval(),
        cost_per_redeemer_micros=_cost(messages_per_redeemer, cost_micros),
    )


def _cost(messages_per_redeemer: Draws, cost_micros: int | None) -> Interval | None:
    return None if cost_micros is None else messages_per_redeemer.times(cost_micros).interval()


def _point(share: float, found: Draws) -> GainPoint:
    interval = found.interval()
    if interval is None:  # no resample without a redeemer is that rare only in tiny data
        return GainPoint(share=share, captured=float(found.estimate), low=0.0, high=1.0)
    return GainPoint(share=share, captured=interval.estimate, low=interval.low, high=interval.high)


def _differences(draws: Mapping[str, Draws], than: str) -> list[Difference]:
    figures = {
        figure: draws[f"{HANDBILL} {figure}"].minus(draws[f"{than} {figure}"])
        for figure in ("auc", "auc_within")
    }
    gained = draws[f"{HANDBILL} captured"].minus(draws[f"{than} captured"])
    for share, index in _AT.items():
        figures[f"lift_{round(100 * share)}"] = gained.at(index).times(1 / share)
    return [
        Difference(
            ranking=HANDBILL,
            than=than,
            figure=figure,
            estimate=interval.estimate,
            low=interval.low,
            high=interval.high,
            level=interval.level,
            apart=not interval.low <= 0 <= interval.high,
        )
        for figure, interval in ((name, one.interval()) for name, one in figures.items())
        if interval is not None
    ]


def _random(pairs: Pairs, strata: Indices, cost_micros: int | None) -> Ranking:
    """A random order of these pairs: its expectation, and where 95 of 100 orders fall."""
    n, redeemers = len(pairs), int(pairs.outcome.sum())
    tails = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])

    def found(share: float) -> tuple[float, float]:
        low, high = hypergeom.ppf(tails, n, redeemers, round(share * n)) / redeemers
        return float(low), float(high)

    def at(share: float) -> At:
        low, high = found(share)
        cost = None
        if cost_micros is not None and low > 0:
            whole = cost_micros * n / redeemers
            cost = _interval(whole, whole * share / high, whole * share / low)
        return At(
            share=share,
            mailed=share * n,
            redeemers=share * redeemers,
            lift=_interval(1.0, low / share, high / share),
            captured=_interval(share, low, high),
            cost_per_redeemer_micros=cost,
        )

    return Ranking(
        name=RANDOM,
        label=LABELS[RANDOM],
        why=None,
        auc=_chance(pairs.outcome, np.zeros_like(strata)),
        auc_within=_chance(pairs.outcome, strata),
        at=tuple(at(share) for share in SHARES),
        gain=tuple(
            GainPoint(share=float(share), captured=float(share), low=low, high=high)
            for share in CURVE
            for low, high in [found(share)]
        ),
    )


def _chance(outcome: Array, strata: Indices) -> Interval | None:
    """AUC of random orders: 0.5, with the rank-sum statistic's variance summed over the strata."""
    redeemers = np.bincount(strata, outcome)
    others = np.bincount(strata) - redeemers
    comparable = (redeemers * others).sum()
    if comparable == 0:
        return None
    variance = (redeemers * others * (redeemers + others + 1)).sum() / 12 / comparable**2
    half = float(norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance))
    return _interval(0.5, 0.5 - half, 0.5 + half)


def _retailer(rate: Draws, pairs: Pairs, cost_micros: int | None) -> Ranking:
    everyone = At(
        share=1.0,
        mailed=float(len(pairs)),
        redeemers=float(pairs.outcome.sum()),
        lift=_interval(1.0, 1.0, 1.0),
        captured=_interval(1.0, 1.0, 1.0),
        cost_per_redeemer_micros=_cost(constant(1).over(rate), cost_micros),
    )
    return Ranking(
        name=RETAILER,
        label=LABELS[RETAILER],
        why=NOT_RANKED,
        auc=None,
        auc_within=None,
        at=(everyone,),
        gain=(GainPoint(share=1.0, captured=1.0, low=1.0, high=1.0),),
    )


def _interval(estimate: float, low: float, high: float) -> Interval:
    return Interval(estimate=float(estimate), low=float(low), high=float(high), level=LEVEL)
