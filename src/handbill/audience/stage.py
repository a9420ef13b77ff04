"""The audience stage: reads the log once, writes what later stages know of people."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
from ibis import _

from handbill.audience.affinity import campaign_affinity
from handbill.audience.describe import Described, describe_segments
from handbill.audience.features import features_of
from handbill.audience.interests import category_interests, offer_interests
from handbill.audience.lines import DAY, PURCHASE, second_of
from handbill.audience.purchases import purchases_of
from handbill.audience.segments import Matrix
from handbill.audience.settings import Settings
from handbill.audience.tables import Log, open_log, replacing_folder, typed
from handbill.audience.value import Value, value_of, value_record
from handbill.engine import connect
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult, Text
from handbill.workspace import Workspace, read_json, write_json, write_parquet

TOLD_CATEGORIES = 60
"""Categories, the largest by sales, that a segment may be described by."""

TIME = pa.timestamp("us", tz="UTC")
SEGMENTS = {"person": pa.string(), "segment_id": pa.string()}
INTERESTS = {
    "person": pa.string(),
    "category": pa.string(),
    "score": pa.float64(),
    "purchases": pa.int64(),
    "last_purchase": TIME,
}
OFFER_INTEREST = {
    "person": pa.string(),
    "offer_id": pa.string(),
    "score": pa.float64(),
    "purchases": pa.int64(),
    "last_purchase": TIME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    features: pa.Table
    departments: list[str]
    dates: int


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Write the audience tables of a workspace, as `docs/tables.md` has them.

    Args:
        workspace: One that `events` has filled.
        shop: Its plan's day, clock and currency.
        settings: The `[audience]` section.
        progress: Told of each day.

    Returns:
        People, features, segments and how stable they are, days computed; and what there was too
        little data for.

    Raises:
        SourceError: There is no log or no catalogue of products.
    """
    progress("reading the log", 0.0)
    backend = connect()
    try:
        log = open_log(backend, workspace, shop)
        day = _write_days(log, workspace, shop.as_of, settings, progress)
        progress("value and churn", 0.8)
        value = _value(log, day, shop.as_of, settings)
        progress("interests", 0.88)
        campaigns = log.beginning(shop.as_of, settings.horizon_days)
        interests = _write_interests(log, workspace, shop.as_of, campaigns, settings)
        progress("segments", 0.92)
        shares = category_shares(log, day.features, shop.as_of)
        described = describe_segments(
            day.features, shares, log.chinese, _before(workspace), settings, shop.currency
        )
        segments = _write_segments(workspace, day.features, described)
    finally:
        backend.disconnect()
    tables = workspace.tables
    return StageResult(
        figures=_figures(day, described, value, len(log.starts)),
        outputs=(
            tables / "customers",
            tables / "affinity",
            *segments,
            *interests,
            *_write_value(workspace, value, shop.as_of),
        ),
        notes=(*_notes(day.features, described, log, campaigns, settings), *value.why),
    )


def _write_days(
    log: Log, workspace: Workspace, as_of: date, settings: Settings, progress: Progress
) -> _Day:
    """Features and affinities of the plan's day and of each campaign's first day."""
    departments = _departments(log, as_of, settings.departments)
    days = sorted({as_of, *log.starts.values()})
    planned = pa.table({})
    with (
        replacing_folder(workspace.tables / "customers") as customers,
        replacing_folder(workspace.tables / "affinity") as affinity,
    ):
        for rank, day in enumerate(days):
            progress(f"features as of {day}", 0.05 + 0.75 * rank / len(days))
            features = features_of(log.lines, day, departments=departments)
            table = features.to_pyarrow().sort_by("person")
            write_parquet(customers / f"as_of={day}" / "features.parquet", table)
            campaigns = log.beginning(day, settings.horizon_days if day == as_of else 1)
            pairs = campaign_affinity(log.lines, log.campaigns, campaigns, day).to_pyarrow()
            write_parquet(
                affinity / f"as_of={day}" / "affinity.parquet",
                pairs.sort_by([("campaign_id", "ascending"), ("person", "ascending")]),
            )
            planned = table if day == as_of else planned
    return _Day(features=planned, departments=departments, dates=len(days))


def _departments(log: Log, as_of: date, most: int) -> list[str]:
    """The largest departments by sales before the plan's day, the same columns for every day."""
    sold = log.lines.filter(
        (_.event == PURCHASE) & (_.second < second_of(as_of)) & _.department.notnull()
    )
    totals = sold.group_by("department").aggregate(value=_.value.sum())
    largest = totals.order_by([ibis.desc("value"), "department"]).limit(most)
    names: list[str] = largest.to_pyarrow().column("department").to_pylist()
    return names


def _value(log: Log, day: _Day, as_of: date, settings: Settings) -> Value:
    """Value and churn as of the plan's day; earlier days' features are computed as asked for."""

    @cache
    def features(at: date) -> pa.Table:
        if at == as_of:
            return day.features
        return features_of(log.lines, at, departments=day.departments).to_pyarrow()

    return value_of(purchases_of(log.lines, as_of), as_of, features, settings.seed)


