from dataclasses import asdict, replace

import pytest
from tests.placement.planning.test_plan import SHOP, chances

from handbill.placement.planning.changes import Earlier, changes, same_result
from handbill.placement.planning.plan import Plan, make_plan
from handbill.placement.settings import Settings

SETTINGS = Settings(budget=30, cost_per_message=1, margin_per_redemption=9, exploration=0)


def earlier(name: str, redemptions: float, settings: Settings = SETTINGS, **more: int) -> Earlier:
    return Earlier(
        id=name,
        as_of="2026-10-05",
        settings=asdict(settings),
        expected={"redemptions": {"estimate": redemptions}, **more},
    )


def remembered(plan: Plan, settings: Settings) -> Earlier:
    """As the stage writes it to the state."""
    return Earlier(
        id=plan.id,
        as_of=plan.summary["as_of"],
        settings=asdict(settings),
        expected={
            **plan.summary["expected"],
            "messages": plan.summary["messages"],
            "spend_micros": plan.summary["spend_micros"],
        },
    )


def test_the_same_result_is_that_of_the_last_plan_that_spent_freely() -> None:
    thrifty = replace(SETTINGS, spend_less=True)
    made = [earlier("newest", 3.0, thrifty), earlier("older", 7.0), earlier("oldest", 9.0)]
    assert same_result(made) == 7.0
    assert same_result(made[:1]) is None
    assert same_result([]) is None


def test_spending_less_reaches_the_last_result_for_less() -> None:
    """The plan before was made with half of its messages drawn by lot; merit alone needs fewer."""
    lavish = replace(SETTINGS, exploration=0.5)
    before = make_plan(chances(80, 3), SHOP, lavish)
    thrifty = replace(SETTINGS, spend_less=True)
    plan = make_plan(chances(80, 3), SHOP, thrifty, [remembered(before, lavish)])
    assert plan.redemptions.estimate >= before.redemptions.estimate - 1e-9
    assert plan.summary["spend_micros"] < before.summary["spend_micros"]
    one_less = plan.redemptions.estimate - plan.table["probability"].to_pandas().max()
    assert one_less < before.redemptions.estimate  # not a message more than it takes
    assert any("as many redemptions" in one["en"] for one in plan.summary["binds"])
    assert any("Spent no more" in one.en for one in plan.notes)
    again = make_plan(
        chances(80, 3), SHOP, thrifty, [remembered(plan, thrifty), remembered(before, lavish)]
    )
    assert again.summary["messages"] == plan.summary["messages"]  # it aims at the same


def test_a_result_out_of_reach_and_no_plan_before_are_said() -> None:
    thrifty = replace(SETTINGS, spend_less=True)
    beyond = make_plan(chances(20, 3), SHOP, thrifty, [earlier("before", 1e6)])
    assert any("out of reach" in one.en for one in beyond.notes)
    assert beyond.summary["messages"] > 0
    first = make_plan(chances(20, 3), SHOP, thrifty)
    assert any("no earlier plan" in one.en for one in first.notes)
    assert first.summary["changes"] is None


def test_changes_name_figures_and_settings_that_differ() -> None:
    before = make_plan(chances(40, 3), SHOP, SETTINGS)
    richer = replace(SETTINGS, budget=35)
    plan = make_plan(chances(40, 3), SHOP, richer, [remembered(before, SETTINGS)])
    found = plan.summary["changes"]
    assert found["plan_id"] == before.id
    assert found["settings"] == [{"name": "budget", "before": 30, "after": 35}]
    figures = {one["name"]: (one["before"], one["after"]) for one in found["figures"]}
    assert figures["messages"] == (30, 35)
    assert figures["spend_micros"] == (30_000_000, 35_000_000)
    assert figures["redemptions"][0] < figures["redemptions"][1]


def test_a_plan_made_again_is_held_against_the_one_before_it() -> None:
    plan = make_plan(chances(20, 3), SHOP, SETTINGS)
    itself = [remembered(plan, SETTINGS), earlier("other", 2.5)]
    again = make_plan(chances(20, 3), SHOP, SETTINGS, itself)
    assert again.id == plan.id
    assert again.summary["changes"]["plan_id"] == "other"
    assert make_plan(chances(20, 3), SHOP, SETTINGS, itself[:1]).summary["changes"] is None


def test_settings_and_figures_that_an_older_version_did_not_know_are_left_out() -> None:
    old = Earlier(
        id="old",
        as_of="2026-10-05",
        settings={"budget": 30.0, "gone": 4},
        expected={"redemptions": {"estimate": 2.0}},
    )
    promised = {"redemptions": {"estimate": 3.0}, "messages": 4, "spend_micros": 5}
    found = changes("new", promised, SETTINGS, [old])
    assert found is not None
    assert found["settings"] == []
    assert [one["name"] for one in found["figures"]] == ["redemptions"]
    assert found["figures"][0]["after"] == pytest.approx(3.0)
