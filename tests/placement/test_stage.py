import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest
from sqlalchemy import select

from handbill.errors import PlanError, SourceError
from handbill.placement import Settings, run
from handbill.placement.planning.plan import SCHEMA
from handbill.placement.response.model import load
from handbill.state import open_state, plans
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

SMALL = Settings(
    budget=20, cost_per_message=1, margin_per_redemption=10, walk_forward_pairs=1, exploration=0.1
)


def quiet(message: str, fraction: float | None = None) -> None:
    assert message
    assert fraction is None or 0 <= fraction <= 1


def tables(workspace: Workspace) -> dict[str, bytes]:
    return {
        str(path.relative_to(workspace.root)): path.read_bytes()
        for path in sorted(workspace.root.rglob("*"))
        if path.is_file() and path.name != "state.sqlite"
    }


@pytest.fixture(scope="module")
def done(
    full_shop: Workspace, tmp_path_factory: pytest.TempPathFactory, shop: ShopProfile
) -> tuple[Workspace, StageResult]:
    """One run that many tests read; those that change it take a copy."""
    root = tmp_path_factory.mktemp("done") / "shop"
    shutil.copytree(full_shop.root, root)
    workspace = Workspace.open(root)
    return workspace, run(workspace, shop, SMALL, quiet)


@pytest.fixture
def again(done: tuple[Workspace, StageResult], tmp_path: Path) -> Workspace:
    shutil.copytree(done[0].root, tmp_path / "copy")
    return Workspace.open(tmp_path / "copy")


def test_every_output_is_there(done: tuple[Workspace, StageResult]) -> None:
    workspace, result = done
    names = {str(path.relative_to(workspace.root)) for path in result.outputs}
    assert names == {
        "tables/walk_forward.parquet",
        "tables/positions.json",
        "tables/send_times.parquet",
        "tables/curves.json",
        "tables/response.json",
        "tables/plan.parquet",
        "tables/plan.json",
        f"models/response/{result.figures['response_model']}",
    }
    assert all(path.exists() for path in result.outputs)
    assert all(note.en and note.zh for note in result.notes)
    assert list(workspace.root.rglob("*.part")) == []


def test_the_model_learns_from_ended_campaigns_only(
    done: tuple[Workspace, StageResult],
) -> None:
    workspace, result = done
    model = load(workspace.models / "response" / str(result.figures["response_model"]))
    assert model.campaigns == tuple(sorted(f"k{rank}" for rank in range(11)))
    assert model.pairs == result.figures["trained_pairs"] == 11 * 60
    assert model.redeemers == result.figures["trained_redeemers"]


def test_the_backtest_begins_with_the_ninth_campaign(done: tuple[Workspace, StageResult]) -> None:
    workspace, _ = done
    rows = pq.read_table(workspace.tables / "walk_forward.parquet").to_pandas()
    assert sorted(rows["campaign_id"].unique()) == ["k10", "k11", "k8", "k9"]
    assert len(rows) == 4 * 60
    trained = rows.groupby("campaign_id")["trained_on"].first()
    assert trained.to_dict() == {"k8": 8, "k9": 9, "k10": 10, "k11": 11}
    assert rows["score_rf"].between(0, 1).all()


def test_the_plan_keeps_its_promises(
    done: tuple[Workspace, StageResult], shop: ShopProfile
) -> None:
    workspace, result = done
    table = pq.read_table(workspace.tables / "plan.parquet")
    assert table.schema.equals(SCHEMA)
    rows = table.to_pandas()
    assert rows["cost_micros"].sum() == result.figures["planned_spend_micros"] == 20_000_000
    assert rows["contact_id"].nunique() == 20
    assert rows.groupby("contact_id")["explored"].first().sum() == 2
    assert set(rows["creative_id"]) <= {"c-all-0", "c-all-1", "c-all-1b", "c-all-2", "c-s1-0"}
    own = rows[rows["offer_id"] == "k11-0"]
    assert set(own[own["segment_id"] == "s1"]["creative_id"]) == {"c-s1-0"}
    assert set(own[own["segment_id"] == "s2"]["creative_id"]) == {"c-all-0"}
    for row in rows.itertuples():
        assert sum(row.propensities) == pytest.approx(1)
        assert row.creative_id in list(row.candidates)
        local = row.send_at.astimezone(ZoneInfo(shop.timezone))
        assert 8 <= local.hour < 21
        assert row.send_at >= datetime(2026, 3, 23, tzinfo=UTC)


def test_the_summary_and_the_state_agree(done: tuple[Workspace, StageResult]) -> None:
    workspace, result = done
    summary = json.loads((workspace.tables / "plan.json").read_text())
    assert summary["messages"] == result.figures["planned_messages"] == 20
    assert summary["why"] is None
    redemptions = summary["expected"]["redemptions"]
    assert redemptions["low"] < redemptions["estimate"] < redemptions["high"]
    assert summary["budget_price"] > 1
    assert sum(one["messages"] for one in summary["segments"]) == 20
    state = open_state(workspace.state_url)
    with state.connect() as connection:
        rows = connection.execute(select(plans)).all()
    state.dispose()
    assert [row.id for row in rows] == [summary["plan_id"]]
    assert rows[0].path == "tables/plan.parquet"


