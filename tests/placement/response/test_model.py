from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handbill.errors import WorkspaceError
from handbill.placement.response.model import fit, load, save


def planted(count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Pairs whose log-odds are known: one straight, one stepped column, one of noise."""
    rng = np.random.default_rng(seed)
    straight, stepped = rng.normal(0, 1, count), rng.normal(0, 1, count)
    logit = -1.5 + straight + 1.5 * (stepped > 0.5)
    frame = pd.DataFrame(
        {
            "person": [f"p{rank}" for rank in range(count)],
            "campaign_id": rng.choice(["a", "b", "c"], count),
            "redeemed": rng.random(count) < 1 / (1 + np.exp(-logit)),
            "straight": straight,
            "stepped": stepped,
            "noise": rng.normal(0, 1, count),
            "days": np.where(straight < -1, np.nan, straight),
            "unknown": np.nan,
            "kind": "A",
        }
    )
    return frame, logit


def auc(score: np.ndarray, outcome: np.ndarray) -> float:
    rank = score.argsort().argsort() + 1
    positives = outcome.sum()
    return float(rank[outcome].sum() - positives * (positives + 1) / 2) / (
        positives * (len(score) - positives)
    )


def test_it_ranks_nearly_as_well_as_the_truth() -> None:
    train, _ = planted(3_000, 0)
    test, truth = planted(4_000, 1)
    model = fit(train, seed=0)
    outcome = test["redeemed"].to_numpy()
    assert auc(model.score(test), outcome) > auc(truth, outcome) - 0.02
    assert model.probability(test).sum() == pytest.approx(outcome.sum(), rel=0.1)
    assert "unknown" not in model.columns
    assert not {"person", "campaign_id", "redeemed", "kind"} & set(model.columns)


def test_noise_is_not_learned() -> None:
    train, _ = planted(2_000, 0)
    shuffled = train.assign(
        redeemed=np.random.default_rng(3).permutation(train["redeemed"].to_numpy())
    )
    test, _ = planted(4_000, 1)
    assert abs(auc(fit(shuffled, seed=0).score(test), test["redeemed"].to_numpy()) - 0.5) < 0.06


def test_saved_and_read_it_says_the_same(tmp_path: Path) -> None:
    train, _ = planted(500, 0)
    model = fit(train, seed=0)
    folder = save(model, tmp_path, {"pairs": 1.0})
    assert folder.name == model.version
    again = load(folder)
    np.testing.assert_allclose(again.probability(train), model.probability(train), rtol=1e-12)
    assert again.version == model.version
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save(fit(train, seed=0), tmp_path, {"pairs": 1.0})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == [model.version]
    assert fit(train, seed=1).version != model.version


def test_a_new_kind_and_a_missing_column_are_unknown_not_an_error() -> None:
    train, _ = planted(500, 0)
    model = fit(train, seed=0)
    other = train.drop(columns=["noise"]).assign(kind="never seen")
    assert np.isfinite(model.score(other)).all()
    assert model.score(train.iloc[:0]).shape == (0,)


def test_a_damaged_model_says_what_to_do(tmp_path: Path) -> None:
    folder = save(fit(planted(300, 0)[0], seed=0), tmp_path, {})
    (folder / "trees-1.txt").write_text("broken")
    with pytest.raises(WorkspaceError, match="run placement again"):
        load(folder)
