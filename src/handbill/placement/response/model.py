"""Who redeems when mailed: boosted trees and a ridge-held logistic model, averaged in log-odds.

With the few hundred redeemers that a shop has, the two err in different places: trees find steps
and interactions, the straight model does not chase noise. With fewer than `PLENTY` the straight
half leans on a nearby habit, alone. All see only outcomes that had happened.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from handbill.errors import WorkspaceError
from handbill.placement.arrays import Floats
from handbill.placement.pairs import feature_columns, matrix
from handbill.placement.response.calibration import Calibration
from handbill.placement.response.known import WEIGHT
from handbill.placement.response.linear import RIDGE, Linear, fit_linear, one_hot, straighten
from handbill.placement.response.near import PLENTY, Near, lean
from handbill.workspace import read_json, write_json

BOOSTERS = 3
"""Trees are grown from so many seeds and averaged."""

TREES: Mapping[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.04,
    "num_leaves": 7,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.3,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # a few thousand rows: more threads cost more than they bring
    "verbose": -1,
}
ROUNDS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseModel:
    """A fitted model of who redeems.

    Attributes:
        columns: Features, F of them.
        kinds: Kinds of campaign seen in training, K of them; others count as none.
        fill: (F,) training medians, for the straight half.
        linear: The straight half.
        boosters: The trees, one per seed; none where it leans on a nearby habit.
        near: The nearby habit that the straight half leans on; None when on none.
        calibration: From scores to probabilities.
        campaigns: Ids it learned from.
        pairs: Pairs it learned from.
        redeemers: Of them redeemed.
        data_hash: SHA-256 of the rows it learned from.
    """

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    fill: tuple[float, ...]
    linear: Linear
    boosters: tuple[lgb.Booster, ...]
    near: str | None
    calibration: Calibration
    campaigns: tuple[str, ...]
    pairs: int
    redeemers: int
    data_hash: str

    def score(self, frame: pd.DataFrame) -> Floats:
        """Log-odds before calibration of (N,) pairs with features."""
        if frame.empty:
            return np.zeros(0)
        straight = self.straight(frame)
        if not self.boosters:
            return straight
        rows = np.hstack([matrix(frame, self.columns), one_hot(frame["kind"], self.kinds)])
        trees = np.mean([one.predict(rows, raw_score=True) for one in self.boosters], axis=0)
        return np.asarray((trees + straight) / 2, dtype=np.float64)

    def straight(self, frame: pd.DataFrame) -> Floats:
        """Log-odds of the straight half alone, (N,)."""
        x, kinds = matrix(frame, self.columns), one_hot(frame["kind"], self.kinds)
        return self.linear.score(straighten(x, np.asarray(self.fill), kinds))

    def probability(self, frame: pd.DataFrame) -> Floats:
        """Calibrated probability of a redemption, (N,)."""
        return self.calibration.probability(self.score(frame))

    @property
    def version(self) -> str:
        """Content hash: the same rows, settings and calibration give the same version."""
        content = json.dumps(
            [self.data_hash, asdict(self.calibration), dict(TREES), ROUNDS, RIDGE, BOOSTERS]
        )
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def fit(
    frame: pd.DataFrame,
    *,
    seed: int,
    calibration: Calibration | None = None,
    near: Near | None = None,
    rate: float = 0.05,
) -> ResponseModel:
    """Fit on pairs with features and outcomes.

    Args:
        frame: From `with_features`, with `redeemed`, and `weight` where some outcomes are less
            certain; both outcomes occur, or there is `near`.
        seed: Of the trees.
        calibration: From earlier forward scores; none when None.
        near: A nearby habit to lean on; without effect once `PLENTY` have redeemed.
        rate: Redemption rate that is assumed before outcomes say otherwise; used with `near`.

    Returns:
        The model.
    """
    near = near if int(frame["redeemed"].sum()) < PLENTY else None
    columns = near.columns if near else feature_columns(frame)
    kinds = near.kinds if near else tuple(sorted(frame["kind"].unique()))
    x = matrix(frame, columns)
    y = frame["redeemed"].to_numpy(dtype=np.float64)
    weight = frame[WEIGHT].to_numpy(dtype=np.float64) if WEIGHT in frame else None
    hot = one_hot(frame["kind"], kinds)
    fill = near.fill if near else np.nanmedian(x, axis=0) if columns else np.zeros(0)
    rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    made_of = repr((columns, seed, near and near.linear, rate if near else None))
    return ResponseModel(
        columns=columns,
        kinds=kinds,
        fill=tuple(fill.tolist()),
        linear=lean(near, frame, rate, weight)
        if near
        else fit_linear(straighten(x, fill, hot), y, weight),
        boosters=tuple(
            fit_trees(np.hstack([x, hot]), y, seed + one, weight)
            for one in range(0 if near else BOOSTERS)
        ),
        near=near.habit if near else None,
        calibration=calibration or Calibration(),
        campaigns=tuple(sorted(frame["campaign_id"].unique())),
        pairs=len(frame),
        redeemers=int(y.sum()),
        data_hash=hashlib.sha256(rows.tobytes() + made_of.encode()).hexdigest(),
    )


def fit_trees(x: Floats, y: Floats, seed: int, weight: Floats | None = None) -> lgb.Booster:
    """Boosted trees on (N, D) rows of (N,) weights; unknown values have their own branch."""
    data = lgb.Dataset(x, y, weight=weight, free_raw_data=True)
    return lgb.train({**TREES, "seed": seed}, data, ROUNDS)


def save(model: ResponseModel, folder: Path, metrics: Mapping[str, Any]) -> Path:
    """Write the model to `folder/<version>`, whole or not at all.

    Args:
        model: What to write.
        folder: `models/response` of a workspace.
        metrics: Named figures for the card.

    Returns:
        The version's folder.
    """
    target = folder / model.version
    folder.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=".part-", dir=folder))
    try:
        for rank, booster in enumerate(model.boosters):
            text = booster.model_to_string()
            (part / f"trees-{rank}.txt").write_text(text, encoding="utf-8")
        write_json(part / "card.json", _card(model, metrics))
        part.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        os.replace(part, target)  # noqa: PTH105 - Path.rename refuses nothing more, says less
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def load(folder: Path) -> ResponseModel:
    """Read a model from its version's folder.

    Raises:
        WorkspaceError: The folder is incomplete or damaged.
    """
    card = read_json(folder / "card.json")
    try:
        boosters = tuple(
            lgb.Booster(model_str=(folder / f"trees-{rank}.txt").read_text(encoding="utf-8"))
            for rank in range(card["boosters"])
        )
        return ResponseModel(
            columns=tuple(card["columns"]),
            kinds=tuple(card["kinds"]),
            fill=tuple(card["fill"]),
            linear=Linear.from_record(card["linear"]),
            boosters=boosters,
            near=card["near"],
            calibration=Calibration.from_record(card["calibration"]),
            campaigns=tuple(card["campaigns"]),
            pairs=card["pairs"],
            redeemers=card["redeemers"],
            data_hash=card["data_hash"],
        )
    except (KeyError, TypeError, OSError, lgb.basic.LightGBMError) as error:
        raise WorkspaceError(f"{folder} is not a whole model; run placement again") from error


def _card(model: ResponseModel, metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "response",
        "version": model.version,
        "data_hash": model.data_hash,
        "parents": [],
        "settings": {"trees": dict(TREES), "rounds": ROUNDS, "ridge": RIDGE},
        "metrics": dict(metrics),
        "campaigns": list(model.campaigns),
        "pairs": model.pairs,
        "redeemers": model.redeemers,
        "boosters": len(model.boosters),
        "near": model.near,
        "columns": list(model.columns),
        "kinds": list(model.kinds),
        "fill": list(model.fill),
        "linear": asdict(model.linear),
        "calibration": asdict(model.calibration),
    }
