from dataclasses import replace

import numpy as np
import pytest

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.placement.offpolicy.estimators import Logged, difference, effective, estimate

ARMS = np.array([0.05, 0.10, 0.20, 0.40])  # planted click rates


def a_log(
    seed: int, logging: Floats, target: Floats, *, size: int = 4_000, model: bool = True
) -> Logged:
    rng = np.random.default_rng(seed)
    arm = rng.choice(4, size, p=logging)
    guess = ARMS * np.array([1.3, 0.8, 1.1, 0.9])  # a model that is off
    return Logged(
        reward=(rng.random(size) < ARMS[arm]).astype(float),
        propensity=logging[arm],
        target=target[arm],
        model=guess[arm] if model else None,
        model_target=np.full(size, float(target @ guess)) if model else None,
    )


LOGGING = np.array([0.4, 0.3, 0.2, 0.1])
TARGET = np.array([0.1, 0.2, 0.3, 0.4])
TRUTH = float(TARGET @ ARMS)


@pytest.mark.parametrize("method", ["ips", "snips", "dr", "switch", "dros", "dm"])
def test_recovers_the_planted_value_and_covers_it(method: str) -> None:
    values, covered = [], []
    for seed in range(100):
        one = {e.method: e for e in estimate(a_log(seed, LOGGING, TARGET))}[method]
        assert one.value is not None and one.refusal is None
        values.append(one.value.estimate)
        covered.append(one.value.low <= TRUTH <= one.value.high)
    assert np.mean(values) == pytest.approx(TRUTH, rel=0.1 if method == "dm" else 0.03)
    assert np.mean(covered) >= 0.88


def test_a_model_narrows_the_interval_and_the_model_alone_is_biased() -> None:
    log = a_log(0, LOGGING, TARGET)
    found = {one.method: one.value for one in estimate(log)}
    width = {name: one.high - one.low for name, one in found.items() if one is not None}
    assert width["dr"] < width["ips"]
    dm = found["dm"]
    assert dm is not None and abs(dm.estimate - TRUTH) > 0.01
    assert {one.method for one in estimate(a_log(0, LOGGING, TARGET, model=False))} == {
        "ips",
        "snips",
    }


def test_bounded_weights_beat_full_ones_where_a_few_weigh_most() -> None:
    logging = np.array([0.5, 0.3, 0.19, 0.01])
    errors: dict[str, list[float]] = {"dr": [], "dros": []}
    for seed in range(60):
        for one in estimate(a_log(seed, logging, np.array([0.6, 0.2, 0.17, 0.03]))):
            if one.method in errors and one.value is not None:
                errors[one.method].append((one.value.estimate - 0.119) ** 2)
    assert len(errors["dr"]) > 30
    assert np.mean(errors["dros"]) <= 1.05 * np.mean(errors["dr"])


def test_refuses_when_the_log_hardly_did_what_is_asked() -> None:
    logging = np.array([0.9989, 0.0005, 0.0003, 0.0003])
    for one in estimate(a_log(1, logging, TARGET)):
        assert one.value is None and one.refusal is not None
        assert "hardly ever tried" in one.refusal.en and "没有尝试" in one.refusal.zh
        assert one.ess < 100


def test_refuses_propensities_that_did_not_choose() -> None:
    log = a_log(2, LOGGING, TARGET)
    wrong = replace(log, propensity=np.clip(log.propensity * 0.5, 1e-6, 1))
    assert all(one.refusal and "not those that chose" in one.refusal.en for one in estimate(wrong))


def test_refuses_without_outcomes() -> None:
    log = a_log(3, LOGGING, TARGET)
    silent = replace(log, reward=np.zeros_like(log.reward))
    assert all(one.refusal and "had an outcome" in one.refusal.en for one in estimate(silent))


def test_the_difference_of_two_policies_shares_their_luck() -> None:
    near = np.array([0.1, 0.2, 0.32, 0.38])
    covered = []
    for seed in range(60):
        ours, theirs = a_log(seed, LOGGING, TARGET), a_log(seed, LOGGING, near)
        found = difference(ours, theirs)
        alone = {one.method: one.value for one in estimate(ours)}["dr"]
        assert found.value is not None and alone is not None
        covered.append(found.value.low <= (TARGET - near) @ ARMS <= found.value.high)
        assert found.value.high - found.value.low < 0.5 * (alone.high - alone.low)
    assert np.mean(covered) >= 0.88
    with pytest.raises(SourceError, match="same logged decisions"):
        difference(ours, a_log(5, LOGGING, TARGET))


def test_the_same_policy_needs_no_correction() -> None:
    log = a_log(6, LOGGING, LOGGING)
    assert effective(log.weight) == pytest.approx(len(log.reward))
    found = {one.method: one.value for one in estimate(log)}
    assert found["ips"] is not None
    assert found["ips"].estimate == pytest.approx(log.reward.mean())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reward", np.nan),
        ("propensity", 0.0),
        ("propensity", 1.5),
        ("target", -0.1),
        ("model", np.inf),
    ],
)
def test_bad_numbers_are_refused_by_name(field: str, value: float) -> None:
    log = a_log(7, LOGGING, TARGET, size=20)
    array = getattr(log, field).copy()
    array[3] = value
    with pytest.raises(SourceError, match=field):
        replace(log, **{field: array})


def test_an_empty_ledger_and_half_a_model_are_refused() -> None:
    empty = np.empty(0)
    with pytest.raises(SourceError, match="no decision"):
        Logged(reward=empty, propensity=empty, target=empty)
    with pytest.raises(SourceError, match="or neither"):
        replace(a_log(8, LOGGING, TARGET), model=None)
