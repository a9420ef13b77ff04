"""Two dual prices, of the budget and of the target, moved a little after every tick."""

import numpy as np

from handbill.placement.arrays import Floats
from handbill.placement.bidding.bidder import CampaignGoal, TickView


class MirrorBidder:
    """Online mirror descent on the duals of "most conversions within budget and target".

    With dual prices b of the budget and t of the target T, an opportunity of value v is worth
    v (1 + t T) / (b + t). It knows nothing of other days but its first price.

    Args:
        alpha: First price per conversion of a day, above 0.
        step: Of the descent, per tick's share of the budget.

    Source: Balseiro, Lu, Mirrokni, Operations Research 2023; Feng, Padmanabhan, Wang, Online
        bidding algorithms for return-on-spend constrained advertisers, WWW 2023.
    """

    def __init__(self, alpha: float, step: float) -> None:
        self._alpha = alpha
        self._step = step
        self.reset(CampaignGoal(budget=0.0))

    def reset(self, campaign: CampaignGoal) -> None:
        """Begin a new day: both duals start where together they bid the first price."""
        self._read = 0
        self._budget_dual = 0.5 / max(self._alpha, 1e-12)
        self._target_dual = self._budget_dual
        self._bounded = bool(np.isfinite(campaign.cpa_target))
        if self._bounded and self._alpha < campaign.cpa_target:
            self._budget_dual = 1 / self._alpha
            self._target_dual = 0.05 / campaign.cpa_target

    def bid(self, tick: TickView) -> Floats:
        """Bids (N,)."""
        due = tick.goal.budget / tick.goal.ticks
        for record in tick.history[self._read :]:
            if due <= 0:
                break
            cost = float(record.cost.sum())
            self._budget_dual *= _factor(self._step * (cost / due - 1))
            if self._bounded:
                allowed = tick.goal.cpa_target * float(record.value[record.won].sum())
                self._target_dual *= _factor(self._step * (cost - allowed) / due)
        self._read = len(tick.history)
        if not self._bounded:
            return tick.value / max(self._budget_dual, 1e-12)
        worth = 1 + self._target_dual * tick.goal.cpa_target
        return worth / max(self._budget_dual + self._target_dual, 1e-12) * tick.value


def _factor(push: float) -> float:
    return float(np.exp(np.clip(push, -0.5, 0.5)))
