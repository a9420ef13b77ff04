from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handbill.errors import WorkspaceError
from handbill.placement.response.calibration import Calibration
from handbill.placement.response.model import ResponseModel, fit, save
from handbill.placement.response.scorer import Forest, Scorer


def pairs(count: int, *, unknown: float, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "person": [f"p{rank}" for rank in range(count)],
            "campaign_id": "k",
            "kind": rng.choice(["A", "B"], count),
            "spend": rng.integers(0, 40, count).astype(np.float64),
            "share": rng.random(count),
            "visits": rng.poisson(3, count).astype(np.float64),
            "whole": rng.normal(size=count),
        }
    )
    odds = -2 + 0.05 * frame["spend"] + 2 * (frame["share"] > 0.6) * (frame["kind"] == "A")
    frame["redeemed"] = rng.random(count) < 1 / (1 + np.exp(-odds))
    for name in ("spend", "share"):
        frame.loc[rng.random(count) < unknown, name] = np.nan
    return frame


def same(model: ResponseModel, scorer: Scorer, frame: pd.DataFrame) -> None:
    x = frame.reindex(columns=list(scorer.columns)).to_numpy(np.float64)
    ours = scorer.probability(x, frame["kind"].tolist())
    np.testing.assert_allclose(ours, model.probability(frame), rtol=0, atol=1e-9)


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_it_is_the_model(tmp_path: Path, unknown: float) -> None:
    model = fit(pairs(900, unknown=unknown), seed=1, calibration=Calibration(offset=0.2, slope=0.8))
    scorer = Scorer.load(save(model, tmp_path, {}))
    assert scorer.version == model.version
    fresh = pairs(300, unknown=0.4, seed=9)  # unknowns also where training had none
    fresh.loc[::7, "kind"] = "never seen"
    fresh.loc[::5, "visits"] = np.nan
    same(model, scorer, fresh)


def test_it_is_the_model_on_the_very_thresholds(tmp_path: Path) -> None:
    model = fit(pairs(900, unknown=0.2), seed=1)
    scorer = Scorer.load(save(model, tmp_path, {}))
    column = scorer.forest.rows // 3
    edges = pd.DataFrame(
        {
            name: np.resize(scorer.forest.threshold[column == rank, 0], 200)
            for rank, name in enumerate(scorer.columns)
            if (column == rank).any()
        }
    ).assign(kind="A")
    same(model, scorer, edges)


def test_one_candidate_and_none(tmp_path: Path) -> None:
    model = fit(pairs(400, unknown=0.1), seed=1)
    scorer = Scorer.load(save(model, tmp_path, {}))
    same(model, scorer, pairs(5, unknown=0.0).iloc[:1])
    assert scorer.score(np.zeros((0, len(scorer.columns))), []).shape == (0,)


def test_trees_that_never_split_say_their_value() -> None:
    alone = "tree\n\nTree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=-1.5\n\nend of trees\n"
    assert Forest.of([alone, alone]).score(np.zeros((3, 2))).tolist() == [-1.5] * 3


@pytest.mark.parametrize(
    "damage",
    [("decision_type=", "decision_type=6 "), ("num_cat=0", "num_cat=1"), ("threshold=", "t=")],
)
def test_what_it_cannot_hold_is_refused(tmp_path: Path, damage: tuple[str, str]) -> None:
    folder = save(fit(pairs(400, unknown=0.1), seed=1), tmp_path, {})
    trees = folder / "trees-1.txt"
    trees.write_text(trees.read_text().replace(*damage))
    with pytest.raises(WorkspaceError, match="is not a whole model"):
        Scorer.load(folder)
