"""The last campaigns replayed: what a ranking would have reached, against what really happened."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import binom

from handbill.feedback.bootstrap import LEVEL
from handbill.feedback.calibration import calibrate, expected_against_actual
from handbill.feedback.campaigns import by_campaign
from handbill.feedback.followed import follow
from handbill.feedback.learn import learn
from handbill.feedback.outcomes import Outcomes
from handbill.feedback.pairs import Campaign, Pairs, read_pairs
from handbill.feedback.rankings import compare
from handbill.feedback.records import Backtest, Followed
from handbill.feedback.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, Text

_DIGITS = 6
"""Decimals kept in the file: beyond them is noise of the arithmetic, not of the data."""


def backtest(
    outcomes: Outcomes,
    plan: Mapping[str, Any],
    shop: ShopProfile,
    settings: Settings,
    progress: Progress,
) -> Backtest:
    """Answer all questions of the stage.

    Args:
        outcomes: With `walk_forward` and `plan` among its tables.
        plan: `tables/plan.json`.
        shop: Its day and currency.
        settings: Least numbers, resamples and seed.
        progress: Told of each question.

    Raises:
        SourceError: A table is not as docs/tables.md says.
    """
    progress("joining scores with what happened", 0.0)
    pairs, campaigns = read_pairs(outcomes)
    why = too_little(pairs, campaigns, settings)
    enough = why is None
    cost = plan.get("cost_per_message_micros")
    progress("comparing rankings", 0.2)
    rankings, differences = compare(pairs, settings, cost) if enough else ((), ())
    progress("holding probabilities against outcomes", 0.6)
    final = pairs.where(pairs.ended)
    calibration = (
        calibrate(final, settings) if too_little(final, campaigns, settings) is None else None
    )
    results = by_campaign(pairs, campaigns, settings) if enough else ()
    progress("following the plan", 0.9)
    followed = follow(outcomes, plan.get("plan_id"), settings)
    result = Backtest(
        enough=enough,
        why=why,
        as_of=shop.as_of.isoformat(),
        level=LEVEL,
        resamples=settings.resamples,
        currency=shop.currency,
        cost_per_message_micros=cost,
        pairs=len(pairs),
        people=len(np.unique(pairs.person)),
        redeemers=int(pairs.outcome.sum()),
        redeemers_raw=int(pairs.raw.sum()),
        rankings=rankings,
        differences=differences,
        calibration=calibration,
        expected=expected_against_actual(final) if len(final) >= settings.min_pairs else None,
        campaigns=results,
        plan=followed,
        learned=(),
        unanswered=(),
    )
    return dataclasses.replace(result, learned=learn(result), unanswered=unanswered(result))


def too_little(pairs: Pairs, campaigns: Sequence[Campaign], settings: Settings) -> Text | None:
    """Why nothing can be compared, or None when there is enough."""
    redeemers = int(pairs.outcome.sum())
    if not campaigns:
        return Text(
            en="Not enough data: no campaign was scored, as too few campaigns had ended before it.",
            zh="数据不足：此前结束的活动太少，没有可以回测的活动。",
        )
    if len(pairs) < settings.min_pairs:
        return Text(
            en=f"Not enough data: {len(pairs):,} scored pairs of person and campaign were mailed, "
            f"{settings.min_pairs:,} are needed.",
            zh=f"数据不足：已打分且确实投放的只有 {len(pairs):,} 人次，"
            f"至少需要 {settings.min_pairs:,}。",
        )
    if redeemers in (0, len(pairs)):
        return Text(
            en=f"Not enough data: {redeemers:,} of {len(pairs):,} redeemed, so nothing tells "
            "people apart.",
            zh=f"数据不足：{len(pairs):,} 人次中有 {redeemers:,} 人次用券，无法比较谁更可能用券。",
        )
    return None


def unanswered(result: Backtest) -> tuple[Text, ...]:
    """What cannot be said, and why."""
    texts = [text for text in (result.why, result.plan.why) if text is not None]
    texts += _selection(result.plan)
    unended = sum(not campaign.ended for campaign in result.campaigns)
    if unended:
        texts.append(
            Text(
                en=f"{unended:,} campaigns end after the log does: their redeemers are those so "
                "far. They count in the rankings, not in what was expected against what came.",
                zh=f"有 {unended:,} 个活动在日志截止后才结束，只计入截至当时的用券人数；"
                "它们参与排序比较，但不参与“预计与实际”的对比。",
            )
        )
    silent = sum(campaign.why is not None for campaign in result.campaigns)
    if silent:
        texts.append(
            Text(
                en=f"{silent:,} of {len(result.campaigns):,} campaigns are too small for an AUC of "
                "their own.",
                zh=f"{len(result.campaigns):,} 个活动中有 {silent:,} 个规模太小，"
                "无法单独计算 AUC。",
            )
        )
    texts += _restless(result)
    if result.enough:
        texts.append(
            Text(
                en="Everyone here was mailed, so this shows who redeems when mailed, not who "
                "redeems because of the mail.",
                zh="这里的人全都收到了投放，因此只能看出谁会用券，不能看出谁是因为投放才用券。",
            )
        )
    return tuple(texts)


def plain(value: Any) -> Any:
    """A record as JSON values: records become objects, NaN becomes null, floats are rounded.

    Example:
        >>> plain({"a": float("nan"), "b": Text(en="x", zh="y"), "c": (1.23456789,)})
        {'a': None, 'b': {'en': 'x', 'zh': 'y'}, 'c': [1.234568]}
    """
    if dataclasses.is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, float):
        return round(float(value), _DIGITS) if math.isfinite(value) else None
    return value


def _restless(result: Backtest) -> list[Text]:
    """Whether single campaigns stray from what was expected more often than chance allows."""
    ended = [campaign for campaign in result.campaigns if campaign.ended]
    outside = sum(not campaign.inside for campaign in ended)
    if binom.sf(outside - 1, len(ended), 1 - LEVEL) > 1 - LEVEL:
        return []
    return [
        Text(
            en=f"{outside:,} of {len(ended):,} campaigns brought more or fewer redeemers than "
            "their range: campaigns differ in ways the probabilities do not know, so the promise "
            "for a single campaign is rougher than its range says.",
            zh=f"{len(ended):,} 个活动中有 {outside:,} 个的用券人数落在预计区间之外："
            "活动之间存在预测概率无法反映的差异，因此对单个活动的预计比区间显示的更粗略。",
        )
    ]


def _selection(plan: Followed) -> list[Text]:
    if plan.why is not None or plan.planned == 0:
        return []
    return [
        Text(
            en=f"Of {plan.planned:,} planned pairs of person and campaign the shop mailed "
            f"{plan.mailed:,}; of the other {plan.not_mailed:,} nothing can be known. Those it "
            "mailed it had picked itself, so the comparison holds for people like them.",
            zh=f"计划中的 {plan.planned:,} 个“顾客×活动”组合里，商家实际投放了 {plan.mailed:,} 个；"
            f"其余 {plan.not_mailed:,} 个的结果无从得知。被投放的顾客由商家自己挑选，"
            "因此结论只适用于类似的顾客。",
        )
    ]
