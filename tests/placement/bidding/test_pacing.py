import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.errors import SourceError
from handbill.placement.bidding.baselines import ConstantBidder, best_alpha, history_alpha
from handbill.placement.bidding.bidder import CampaignGoal
from handbill.placement.bidding.pacing import PacingBidder, traffic_shape
from handbill.placement.bidding.replay import RecordedTick, replay
from handbill.placement.bidding.traffic import bursty_day

TICKS = 720


def test_bursty_days_are_spent_to_the_percent_on_good_opportunities() -> None:
    rng = np.random.default_rng(11)
    silent = CampaignGoal(budget=0, ticks=TICKS)
    past = [
        replay(ConstantBidder(0), bursty_day(rng, ticks=TICKS), silent).records for _ in range(8)
    ]
    shape = traffic_shape(past, TICKS, smooth=61)
    usual = np.mean([sum(one.least_winning_price.sum() for one in day) for day in past])
    goal = CampaignGoal(budget=0.15 * float(usual), ticks=TICKS)
    bidder = PacingBidder(history_alpha(past, goal), shape)
    close, ratio = [], []
    for _ in range(12):
        day = bursty_day(rng, ticks=TICKS)
        result = replay(bidder, day, goal)
        assert result.cost <= goal.budget
        close.append(result.cost >= 0.99 * goal.budget)
        value = np.concatenate([one.value for one in day])
        price = np.concatenate([one.price for one in day])
        best = best_alpha(value, price, budget=goal.budget, cpa_target=np.inf)
        ratio.append(result.value / value[price <= best * value * (1 + 1e-12)].sum())
    assert np.mean(close) >= 0.9
    assert np.mean(ratio) >= 0.93


@given(
    budget=st.floats(0, 1e6),
    alpha=st.floats(0, 1e9),
    step=st.floats(1e-4, 1.0),
    seed=st.integers(0, 50),
)
@settings(max_examples=25, deadline=None)
def test_never_overspends_whatever_it_starts_with(
    budget: float, alpha: float, step: float, seed: int
) -> None:
    day = bursty_day(np.random.default_rng(seed), ticks=40)
    bidder = PacingBidder(alpha, np.full(40, 20.0), step=step)
    result = replay(bidder, day, CampaignGoal(budget=budget, ticks=40))
    assert result.cost <= budget
    for record in result.records:
        assert np.isfinite(record.bid).all() and (record.bid <= budget).all()


def test_shape_counts_opportunities_and_has_a_default() -> None:
    one = np.ones(3)
    tick = RecordedTick(value=one, value_sd=one, price=one, conversion=one)
    none = RecordedTick(value=one[:0], value_sd=one[:0], price=one[:0], conversion=one[:0])
    goal = CampaignGoal(budget=0, ticks=4)
    day = replay(ConstantBidder(0), [none, tick, tick, none], goal).records
    np.testing.assert_allclose(traffic_shape([day], 4), [0, 3, 3, 0])
    np.testing.assert_allclose(traffic_shape([day], 4, smooth=3).sum(), 6)
    np.testing.assert_allclose(traffic_shape([], 4), 1)


def test_a_day_that_keeps_its_price_starts_where_the_last_one_ended() -> None:
    day = bursty_day(np.random.default_rng(1), ticks=60)
    goal = CampaignGoal(budget=20_000, ticks=60)
    keeping = PacingBidder(1.0, np.full(60, 20.0), keep=True)
    fresh = PacingBidder(1.0, np.full(60, 20.0))
    for bidder in (keeping, fresh):
        replay(bidder, day, goal)
    again_keeping, again_fresh = (replay(one, day, goal) for one in (keeping, fresh))
    assert again_keeping.records[0].bid.sum() > 2 * again_fresh.records[0].bid.sum()


def test_nan_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match=r"shape\[1\] is nan"):
        PacingBidder(1.0, np.array([1.0, np.nan]))
    with pytest.raises(SourceError, match=r"alpha\[0\] is nan"):
        PacingBidder(float("nan"), np.ones(2))
