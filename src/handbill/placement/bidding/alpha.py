"""One price per predicted conversion for the rest of the day, solved again before each tick.

The rest of the day is forecast from past days' landscape, corrected by what today has shown. Of all
prices the one is taken whose day ends with the highest expected score when the conversions still to
come are Poisson: sparse conversions make a day that aims exactly at its target miss it half of the
time, and early luck is worth spending on.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from handbill.placement.arrays import Floats
from handbill.placement.bidding.bidder import CampaignGoal, TickRecord, TickView
from handbill.placement.bidding.landscape import Landscape, won_by

SUPPORT = 400
"""Most numbers of conversions that an expectation is summed over; more are thinned evenly."""


def expected_score(
    *, conversions: float, cost: float, more: Floats, more_cost: Floats, cpa_target: float
) -> Floats:
    """Expected score at the day's end, for each way to go on.

    Args:
        conversions: Seen so far.
        cost: Spent so far.
        more: (A,) conversions expected to follow.
        more_cost: (A,) what they will cost.
        cpa_target: Most the average conversion should cost.

    Returns:
        (A,) expectations over Poisson numbers of conversions.
    """
    total = cost + more_cost  # (A,)
    if not np.isfinite(cpa_target):
        return np.asarray(conversions + more)
    mean = np.maximum(more, 1e-12)
    top = float(mean.max() + 8 * np.sqrt(mean.max()) + 10)
    step = max(1, int(np.ceil(top / SUPPORT)))
    count = np.arange(0, top + 1, step, dtype=np.float64)  # (J,)
    log_weight = count * np.log(mean)[:, None] - mean[:, None] - gammaln(count + 1)  # (A, J)
    weight = np.exp(log_weight)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    final = conversions + count  # (J,)
    within = np.minimum(1.0, cpa_target * final / np.maximum(total, 1e-12)[:, None])
    return np.asarray((weight * final * within**2).sum(axis=1))


@dataclass(frozen=True, slots=True)
class Rest:
    """What the rest of the day would bring, by price per conversion: both (A,)."""

    value: Floats
    cost: Floats


class AlphaBidder:
    """Bids `alpha` times the predicted conversions, with `alpha` solved again at each tick.

    Args:
        landscape: Of past days.
        memory: Ticks after which what today has shown counts half.

    Source: optimal bids are proportional to values under budget and cost constraints (Zhang et al.,
        KDD 2014; Balseiro et al. 2015); receding-horizon control of the multiplier is ours.
    """

    def __init__(self, landscape: Landscape, *, memory: float = 8.0) -> None:
        self._landscape = landscape
        self._forget = 0.5 ** (1 / memory)
        self.reset(CampaignGoal(budget=0.0))

    def reset(self, campaign: CampaignGoal) -> None:
        """Begin a new day."""
        size = len(self._landscape.alpha)
        self._goal = campaign
        self._read = 0
        self._weight = 0.0
        self._seen = np.zeros((2, size))
        self._usual = np.zeros((2, size))

    def bid(self, tick: TickView) -> Floats:
        """Bids (N,): the price per conversion times `value`; nothing once nothing is left."""
        for record in tick.history[self._read :]:
            self._learn(record)
        self._read = len(tick.history)
        if tick.budget_left <= 0 or len(tick.value) == 0:
            return np.zeros_like(tick.value)
        return self.price(tick) * tick.value

    def price(self, tick: TickView) -> float:
        """The price per predicted conversion to bid in this tick."""
        rest = self._forecast(tick)
        within = np.minimum(1.0, tick.budget_left / np.maximum(rest.cost, 1e-12))
        worth = expected_score(
            conversions=tick.conversions,
            cost=tick.spent,
            more=rest.value * within,
            more_cost=rest.cost * within,
            cpa_target=tick.goal.cpa_target,
        )
        best = int(np.argmax(worth))
        return self._between(best, rest.cost, tick.budget_left)

    def _between(self, best: int, cost: Floats, left: float) -> float:
        """A price between two of the grid, where the budget is just spent if that is what binds."""
        alpha = self._landscape.alpha
        for low in (best - 1, best):
            if 0 <= low < len(alpha) - 1 and cost[low] <= left < cost[low + 1]:
                share = (left - cost[low]) / (cost[low + 1] - cost[low])
                return float(alpha[low] * (alpha[low + 1] / alpha[low]) ** share)
        return float(alpha[best])

    def _learn(self, record: TickRecord) -> None:
        """Compare a finished tick with what is usual at its time."""
        at = min(max(record.tick, 0), self._landscape.value.shape[0] - 1)
        today = won_by(self._landscape.alpha, record.value, record.least_winning_price)
        usual = (self._landscape.value[at], self._landscape.cost[at])
        self._seen = self._forget * self._seen + np.stack(today)
        self._usual = self._forget * self._usual + np.stack(usual)
        self._weight = self._forget * self._weight + 1

    def _forecast(self, tick: TickView) -> Rest:
        """Expected value and cost of the rest of the day for each price of the grid."""
        land = self._landscape
        last = land.value.shape[0]
        at = min(max(tick.tick, 0), last - 1)
        value, cost = land.value[at:].sum(axis=0), land.cost[at:].sum(axis=0)
        now = float(tick.value.sum()) / max(float(land.supply[at]), 1e-12)
        value = value + (now - 1) * land.value[at]  # this tick's supply is known
        cost = cost + (now - 1) * land.cost[at]
        ratio = self._today()
        value, cost = value * ratio[0], cost * ratio[1]
        if tick.goal.pricing == "first":
            cost = land.alpha * value
        return Rest(value, np.maximum.accumulate(cost))

    def _today(self) -> Floats:
        """How today differs from usual, (2, A) ratios of value and cost, drawn towards 1.

        The fewer ticks it rests on and the more alike past days were, the closer to 1.
        """
        day, tick = self._landscape.day_spread**2, self._landscape.tick_spread**2
        trust = day / (day + tick / max(self._weight, 1e-9))
        floor = 0.002 * self._usual[:, -1:] + 1e-12  # so that rarely won prices say little
        ratio: Floats = ((self._seen + floor) / (self._usual + floor)) ** trust
        return ratio
