"""A recorded day played again by a bidder that does not move its prices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handbill.errors import SourceError
from handbill.placement.arrays import Bools, Floats
from handbill.placement.bidding.bidder import (
    Bidder,
    CampaignGoal,
    Pricing,
    TickRecord,
    TickView,
    checked,
    score,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTick:
    """A tick as it can be played again; all arrays are (N,).

    Attributes:
        value: Predicted conversions.
        value_sd: Their standard deviations.
        price: Least bids that win.
        conversion: Conversions that follow if it is won.
    """

    value: Floats
    value_sd: Floats
    price: Floats
    conversion: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """What a bidder made of a day.

    Attributes:
        goal: What it was given.
        records: Its ticks.
        cost: Spent.
        value: Predicted conversions of what it won.
        conversions: That followed.
    """

    goal: CampaignGoal
    records: tuple[TickRecord, ...]
    cost: float
    value: float
    conversions: float

    @property
    def score(self) -> float:
        """Conversions with the penalty for a missed target, see `bidder.score`."""
        return score(self.conversions, self.cost, self.goal.cpa_target)


def checked_bids(bids: Floats, size: int) -> Floats:
    """Bids of a bidder, refused by name when they are not (N,) finite numbers of 0 or more."""
    return checked("bids", bids, size)


def affordable(wanted: Bools, cost: Floats, left: float) -> Bools:
    """Which wins stand when they come one after the other and money runs out.

    Args:
        wanted: (N,) auctions won.
        cost: (N,) what each costs.
        left: Budget before the first.

    Returns:
        (N,) the wins whose costs, summed in order, never exceed `left`.
    """
    running = np.cumsum(np.where(wanted, cost, 0.0))
    if not wanted.any() or running[-1] <= left:
        return wanted
    kept = wanted.copy()
    first = int(np.argmax(wanted & (running > left)))
    spent = float(running[first - 1]) if first else 0.0
    for at in np.flatnonzero(wanted[first:]) + first:
        if spent + cost[at] > left:
            kept[at] = False
        else:
            spent += float(cost[at])
    return kept


def paid(bid: Floats, least_winning_price: Floats, pricing: Pricing) -> Floats:
    """What each win would cost, (N,)."""
    return bid if pricing == "first" else least_winning_price


def replay(bidder: Bidder, day: Sequence[RecordedTick], goal: CampaignGoal) -> DayResult:
    """Play a recorded day; a price of the record is met by a bid as high.

    The budget is held by the one who plays, whatever the bidder bids.

    Args:
        bidder: Plays.
        day: Its ticks; their number is the goal's.
        goal: Budget and target.

    Raises:
        SourceError: The day has another number of ticks, or the bids are not numbers.
    """
    if len(day) != goal.ticks:
        raise SourceError(f"the day has {len(day)} ticks, its goal {goal.ticks}; make them equal")
    bidder.reset(goal)
    records: list[TickRecord] = []
    left, conversions = goal.budget, 0.0
    for number, tick in enumerate(day):
        view = TickView(
            tick=number,
            goal=goal,
            budget_left=left,
            conversions=conversions,
            value=tick.value,
            value_sd=tick.value_sd,
            floor=np.zeros_like(tick.value),
            history=records,
        )
        bid = checked_bids(bidder.bid(view), len(tick.value))
        price = paid(bid, tick.price, goal.pricing)
        won = affordable((bid >= tick.price) & (bid > 0), price, left)
        cost = np.where(won, price, 0.0)
        left = max(0.0, left - float(cost.sum()))
        records.append(
            TickRecord(
                tick=number,
                value=tick.value,
                bid=bid,
                won=won,
                cost=cost,
                conversion=np.where(won, tick.conversion, 0.0),
                least_winning_price=tick.price,
            )
        )
        conversions += float(records[-1].conversion.sum())
    return day_result(goal, records)


def day_result(goal: CampaignGoal, records: Sequence[TickRecord]) -> DayResult:
    """Sum a day's records."""
    return DayResult(
        goal=goal,
        records=tuple(records),
        cost=float(sum(record.cost.sum() for record in records)),
        value=float(sum(record.value[record.won].sum() for record in records)),
        conversions=float(sum(record.conversion.sum() for record in records)),
    )
