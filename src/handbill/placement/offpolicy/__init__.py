"""What another policy would have earned, from the ledger alone, or a refusal."""

from handbill.placement.offpolicy.estimators import Estimate, Logged, difference, estimate
from handbill.placement.offpolicy.ledger import Compared, judge
from handbill.placement.offpolicy.slots import LoggedSlots, estimate_slots

__all__ = [
    "Compared",
    "Estimate",
    "Logged",
    "LoggedSlots",
    "difference",
    "estimate",
    "estimate_slots",
    "judge",
]
