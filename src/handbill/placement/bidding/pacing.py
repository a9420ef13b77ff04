"""Spends a day's budget as opportunities come, evenly in price per value, and never more than it.

Each tick has a fair share of what is left: what is left, over the opportunities still expected,
times those that came. The price per value moves by mirror descent on the difference between that
share and the actual cost; because the share is computed anew from what is really left, errors are
fed back and do not add up. A burst of traffic gets a burst of spending, at the same price.
"""

from collections.abc import Sequence

import numpy as np

from handbill.placement.arrays import Floats
from handbill.placement.bidding.bidder import CampaignGoal, TickRecord, TickView, checked

TRUST = 30.0
"""Ticks of traffic after which what today has shown of its volume counts as much as past days."""

BURST = 3.0
"""Times the usual traffic of a tick that are believed to tell of the rest of the day."""

EARLY = 0.015
"""Share of a day's traffic that is kept in hand, so that a quiet end does not leave budget over."""

CATCH_UP = 12.0
"""How much faster the price may move towards the end: its memory is the time left over this."""


def traffic_shape(days: Sequence[Sequence[TickRecord]], ticks: int, *, smooth: int = 1) -> Floats:
    """Expected opportunities in each tick of a day.

    Args:
        days: Records of past days.
        ticks: Of a day.
        smooth: Ticks of the moving average that evens out chance, odd.

    Returns:
        (T,) the median day's opportunities, so that no past day's burst is expected again;
        1 everywhere when there was no past day.
    """
    if not days:
        return np.ones(ticks)
    counts = np.zeros((len(days), ticks))
    for number, day in enumerate(days):
        for record in day:
            counts[number, min(max(record.tick, 0), ticks - 1)] += len(record.value)
    window, edge = np.full(smooth, 1 / smooth), smooth // 2
    smoothed = [np.convolve(np.pad(one, edge, mode="edge"), window, "valid") for one in counts]
    return np.asarray(np.median(smoothed, axis=0))


class PacingBidder:
    """Dual mirror descent with feedback, aware of the shape of the day's traffic.

    Args:
        alpha: First price per unit of value, above 0.
        shape: (T,) opportunities expected in each tick of a day, from `traffic_shape`.
        step: Of the mirror descent, per share of one tick.
        keep: Whether a new day starts at the price the last one ended with.

    Source: Balseiro, Lu, Mirrokni, The best of many worlds: dual mirror descent for online
        allocation problems, Operations Research 2023 (entropy mirror map: the step is a factor);
        Zhang et al., Feedback control of real-time display advertising, WSDM 2016.
    """

    def __init__(
        self, alpha: float, shape: Floats, *, step: float = 0.03, keep: bool = False
    ) -> None:
        self._first = float(checked("alpha", [alpha])[0])
        self._expected = np.maximum(checked("shape", shape), 1e-9)
        self._step = step
        self._keep = keep
        self._alpha = self._first
        self.reset(CampaignGoal(budget=0.0))

    def reset(self, campaign: CampaignGoal) -> None:
        """Begin a new day."""
        if not self._keep:
            self._alpha = self._first
        self._read = 0
        self._came = 0.0
        self._due = 0.0
        self._target = 0.0

    def bid(self, tick: TickView) -> Floats:
        """Bids (N,): price times value, no single bid above what is left."""
        for record in tick.history[self._read :]:
            self._learn(record, tick.ticks_left)
        self._read = len(tick.history)
        if tick.budget_left <= 0:
            return np.zeros_like(tick.value)
        self._target = tick.budget_left / self._to_come(tick)
        return np.minimum(self._alpha * tick.value, tick.budget_left)

    def _to_come(self, tick: TickView) -> float:
        """Opportunities expected from this tick on, this one's known."""
        at = min(max(tick.tick, 0), len(self._expected) - 1)
        usual = float(self._expected.mean()) * TRUST
        volume = (self._came + usual) / (self._due + usual)
        early = EARLY * float(self._expected.sum())
        rest = volume * max(float(self._expected[at + 1 :].sum()) - early, 0.0)
        return max(rest + len(tick.value), 1.0)

    def _learn(self, record: TickRecord, ticks_left: int) -> None:
        """Move the price by one mirror step on the last tick's cost against its fair share."""
        at = min(max(record.tick, 0), len(self._expected) - 1)
        self._came += min(len(record.value), BURST * float(self._expected[at]))
        self._due += float(self._expected[at])
        usual = self._target * float(self._expected[at])  # fair cost of a usual tick at this time
        if usual <= 0:
            return
        missed = (self._target * len(record.value) - float(record.cost.sum())) / usual
        step = max(self._step, CATCH_UP / (ticks_left + 10))
        self._alpha *= float(np.exp(np.clip(step * missed, -0.5, 0.5)))
