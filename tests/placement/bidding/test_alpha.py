import numpy as np
import pytest

from handbill.placement.bidding.alpha import AlphaBidder, expected_score
from handbill.placement.bidding.baselines import ConstantBidder, best_alpha
from handbill.placement.bidding.bidder import CampaignGoal, score
from handbill.placement.bidding.landscape import Landscape
from handbill.placement.bidding.replay import RecordedTick, replay


def a_day(seed: int, *, dear: float = 1.0, ticks: int = 24) -> list[RecordedTick]:
    rng = np.random.default_rng(seed)
    made = []
    for at in range(ticks):
        value = 0.005 * rng.lognormal(0, 0.8, 60 + 40 * (at % 6))
        price = dear * rng.lognormal(0, 0.8, len(value))
        follows = (rng.random(len(value)) < value).astype(float)
        made.append(RecordedTick(value=value, value_sd=value, price=price, conversion=follows))
    return made


def landscape(days: int = 8) -> Landscape:
    silent = CampaignGoal(budget=0, ticks=24)
    past = [
        replay(ConstantBidder(0), a_day(seed, dear=0.8 + 0.1 * (seed % 5)), silent).records
        for seed in range(days)
    ]
    return Landscape.learn(past, 24)


@pytest.mark.parametrize("target", [20.0, 60.0])
def test_expected_score_is_that_of_many_poisson_days(target: float) -> None:
    rng = np.random.default_rng(0)
    more, cost = np.array([0.5, 3.0, 12.0]), np.array([10.0, 100.0, 400.0])
    exact = expected_score(conversions=2.0, cost=50.0, more=more, more_cost=cost, cpa_target=target)
    for at in range(3):
        draws = 2 + rng.poisson(more[at], 40_000)
        mean = np.mean([score(float(one), 50 + cost[at], target) for one in draws])
        assert exact[at] == pytest.approx(mean, rel=0.02)


def test_expected_score_of_many_conversions_and_of_none() -> None:
    big = expected_score(
        conversions=0, cost=0, more=np.array([5e4]), more_cost=np.array([1e6]), cpa_target=10
    )
    assert big[0] == pytest.approx(score(5e4, 1e6, 10), rel=0.01)
    none = expected_score(
        conversions=0, cost=5, more=np.zeros(2), more_cost=np.zeros(2), cpa_target=10
    )
    np.testing.assert_allclose(none, 0, atol=1e-9)


@pytest.mark.parametrize("dear", [0.7, 1.0, 1.5])
def test_spends_the_budget_near_the_best_price_on_a_day_unlike_the_past(dear: float) -> None:
    land = landscape()
    goal = CampaignGoal(budget=300, ticks=24)
    reached, possible = 0.0, 0.0
    for seed in range(50, 54):
        day = a_day(seed, dear=dear)
        result = replay(AlphaBidder(land), day, goal)
        value = np.concatenate([one.value for one in day])
        price = np.concatenate([one.price for one in day])
        alpha = best_alpha(value, price, budget=300, cpa_target=np.inf)
        reached += result.value
        possible += value[price <= alpha * value * (1 + 1e-12)].sum()
        assert 0.97 * 300 <= result.cost <= 300
    assert reached >= 0.94 * possible


def test_keeps_to_the_target_when_the_budget_is_ample() -> None:
    target = 60.0
    goal = CampaignGoal(budget=1e6, cpa_target=target, ticks=24)
    costs = conversions = 0.0
    land = landscape()
    for seed in range(60, 72):
        result = replay(AlphaBidder(land), a_day(seed), goal)
        costs += result.cost
        conversions += result.conversions
    assert 0.6 * target < costs / conversions < 1.1 * target


def test_first_price_days_stay_within_budget_and_beat_bidding_the_second_price_way() -> None:
    goal = CampaignGoal(budget=300, ticks=24, pricing="first")
    land = landscape()
    day = a_day(77)
    ours = replay(AlphaBidder(land), day, goal)
    value = np.concatenate([one.value for one in day])
    price = np.concatenate([one.price for one in day])
    naive = replay(
        ConstantBidder(best_alpha(value, price, budget=300, cpa_target=np.inf)), day, goal
    )
    assert ours.cost <= 300 and ours.value > 1.05 * naive.value


def test_stops_when_a_failed_day_can_only_get_worse() -> None:
    bidder = AlphaBidder(landscape())
    goal = CampaignGoal(budget=1e5, cpa_target=1e-3, ticks=24)  # no price is low enough
    result = replay(bidder, a_day(5), goal)
    assert result.cost < 0.01 * goal.budget
