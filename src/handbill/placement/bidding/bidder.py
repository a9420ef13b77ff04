"""What a bidder is told before each tick of a day, and what it answers: an array of bids.

Small enough to be dropped into another simulator. All money is float64 in one unit that the caller
chooses (Handbill passes micros); values are predicted conversions per opportunity. No state is kept
outside the bidder, nothing random happens inside the ones of this package.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from handbill.errors import PlanError, SourceError
from handbill.placement.arrays import Bools, Floats

Pricing = Literal["second", "first"]


def checked(name: str, array: npt.ArrayLike, size: int | None = None) -> Floats:
    """An array as (N,) float64, refused by its name unless it is finite and not negative.

    Args:
        name: Of the array, for the message.
        array: Numbers.
        size: N it must have; any when None.

    Raises:
        SourceError: Another shape, NaN, infinite or negative numbers.
    """
    numbers = np.asarray(array, dtype=np.float64)
    if numbers.ndim != 1 or (size is not None and len(numbers) != size):
        wanted = "one dimension" if size is None else f"shape ({size},)"
        raise SourceError(f"{name} has shape {numbers.shape}; it needs {wanted}")
    bad = ~np.isfinite(numbers) | (numbers < 0)
    if bad.any():
        at = int(np.argmax(bad))
        raise SourceError(
            f"{name}[{at}] is {numbers[at]}; give finite numbers of 0 or more or drop the row"
        )
    return numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignGoal:
    """What a campaign may spend in a day, and what it may pay for a conversion.

    Attributes:
        budget: Of the day, 0 or more; it is never exceeded.
        cpa_target: Most the average conversion should cost; infinite for no bound.
        ticks: Decisions in a day.
        pricing: What a winner pays: its own bid (`first`) or the least price that wins (`second`).
    """

    budget: float
    cpa_target: float = float("inf")
    ticks: int = 48
    pricing: Pricing = "second"

    def __post_init__(self) -> None:
        if not (np.isfinite(self.budget) and self.budget >= 0):
            raise PlanError(f"budget is {self.budget}; it must be a finite number of 0 or more")
        if not self.cpa_target > 0:
            raise PlanError(f"cpa_target is {self.cpa_target}; it must be above 0")
        if self.ticks < 1:
            raise PlanError(f"ticks is {self.ticks}; a day has at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRecord:
    """What came of a tick; all arrays are (N,), one entry per opportunity.

    Attributes:
        tick: Its number in the day, from 0.
        value: Conversions that were predicted.
        bid: What was bid.
        won: Which were won.
        cost: What was paid, 0 where not won.
        conversion: Conversions seen so far, 0 where not won.
        least_winning_price: The least bid that would have won.
    """

    tick: int
    value: Floats
    bid: Floats
    won: Bools
    cost: Floats
    conversion: Floats
    least_winning_price: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class TickView:
    """All that a bidder knows when it must bid.

    Attributes:
        tick: Number of the tick, from 0; a clock that jumps may skip or repeat some.
        goal: Of the campaign.
        budget_left: What may still be spent today.
        conversions: Seen so far today; some of the day's may still be on their way.
        value: (N,) predicted conversions of this tick's opportunities.
        value_sd: (N,) standard deviations of `value`.
        floor: (N,) least prices that the sellers (or the terms of a deal) accept.
        history: The day's finished ticks, in order.
    """

    tick: int
    goal: CampaignGoal
    budget_left: float
    conversions: float
    value: Floats
    value_sd: Floats
    floor: Floats
    history: Sequence[TickRecord]

    def __post_init__(self) -> None:
        size = len(checked("value", self.value))
        checked("value_sd", self.value_sd, size)
        checked("floor", self.floor, size)
        if not np.isfinite(self.budget_left):
            raise SourceError(f"budget_left is {self.budget_left}; it must be finite")
        if not (np.isfinite(self.conversions) and self.conversions >= 0):
            raise SourceError(f"conversions is {self.conversions}; it must be 0 or more")

    @property
    def ticks_left(self) -> int:
        """Ticks from this one to the end of the day, at least 1 whatever the clock says."""
        return int(np.clip(self.goal.ticks - self.tick, 1, self.goal.ticks))

    @property
    def spent(self) -> float:
        """What the day has cost so far."""
        return self.goal.budget - self.budget_left


class Bidder(Protocol):
    """Answers each tick with bids; one contract test runs over all who keep it."""

    def reset(self, campaign: CampaignGoal) -> None:
        """Begin a new day: forget the last one's ticks, keep what was learned before."""

    def bid(self, tick: TickView) -> Floats:
        """Bids (N,) for the tick's opportunities, each finite and 0 or more."""


def score(conversions: float, cost: float, cpa_target: float) -> float:
    """Conversions, less when they cost more than they should.

    Args:
        conversions: Of the day.
        cost: Of the day.
        cpa_target: Most the average conversion should cost.

    Returns:
        conversions * min(1, (target / actual)^2).

    Source: the rule of the auto-bidding competition of NeurIPS 2024 (AuctionNet, Su et al.).

    Example:
        >>> score(10, 2000, 100)
        2.5
    """
    if cost <= cpa_target * conversions:
        return float(conversions)
    return float(conversions * (cpa_target * conversions / cost) ** 2)
