"""Two hundred days of bursty traffic, a budget each: how exactly is it spent, and on what?

Fourteen other days teach the shape of the traffic and the first price. Constants of the pacing were
set on days of another seed. The hindsight optimum knows all values and prices of its day.
"""

import numpy as np

from handbill.placement.bidding.baselines import ConstantBidder, best_alpha, history_alpha
from handbill.placement.bidding.bidder import CampaignGoal
from handbill.placement.bidding.pacing import PacingBidder, traffic_shape
from handbill.placement.bidding.replay import RecordedTick, replay
from handbill.placement.bidding.traffic import bursty_day

TICKS = 1_440
SHARES = (0.05, 0.15, 0.4)
"""Budgets as shares of what all of a usual day's opportunities would cost; days take turns."""


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Days within 1 %, the largest overspend, value over the hindsight optimum."""
    count = 20 if quick else 200
    rng = np.random.default_rng(2026)
    silent = CampaignGoal(budget=0.0, ticks=TICKS)
    past = [replay(ConstantBidder(0.0), bursty_day(rng), silent).records for _ in range(14)]
    shape = traffic_shape(past, TICKS, smooth=121)
    usual = float(np.mean([sum(one.least_winning_price.sum() for one in day) for day in past]))
    goals = [CampaignGoal(budget=share * usual, ticks=TICKS) for share in SHARES]
    first = [history_alpha(past, goal) for goal in goals]
    spent, value, best, out_of_reach = [], [], [], 0
    for number in range(count):
        at = number % len(goals)
        day = bursty_day(rng)
        result = replay(PacingBidder(first[at], shape), day, goals[at])
        spent.append(result.cost / goals[at].budget)
        value.append(result.value)
        best.append(hindsight(day, goals[at]))
        out_of_reach += sum(one.price.sum() for one in day) < goals[at].budget
    shares = np.array(spent)
    ratios = np.array(value) / np.array(best)
    found: dict[str, float | int] = {
        "pacing_days_within_1pct": round(float(np.mean(np.abs(shares - 1) <= 0.01)), 4),
        "pacing_overspend": round(max(0.0, float(shares.max()) - 1), 6),
        "pacing_days_out_of_reach": int(out_of_reach),
        "pacing_least_spent": round(float(shares.min()), 4),
        "pacing_value_ratio": round(float(ratios.mean()), 4),
        "pacing_value_ratio_worst_day": round(float(ratios.min()), 4),
    }
    return found, [
        f"pacing: {count} days, budgets of {SHARES} of all that is on offer, by turns",
        "pacing: out of reach: all of a day cost less than its budget; it counts as missed",
    ]


def hindsight(day: list[RecordedTick], goal: CampaignGoal) -> float:
    """Most predicted conversions that the day's budget could have bought."""
    value = np.concatenate([one.value for one in day])
    price = np.concatenate([one.price for one in day])
    alpha = best_alpha(value, price, budget=goal.budget, cpa_target=goal.cpa_target)
    return float(value[price <= alpha * value * (1 + 1e-12)].sum())
