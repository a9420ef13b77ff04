from dataclasses import replace

import numpy as np
import pytest

from handbill.errors import SourceError
from handbill.placement.offpolicy.slots import LoggedSlots, estimate_slots

SLOTS = 3
BASE = np.array([0.1, 0.3, 0.6])  # planted rates by arm
LOGGING = np.array([0.5, 0.3, 0.2])
TARGET = np.array([0.25, 0.35, 0.4])


def reach(arms: np.ndarray) -> np.ndarray:
    """A reader who liked the slot above is likelier to read on: a cascade."""
    above = np.hstack([np.zeros((len(arms), 1)), BASE[arms[:, :-1]]])
    return BASE[arms] * (0.4 + above)


def truth() -> float:
    every = np.stack(np.meshgrid(*[range(3)] * SLOTS, indexing="ij"), axis=-1).reshape(-1, SLOTS)
    return float((TARGET[every].prod(axis=1) * reach(every).sum(axis=1)).sum())


def a_log(seed: int, size: int = 4_000) -> LoggedSlots:
    rng = np.random.default_rng(seed)
    arms = rng.choice(3, (size, SLOTS), p=LOGGING)
    rest = np.zeros((size, SLOTS))
    chosen = np.zeros((size, SLOTS))
    above = np.hstack([np.zeros((size, 1)), BASE[arms[:, :-1]]])
    mean = float(TARGET @ BASE)
    tail = [mean * (0.4 + mean) * (SLOTS - 1 - at) for at in range(SLOTS)]  # roughly what follows
    for at in range(SLOTS):
        chosen[:, at] = BASE[arms[:, at]] * (0.4 + above[:, at]) + tail[at]
        rest[:, at] = mean * (0.4 + above[:, at]) + tail[at]
    return LoggedSlots(
        reward=(rng.random((size, SLOTS)) < reach(arms)).astype(float),
        propensity=LOGGING[arms],
        target=TARGET[arms],
        model=chosen,
        model_target=rest,
    )


def test_recover_the_planted_value_of_a_cascade() -> None:
    found: dict[str, list[float]] = {}
    covered: dict[str, list[bool]] = {}
    planted = truth()
    for seed in range(60):
        for one in estimate_slots(a_log(seed)):
            assert one.value is not None
            found.setdefault(one.method, []).append(one.value.estimate)
            covered.setdefault(one.method, []).append(one.value.low <= planted <= one.value.high)
    for method in ("sips", "rips", "cascade_dr"):
        assert np.mean(found[method]) == pytest.approx(planted, rel=0.02)
        assert np.mean(covered[method]) >= 0.85
    assert abs(np.mean(found["iips"]) / planted - 1) > 0.02  # it does not know what stood above
    spread = {method: np.std(values) for method, values in found.items()}
    assert spread["cascade_dr"] < spread["rips"] < spread["sips"]


def test_refused_where_a_slot_was_never_filled_that_way() -> None:
    log = a_log(0, size=300)
    never = log.target.copy()
    never[:, 2] = np.where(np.arange(300) == 7, 1.0, 0.0)
    for one in estimate_slots(replace(log, target=never)):
        assert one.value is None and one.refusal is not None


def test_bad_numbers_are_refused_by_name() -> None:
    log = a_log(0, size=10)
    with pytest.raises(SourceError, match="propensity"):
        replace(log, propensity=log.propensity * 0)
    with pytest.raises(SourceError, match="model"):
        replace(log, model=np.full((10, SLOTS), np.nan))
    with pytest.raises(SourceError, match="none of them 0"):
        LoggedSlots(reward=np.empty((0, 3)), propensity=np.empty((0, 3)), target=np.empty((0, 3)))