def test_the_same_inputs_give_the_same_bytes(again: Workspace, shop: ShopProfile) -> None:
    workspace = again
    before = tables(workspace)
    run(workspace, shop, SMALL, quiet)
    assert tables(workspace) == before


def test_nothing_on_or_past_the_plans_day_changes_the_plan(
    again: Workspace, shop: ShopProfile
) -> None:
    workspace = again
    before = (workspace.tables / "plan.parquet").read_bytes()
    later = [
        path
        for path in workspace.events.iterdir()
        if date.fromisoformat(path.name.removeprefix("date=")) >= shop.as_of
    ]
    assert later
    for path in later:
        (path / "part.parquet").unlink()
    run(workspace, shop, SMALL, quiet)
    assert (workspace.tables / "plan.parquet").read_bytes() == before


def test_too_little_past_falls_back_and_says_so(
    fill_shop: Callable[..., Workspace], shop: ShopProfile
) -> None:
    workspace = fill_shop(people=30)
    settings = replace(SMALL, min_redeemers=10_000, prior_rate=0.2)
    result = run(workspace, shop, settings, quiet)
    assert "response_model" not in result.figures
    assert any("Not enough data for a response model" in note.en for note in result.notes)
    summary = json.loads((workspace.tables / "plan.json").read_text())
    assert summary["response_model"] is None
    rows = pq.read_table(workspace.tables / "plan.parquet").to_pandas()
    assert rows["probability"].between(0.1, 0.4).all()
    forward = pq.read_table(workspace.tables / "walk_forward.parquet").to_pandas()
    assert (forward["trained_on"] == 0).all()


def test_a_shop_that_only_sells_gets_empty_tables_and_reasons(
    workspace: Workspace, shop: ShopProfile, fill_shop: Callable[..., Workspace]
) -> None:
    fill_shop(creatives=False)
    for path in workspace.catalog.glob("*.parquet"):
        if path.name != "products.parquet":
            path.unlink()
    result = run(workspace, shop, SMALL, quiet)
    assert result.figures["planned_messages"] == 0
    assert pq.read_table(workspace.tables / "plan.parquet").schema.equals(SCHEMA)
    assert pq.read_table(workspace.tables / "walk_forward.parquet").num_rows == 0
    assert pq.read_table(workspace.tables / "send_times.parquet").num_rows == 60
    assert json.loads((workspace.tables / "positions.json").read_text()) == []
    summary = json.loads((workspace.tables / "plan.json").read_text())
    assert "No campaign begins" in summary["why"]["en"]
    assert len(result.notes) >= 4


def test_no_creatives_means_an_empty_plan_with_its_reason(
    fill_shop: Callable[..., Workspace], shop: ShopProfile
) -> None:
    workspace = fill_shop(creatives=False)
    run(workspace, shop, SMALL, quiet)
    summary = json.loads((workspace.tables / "plan.json").read_text())
    assert summary["messages"] == 0
    assert "No creative" in summary["why"]["en"]
    assert summary["expected"]["redemptions"]["high"] == 0


def test_missing_inputs_name_the_command(
    workspace: Workspace, shop: ShopProfile, fill_shop: Callable[..., Workspace]
) -> None:
    with pytest.raises(SourceError, match="handbill run"):
        run(workspace, shop, SMALL, quiet)
    fill_shop()
    other = replace(shop, as_of=shop.as_of + timedelta(days=1))
    with pytest.raises(SourceError, match="until audience"):
        run(workspace, other, SMALL, quiet)


def test_contradicting_settings_are_both_named(workspace: Workspace, shop: ShopProfile) -> None:
    for settings, names in (
        (replace(SMALL, frequency_cap=0), "frequency_cap.*budget"),
        (replace(SMALL, budget=0.5), "budget.*cost_per_message"),
        (replace(SMALL, daily_budget=0.5), "daily_budget.*cost_per_message"),
        (replace(SMALL, slots=5, max_candidates=4), "slots = 5.*max_candidates = 4"),
        (replace(SMALL, exploration=1.0, fairness=0.5), "exploration = 1.*fairness = 0"),
        (replace(SMALL, exploration=1.0, spend_less=True), "exploration = 1.*spend_less"),
    ):
        with pytest.raises(PlanError, match=names):
            run(workspace, shop, settings, quiet)


def test_limits_without_a_budget_contradict_nothing(
    workspace: Workspace, shop: ShopProfile
) -> None:
    with pytest.raises(SourceError, match="no events"):  # it came as far as the log
        run(workspace, shop, replace(SMALL, budget=0, frequency_cap=0), quiet)


def test_a_stale_model_is_said_to_be(again: Workspace, shop: ShopProfile) -> None:
    later = replace(shop, as_of=shop.as_of + timedelta(days=300))
    for name, file in (("customers", "features"), ("affinity", "affinity")):
        folder = again.tables / name
        (folder / f"as_of={later.as_of}").mkdir()
        shutil.copy(
            folder / f"as_of={shop.as_of}" / f"{file}.parquet",
            folder / f"as_of={later.as_of}" / f"{file}.parquet",
        )
    result = run(again, later, SMALL, quiet)
    assert any("stale" in note.en and "293 days" in note.en for note in result.notes)
    known = json.loads((again.tables / "response.json").read_text())
    assert known["known_until"] == str(shop.as_of + timedelta(days=7))
