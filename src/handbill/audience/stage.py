"""The audience stage: reads the log once, writes what later stages know of people."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ibis import _

from handbill.audience.copurchase import KEYS as PAIR
from handbill.audience.copurchase import copurchase_table
from handbill.audience.customer_category import KEYS as PERSON_CATEGORY
from handbill.audience.customer_category import customer_category_table
from handbill.audience.days import Days, days_of, write_days
from handbill.audience.describe import (
    Before,
    Described,
    Past,
    describe_segments,
    segment_card,
)
from handbill.audience.interests import category_interests, offer_interests
from handbill.audience.kept_days import KeptDays, keep_days
from handbill.audience.lines import second_of
from handbill.audience.products import KEYS as PRODUCT
from handbill.audience.products import product_table
from handbill.audience.purchases import purchases_of
from handbill.audience.recommend.table import write_recommendations
from handbill.audience.rfm import rfm_of, rfm_record, rfm_table
from handbill.audience.rules import Rule, members_of, read_rules, rule_columns, rule_names
from handbill.audience.settings import Settings
from handbill.audience.tables import Log, open_log, typed
from handbill.audience.tastes import bought_in, category_shares
from handbill.audience.value import Value, value_of, value_record, value_table
from handbill.audience.windows import over
from handbill.engine import collect, open_engine
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult, Text
from handbill.workspace import Workspace, read_json, write_json, write_parquet

MONTH = 30
"""Days that groupings are judged by."""
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


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Write the audience tables of a workspace, as `docs/tables.md` has them.

    Args:
        workspace: One that `events` has filled.
        shop: Its plan's day, clock and currency.
        settings: The `[audience]` section.
        progress: Told of each step.

    Returns:
        People, features, segments and how stable they are, days computed; and what there was too
        little data for.

    Raises:
        SourceError: There is no log or no catalogue of products.
        ConfigError: The engine does not answer, or a rule cannot be read.
    """
    progress("reading the log", 0.0)
    as_of = shop.as_of
    backend = open_engine(settings.engine)
    try:
        kept = keep_days(backend, workspace, shop.timezone)
        log = open_log(backend, workspace, shop)
        days = days_of(log, kept.customers, as_of, settings)
        rules = read_rules(settings.rules, rule_names(days.features(as_of)))
        dates = write_days(log, days, workspace, shop, settings, progress)
        progress("products, categories, sessions", 0.6)
        written = _write_tables(log, kept, workspace, as_of)
        progress("value and churn", 0.75)
        value = value_of(purchases_of(log, as_of), as_of, days.features, settings.seed)
        written += _write_value(workspace, value, shop)
        features = days.features(as_of)
        written += _write_named(workspace, features, rules, settings)
        progress("interests", 0.85)
        campaigns = log.beginning(as_of, settings.horizon_days)
        written += _write_interests(log, workspace, shop, campaigns, settings)
        progress("segments", 0.9)
        described = describe_segments(
            features,
            category_shares(log, features, as_of),
            log.chinese,
            _before(workspace),
            settings,
            shop.currency,
            _past(log, days, as_of),
        )
        written += _write_segments(workspace, features, described, as_of)
        progress("recommendations", 0.95)
        recommended = write_recommendations(backend, workspace, shop, settings, progress)
        written += recommended.outputs
    finally:
        backend.disconnect()
    tables = workspace.tables
    return StageResult(
        figures={
            **_figures(features, dates, described, value, len(log.starts)),
            **recommended.figures,
        },
        outputs=(tables / "customers", tables / "affinity", *written),
        notes=(
            *_notes(features, described, log, campaigns, settings),
            *value.why,
            *recommended.notes,
        ),
    )


def _write_tables(log: Log, kept: KeptDays, workspace: Workspace, as_of: date) -> list[Path]:
    """The feature tables of products, categories, sessions and pairs, as of the plan's day."""
    products = product_table(over(kept.products, PRODUCT, as_of), as_of)
    categories = customer_category_table(over(kept.categories, PERSON_CATEGORY, as_of), as_of)
    past = kept.sessions.filter(_.started < second_of(as_of)).drop("day")
    found = {
        "product_features": (products, PRODUCT),
        "customer_category": (categories, PERSON_CATEGORY),
        "sessions": (past, ("person", "started")),
        "copurchases": (copurchase_table(kept.pairs, as_of), PAIR),
    }
    written = []
    for name, (table, keys) in found.items():
        rows = collect(log.engine, table).sort_by([(key, "ascending") for key in keys])
        written.append(write_parquet(workspace.tables / f"{name}.parquet", rows))
    return written


