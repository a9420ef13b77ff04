import numpy as np
import pytest

from handbill.placement.bidding.auction import Market, MarketDay, MarketSettings, MarketTick, play
from handbill.placement.bidding.baselines import ConstantBidder
from handbill.placement.bidding.bidder import Bidder, CampaignGoal

SMALL = MarketSettings(bidders=6, ticks=8, opportunities=40)


@pytest.mark.parametrize("pricing", ["second", "first"])
def test_nobody_overspends_and_each_opportunity_is_sold_once(pricing: str) -> None:
    market = Market(
        MarketSettings(bidders=6, ticks=8, opportunities=40, pricing=pricing),  # type: ignore[arg-type]
        seed=4,
    )
    greedy: dict[int, Bidder] = {at: ConstantBidder(1e6) for at in range(6)}
    results = play(market, market.day(0), greedy, market.field())
    for result in results.values():
        assert result.cost <= result.goal.budget
    for tick in range(8):
        sold = np.sum([results[at].records[tick].won for at in range(6)], axis=0)
        assert (sold <= 1).all()


def test_same_seed_same_day_other_seed_another() -> None:
    def costs(seed: int) -> list[float]:
        market = Market(SMALL, seed=seed)
        field = market.field()
        results = play(market, market.day(3), dict(enumerate(field)), field)
        return [one.cost for one in results.values()]

    assert costs(1) == costs(1)
    assert costs(1) != costs(2)


def test_second_price_and_least_winning_price_by_hand() -> None:
    market = Market(MarketSettings(bidders=3, ticks=1, floor=0.0), seed=0)
    market.goals = tuple(CampaignGoal(budget=100.0, ticks=1) for _ in range(3))
    value = np.array([[3.0, 1.0], [2.0, 4.0], [1.0, 2.0]])
    tick = MarketTick(value=value, truth=np.ones((3, 2)), luck=np.zeros(2))
    day = MarketDay(ticks=(tick,), eager=np.ones(3), season=np.ones(1))
    honest = [ConstantBidder(1.0) for _ in range(3)]
    results = play(market, day, dict(enumerate(honest)), honest)
    assert [one.cost for one in results.values()] == [2.0, 2.0, 0.0]
    assert results[0].records[0].least_winning_price.tolist() == [2.0, 4.0]
    assert results[1].records[0].least_winning_price.tolist() == [3.0, 2.0]
    assert results[2].records[0].least_winning_price.tolist() == [3.0, 4.0]
    assert [one.conversions for one in results.values()] == [1.0, 1.0, 0.0]


def test_who_cannot_pay_loses_to_the_next() -> None:
    market = Market(MarketSettings(bidders=2, ticks=1, floor=0.0), seed=0)
    market.goals = (CampaignGoal(budget=3.0, ticks=1), CampaignGoal(budget=100.0, ticks=1))
    value = np.array([[9.0, 9.0, 9.0], [2.0, 2.0, 2.0]])
    tick = MarketTick(value=value, truth=np.zeros((2, 3)), luck=np.ones(3))
    day = MarketDay(ticks=(tick,), eager=np.ones(2), season=np.ones(1))
    honest = [ConstantBidder(1.0), ConstantBidder(1.0)]
    results = play(market, day, dict(enumerate(honest)), honest)
    assert results[0].records[0].won.tolist() == [True, False, False]
    assert results[1].records[0].won.tolist() == [False, True, True]
    assert results[0].cost == 2.0 and results[1].cost == 0.0


def test_one_bidder_pays_the_floor_and_equal_bids_have_one_winner() -> None:
    alone = Market(MarketSettings(bidders=1, ticks=2, opportunities=5), seed=1)
    result = play(alone, alone.day(0), {0: ConstantBidder(1e9)}, alone.field())[0]
    won = sum(int(record.won.sum()) for record in result.records)
    assert result.cost == pytest.approx(won * alone.floor)
    market = Market(MarketSettings(bidders=3, ticks=1, floor=0.0), seed=0)
    same = MarketTick(value=np.ones((3, 4)), truth=np.zeros((3, 4)), luck=np.ones(4))
    day = MarketDay(ticks=(same,), eager=np.ones(3), season=np.ones(1))
    honest = [ConstantBidder(1.0) for _ in range(3)]
    results = play(market, day, dict(enumerate(honest)), honest)
    assert sum(one.records[0].won.sum() for one in results.values()) <= 4
