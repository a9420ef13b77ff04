"""The whole stage on planted pasts: what it finds, what it refuses, what it writes."""

import itertools
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.feedback.conftest import COST, FAST, Past

from handbill.errors import ConfigError, SourceError
from handbill.feedback import Settings
from handbill.feedback.records import Backtest
from handbill.workspace import write_parquet


def ranking(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["rankings"] if one["name"] == name)


def at(found: dict[str, Any], name: str, share: float) -> dict[str, Any]:
    return next(one for one in ranking(found, name)["at"] if one["share"] == share)


def holds(interval: dict[str, Any], value: float) -> bool:
    return bool(interval["low"] <= value <= interval["high"])


def test_rankings_are_compared_on_the_same_pairs(planted: Past) -> None:
    found, result = planted.run()
    assert found["enough"] is True
    assert (found["pairs"], found["people"]) == (1_600, 400)
    names = [one["name"] for one in found["rankings"]]
    assert names == ["handbill", "recency_frequency", "retailer_habit", "random", "retailer"]
    handbill, other = ranking(found, "handbill"), ranking(found, "recency_frequency")
    assert handbill["auc"]["low"] > 0.7
    assert holds(other["auc"], 0.5)  # the planted score of that name is noise
    assert at(found, "handbill", 0.2)["lift"]["low"] > 2
    assert holds(at(found, "recency_frequency", 0.2)["lift"], 1)
    assert result.figures["auc"] == handbill["auc"]["estimate"]
    assert result.figures["lift20_low"] == at(found, "handbill", 0.2)["lift"]["low"]


def test_what_was_planted_is_recovered(planted: Past) -> None:
    found, result = planted.run()
    line = found["calibration"]
    assert holds(line["slope"], 1)
    assert holds(line["intercept"], 0)
    assert line["error"]["estimate"] < line["error_by_chance_high"]
    assert line["log_loss"]["high"] < line["log_loss_base"]
    assert found["expected"]["inside"] is True
    assert found["expected"]["actual"] == found["redeemers"] == result.figures["actual"]
    truth = sum(row["probability"] for row in planted.walk)
    assert found["expected"]["expected"]["estimate"] == pytest.approx(truth, abs=1e-5)
    assert sum(one["redeemers"] for one in found["campaigns"]) == found["redeemers"]
    assert sum(bin_["pairs"] for bin_ in line["bins"]) == found["pairs"]


def test_probabilities_that_promise_too_much_are_found_out(planted: Past) -> None:
    for row in planted.walk:
        row["probability"] = min(0.99, 2 * row["probability"])  # type: ignore[index]
    found, _ = planted.run()
    assert found["expected"]["inside"] is False
    line = found["calibration"]
    assert line["intercept"]["high"] < 0
    assert line["error"]["low"] > line["error_by_chance_high"]
    assert any("promise too much" in one["en"] for one in found["learned"])


def test_campaigns_that_stray_are_told(planted: Past) -> None:
    steady, _ = planted.run()
    assert not any("rougher" in one["en"] for one in steady["unanswered"])
    for row in planted.walk:  # right in total, wrong in every campaign
        factor = 1.7 if row["campaign_id"] in ("k0", "k3") else 0.5
        row["probability"] = min(0.99, factor * row["probability"])  # type: ignore[index]
    found, _ = planted.run()
    assert any("rougher" in one["en"] for one in found["unanswered"])


def test_share_lift_cost_and_curve_agree(planted: Past) -> None:
    found, _ = planted.run()
    best = at(found, "handbill", 0.2)
    assert best["lift"]["estimate"] == pytest.approx(best["captured"]["estimate"] / 0.2, abs=1e-5)
    cost = best["mailed"] * COST / best["redeemers"]
    assert best["cost_per_redeemer_micros"]["estimate"] == pytest.approx(cost, rel=1e-5)
    whole = at(found, "retailer", 1.0)["cost_per_redeemer_micros"]["estimate"]
    assert whole == pytest.approx(found["pairs"] * COST / found["redeemers"], rel=1e-5)
    curve = ranking(found, "handbill")["gain"]
    assert [curve[0]["captured"], curve[-1]["captured"]] == [0, 1]
    assert all(a["captured"] <= b["captured"] for a, b in itertools.pairwise(curve))
    point = next(one for one in curve if one["share"] == 0.2)
    assert point["captured"] == best["captured"]["estimate"]


def test_chance_is_known_without_drawing(planted: Past) -> None:
    found, _ = planted.run()
    chance = ranking(found, "random")
    redeemers, others = found["redeemers"], found["pairs"] - found["redeemers"]
    rng = np.random.default_rng(0)
    outcome = np.repeat([1, 0], [redeemers, others])
    drawn = []
    for _ in range(400):
        ranks = rng.permutation(len(outcome)) + 1
        concordant = ranks[outcome == 1].sum() - redeemers * (redeemers + 1) / 2
        drawn.append(concordant / redeemers / others)
    assert chance["auc"]["estimate"] == 0.5
    assert chance["auc"]["low"] == pytest.approx(np.quantile(drawn, 0.025), abs=0.01)
    assert at(found, "random", 0.2)["lift"]["estimate"] == 1