def _write_value(workspace: Workspace, value: Value, shop: ShopProfile) -> list[Path]:
    return [
        write_parquet(workspace.tables / "value.parquet", value_table(value)),
        write_json(workspace.tables / "value.json", value_record(value, shop.as_of)),
    ]


def _write_named(
    workspace: Workspace, features: pa.Table, rules: Sequence[Rule], settings: Settings
) -> list[Path]:
    """Segments that people name themselves: RFM's cells and the shop's own rules."""
    tables = workspace.tables
    rfm = rfm_of(features)
    value, categories = (
        pq.read_table(tables / f"{name}.parquet") for name in ("value", "customer_category")
    )
    found = members_of(rules, rule_columns(features, value), categories)
    enough = {name: people for name, people in found.items() if len(people) >= settings.min_segment}
    members = pa.table(
        {
            "rule": pa.array([name for name in enough for _person in enough[name]], pa.string()),
            "person": pa.array([one for people in enough.values() for one in people], pa.string()),
        }
    )
    return [
        write_parquet(tables / "rfm.parquet", rfm_table(rfm)),
        write_json(tables / "rfm.json", rfm_record(rfm)),
        write_parquet(tables / "rule_segments.parquet", members),
        write_json(
            tables / "rule_segments.json",
            [
                {"rule": rule.name, "text": rule.text, "people": len(found[rule.name]),
                 "kept": rule.name in enough}
                for rule in rules
            ],
        ),
    ]  # fmt: skip


def _write_interests(
    log: Log, workspace: Workspace, shop: ShopProfile, campaigns: list[str], settings: Settings
) -> list[Path]:
    as_of, horizon = shop.as_of, settings.horizon_days
    interests = collect(log.engine, category_interests(log.lines, as_of, horizon))
    offers = collect(
        log.engine, offer_interests(log.lines, log.campaigns, campaigns, as_of, horizon)
    )
    return [
        write_parquet(workspace.tables / "interests.parquet", typed(interests, INTERESTS)),
        write_parquet(workspace.tables / "offer_interest.parquet", typed(offers, OFFER_INTEREST)),
    ]


def _past(log: Log, days: Days, as_of: date) -> Past:
    """The shop a month before the plan's day, and what people bought since."""
    day = as_of - timedelta(days=MONTH)
    features = days.features(day)
    shares = category_shares(log, features, day)
    return Past(
        features=features,
        shares=shares,
        bought=bought_in(log, features, list(shares), day, as_of),
    )


def _write_segments(
    workspace: Workspace, features: pa.Table, described: Described, as_of: date
) -> list[Path]:
    members = pa.table(
        {"person": features.column("person"), "segment_id": pa.array(described.ids, pa.string())}
    )
    return [
        write_parquet(workspace.tables / "segments.parquet", typed(members, SEGMENTS)),
        write_json(workspace.tables / "segments.json", described.segments),
        write_json(_cards(workspace) / str(as_of) / "card.json", segment_card(described, as_of)),
    ]


def _cards(workspace: Workspace) -> Path:
    return workspace.models / "segments"


def _before(workspace: Workspace) -> Before:
    """The segments of the previous run."""
    members = workspace.tables / "segments.parquet"
    if not members.exists():
        return Before(members={})
    rows = pq.read_table(members, columns=["person", "segment_id"])
    people, ids = (rows.column(name).to_pylist() for name in rows.column_names)
    cards = sorted(_cards(workspace).glob("*/card.json"))
    retired = read_json(cards[-1])["retired"] if cards else []
    return Before(members=dict(zip(people, ids, strict=True)), retired=tuple(retired))


def _figures(
    features: pa.Table,
    dates: dict[str, int],
    described: Described,
    value: Value,
    campaigns: int,
) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {
        "people": features.num_rows,
        "features": features.num_columns - 1,
        **dates,
        "campaigns": campaigns,
        "segments": len(described.segments),
    }
    if described.found is not None:
        figures["segment_agreement"] = round(described.found.agreement, 3)
        if described.chosen is not None and described.chosen.lift is not None:
            figures["segment_lift"] = round(described.chosen.lift, 3)
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