def _write_value(workspace: Workspace, value: Value, as_of: date) -> tuple[Path, Path]:
    columns = {
        name: pa.array(np.round(column).astype(np.float64), pa.float64(), from_pandas=True).cast(
            pa.int64()
        )
        if name.endswith("_micros") or name == "visits"
        else pa.array(column, pa.float64(), from_pandas=True)
        for name, column in value.columns.items()
    }
    table = pa.table({"person": pa.array(value.people, pa.string()), **columns})
    return (
        write_parquet(workspace.tables / "value.parquet", table.sort_by("person")),
        write_json(workspace.tables / "value.json", value_record(value, as_of)),
    )


def _write_interests(
    log: Log, workspace: Workspace, as_of: date, campaigns: list[str], settings: Settings
) -> tuple[Path, Path]:
    horizon = settings.horizon_days
    interests = category_interests(log.lines, as_of, horizon).to_pyarrow()
    offers = offer_interests(log.lines, log.campaigns, campaigns, as_of, horizon).to_pyarrow()
    return (
        write_parquet(workspace.tables / "interests.parquet", typed(interests, INTERESTS)),
        write_parquet(workspace.tables / "offer_interest.parquet", typed(offers, OFFER_INTEREST)),
    )


def _write_segments(
    workspace: Workspace, features: pa.Table, described: Described
) -> tuple[Path, Path]:
    members = pa.table(
        {"person": features.column("person"), "segment_id": pa.array(described.ids, pa.string())}
    )
    return (
        write_parquet(workspace.tables / "segments.parquet", typed(members, SEGMENTS)),
        write_json(workspace.tables / "segments.json", described.segments),
    )


def category_shares(log: Log, features: pa.Table, as_of: date) -> dict[str, Matrix]:
    """Share of each person's spend in the largest categories, last 365 days.

    Args:
        log: The log.
        features: Of the day; their order of people is kept.
        as_of: The day.

    Returns:
        (n,) per category, NaN where a person spent nothing. Where the catalogue knows Chinese
        names, only categories that have one, so that no sentence mixes languages.
    """
    cut = second_of(as_of)
    year = log.lines.filter(
        (_.event == PURCHASE) & (_.second < cut) & (_.second >= cut - 365 * DAY)
    )
    known = year.filter(_.category.notnull())
    if log.chinese:
        known = known.filter(_.category.isin(sorted(log.chinese)))
    totals = known.group_by("category").aggregate(value=_.value.sum())
    largest = totals.order_by([ibis.desc("value"), "category"]).limit(TOLD_CATEGORIES)
    names: list[str] = largest.to_pyarrow().column("category").to_pylist()
    told = known.filter(_.category.isin(names))
    spent = told.group_by("person", "category").aggregate(value=_.value.sum()).to_pyarrow()
    place = {person: row for row, person in enumerate(features.column("person").to_pylist())}
    rank = {name: number for number, name in enumerate(names)}
    amounts = np.zeros((len(place), len(names)))
    rows = [place[person] for person in spent.column("person").to_pylist()]
    columns = [rank[name] for name in spent.column("category").to_pylist()]
    amounts[rows, columns] = spent.column("value").to_numpy()
    total = np.array(features.column("spend_micros_365").to_numpy(), dtype=np.float64)
    shares = np.full_like(amounts, np.nan)
    np.divide(amounts, total[:, None], out=shares, where=total[:, None] > 0)
    return {name: shares[:, number].clip(0.0, 1.0) for name, number in rank.items()}


def _before(workspace: Workspace) -> list[dict[str, object]]:
    """The segments of the previous run, whose ids are kept."""
    path = workspace.tables / "segments.json"
    if not path.exists():
        return []
    segments: list[dict[str, object]] = read_json(path)
    return segments


def _figures(
    day: _Day, described: Described, value: Value, campaigns: int
) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {
        "people": day.features.num_rows,
        "features": day.features.num_columns - 1,
        "dates": day.dates,
        "campaigns": campaigns,
        "segments": len(described.segments),
    }
    if described.found is not None:
        figures["segment_agreement"] = round(described.found.agreement, 3)
        figures["smallest_segment"] = min(one["size"] for one in described.segments)
    for one in value.held_out:
        figures |= {f"{one.target}_{one.days}_model": one.used}
        figures |= {f"{one.target}_auc_{name}": round(auc, 3) for name, auc in one.auc.items()}
    return figures


def _notes(
    features: pa.Table, described: Described, log: Log, campaigns: list[str], settings: Settings
) -> tuple[Text, ...]:
    notes = []
    people = features.num_rows
    if described.found is None:
        least = 2 * settings.min_segment
        notes.append(
            Text(
                en=f"{people} people are too few for segments of {settings.min_segment} "
                f"({least} are needed), so everyone is one segment.",
                zh=f"目前只有 {people} 位顾客，不足以分成每组至少 {settings.min_segment} 人的分群"
                f"（至少需要 {least} 人），因此全部顾客归为一组。",
            )
        )
    elif len(described.segments) == 1:
        notes.append(
            Text(
                en="No grouping was found again in resamples, so everyone is one segment.",
                zh="重复抽样中没有出现稳定的分群，因此全部顾客归为一组。",
            )
        )
    if not log.starts:
        notes.append(
            Text(
                en="The log has no campaigns, so there are no affinities and no offer interests.",
                zh="日志中没有营销活动，因此没有活动亲和度和优惠兴趣。",
            )
        )
    elif not campaigns:
        notes.append(
            Text(
                en=f"No campaign begins within {settings.horizon_days} days of the plan's day.",
                zh=f"计划日起 {settings.horizon_days} 天内没有营销活动开始。",
            )
        )
    return tuple(notes)
