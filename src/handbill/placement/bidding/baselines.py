"""The bidders that everyone has: what a better one must be measured against, each tuned fairly."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.placement.bidding.bidder import Bidder, CampaignGoal, TickRecord, TickView
from handbill.placement.bidding.landscape import price_per_value
from handbill.placement.bidding.replay import RecordedTick, replay

MULTIPLIERS = tuple(float(one) for one in np.geomspace(0.2, 3.0, 25))


class ConstantBidder:
    """Bids the same price per predicted conversion all day.

    Args:
        alpha: Price per predicted conversion.
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha

    def reset(self, campaign: CampaignGoal) -> None:
        """Nothing to forget."""

    def bid(self, tick: TickView) -> Floats:
        """Bids (N,)."""
        return self._alpha * tick.value


class PidBidder:
    """Steers the price per conversion so that spending follows the clock and stays on target.

    Args:
        alpha: First price per conversion of a day.
        gain: Proportional, integral and derivative gain on the error, in logarithms of the price.

    Source: feedback control in display advertising, Zhang et al., WSDM 2016; Chen et al., KDD 2011.
    """

    def __init__(self, alpha: float, gain: tuple[float, float, float]) -> None:
        self._start = alpha
        self._gain = gain
        self.reset(CampaignGoal(budget=0.0))

    def reset(self, campaign: CampaignGoal) -> None:
        """Begin a new day."""
        self._sum = 0.0
        self._last = 0.0

    def bid(self, tick: TickView) -> Floats:
        """Bids (N,): the price is raised while the day lags behind, lowered when it is too dear."""
        error = self._error(tick)
        self._sum = float(np.clip(self._sum + error / tick.goal.ticks, -3, 3))
        p, i, d = self._gain
        push = p * error + i * self._sum + d * (error - self._last)
        self._last = error
        return self._start * float(np.exp(np.clip(push, -2, 2))) * tick.value

    def _error(self, tick: TickView) -> float:
        """The smaller of the room left in the budget by now and the room left under the target."""
        budget = tick.goal.budget
        if budget <= 0 or not tick.history:
            return 0.0
        due = (tick.goal.ticks - tick.ticks_left) / tick.goal.ticks
        lag = float(np.clip(due - tick.spent / budget, -1, 1))
        if not np.isfinite(tick.goal.cpa_target):
            return lag
        allowed = tick.goal.cpa_target * (tick.conversions + 0.5)
        room = float(np.clip((allowed - tick.spent) / budget, -1, 1))
        return min(lag, room)


def best_alpha(value: Floats, price: Floats, *, budget: float, cpa_target: float) -> float:
    """The dual price of the linear program "most conversions within budget and target".

    Both constraints only bound a prefix of the opportunities sorted by price per conversion, so the
    program is solved by sorting.

    Args:
        value: (N,) predicted conversions.
        price: (N,) what each would cost.
        budget: For all of them together.
        cpa_target: Most the average conversion may cost.

    Returns:
        Price per conversion; 0 when not even the cheapest opportunity is allowed.
    """
    ratio = price_per_value(value, price)
    usable = np.isfinite(ratio)
    order = np.argsort(ratio[usable], kind="stable")
    cost = np.cumsum(price[usable][order])
    gained = np.cumsum(value[usable][order])
    allowed = (cost <= budget) & (cost <= cpa_target * gained)
    reached = np.flatnonzero(allowed)
    return float(ratio[usable][order][reached[-1]]) if len(reached) else 0.0


def history_alpha(days: Sequence[Sequence[TickRecord]], goal: CampaignGoal) -> float:
    """The price per conversion that would have been best over all past days taken together."""
    records = [one for day in days for one in day]
    if not records:
        raise SourceError("a program on history needs at least one past day")
    return best_alpha(
        np.concatenate([one.value for one in records]),
        np.concatenate([one.least_winning_price for one in records]),
        budget=goal.budget * len(days),
        cpa_target=goal.cpa_target,
    )


def tuned(
    make: Callable[[float], Bidder],
    candidates: Iterable[float],
    days: Sequence[Sequence[RecordedTick]],
    goal: CampaignGoal,
) -> Bidder:
    """The bidder whose candidate setting scored best on past days; the first of equals."""
    best, most = None, -np.inf
    for candidate in candidates:
        bidder = make(candidate)
        total = sum(replay(bidder, day, goal).score for day in days)
        if total > most:
            best, most = bidder, total
    if best is None:
        raise SourceError("there is no candidate to choose from")
    return best
