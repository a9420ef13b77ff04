"""The plan against what followed: of the pairs that the retailer really mailed."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from handbill.feedback.bootstrap import bootstrap, poisson_binomial, wilson
from handbill.feedback.metrics import Array, mean
from handbill.feedback.outcomes import Columns, Outcomes, numbered
from handbill.feedback.records import CampaignCounts, Count, Followed, Group
from handbill.feedback.settings import Settings
from handbill.types import Interval, Text

_FOLLOWED = """
WITH planned AS (
    SELECT person, campaign_id, max(probability) AS probability, arg_min(explored, slot) AS explored
    FROM plan GROUP BY ALL
),
reached AS (
    SELECT mailed.* FROM mailed JOIN campaign ON id = campaign_id
    WHERE ended AND campaign_id IN (SELECT campaign_id FROM planned)
)
SELECT person, campaign_id, coalesce(probability, 0)::DOUBLE AS probability,
    CASE WHEN explored IS NULL THEN 'left_out' WHEN explored THEN 'explored' ELSE 'chosen' END
        AS treated,
    coalesce(human, false)::DOUBLE AS outcome, (human IS NOT NULL)::DOUBLE AS raw
FROM reached LEFT JOIN planned USING (person, campaign_id)
LEFT JOIN redeemed USING (person, campaign_id)
ORDER BY campaign_id, person
"""

_PLANNED = """
SELECT count(*) AS pairs, count(*) FILTER (ended) AS ended
FROM (SELECT DISTINCT person, campaign_id FROM plan) LEFT JOIN campaign ON id = campaign_id
"""

LABELS = {
    "chosen": Text(en="Planned on merit, and mailed", zh="按预测入选且商家确实投放"),
    "explored": Text(en="Planned by chance, and mailed", zh="随机探索入选且商家确实投放"),
    "left_out": Text(en="Mailed, but not in the plan", zh="商家投放但未入选计划"),
}

NO_PLAN = Text(
    en="The plan is empty, so there is nothing to follow.",
    zh="计划为空，没有可以跟踪的内容。",
)
NOT_ENDED = Text(
    en="The log does not reach the end of the planned campaigns yet: import newer events and run "
    "again.",
    zh="日志还没有覆盖到计划中活动的结束日；请导入更新的事件后重新运行。",
)
NOBODY_MAILED = Text(
    en="None of the planned people was mailed by the shop, so nothing can be known of the plan.",
    zh="计划中的人商家一个也没有投放，因此无从得知计划的效果。",
)


def follow(outcomes: Outcomes, plan_id: str | None, settings: Settings) -> Followed:
    """Compare planned with unplanned people among those whom the retailer mailed.

    Of a planned person whom the retailer did not mail nothing can be known, and those whom it
    mailed it had chosen itself: the comparison is of people it found worth mailing, not of all.

    Args:
        outcomes: With `plan` among its tables.
        plan_id: Of `tables/plan.json`.
        settings: Resamples, seed and least numbers.
    """
    rows = outcomes.ask(_FOLLOWED)
    counts = outcomes.ask(_PLANNED)
    planned, ended = int(counts["pairs"][0]), int(counts["ended"][0])
    mailed = int((rows["treated"] != "left_out").sum())
    why = None
    if planned == 0:
        why = NO_PLAN
    elif ended == 0:
        why = NOT_ENDED
    elif mailed == 0:
        why = NOBODY_MAILED
    return Followed(
        plan_id=plan_id,
        why=why,
        planned=planned,
        mailed=mailed,
        not_mailed=planned - mailed,
        groups=tuple(_group(name, rows) for name in LABELS),
        ratio=_ratio(rows, settings),
        campaigns=tuple(
            CampaignCounts(
                id=str(campaign),
                **{name: _count(name, rows, rows["campaign_id"] == campaign) for name in LABELS},
            )
            for campaign in np.unique(rows["campaign_id"])
        ),
    )


def _group(name: str, rows: Columns) -> Group:
    inside_group = rows["treated"] == name
    pairs, redeemers = int(inside_group.sum()), int(rows["outcome"][inside_group].sum())
    expected = None
    if pairs and name != "left_out":  # the plan gave those left out no probability
        expected = poisson_binomial(rows["probability"][inside_group])
    return Group(
        name=name,
        label=LABELS[name],
        pairs=pairs,
        redeemers=redeemers,
        redeemers_raw=int(rows["raw"][inside_group].sum()),
        rate=wilson(redeemers, pairs) if pairs else None,
        expected=expected,
        inside=None if expected is None else expected.low <= redeemers <= expected.high,
    )


def _count(name: str, rows: Columns, campaign: NDArray[np.bool_]) -> Count:
    both = campaign & (rows["treated"] == name)
    return Count(
        pairs=int(both.sum()),
        redeemers=int(rows["outcome"][both].sum()),
        expected=None if name == "left_out" else float(rows["probability"][both].sum()),
    )


def _ratio(rows: Columns, settings: Settings) -> Interval | None:
    """The chosen's rate over the rate of those left out; None with too few redeemers on a side."""
    outcome = rows["outcome"]
    sides = {name: (rows["treated"] == name) * 1.0 for name in ("chosen", "left_out")}
    if any((outcome * side).sum() < settings.min_each for side in sides.values()):
        return None
    draws = bootstrap(
        {name: partial(_rate, outcome, side) for name, side in sides.items()},
        numbered(rows["person"]),
        resamples=settings.resamples,
        seed=settings.seed,
    )
    return draws["chosen"].over(draws["left_out"]).interval()


def _rate(outcome: Array, side: Array, weights: Array) -> Array:
    return mean(outcome, weights * side)
