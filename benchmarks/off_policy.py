"""Estimators against the truth on the Open Bandit samples: what would random choice have earned?

The decisions of the learning policy (bts) are the log, the uniform policy is evaluated on them, and
the sample in which it really ran tells the truth, itself uncertain with its 38 to 46 clicks. The
reward model is a shrunken mean by item and position from the other half of the log. `obp`'s own
estimators get the same decisions and the same model; they know no refusal.
"""

import numpy as np
import numpy.typing as npt

from benchmarks import obp_peer
from benchmarks.open_bandit import CAMPAIGNS, Sample, archive, samples
from handbill.placement.offpolicy.estimators import Logged, effective, estimate, refusal

PRIOR = 200.0
"""Impressions that the overall click rate counts for in the model."""


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Relative errors, effective sample sizes, refusals; `quick` changes nothing here."""
    with archive() as package:
        if package is None:
            return {}, ["off_policy: the obp archive could not be fetched, nothing was measured"]
        data = samples(package)
        peers = {one: obp_peer.estimates(package, _for_peer(data[one, "bts"])) for one in CAMPAIGNS}
    found: dict[str, float | int] = {}
    notes = ["off_policy: uniform policy on bts logs; a refused estimate has no figure"]
    for campaign in CAMPAIGNS:
        log, truth = data[campaign, "bts"], data[campaign, "random"]
        actual = float(truth.click.mean())
        logged = _logged(log)
        ess = effective(logged.weight)
        why = refusal(logged.weight, logged.reward)
        found[f"obd_{campaign}_ess"] = round(ess, 2)
        found[f"obd_{campaign}_refused"] = int(why is not None)
        found[f"obd_{campaign}_naive_error"] = round(abs(float(log.click.mean()) / actual - 1), 4)
        for method, value in peers[campaign].items():
            found[f"obd_{campaign}_obp_{method}_error"] = round(abs(value / actual - 1), 4)
        error = float(np.sqrt(truth.click.sum())) / float(truth.click.sum())
        notes.append(
            f"off_policy: {campaign}: true rate {actual:.4f}, itself known to {error:.0%} only"
        )
        if why is not None:
            notes.append(f"off_policy: {campaign} refused: {why.en}")
            continue
        for one in estimate(logged):
            if one.value is not None:
                miss = abs(one.value.estimate / actual - 1)
                found[f"obd_{campaign}_{one.method}_error"] = round(miss, 4)
                inside = one.value.low <= actual <= one.value.high
                found[f"obd_{campaign}_{one.method}_covers"] = int(inside)
    return found, notes


def _logged(log: Sample) -> Logged:
    """The log seen from the uniform policy, with a model fitted on the other half of the rows."""
    model = np.empty(len(log.click))
    model_target = np.empty(len(log.click))
    half = np.arange(len(log.click)) % 2
    for part in (0, 1):
        table = _rates(log, half != part)  # (positions, items)
        rows = half == part
        model[rows] = table[log.position[rows], log.item[rows]]
        model_target[rows] = table.mean(axis=1)[log.position[rows]]
    return Logged(
        reward=log.click,
        propensity=log.propensity,
        target=np.full(len(log.click), 1 / log.items),
        model=model,
        model_target=model_target,
    )


def _for_peer(log: Sample) -> dict[str, npt.NDArray[np.generic]]:
    """The same decisions as `obp` takes them: every item in every position under the policy."""
    shape = (len(log.click), log.items, int(log.position.max()) + 1)
    model = np.empty(shape)
    half = np.arange(len(log.click)) % 2
    for part in (0, 1):
        model[half == part] = _rates(log, half != part).T
    return {
        "reward": log.click,
        "action": log.item,
        "pscore": log.propensity,
        "position": log.position,
        "action_dist": np.full(shape, 1 / log.items),
        "model": model,
    }


def _rates(log: Sample, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Click rates by position and item, drawn to the overall rate where few were shown."""
    shape = (int(log.position.max()) + 1, log.items)
    cell = log.position[rows] * log.items + log.item[rows]
    shown = np.bincount(cell, minlength=shape[0] * shape[1])
    clicks = np.bincount(cell, weights=log.click[rows], minlength=shape[0] * shape[1])
    rate = float(log.click[rows].mean())
    return np.asarray((clicks + PRIOR * rate) / (shown + PRIOR)).reshape(shape)
