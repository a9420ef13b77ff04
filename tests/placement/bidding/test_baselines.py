import numpy as np
import pytest
from scipy.optimize import linprog

from handbill.errors import SourceError
from handbill.placement.bidding.baselines import (
    ConstantBidder,
    PidBidder,
    best_alpha,
    history_alpha,
    tuned,
)
from handbill.placement.bidding.bidder import CampaignGoal
from handbill.placement.bidding.mirror import MirrorBidder
from handbill.placement.bidding.replay import RecordedTick, replay


@pytest.mark.parametrize(("budget", "target"), [(20.0, np.inf), (1e6, 40.0), (30.0, 60.0)])
def test_best_alpha_solves_the_linear_program(budget: float, target: float) -> None:
    rng = np.random.default_rng(3)
    value, price = 0.02 * rng.lognormal(0, 1, 300), rng.lognormal(0, 1, 300)
    alpha = best_alpha(value, price, budget=budget, cpa_target=target)
    won = price <= alpha * value * (1 + 1e-12)
    rows, bounds = [price], [budget]
    if np.isfinite(target):
        rows.append(price - target * value)
        bounds.append(0.0)
    solved = linprog(-value, A_ub=np.array(rows), b_ub=bounds, bounds=(0, 1))
    assert price[won].sum() <= budget and price[won].sum() <= target * value[won].sum()
    assert value[won].sum() >= -solved.fun - value.max()  # all but the one split opportunity


def test_best_alpha_without_an_allowed_opportunity_is_zero() -> None:
    assert best_alpha(np.array([0.1]), np.array([5.0]), budget=1.0, cpa_target=np.inf) == 0
    assert best_alpha(np.zeros(3), np.ones(3), budget=9.0, cpa_target=np.inf) == 0


def a_day(seed: int, ticks: int = 20) -> list[RecordedTick]:
    rng = np.random.default_rng(seed)
    return [
        RecordedTick(
            value=(value := 0.01 * rng.lognormal(0, 0.5, 50)),
            value_sd=value,
            price=rng.lognormal(0, 0.5, 50),
            conversion=value,
        )
        for _ in range(ticks)
    ]


def test_tuning_finds_the_planted_best() -> None:
    days = [a_day(seed) for seed in range(3)]
    goal = CampaignGoal(budget=200, ticks=20)
    records = [
        replay(ConstantBidder(0), day, CampaignGoal(budget=0, ticks=20)).records for day in days
    ]
    best = history_alpha(records, goal)
    chosen = tuned(ConstantBidder, [best / 4, best, best * 4], days, goal)
    assert replay(chosen, days[0], goal).value == replay(ConstantBidder(best), days[0], goal).value
    with pytest.raises(SourceError, match="no candidate"):
        tuned(ConstantBidder, [], days, goal)
    with pytest.raises(SourceError, match="past day"):
        history_alpha([], goal)


@pytest.mark.parametrize("start", [20.0, 100.0, 500.0])
def test_feedback_moves_a_wrong_price_the_right_way(start: float) -> None:
    goal = CampaignGoal(budget=200, ticks=20)
    days = [a_day(9)]
    fixed = replay(ConstantBidder(start), days[0], goal)
    for bidder in (PidBidder(start, (2.0, 2.0, 0.0)), MirrorBidder(start, 0.3)):
        steered = replay(bidder, days[0], goal)
        assert steered.value > fixed.value or fixed.cost < 200 < 1.02 * steered.cost + 5