def test_differences_are_told_apart_only_outside_chance(planted: Past) -> None:
    found, _ = planted.run()
    lift = next(
        one
        for one in found["differences"]
        if one["than"] == "recency_frequency" and one["figure"] == "lift_20"
    )
    assert lift["apart"] is True
    for row in planted.walk:  # the same ranking twice
        row["score_rf"] = row["probability"]  # type: ignore[index]
    found, _ = planted.run()
    same = [one for one in found["differences"] if one["than"] == "recency_frequency"]
    assert len(same) == 5
    assert not any(one["apart"] for one in same)
    assert any("cannot be told apart" in one["en"] for one in found["learned"])


def test_only_human_redemptions_count_and_raw_ones_stand_beside(planted: Past) -> None:
    clean, _ = planted.run()
    mailed = {row["person"] for row in planted.events if row["promotion_id"] == "k0"}
    redeemed = {
        row["person"]
        for row in planted.events
        if row["event"] == "select_promotion" and row["promotion_id"] == "k0"
    }
    robots = sorted(mailed - redeemed)[:50]
    for person in robots:
        planted.event("select_promotion", person, "k0", 32, human=False)
    planted.event("select_promotion", min(redeemed), "k0", 33, human=False)  # a human one too
    found, _ = planted.run()
    assert found["redeemers"] == clean["redeemers"]
    assert found["redeemers_raw"] == clean["redeemers"] + 50
    assert found["expected"]["actual_raw"] == found["expected"]["actual"] + 50


def test_redemptions_outside_the_window_do_not_count(past: Past) -> None:
    past.campaign("k", start=100, days=10)
    days = {"p_before": 99.9, "p_first": 100.0, "p_last": 109.99, "p_after": 110.0}
    for i in range(30):
        past.event("view_promotion", f"p_{i}", "k", 100)
        past.score(f"p_{i}", "k", 0.1)
    for person, day in days.items():
        past.event("view_promotion", person, "k", 100)
        past.score(person, "k", 0.1)
        past.event("select_promotion", person, "k", day)
        past.event("select_promotion", person, "k", day)  # twice is still one redeemer
    found, _ = past.run()
    assert found["redeemers"] == 2
    assert found["pairs"] == 34


def test_a_small_campaign_says_why_it_has_no_auc(planted: Past) -> None:
    planted.campaign("tiny", start=280)
    for i in range(30):
        planted.event("view_promotion", f"p_{i:03d}", "tiny", 280)
        planted.score(f"p_{i:03d}", "tiny", 0.1)
    for i in range(3):
        planted.event("select_promotion", f"p_{i:03d}", "tiny", 281)
    found, _ = planted.run()
    tiny = found["campaigns"][-1]
    assert (tiny["id"], tiny["pairs"], tiny["redeemers"], tiny["auc"]) == ("tiny", 30, 3, None)
    assert "3 redeemed and 27 did not" in tiny["why"]["en"]
    assert tiny["trained_on"] == 3
    assert found["campaigns"][0]["auc"]["estimate"] > 0.6
    assert found["campaigns"][0]["why"] is None


def test_a_campaign_that_ends_after_the_log_is_not_held_against_what_was_expected(
    planted: Past,
) -> None:
    before, _ = planted.run()
    planted.campaign("late", start=350)  # the log stops on day 364
    for i in range(40):
        planted.event("view_promotion", f"p_{i:03d}", "late", 350)
        planted.score(f"p_{i:03d}", "late", 0.9)
    found, _ = planted.run()
    late = found["campaigns"][-1]
    assert (late["ended"], late["inside"]) == (False, None)
    assert found["pairs"] == before["pairs"] + 40
    assert found["expected"] == before["expected"]
    assert any("end after the log" in one["en"] for one in found["unanswered"])


