"""What another policy would have earned with messages of several slots.

How far a slot's outcome depends on the other slots decides which weights it needs: on all of them
(`sips`), on none (`iips`), or on those above it, as a reader goes from top to bottom (`rips`, and
`cascade_dr` with a model). The fewer, the lower the variance and the stronger the assumption.
"""

from dataclasses import dataclass

import numpy as np

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.placement.offpolicy.estimators import Estimate, effective, interval, refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSlots:
    """Messages of the ledger seen from another policy; all arrays are (N, S), lead slot first.

    Attributes:
        reward: Outcome of each slot.
        propensity: Of each slot's choice given the slots above it, above 0.
        target: With which the other policy would have chosen it, given the same above it.
        model: Expected reward from this slot to the last, given the choices down to this one.
        model_target: The same, averaged over the other policy's choice in this slot.
    """

    reward: Floats
    propensity: Floats
    target: Floats
    model: Floats | None = None
    model_target: Floats | None = None

    def __post_init__(self) -> None:
        shape = self.reward.shape
        if len(shape) != 2 or 0 in shape:
            raise SourceError(
                f"reward has shape {shape}; it needs (messages, slots), none of them 0"
            )
        for name in ("reward", "propensity", "target", "model", "model_target"):
            array = getattr(self, name)
            if array is not None and (array.shape != shape or not np.isfinite(array).all()):
                raise SourceError(f"{name} must be {shape} finite numbers, one per slot")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise SourceError("propensity must lie above 0 and at most at 1 in every slot")
        if not ((self.target >= 0) & (self.target <= 1)).all():
            raise SourceError("target must lie between 0 and 1 in every slot")


def estimate_slots(logged: LoggedSlots) -> tuple[Estimate, ...]:
    """All estimators of the reward per message, summed over slots; each may be refused by itself.

    Source: Precup et al., ICML 2000 (SIPS); Li et al., KDD 2018 (IIPS); McInerney et al., KDD 2020
        (RIPS); Kiyohara et al., WSDM 2022 (cascade DR).
    """
    step = logged.target / logged.propensity  # (N, S)
    down: Floats = np.cumprod(
        step, axis=1, dtype=np.float64
    )  # (N, S) of this slot and all above it
    whole: Floats = np.repeat(down[:, -1:], step.shape[1], axis=1)
    found = [
        _sum("sips", whole, logged.reward),
        _sum("iips", step, logged.reward),
        _sum("rips", down, logged.reward),
    ]
    if logged.model is not None and logged.model_target is not None:
        found.append(_cascade(logged, down))
    return tuple(found)


def _sum(method: str, weight: Floats, reward: Floats) -> Estimate:
    return _estimate(method, (weight * reward).sum(axis=1), weight, reward)


def _cascade(logged: LoggedSlots, down: Floats) -> Estimate:
    """Down to each slot the model's sum is corrected by the weighted surprise of that slot."""
    assert logged.model is not None and logged.model_target is not None  # noqa: S101  see the caller
    above = np.hstack([np.ones((len(down), 1)), down[:, :-1]])
    parts = down * (logged.reward - logged.model) + above * logged.model_target
    return _estimate("cascade_dr", parts.sum(axis=1), down, logged.reward)


def _estimate(method: str, parts: Floats, weight: Floats, reward: Floats) -> Estimate:
    """The estimate rests on its worst slot, and is refused when that slot must be."""
    slots = range(weight.shape[1])
    whys = [refusal(weight[:, at], reward.sum(axis=1)) for at in slots]
    why = next((one for one in whys if one is not None), None)
    return Estimate(
        method=method,
        value=None if why else interval(parts),
        ess=min(effective(weight[:, at]) for at in slots),
        refusal=why,
    )
