"""Outcomes that come late: a decision is learned from once its outcome can be known, not before."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from handbill.placement.arrays import Floats
from handbill.placement.bandits.bandit import Bandit


@dataclass(frozen=True, slots=True)
class _Shown:
    context: Floats
    arm: int
    at: datetime


@dataclass(slots=True, kw_only=True)
class DelayedFeedback:
    """Holds decisions until their window closes, then has the bandit learn them together.

    Learning rewards when they come and silence when it has lasted would count the quick ones
    first and show every creative better than it is; here both wait equally long.

    Attributes:
        bandit: Learns.
        window: After which a decision without a reward had none.
    """

    bandit: Bandit
    window: timedelta
    _open: dict[str, _Shown] = field(default_factory=dict)
    _rewards: dict[str, float] = field(default_factory=dict)

    def shown(self, decision: str, context: Floats, arm: int, at: datetime) -> None:
        """Remember a decision; the same one again changes nothing."""
        self._open.setdefault(decision, _Shown(np.asarray(context), arm, at))

    def rewarded(self, decision: str, reward: float, at: datetime) -> bool:
        """Remember a reward; False when its decision is unknown, learned, or it came too late."""
        shown = self._open.get(decision)
        if shown is None or not timedelta(0) <= at - shown.at <= self.window:
            return False
        self._rewards[decision] = reward
        return True

    def close(self, now: datetime) -> int:
        """Learn all decisions whose window has closed; a clock set back closes none.

        Returns:
            How many.
        """
        done = [name for name, one in self._open.items() if now - one.at > self.window]
        if done:
            shown = [self._open.pop(name) for name in done]
            self.bandit.learn(
                np.stack([one.context for one in shown]),
                np.array([one.arm for one in shown], dtype=np.int64),
                np.array([self._rewards.pop(name, 0.0) for name in done]),
            )
        return len(done)
