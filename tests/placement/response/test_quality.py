import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from handbill.placement.response.quality import auc, by_segment, calibration_error, measure


def forward(people: int, seed: int, *, each: int = 3, lie: float = 1.0) -> pd.DataFrame:
    """Each person's pairs share a liking; `lie` multiplies the stated probabilities."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    liking = np.repeat(rng.normal(size=people), each)
    p = 1 / (1 + np.exp(2 - liking - rng.normal(0, 0.5, len(person))))
    return pd.DataFrame(
        {
            "person": [f"p{one:04d}" for one in person],
            "redeemed": rng.random(len(p)) < p,
            "probability": np.clip(p * lie, 0, 0.99),
        }
    )


def test_figures_are_those_of_the_textbook() -> None:
    frame = forward(300, 1)
    frame["probability"] = frame["probability"].round(2).clip(0.01)  # ties
    found = measure(frame, 0)
    assert found.auc is not None
    assert found.log_loss is not None
    y, p = frame["redeemed"], frame["probability"]
    assert found.auc.estimate == pytest.approx(roc_auc_score(y, p))
    assert found.log_loss.estimate == pytest.approx(log_loss(y, p))
    assert found.log_loss_base == pytest.approx(log_loss(y, np.full(len(y), y.mean())))
    assert found.expected == pytest.approx(p.sum(), abs=0.01)


def test_the_ranking_s_interval_covers_though_pairs_of_a_person_go_together() -> None:
    big = forward(40_000, 99)
    truth = roc_auc_score(big["redeemed"], big["probability"])
    inside = 0
    for seed in range(120):
        some = forward(120, seed)
        found = auc(
            some["redeemed"].to_numpy(),
            some["probability"].to_numpy(),
            pd.factorize(some["person"])[0].astype(np.int64),
        )
        inside += found.low <= truth <= found.high
    assert 0.88 <= inside / 120 <= 0.99


def test_probabilities_that_lie_show_more_error_than_chance() -> None:
    honest, lying = measure(forward(1_000, 2), 0), measure(forward(1_000, 2, lie=2.0), 0)
    assert honest.error is not None and honest.error_by_chance is not None
    assert lying.error is not None and lying.error_by_chance is not None
    assert honest.error < 2 * honest.error_by_chance
    assert lying.error > 3 * lying.error_by_chance
    assert calibration_error(np.array([True, False]), np.array([1.0, 0.0])) == 0


def test_segments_are_told_apart_and_small_ones_say_why() -> None:
    good, bad, small = forward(300, 3), forward(300, 4), forward(3, 5)
    bad["person"], small["person"] = "b" + bad["person"], "s" + small["person"]
    bad["probability"] = np.random.default_rng(0).permutation(bad["probability"])
    of = {one: one[0] for frame in (good, bad, small) for one in frame["person"]}
    whole, parts = by_segment(pd.concat([good, bad, small]), of, 0)
    assert whole.pairs == 1_809
    assert parts["p"].auc is not None and parts["b"].auc is not None
    assert parts["b"].auc.low < 0.5 < parts["b"].auc.high < parts["p"].auc.low
    assert parts["s"].auc is None
    assert parts["s"].why is not None
    assert parts["s"].record()["error"] is None