def test_the_plan_is_followed_among_those_whom_the_shop_mailed(planted: Past) -> None:
    odds = {row["person"]: row["probability"] for row in planted.walk}
    people = sorted(odds, key=lambda person: -odds[person])
    planted.campaign("next", start=300)
    rng = np.random.default_rng(5)
    for person in people:
        planted.event("view_promotion", person, "next", 300)
        if rng.random() < odds[person]:
            planted.event("select_promotion", person, "next", 301)
    for person in people[:100]:
        planted.planned(person, "next", odds[person])
    for person in people[200:240]:
        planted.planned(person, "next", odds[person], explored=True)
    for number in range(25):
        planted.planned(f"p_unmailed{number}", "next", 0.5)
    found, result = planted.run()
    plan = found["plan"]
    assert (plan["planned"], plan["mailed"], plan["not_mailed"]) == (165, 140, 25)
    chosen, explored, left_out = plan["groups"]
    assert [one["pairs"] for one in plan["groups"]] == [100, 40, 260]
    expected = sum(odds[person] for person in people[:100])
    assert chosen["expected"]["estimate"] == pytest.approx(expected, abs=1e-5)
    assert chosen["inside"] is True
    assert left_out["expected"] is None
    assert explored["rate"]["low"] < chosen["rate"]["low"]
    assert plan["ratio"]["low"] > 1
    counts = plan["campaigns"][0]
    assert counts["chosen"]["redeemers"] == chosen["redeemers"]
    assert any("nothing can be known" in one["en"] for one in found["unanswered"])
    assert result.figures["planned_mailed"] == 140


def test_a_plan_nobody_followed_says_so(planted: Past) -> None:
    found, _ = planted.run()
    assert "empty" in found["plan"]["why"]["en"]
    planted.campaign("future", start=360, days=60)
    planted.planned("p_000", "future", 0.2)
    found, _ = planted.run()
    assert "does not reach the end" in found["plan"]["why"]["en"]
    planted.plan.clear()
    planted.planned("p_nobody", "k0", 0.2)
    found, _ = planted.run()
    assert "None of the planned people" in found["plan"]["why"]["en"]
    assert found["plan"]["ratio"] is None


@pytest.mark.parametrize("case", ["nothing", "few", "nobody", "everybody"])
def test_too_little_data_is_an_answer(past: Past, case: str) -> None:
    if case != "nothing":
        past.campaign("k", start=100)
        for i in range(10 if case == "few" else 50):
            past.event("view_promotion", f"p_{i}", "k", 100)
            past.score(f"p_{i}", "k", 0.1)
            if case == "everybody":
                past.event("select_promotion", f"p_{i}", "k", 101)
    found, result = past.run()
    assert found["enough"] is False
    assert "Not enough data" in found["why"]["en"]
    assert "数据不足" in found["why"]["zh"]
    assert found["rankings"] == found["differences"] == found["campaigns"] == []
    assert found["calibration"] is None
    assert found["learned"] == []
    assert "auc" not in result.figures
    assert found["why"] in found["unanswered"]


def test_the_file_has_the_documented_fields_and_no_nan(planted: Past) -> None:
    planted.cost = None
    found, _ = planted.run()
    assert list(found) == list(Backtest.__slots__)
    assert at(found, "handbill", 0.2)["cost_per_redeemer_micros"] is None

    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [one for part in value.values() for one in numbers(part)]
        if isinstance(value, list):
            return [one for part in value for one in numbers(part)]
        return [value] if isinstance(value, float) else []

    assert all(math.isfinite(one) for one in numbers(found))
    json.dumps(found, allow_nan=False)


def test_conclusions_are_few_and_in_both_languages(planted: Past) -> None:
    found, result = planted.run()
    assert 4 <= len(found["learned"]) <= 6
    for one in (*found["learned"], *found["unanswered"]):
        assert one["en"].endswith(".")
        assert one["zh"].endswith("。")
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in one["en"])
    assert [note.en for note in result.notes[: len(found["learned"])]] == [
        one["en"] for one in found["learned"]
    ]
    best = at(found, "handbill", 0.2)["captured"]["estimate"]
    assert f"{best:.0%}" in found["learned"][0]["en"]
    assert f"{best:.0%}" in found["learned"][0]["zh"]


def test_the_same_past_gives_the_same_file(planted: Past) -> None:
    planted.run()
    path = planted.workspace.tables / "backtest.json"
    before = path.read_bytes()
    planted.run()
    assert path.read_bytes() == before
    planted.run(Settings(resamples=FAST.resamples, seed=1))
    assert path.read_bytes() != before


def test_a_table_without_its_columns_is_named(planted: Past) -> None:
    planted.run()
    write_parquet(planted.workspace.tables / "plan.parquet", pa.table({"person": ["p"]}))
    planted.plan.clear()
    from handbill.feedback.outcomes import Outcomes

    outcomes = Outcomes.open(planted.workspace, ("plan",))
    with pytest.raises(SourceError, match=r"docs/tables\.md"):
        outcomes.ask("SELECT campaign_id FROM plan")
    (planted.workspace.tables / "plan.parquet").unlink()
    with pytest.raises(SourceError, match=r"plan\.parquet"):
        Outcomes.open(planted.workspace, ("plan",))


@pytest.mark.parametrize(
    ("name", "value"), [("resamples", 10), ("min_pairs", 5), ("min_each", 1), ("bins", 1)]
)
def test_impossible_settings_are_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ConfigError, match=rf"feedback\.{name} = {value}"):
        Settings(**{name: value})
