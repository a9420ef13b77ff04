import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.placement.bidding.baselines import ConstantBidder
from handbill.placement.bidding.bidder import CampaignGoal, TickView
from handbill.placement.bidding.replay import RecordedTick, affordable, replay


@given(
    cost=hnp.arrays(np.float64, st.integers(0, 20), elements=st.floats(0, 10)),
    left=st.floats(0, 60),
    seed=st.integers(0, 9),
)
def test_affordable_is_the_walk_through_the_wins(cost: Floats, left: float, seed: int) -> None:
    wanted = np.random.default_rng(seed).random(len(cost)) < 0.7
    expected, spent = [], 0.0
    for one, price in zip(wanted, cost, strict=True):
        fits = bool(one) and spent + price <= left
        expected.append(fits)
        spent += price if fits else 0.0
    kept = affordable(wanted, cost, left)
    assert cost[kept].sum() <= left * (1 + 1e-12)
    if not np.isclose(np.cumsum(cost * wanted), left).any():  # sums in another order may differ
        assert kept.tolist() == expected


def test_second_price_pays_the_price_and_first_price_the_bid() -> None:
    tick = RecordedTick(
        value=np.array([1.0, 1.0]),
        value_sd=np.zeros(2),
        price=np.array([2.0, 9.0]),
        conversion=np.array([1.0, 1.0]),
    )
    second = replay(ConstantBidder(3.0), [tick], CampaignGoal(budget=100, ticks=1))
    first = replay(ConstantBidder(3.0), [tick], CampaignGoal(budget=100, ticks=1, pricing="first"))
    assert (second.cost, first.cost) == (2.0, 3.0)
    assert second.conversions == first.conversions == 1.0
    assert second.records[0].won.tolist() == [True, False]


def test_bids_that_are_no_numbers_are_refused() -> None:
    class Broken(ConstantBidder):
        def bid(self, tick: TickView) -> Floats:
            return tick.value * np.nan

    one = np.ones(1)
    tick = RecordedTick(value=one, value_sd=one, price=one, conversion=one)
    with pytest.raises(SourceError, match=r"bids\[0\] is nan"):
        replay(Broken(1.0), [tick], CampaignGoal(budget=1, ticks=1))


def test_a_day_of_another_length_is_refused() -> None:
    with pytest.raises(SourceError, match="0 ticks, its goal 48"):
        replay(ConstantBidder(1.0), [], CampaignGoal(budget=1))
