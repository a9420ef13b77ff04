"""Shops that are at the edge of what can be planned: a clear answer, never a crash or overspend."""

from dataclasses import replace

import numpy as np
import pytest
from tests.placement.planning.test_plan import SHOP, chances

from handbill.placement.planning.chances import Chances
from handbill.placement.planning.plan import Plan, make_plan
from handbill.placement.settings import Settings

SETTINGS = Settings(budget=12, cost_per_message=1, margin_per_redemption=9, exploration=0.1)


def held(given_: Chances, settings: Settings) -> Plan:
    plan = make_plan(given_, SHOP, settings)
    assert plan.summary["spend_micros"] <= settings.budget_micros
    assert plan.summary["messages"] == len(set(plan.table["contact_id"].to_pylist()))
    assert (plan.table.num_rows == 0) == (plan.summary["why"] is not None)
    return plan


def stating(given_: Chances, probability: float) -> Chances:
    shape = given_.probability.shape
    odds = np.log(probability / (1 - probability)) if 0 < probability < 1 else -30.0
    return replace(given_, probability=np.full(shape, probability), score=np.full(shape, odds))


def test_nobody_is_expected_to_redeem() -> None:
    plan = held(stating(chances(30, 0), 0.0), SETTINGS)
    assert plan.summary["why"]["en"].startswith("No message is expected to earn its cost")
    assert plan.redemptions.estimate == 0


def test_everybody_is_alike() -> None:
    plan = held(stating(chances(30, 0), 0.4), SETTINGS)
    assert plan.summary["messages"] == 12
    other = held(stating(chances(30, 0), 0.4), replace(SETTINGS, seed=1))
    chosen = [set(one.table["person"].to_pylist()) for one in (plan, other)]
    assert chosen[0] != chosen[1]  # equals are taken in random order, not always the same ones


def test_one_person_and_nobody() -> None:
    one = held(chances(1, 0), replace(SETTINGS, margin_per_redemption=1e6, exploration=0))
    assert one.summary["people"] == 1
    none = held(chances(0, 0), SETTINGS)
    assert none.table.num_rows == 0


def test_zero_budget_with_every_bound_set() -> None:
    settings = replace(
        SETTINGS, budget=0, daily_budget=5, fairness=1.0, stock_per_campaign=2, spend_less=True
    )
    plan = held(chances(20, 0), settings)
    assert "budget is 0" in plan.summary["why"]["en"]
    assert [one["bound"] for one in plan.summary["prices"]] == ["budget"]


def test_a_margin_of_nothing_buys_nothing_but_what_is_explored() -> None:
    plan = held(chances(40, 0), replace(SETTINGS, margin_per_redemption=0, exploration=1.0))
    assert plan.summary["messages"] == plan.summary["explored"] == 12


@pytest.mark.parametrize("bound", [{"stock_per_campaign": 1e-6}, {"daily_budget": 1}])
def test_bounds_that_leave_hardly_anything_say_so(bound: dict[str, float]) -> None:
    plan = held(chances(60, 0), replace(SETTINGS, exploration=0, **bound))
    assert plan.summary["binds"]
    sent = plan.table.to_pandas()
    sent = sent[sent["slot"] == 0]
    if "daily_budget" in bound:
        assert sent.groupby(sent["send_at"].dt.tz_convert(SHOP.timezone).dt.date).size().max() == 1
        assert any("daily budget" in one["en"] for one in plan.summary["binds"])
    else:
        assert sent.empty
