"""Runs the stage: models, walk-forward scores, places, send times, then the plan."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.special import logit
from sqlalchemy import delete, insert, select

from handbill.engine import connect
from handbill.errors import SourceError
from handbill.placement import words
from handbill.placement.inputs import (
    prior,
    read_creatives,
    read_habits,
    read_history,
    read_interest,
    read_offers,
    read_people,
)
from handbill.placement.pairs import Campaign, read_campaigns, view_events, with_features
from handbill.placement.planning.chances import Chances
from handbill.placement.planning.changes import Earlier
from handbill.placement.planning.plan import check, horizon, make_plan
from handbill.placement.record import Record
from handbill.placement.response.calibration import Calibration
from handbill.placement.response.heads import read_heads
from handbill.placement.response.known import known_at
from handbill.placement.response.model import ResponseModel, save
from handbill.placement.response.near import Near, fit_near, read_unreached
from handbill.placement.response.quality import by_segment
from handbill.placement.response.walk_forward import (
    Forward,
    ended_before,
    enough,
    leaned_on,
    scored,
    stated,
    train,
    walk,
)
from handbill.placement.settings import Settings
from handbill.placement.strategy.measure import Strategy, measure
from handbill.ports import Progress
from handbill.state import open_state, plans
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace, write_json, write_parquet

MEMORY_GB = 2.0

STALE_DAYS = 180
"""Age of the newest whole outcome from which on the model is said to be stale."""

WALK_FORWARD = pa.schema(
    [
        ("person", pa.string()),
        ("campaign_id", pa.string()),
        ("probability", pa.float64()),
        ("score_rf", pa.float64()),
        ("trained_on", pa.int64()),
        ("trained_pairs", pa.int64()),
    ]
)


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Write `models/response` and the tables walk_forward, positions, send_times and plan.

    Args:
        workspace: With the tables of the stages before.
        shop: Its zone and the plan's day.
        settings: Of the stage.
        progress: Told each step.

    Returns:
        Figures, outputs, and notes where there was not enough data.

    Raises:
        SourceError: A stage before has not run.
        PlanError: Two settings contradict each other.
    """
    check(settings)
    con = connect(memory_gb=MEMORY_GB, threads=2).con
    record = Record()
    if not view_events(workspace, con):
        raise SourceError(f"no events in {workspace.events}; run: handbill run {workspace.root}")
    campaigns = read_campaigns(workspace, con)
    people = read_people(workspace, shop, con)
    model = _respond(workspace, shop, settings, campaigns, people, con, record, progress)
    strategy = measure(workspace, shop, settings, people, bool(campaigns), con, record, progress)
    progress("planning", 0.8)
    coming = horizon(campaigns, shop.as_of, settings.horizon_days)
    chances = _chances(workspace, shop, settings, coming, strategy, model, con)
    _write_plan(workspace, chances, shop, settings, record)
    return StageResult(
        figures=record.figures, outputs=tuple(record.outputs), notes=tuple(record.notes)
    )


def _respond(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    campaigns: Sequence[Campaign],
    people: pd.DataFrame,
    con: duckdb.DuckDBPyConnection,
    record: Record,
    progress: Progress,
) -> ResponseModel | None:
    """Walk forward over past campaigns, then fit the model of the plan."""
    progress("reading who was mailed", 0.0)
    pairs = read_history(workspace, settings, campaigns, con)

    @cache
    def nearby(ended: tuple[Campaign, ...]) -> Near | None:
        return fit_near(read_unreached(workspace, ended, con))

    forward = walk(
        pairs.drop(columns="score_rf"),
        campaigns,
        settings,
        lambda name, part: progress(f"walking forward: campaign {name}", 0.05 + 0.4 * part),
        nearby,
    )
    _write_walk(workspace, scored(forward, settings), pairs, settings, record)
    moment = datetime.combine(shop.as_of, datetime.min.time(), tzinfo=UTC)
    ended = ended_before(campaigns, moment)
    past = known_at(pairs.drop(columns="score_rf"), campaigns, moment, stated(forward))
    near = leaned_on(past, ended, nearby)
    record.figures["trained_campaigns"] = past["campaign_id"].nunique()
    record.figures["trained_pairs"] = len(past)
    record.figures["trained_redeemers"] = int(past["redeemed"].sum())
    if not enough(past, settings, near):
        record.notes.append(
            words.no_model(past["campaign_id"].nunique(), int(past["redeemed"].sum()), settings)
        )
        return None
    model = train(past, forward, moment, settings, near)
    if model.near is not None:
        record.notes.append(words.leans(model.near, model.redeemers))
    known_until = max(one.ends_at for one in ended)
    if (age := (moment - known_until).days) > STALE_DAYS:
        record.notes.append(words.stale(age))
    known = pd.concat([one.pairs for one in forward if one.campaign.ends_at <= moment])
    segments = dict(zip(*people[["person", "segment_id"]].to_numpy(dtype=str).T, strict=True))
    whole, quality = by_segment(known, segments, settings.seed)
    metrics = {**whole.record(), "known_until": known_until.date().isoformat()}
    record.outputs.append(save(model, workspace.models / "response", metrics))
    heads = read_heads(workspace, con, segments, shop.as_of)
    record.outputs.append(
        write_json(
            workspace.tables / "response.json",
            {
                "model": model.version,
                "near": model.near,
                "known_until": metrics["known_until"],
                "quality": whole.record(),
                "segments": {name: one.record() for name, one in quality.items()},
                "heads": [one.record() for one in heads],
            },
        )
    )
    record.figures["response_model"] = model.version
    return model


