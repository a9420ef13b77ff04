from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from handbill.engine import connect
from handbill.placement.pairs import read_campaigns, view_events
from handbill.placement.response.model import fit, load, save
from handbill.placement.response.near import PLENTY, Near, fit_near, read_unreached
from handbill.placement.response.scorer import Scorer
from handbill.workspace import Workspace, write_parquet

FEATURES = 12


def pairs(count: int, seed: int, *, unlike: bool = False) -> pd.DataFrame:
    """Two of twelve columns drive coupon use, and redemptions in the same way (or the contrary)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, FEATURES))
    frame = pd.DataFrame(x, columns=[f"f{rank}" for rank in range(FEATURES)])
    drive = 1.5 * x[:, 0] - 1.0 * x[:, 1]
    frame["person"] = [f"p{rank}" for rank in range(count)]
    frame["campaign_id"], frame["kind"] = "k", "A"
    frame["couponed"] = rng.random(count) < 1 / (1 + np.exp(3 - drive))
    frame["bought"] = rng.random(count) < 0.4
    drive = -drive if unlike else drive
    frame["redeemed"] = rng.random(count) < 1 / (1 + np.exp(2 - drive - 0.3 * x[:, 2]))
    return frame


def near_of(seed: int = 0) -> Near:
    near = fit_near(pairs(6_000, seed).drop(columns="redeemed"))
    assert near is not None
    return near


def outcomes(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=["couponed", "bought"])


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(np.where(y, np.log(p), np.log1p(-p))))


@pytest.mark.parametrize("count", [20, 100])
def test_leaning_beats_the_plain_model_and_the_base_rate_with_few_outcomes(count: int) -> None:
    near, test = near_of(), outcomes(pairs(4_000, 1))
    y = test["redeemed"].to_numpy()
    won, base_won = 0, 0
    for seed in range(2, 12):
        few = outcomes(pairs(count, seed))
        leaning = fit(few, seed=0, near=near, rate=0.15)
        assert leaning.near == "couponed"
        assert leaning.boosters == ()
        plain = fit(few, seed=0)
        loss = log_loss(leaning.probability(test), y)
        won += loss < log_loss(plain.probability(test), y)
        base_won += loss < log_loss(np.full(len(y), (few["redeemed"].sum() + 1) / (count + 7)), y)
    assert won >= 9
    assert base_won >= 9


def test_a_habit_that_misleads_is_unlearned_as_outcomes_come() -> None:
    near, test = near_of(), outcomes(pairs(4_000, 1))

    def follows(count: int) -> float:
        model = fit(outcomes(pairs(count, 3, unlike=True)), seed=0, near=near)
        assert model.near is not None
        return float(np.corrcoef(model.score(test), test["f0"])[0, 1])

    assert follows(4) > 0.2
    assert follows(200) < -0.3


def test_with_plenty_of_redeemers_the_habit_has_no_say() -> None:
    frame = outcomes(pairs(900, 4))
    assert frame["redeemed"].sum() >= PLENTY
    model = fit(frame, seed=0, near=near_of())
    assert model.near is None
    assert model.version == fit(frame, seed=0).version


def test_nobody_redeemed_yet_and_it_still_ranks() -> None:
    few = outcomes(pairs(30, 5)).assign(redeemed=False)
    test = outcomes(pairs(3_000, 6))
    model = fit(few, seed=0, near=near_of(), rate=0.1)
    p = model.probability(test)
    best = p >= np.quantile(p, 0.9)
    assert test["redeemed"][best].mean() > 2 * test["redeemed"].mean()
    assert model.probability(few).mean() < 0.1


def test_saved_scored_and_read_again_it_says_the_same(tmp_path: Path) -> None:
    model = fit(outcomes(pairs(40, 7)), seed=0, near=near_of())
    folder = save(model, tmp_path, {})
    test = outcomes(pairs(60, 8))
    assert load(folder) == model
    scorer = Scorer.load(folder)
    assert scorer.forest is None
    x = test[list(scorer.columns)].to_numpy()
    np.testing.assert_allclose(
        scorer.probability(x, test["kind"].tolist()), model.probability(test), atol=1e-12
    )


def test_another_habit_is_another_model() -> None:
    few = outcomes(pairs(40, 7))
    models = [fit(few, seed=0, near=near_of(seed)) for seed in (0, 1)]
    assert models[0].version != models[1].version


def test_the_nearest_habit_that_enough_have_is_taken() -> None:
    frame = pairs(3_000, 9).drop(columns="redeemed")
    found = fit_near(frame.assign(couponed=frame["couponed"] & (np.arange(len(frame)) < 200)))
    assert found is not None
    assert found.habit == "bought"
    assert fit_near(frame.assign(couponed=False, bought=False)) is None
    assert fit_near(pd.DataFrame()) is None


def test_only_the_unreached_are_looked_at_and_only_the_campaigns_products(
    workspace: Workspace, log: Callable[[list[dict[str, object]]], None]
) -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)

    def table(path: str, **columns: list[object]) -> None:
        write_parquet(workspace.root / path, pa.table(columns))

    table(
        "catalog/campaigns.parquet",
        id=["k"], kind=["A"], starts_at=[start], ends_at=[start + timedelta(days=7)],
    )  # fmt: skip
    table("catalog/offers.parquet", id=["k-1"], campaign_id=["k"])
    table("catalog/offer_products.parquet", offer_id=["k-1"], product_id=["i1"])
    people = ["couponer", "buyer", "other", "late", "reached"]
    table("tables/customers/as_of=2026-03-02/features.parquet", person=people, baskets=[1.0] * 5)

    def bought(person: str, item: str, day: int, coupon: int) -> dict[str, object]:
        moment = start + timedelta(days=day)
        return {
            "event": "purchase", "person": person, "item_id": item, "occurred_at": moment,
            "quantity": 1, "value_micros": 5, "coupon_micros": coupon, "transaction_id": person,
        }  # fmt: skip

    log(
        [
            bought("couponer", "i1", 1, 100), bought("buyer", "i1", 2, 0),
            bought("other", "i2", 2, 100), bought("late", "i1", 7, 100),
            bought("reached", "i1", 3, 100),
            {"event": "view_promotion", "person": "reached", "promotion_id": "k",
             "occurred_at": start},
        ]
    )  # fmt: skip
    con = connect(threads=1).con
    view_events(workspace, con)
    campaigns = read_campaigns(workspace, con)
    found = read_unreached(workspace, campaigns, con).set_index("person")
    assert found.index.tolist() == ["buyer", "couponer", "late", "other"]
    assert found["couponed"].to_dict() == {
        "buyer": False, "couponer": True, "late": False, "other": False,
    }  # fmt: skip
    assert found.index[found["bought"]].tolist() == ["buyer", "couponer"]
    assert read_unreached(workspace, (), con).empty
