import numpy as np
import pytest

from handbill.errors import SourceError
from handbill.placement.bidding.baselines import ConstantBidder
from handbill.placement.bidding.bidder import CampaignGoal, TickRecord
from handbill.placement.bidding.landscape import GRID, Landscape, PriceCurve, won_by
from handbill.placement.bidding.replay import RecordedTick, replay


def test_price_curve_is_the_empirical_one() -> None:
    rng = np.random.default_rng(0)
    prices = rng.lognormal(0, 1, 999)
    bids = np.array([0.0, 0.5, 1.0, 2.0, 1e9])
    curve = PriceCurve.of(prices)
    expected = [(prices <= bid).mean() for bid in bids]
    np.testing.assert_allclose(curve.win_probability(bids), expected)
    costs = [np.where(prices <= bid, prices, 0).mean() for bid in bids]
    np.testing.assert_allclose(curve.expected_cost(bids), costs)


def test_won_by_counts_what_each_price_wins() -> None:
    rng = np.random.default_rng(1)
    value, price = rng.random(200), rng.random(200)
    value[:5] = 0.0  # never worth a bid
    alpha = np.geomspace(0.01, 100, 50)
    gained, cost = won_by(alpha, value, price)
    for at in (0, 10, 30, 49):
        won = (price <= alpha[at] * value) & (value > 0)
        assert gained[at] == pytest.approx(value[won].sum())
        assert cost[at] == pytest.approx(price[won].sum())


def test_a_landscape_forecasts_a_day_of_the_same_kind() -> None:
    def day(seed: int, level: float = 1.0) -> tuple[TickRecord, ...]:
        rng = np.random.default_rng(seed)
        ticks = [
            RecordedTick(
                value=(value := rng.lognormal(-4, 0.5, int(level * 40 * (1 + at)))),
                value_sd=value,
                price=rng.lognormal(0, 0.5, len(value)),
                conversion=value * 0,
            )
            for at in range(4)
        ]
        return replay(ConstantBidder(0), ticks, CampaignGoal(budget=0, ticks=4)).records

    land = Landscape.learn([day(seed) for seed in range(20)], 4)
    new = day(99)
    for at in (1, 3):
        gained, cost = won_by(land.alpha, new[at].value, new[at].least_winning_price)
        middle = GRID // 2
        assert land.value[at, middle] == pytest.approx(gained[middle], rel=0.3)
        assert land.cost[at, middle] == pytest.approx(cost[middle], rel=0.4)
    steady = land.day_spread
    restless = Landscape.learn([day(s, level=2.0 ** (s % 3)) for s in range(20)], 4).day_spread
    assert restless > 0.4 > 0.2 > steady


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(SourceError, match="play some days"):
        Landscape.learn([], 4)
    with pytest.raises(SourceError, match="finite prices"):
        PriceCurve.of(np.array([np.nan]))