def _write_walk(
    workspace: Workspace,
    kept: Sequence[Forward],
    pairs: pd.DataFrame,
    settings: Settings,
    record: Record,
) -> None:
    parts = [
        one.pairs.assign(trained_on=one.trained_on, trained_pairs=one.trained_pairs) for one in kept
    ]
    record.figures["campaigns_scored"] = len(parts)
    if parts:
        keys = ["person", "campaign_id"]
        rows = pd.concat(parts).merge(pairs[[*keys, "score_rf"]], on=keys)
        rows = rows.sort_values(["campaign_id", "person"], ignore_index=True)
    else:
        rows = pd.DataFrame({name: [] for name in WALK_FORWARD.names})
        record.notes.append(words.no_walk_forward(settings))
    record.figures["pairs_scored"] = len(rows)
    record.write(workspace.tables / "walk_forward.parquet", rows, WALK_FORWARD)


def _chances(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    coming: tuple[Campaign, ...],
    strategy: Strategy,
    model: ResponseModel | None,
    con: duckdb.DuckDBPyConnection,
) -> Chances:
    """Everyone in every coming campaign, with a probability each."""
    people = strategy.times.sort_values("person", ignore_index=True)
    shape = (len(people), len(coming))
    score, probability = np.zeros(shape), np.zeros(shape)
    for place, campaign in enumerate(coming):  # one by one: a campaign's features fit in memory
        keys = people[["person"]].assign(campaign_id=campaign.id)
        if model is not None:
            known = with_features(workspace, keys, [campaign], con, as_of=shop.as_of)
            score[:, place] = model.score(known)
            probability[:, place] = model.calibration.probability(score[:, place])
        else:
            habits = read_habits(con, {campaign.id: shop.as_of})
            found = keys.merge(habits, on=["person", "campaign_id"], how="left")
            probability[:, place] = prior(found["score_rf"].fillna(0.0), settings)
            score[:, place] = logit(np.clip(probability[:, place], 1e-9, 1 - 1e-9))
    return Chances(
        campaigns=coming,
        offers=read_offers(workspace, coming, con),
        creatives=read_creatives(workspace, shop, con),
        people=people,
        score=score,
        probability=probability,
        interest=read_interest(workspace, con),
        attention=strategy.attention,
        calibration=Calibration() if model is None else model.calibration,
        response_model=None if model is None else model.version,
    )


def _write_plan(
    workspace: Workspace,
    chances: Chances,
    shop: ShopProfile,
    settings: Settings,
    record: Record,
) -> None:
    """Make the plan; write the table, its summary and the row in the state; the figures too."""
    state = open_state(workspace.state_url)
    with state.begin() as connection:
        made = select(plans).order_by(plans.c.created_at.desc(), plans.c.id)
        earlier = [
            Earlier(id=row.id, as_of=row.as_of, settings=row.settings, expected=row.expected)
            for row in connection.execute(made)
        ]
    plan = make_plan(chances, shop, settings, earlier)
    path = write_parquet(workspace.tables / "plan.parquet", plan.table)
    record.outputs += [path, write_json(workspace.tables / "plan.json", plan.summary)]
    record.notes += plan.notes
    with state.begin() as connection:
        connection.execute(delete(plans).where(plans.c.id == plan.id))
        connection.execute(
            insert(plans).values(
                id=plan.id,
                as_of=str(shop.as_of),
                path=str(path.relative_to(workspace.root)),
                digest=plan.id.removeprefix("plan_"),
                settings=asdict(settings),
                expected={
                    **plan.summary["expected"],
                    "messages": plan.summary["messages"],
                    "spend_micros": plan.summary["spend_micros"],
                },
                created_at=datetime.now(UTC),
            )
        )
    state.dispose()
    record.figures.update(
        planned_messages=plan.summary["messages"],
        planned_people=plan.summary["people"],
        planned_explored=plan.summary["explored"],
        planned_spend_micros=plan.summary["spend_micros"],
        expected_redemptions=round(plan.redemptions.estimate, 2),
        expected_redemptions_low=round(plan.redemptions.low, 2),
        expected_redemptions_high=round(plan.redemptions.high, 2),
        budget_price=plan.summary["budget_price"],
    )
