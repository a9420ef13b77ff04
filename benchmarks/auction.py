"""Bidders in a repeated auction of 48 seats: score = conversions x min(1, (target / actual CPA)^2).

The tested bidder sits in four seats, the other 44 are played by the field: with many seats alike
it would bid against itself, and what is measured would be the market, not the bidder. All have seen
the same ten past days and nothing of the days that count. The hindsight program knows every value
and price of the day (as they were with Handbill in its seat), not the conversions' luck. The
market and Handbill's own constants were set on markets with the seeds 1 to 10, before this one.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from handbill.placement.bidding.alpha import AlphaBidder
from handbill.placement.bidding.auction import Market, MarketDay, MarketSettings, play
from handbill.placement.bidding.baselines import (
    MULTIPLIERS,
    ConstantBidder,
    PidBidder,
    best_alpha,
    history_alpha,
    tuned,
)
from handbill.placement.bidding.bidder import Bidder, CampaignGoal, score
from handbill.placement.bidding.landscape import Landscape
from handbill.placement.bidding.mirror import MirrorBidder
from handbill.placement.bidding.replay import DayResult, RecordedTick

SEEDS = (3001, 3002, 3003, 3004)
SEATS = (2, 14, 26, 38)
PAST_DAYS = 10
FIRST_DAY = 100
Made = Callable[[CampaignGoal, list[DayResult]], Bidder]


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Handbill's score over each other's, summed over seats and days."""
    days = 3 if quick else 10
    parts = [_market(seed, days) for seed in (SEEDS[:1] if quick else SEEDS)]
    scores = {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}  # (days, S)
    ours = scores["handbill"]
    found: dict[str, float | int] = {"auction_score": round(float(ours.mean()), 3)}
    for name, theirs in scores.items():
        if name == "handbill":
            continue
        ratio, low = _ratio(ours, theirs)
        found[f"auction_vs_{name}"] = round(ratio, 4)
        found[f"auction_vs_{name}_low"] = round(low, 4)
    notes = [
        f"auction: {len(ours)} days x {len(SEATS)} seats; _low is the 2.5 % bound over days",
        "auction: vs_lp is over the program on history, vs_hindsight_lp over the hindsight one",
    ]
    return found, notes


def _market(seed: int, days: int) -> dict[str, npt.NDArray[np.float64]]:
    """Scores (days, seats) of every bidder in one market."""
    market = Market(MarketSettings(), seed=seed)
    field = market.field()
    own = {seat: field[seat] for seat in SEATS}
    past = [play(market, market.day(number), own, field) for number in range(PAST_DAYS)]
    seats = {
        name: {seat: make(market.goals[seat], [day[seat] for day in past]) for seat in SEATS}
        for name, make in BIDDERS.items()
    }
    scores: dict[str, list[list[float]]] = {name: [] for name in [*BIDDERS, "hindsight_lp"]}
    for number in range(FIRST_DAY, FIRST_DAY + days):
        day = market.day(number)
        for name, players in seats.items():
            results = play(market, day, players, field)
            scores[name].append([results[seat].score for seat in SEATS])
            if name == "handbill":
                best = [_hindsight(results[seat], day, seat) for seat in SEATS]
                scores["hindsight_lp"].append(best)
    return {name: np.array(rows) for name, rows in scores.items()}


def _handbill(goal: CampaignGoal, past: list[DayResult]) -> Bidder:
    return AlphaBidder(Landscape.learn([day.records for day in past], goal.ticks))


def _constant(goal: CampaignGoal, past: list[DayResult]) -> Bidder:
    prices = [one * goal.cpa_target for one in MULTIPLIERS]
    return tuned(ConstantBidder, prices, _replayed(past), goal)


def _program(goal: CampaignGoal, past: list[DayResult]) -> Bidder:
    return ConstantBidder(history_alpha([day.records for day in past], goal))


def _pid(goal: CampaignGoal, past: list[DayResult]) -> Bidder:
    """Gains and first price are chosen together, on past days."""
    start = history_alpha([day.records for day in past], goal)
    gains = [(s, p, i) for s in (0.7, 1.0, 1.4) for p in (0.25, 0.5, 1, 2, 4) for i in (0, 1, 4)]

    def make(number: float) -> Bidder:
        s, p, i = gains[int(number)]
        return PidBidder(start * s, (p, i, 0.0))

    return tuned(make, range(len(gains)), _replayed(past), goal)


def _mirror(goal: CampaignGoal, past: list[DayResult]) -> Bidder:
    start = history_alpha([day.records for day in past], goal)
    steps = (0.02, 0.05, 0.1, 0.2, 0.4)
    return tuned(lambda step: MirrorBidder(start, step), steps, _replayed(past), goal)


BIDDERS: dict[str, Made] = {
    "handbill": _handbill,
    "pid": _pid,
    "constant": _constant,
    "lp": _program,
    "mirror": _mirror,
}


def _replayed(past: list[DayResult]) -> list[list[RecordedTick]]:
    """Past days to tune on: what was not won has its predicted conversions."""
    return [
        [
            RecordedTick(
                value=one.value,
                value_sd=np.zeros_like(one.value),
                price=one.least_winning_price,
                conversion=one.value,
            )
            for one in day.records
        ]
        for day in past
    ]


def _hindsight(result: DayResult, day: MarketDay, seat: int) -> float:
    """The score of the day's linear program, with the conversions its wins really have."""
    value = np.concatenate([one.value for one in result.records])
    price = np.concatenate([one.least_winning_price for one in result.records])
    follows = np.concatenate([one.luck < one.truth[seat] for one in day.ticks])
    goal = result.goal
    alpha = best_alpha(value, price, budget=goal.budget, cpa_target=goal.cpa_target)
    won = price <= alpha * value * (1 + 1e-12)
    return score(float(follows[won].sum()), float(price[won].sum()), goal.cpa_target)


def _ratio(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Ratio of sums and its lower bound when days are drawn again."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(ours), size=(2_000, len(ours)))
    ratios = ours.sum(axis=1)[drawn].sum(axis=1) / theirs.sum(axis=1)[drawn].sum(axis=1)
    return float(ours.sum() / theirs.sum()), float(np.quantile(ratios, 0.025))
