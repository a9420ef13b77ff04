"""What every bidder must keep, whatever the day: one contract over all of them."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.errors import PlanError, SourceError
from handbill.placement.bidding.alpha import AlphaBidder
from handbill.placement.bidding.baselines import ConstantBidder, PidBidder
from handbill.placement.bidding.bidder import Bidder, CampaignGoal, Pricing, TickView, score
from handbill.placement.bidding.landscape import Landscape
from handbill.placement.bidding.mirror import MirrorBidder
from handbill.placement.bidding.pacing import PacingBidder
from handbill.placement.bidding.replay import RecordedTick, replay

TICKS = 6


def a_day(seed: int, *, size: int = 30, ticks: int = TICKS) -> list[RecordedTick]:
    rng = np.random.default_rng(seed)
    return [
        RecordedTick(
            value=(value := 0.01 * rng.lognormal(0, 1, size)),
            value_sd=value / 5,
            price=rng.lognormal(0, 1, size),
            conversion=(rng.random(size) < value).astype(float),
        )
        for _ in range(ticks)
    ]


def landscape() -> Landscape:
    goal = CampaignGoal(budget=0.0, ticks=TICKS)
    days = [replay(ConstantBidder(0), a_day(seed), goal).records for seed in range(3)]
    return Landscape.learn(days, TICKS)


BIDDERS: dict[str, Callable[[], Bidder]] = {
    "alpha": lambda: AlphaBidder(landscape()),
    "pacing": lambda: PacingBidder(100.0, np.full(TICKS, 30.0)),
    "constant": lambda: ConstantBidder(100.0),
    "pid": lambda: PidBidder(100.0, (1.0, 1.0, 0.1)),
    "mirror": lambda: MirrorBidder(100.0, 0.1),
}


def view(
    goal: CampaignGoal, *, tick: int = 0, left: float | None = None, size: int = 5
) -> TickView:
    return TickView(
        tick=tick,
        goal=goal,
        budget_left=goal.budget if left is None else left,
        conversions=0.0,
        value=np.full(size, 0.01),
        value_sd=np.zeros(size),
        floor=np.zeros(size),
        history=[],
    )


@pytest.mark.parametrize("name", BIDDERS)
@given(
    seed=st.integers(0, 99),
    budget=st.sampled_from([0.0, 1e-9, 0.5, 20.0, 1e9]),
    target=st.sampled_from([1e-6, 50.0, float("inf")]),
    pricing=st.sampled_from(["second", "first"]),
)
@settings(max_examples=15, deadline=None)
def test_never_overspends_and_answers_alike(
    name: str, seed: int, budget: float, target: float, pricing: Pricing
) -> None:
    goal = CampaignGoal(budget=budget, cpa_target=target, ticks=TICKS, pricing=pricing)
    bidder = BIDDERS[name]()
    day = a_day(seed)
    first, again = replay(bidder, day, goal), replay(bidder, day, goal)
    assert 0 <= first.cost <= budget
    for one, other in zip(first.records, again.records, strict=True):
        np.testing.assert_array_equal(one.bid, other.bid)


@pytest.mark.parametrize("name", BIDDERS)
@pytest.mark.parametrize("tick", [-3, 0, TICKS - 1, TICKS, 10_000])
def test_a_clock_that_jumps(name: str, tick: int) -> None:
    goal = CampaignGoal(budget=10.0, cpa_target=50.0, ticks=TICKS)
    bidder = BIDDERS[name]()
    bidder.reset(goal)
    bids = bidder.bid(view(goal, tick=tick))
    assert bids.shape == (5,) and np.isfinite(bids).all() and (bids >= 0).all()


@pytest.mark.parametrize("name", BIDDERS)
def test_odd_days(name: str) -> None:
    goal = CampaignGoal(budget=10.0, cpa_target=50.0, ticks=TICKS)
    empty, equal = np.empty(0), np.full(4, 0.02)
    nothing = RecordedTick(value=empty, value_sd=empty, price=empty, conversion=empty)
    alike = RecordedTick(value=equal, value_sd=equal, price=equal * 50, conversion=equal * 0)
    worthless = RecordedTick(value=equal * 0, value_sd=equal, price=equal, conversion=equal * 0)
    day = [nothing, alike, worthless, nothing, alike, alike]
    result = replay(BIDDERS[name](), day, goal)
    assert result.cost <= 10.0 and result.conversions == 0 and result.score == 0


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0])
@pytest.mark.parametrize("field", ["value", "value_sd", "floor"])
def test_bad_numbers_are_refused_by_name(field: str, bad: float) -> None:
    arrays = {name: np.full(3, 0.1) for name in ("value", "value_sd", "floor")}
    arrays[field] = np.array([0.1, bad, 0.1])
    with pytest.raises(SourceError, match=rf"{field}\[1\] is"):
        TickView(
            tick=0,
            goal=CampaignGoal(budget=1.0),
            budget_left=1.0,
            conversions=0.0,
            history=[],
            **arrays,
        )


@pytest.mark.parametrize(
    ("goal", "name"),
    [
        ({"budget": float("nan")}, "budget"),
        ({"budget": -1.0}, "budget"),
        ({"budget": 1.0, "cpa_target": 0.0}, "cpa_target"),
        ({"budget": 1.0, "cpa_target": float("nan")}, "cpa_target"),
        ({"budget": 1.0, "ticks": 0}, "ticks"),
    ],
)
def test_impossible_goals_are_refused_by_name(goal: dict[str, float], name: str) -> None:
    with pytest.raises(PlanError, match=name):
        CampaignGoal(**goal)  # type: ignore[arg-type]


def test_score() -> None:
    assert score(10, 1000, 100) == 10
    assert score(10, 2000, 100) == 2.5
    assert score(0, 50, 100) == 0
    assert score(3, 0, float("inf")) == 3
