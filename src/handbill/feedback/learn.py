"""What a marketer should conclude: sentences made from the figures and their intervals."""

from collections.abc import Iterator

from handbill.feedback.rankings import HANDBILL, RECENCY_FREQUENCY, RETAILER
from handbill.feedback.records import Backtest, Difference
from handbill.types import MICROS, Interval, Text

SHARE = 0.2
"""The share that the sentences speak of."""


def learn(backtest: Backtest) -> tuple[Text, ...]:
    """At most six conclusions, the most useful first; an answer that is not there is left out."""
    if not backtest.enough:
        return ()
    found = (_reach(backtest), _against(backtest), _within(backtest), _promise(backtest))
    return tuple(text for text in (*found, _cost(backtest), _plan(backtest)) if text is not None)


def _reach(backtest: Backtest) -> Text | None:
    reached = backtest.ranking(HANDBILL).best(SHARE).captured
    if reached is None:
        return None
    return Text(
        en=f"Mailing the best {SHARE:.0%} reaches {reached.estimate:.0%} of those who redeem "
        f"({percents(reached)}); a random {SHARE:.0%} would reach {SHARE:.0%}.",
        zh=f"只投放得分最高的 {SHARE:.0%}，就能触达 {reached.estimate:.0%} 的用券顾客"
        f"（{percents(reached)}）；随机投放 {SHARE:.0%} 只能触达 {SHARE:.0%}。",
    )


def _against(backtest: Backtest) -> Text | None:
    difference = _difference(backtest, "lift_20")
    if difference is None:
        return None
    points = [
        100 * SHARE * value for value in (difference.estimate, difference.low, difference.high)
    ]
    if not difference.apart:
        return Text(
            en="On these pairs Handbill and recency-frequency targeting cannot be told apart: the "
            f"difference is {points[0]:+.0f} points of the redeemers ({points[1]:+.0f} to "
            f"{points[2]:+.0f}).",
            zh="在这些数据上，Handbill 与按近度和频度挑选的效果无法区分："
            f"触达的用券顾客相差 {points[0]:+.0f} 个百分点"
            f"（{points[1]:+.0f} 至 {points[2]:+.0f}）。",
        )
    more, more_zh = ("more", "多") if points[0] > 0 else ("fewer", "少")
    low, high = sorted(abs(point) for point in points[1:])
    return Text(
        en=f"That is {abs(points[0]):.0f} points {more} of the redeemers than choosing by recency, "
        f"frequency and spend reaches ({low:.0f} to {high:.0f}).",
        zh=f"与按近度、频度和消费额挑选相比，{more_zh}触达 {abs(points[0]):.0f} 个百分点的用券顾客"
        f"（{low:.0f} 至 {high:.0f}）。",
    )


def _within(backtest: Backtest) -> Text | None:
    within = backtest.ranking(HANDBILL).auc_within
    if within is None:
        return None
    if within.low <= 0.5:
        return Text(
            en="Within a single campaign the ranking cannot be told from chance: "
            f"AUC {within.estimate:.2f} ({decimals(within)}).",
            zh=f"在单个活动内部，排序与随机无法区分：AUC {within.estimate:.2f}"
            f"（{decimals(within)}）。",
        )
    return Text(
        en="This is more than knowing which campaigns sell: within a single campaign it puts a "
        f"redeemer before another person in {100 * within.estimate:.0f} of 100 cases "
        f"({percents(within)}).",
        zh="这不只是判断哪个活动更受欢迎：在单个活动内部，它在 100 次比较中有 "
        f"{100 * within.estimate:.0f} 次把用券顾客排在前面（{percents(within)}）。",
    )


def _promise(backtest: Backtest) -> Text | None:
    if backtest.expected is None:
        return None
    actual, expected = backtest.expected.actual, backtest.expected.expected
    promised, low, high = (
        f"{value:,.0f}" for value in (expected.estimate, expected.low, expected.high)
    )
    en = f"{promised} redeemers were expected ({low} to {high}) and {actual:,} came: "
    zh = f"预计有 {promised} 位用券顾客（{low} 至 {high}），实际 {actual:,} 位："
    if backtest.expected.inside:
        return Text(
            en=en + "in total, the probabilities can be taken at their word.",
            zh=zh + "总体上，预测概率可信。",
        )
    off = abs(actual / expected.estimate - 1)
    if actual < expected.low:
        return Text(
            en=en
            + f"the probabilities promise too much ({off:.0%} fewer came), so plan with less.",
            zh=zh + f"预测偏高（实际少 {off:.0%}），做预算时应打折扣。",
        )
    return Text(
        en=en + f"the probabilities promise too little ({off:.0%} more came), so a plan that rests "
        "on them is careful.",
        zh=zh + f"预测偏低（实际多 {off:.0%}），按它做计划偏保守。",
    )


def _cost(backtest: Backtest) -> Text | None:
    best = backtest.ranking(HANDBILL).best(SHARE).cost_per_redeemer_micros
    everyone = backtest.ranking(RETAILER).best(1.0).cost_per_redeemer_micros
    if best is None or everyone is None or best.estimate == 0:
        return None
    costs = [f"{one.estimate / MICROS:,.2f} {backtest.currency}" for one in (best, everyone)]
    span = f"{best.low / MICROS:,.2f}–{best.high / MICROS:,.2f}"
    return Text(
        en=f"A redeemer among the best {SHARE:.0%} costs {costs[0]} in messages ({span}), against "
        f"{costs[1]} when everyone is mailed.",
        zh=f"得分最高的 {SHARE:.0%} 中，每位用券顾客的投放成本为 {costs[0]}（{span}），"
        f"全部投放则为 {costs[1]}。",
    )


def _plan(backtest: Backtest) -> Text | None:
    ratio = backtest.plan.ratio
    if ratio is None:
        return None
    span = decimals(ratio)
    if ratio.low <= 1 <= ratio.high:
        return Text(
            en="Of the people whom the shop really mailed, those in the plan redeemed "
            f"{ratio.estimate:.2f} times as often as the others ({span}): they cannot be told "
            "apart.",
            zh=f"在商家确实投放的人中，计划内顾客的用券率是计划外的 {ratio.estimate:.2f} 倍"
            f"（{span}）：两者无法区分。",
        )
    return Text(
        en="Of the people whom the shop really mailed afterwards, those whom the plan had chosen "
        f"redeemed {ratio.estimate:.2f} times as often as those it had left out ({span}).",
        zh="在商家此后确实投放的人中，计划选中的顾客用券率是未选中顾客的 "
        f"{ratio.estimate:.2f} 倍（{span}）。",
    )


def _difference(backtest: Backtest, figure: str) -> Difference | None:
    found: Iterator[Difference] = (
        one
        for one in backtest.differences
        if one.than == RECENCY_FREQUENCY and one.figure == figure
    )
    return next(found, None)


def percents(interval: Interval) -> str:
    """An interval of shares as people read it.

    Example:
        >>> percents(Interval(estimate=0.56, low=0.51, high=0.614))
        '51–61%'
    """
    return f"{100 * interval.low:.0f}–{100 * interval.high:.0f}%"


def decimals(interval: Interval) -> str:
    """An interval of plain numbers, two digits.

    Example:
        >>> decimals(Interval(estimate=2.1, low=1.5, high=2.75))
        '1.50–2.75'
    """
    return f"{interval.low:.2f}–{interval.high:.2f}"
