"""Spends a budget on people, offers, times and places in the message, under a frequency cap."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from handbill.errors import PlanError
from handbill.placement.pairs import Campaign
from handbill.placement.planning import words
from handbill.placement.planning.allocate import Field, Limits
from handbill.placement.planning.chances import Chances
from handbill.placement.planning.changes import Earlier, same_result
from handbill.placement.planning.choose import Chosen, choose
from handbill.placement.planning.messages import fill_messages, variants
from handbill.placement.planning.promise import expected_redemptions
from handbill.placement.planning.schedule import Calendar
from handbill.placement.planning.summary import Made, summarise
from handbill.placement.settings import Settings
from handbill.types import MICROS, Interval, ShopProfile, Text

POLICY = "placement-2"
"""Version of the rule that chooses; a change in how propensities come about changes it."""

SCHEMA = pa.schema(
    [
        ("plan_id", pa.string()),
        ("contact_id", pa.string()),
        ("person", pa.string()),
        ("segment_id", pa.string()),
        ("campaign_id", pa.string()),
        ("offer_id", pa.string()),
        ("creative_id", pa.string()),
        ("slot", pa.int32()),
        ("send_at", pa.timestamp("us", tz="UTC")),
        ("probability", pa.float64()),
        ("expected_value_micros", pa.int64()),
        ("cost_micros", pa.int64()),
        ("candidates", pa.list_(pa.string())),
        ("propensities", pa.list_(pa.float64())),
        ("propensity", pa.float64()),
        ("policy", pa.string()),
        ("explored", pa.bool_()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who gets what when, and what it promises.

    Attributes:
        id: Hash of the rows and of what they were made under.
        table: Rows as `docs/tables.md` says.
        summary: `tables/plan.json`.
        redemptions: Expected number.
        notes: What a marketer should know.
    """

    id: str
    table: pa.Table
    summary: dict[str, Any]
    redemptions: Interval
    notes: tuple[Text, ...]


def make_plan(
    chances: Chances, shop: ShopProfile, settings: Settings, earlier: Sequence[Earlier] = ()
) -> Plan:
    """Make the plan of a day.

    Args:
        chances: What could be planned.
        shop: Its day, zone and currency.
        settings: Budget, caps and assumptions, for which `check` holds.
        earlier: Plans that were made before, the newest first.

    Returns:
        The plan; an empty one says why.
    """
    rng = np.random.default_rng(settings.seed)
    moment = datetime.combine(shop.as_of, datetime.min.time(), tzinfo=UTC)
    calendar = Calendar(chances.campaigns, moment, shop.timezone)
    field = _field(chances, calendar, float(settings.margin_micros))
    wanted = same_result(earlier) if settings.spend_less else None
    limits = _limits(settings, len(chances.campaigns), wanted)
    chosen = choose(field, limits, rng)
    kept = _kept(chances, field, chosen, calendar, shop)
    rows = _rows(kept, chances, settings, rng)
    plan_id = digest(rows, shop, settings, chances.response_model)
    table = rows.add_column(0, "plan_id", pa.array([plan_id] * len(rows), pa.string()))
    redemptions = expected_redemptions(
        chances.score[chosen.person, chosen.campaign],
        chosen.campaign,
        chances.calibration,
        rng,
    )
    served = bool(field.sendable.any())
    why = words.why_empty(chances, settings, served=served) if kept.empty else None
    notes = [] if why is None else [why]
    if settings.spend_less:
        notes.append(words.spent_less(wanted, chosen.reached))
    made = Made(id=plan_id, policy=POLICY, kept=kept, chosen=chosen, redemptions=redemptions)
    return Plan(
        id=plan_id,
        table=table.cast(SCHEMA),
        summary=summarise(made, chances, shop, settings, calendar.first, earlier, why),
        redemptions=redemptions,
        notes=tuple(notes),
    )


def check(settings: Settings) -> None:
    """Refuse settings that contradict each other.

    Raises:
        PlanError: It names the two.
    """
    if settings.budget_micros == 0:
        return
    for name, value in (("budget", settings.budget), ("daily_budget", settings.daily_budget)):
        if 0 < round(value * MICROS) < settings.cost_micros:
            raise PlanError(
                f"placement.{name} = {value:g} does not pay for one message at "
                f"placement.cost_per_message = {settings.cost_per_message:g}; raise the one, lower "
                f"the other, or set the {name} to 0 for "
                + ("no plan" if name == "budget" else "no bound")
            )
    if settings.frequency_cap == 0:
        raise PlanError(
            f"placement.frequency_cap = 0 lets no message out, but placement.budget = "
            f"{settings.budget:g} is to be spent; set the cap to 1 or more, or the budget to 0"
        )
    if settings.slots > settings.max_candidates:
        raise PlanError(
            f"placement.slots = {settings.slots} cannot be filled from "
            f"placement.max_candidates = {settings.max_candidates} offers; lower the one or raise "
            "the other"
        )
    if settings.exploration == 1:
        for name in ("fairness", "spend_less"):
            if getattr(settings, name):
                raise PlanError(
                    f"placement.exploration = 1 draws everybody by lot, so placement.{name} = "
                    f"{getattr(settings, name)} cannot be kept; lower the one or drop the other"
                )


def _limits(settings: Settings, campaigns: int, wanted: float | None) -> Limits:
    stock = settings.stock_per_campaign
    return Limits(
        messages=settings.budget_micros // settings.cost_micros,
        cost=float(settings.cost_micros),
        cap=settings.frequency_cap,
        exploration=settings.exploration,
        daily=settings.daily_messages,
        stock=np.full(campaigns, stock) if stock else None,
        fairness=settings.fairness,
        wanted=wanted,
    )


def _field(chances: Chances, calendar: Calendar, margin: float) -> Field:
    """What could be sent: pairs whose campaign has an offer with a creative for the segment."""
    people = chances.people
    segment, segments = pd.factorize(people["segment_id"], sort=True)
    served = np.array(
        [
            [
                any(
                    variants(chances.creatives, offer, name)
                    for offer in chances.offers.get(campaign.id, ())
                )
                for campaign in chances.campaigns
            ]
            for name in segments
        ],
        dtype=np.bool_,
    ).reshape(len(segments), len(chances.campaigns))
    habit = people["weekday"].to_numpy(dtype=np.int64) * 24
    habit = habit + people["hour"].to_numpy(dtype=np.int64)
    options = calendar.grid(habit)
    can = served[segment] & (options[:, :, 0] >= 0)[habit]
    return Field(
        value=np.where(can, chances.probability * margin, -np.inf),
        probability=chances.probability,
        habit=habit,
        segment=segment.astype(np.int64),
        options=options,
        days=int(options.max(initial=0)) + 1,
    )


def _kept(
    chances: Chances, field: Field, chosen: Chosen, calendar: Calendar, shop: ShopProfile
) -> pd.DataFrame:
    """One row per message."""
    people = chances.people[["person", "segment_id", "hour"]]
    kept = people.iloc[chosen.person].reset_index(drop=True)
    names = pd.Series([one.id for one in chances.campaigns], dtype="str")
    kept["campaign_id"] = names.iloc[chosen.campaign].to_numpy()
    kept["probability"] = chances.probability[chosen.person, chosen.campaign]
    kept["value"] = field.value[chosen.person, chosen.campaign]
    kept["propensity"] = chosen.propensity
    kept["explored"] = chosen.explored
    kept["send_at"] = pd.Series(
        [
            calendar.moment(calendar.first + timedelta(days=day), hour)
            for day, hour in zip(chosen.day.tolist(), kept["hour"].tolist(), strict=True)
        ],
        dtype="datetime64[us, UTC]",
    )
    kept["contact_id"] = pd.Series(
        [
            contact_id(shop.as_of, person, campaign)
            for person, campaign in zip(
                kept["person"].tolist(), kept["campaign_id"].tolist(), strict=True
            )
        ],
        dtype="str",
    )
    return kept


def contact_id(as_of: date, person: str, campaign: str) -> str:
    """A message's id: the same person and campaign on the same plan's day are the same message."""
    content = f"{as_of}\x1f{person}\x1f{campaign}".encode()
    return "c_" + hashlib.sha256(content).hexdigest()[:24]


def digest(
    rows: pa.Table, shop: ShopProfile, settings: Settings, response_model: str | None
) -> str:
    """The plan's id: a hash of all it says and of what it was made under."""
    made_under = [str(shop.as_of), asdict(settings), response_model, POLICY]
    content = hashlib.sha256(json.dumps(made_under, sort_keys=True).encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows.combine_chunks())
    content.update(sink.getvalue())
    return "plan_" + content.hexdigest()[:24]


def _rows(
    kept: pd.DataFrame, chances: Chances, settings: Settings, rng: np.random.Generator
) -> pa.Table:
    """One row per filled slot, in the order in which messages go out; all columns but `plan_id`."""
    rows = fill_messages(
        kept,
        chances.offers,
        chances.creatives,
        chances.interest,
        chances.attention,
        settings,
        rng,
    )
    names = ["contact_id", "person", "segment_id", "campaign_id", "send_at", "probability"]
    about = pa.Table.from_pandas(
        kept[[*names, "explored"]],
        schema=pa.schema([SCHEMA.field(name) for name in (*names, "explored")]),
        preserve_index=False,
    ).take(rows["message"])
    value = np.round(rows["value"].to_numpy()).astype(np.int64)
    cost = np.where(rows["slot"].to_numpy() == 0, settings.cost_micros, 0)
    made = {
        **dict(zip(rows.column_names, rows.columns, strict=True)),
        **dict(zip(about.column_names, about.columns, strict=True)),
        "expected_value_micros": pa.array(value, pa.int64()),
        "cost_micros": pa.array(cost, pa.int64()),
        "policy": pa.array([POLICY] * len(rows), pa.string()),
    }
    wanted = pa.schema([one for one in SCHEMA if one.name != "plan_id"])
    table = pa.table({name: made[name] for name in wanted.names}, schema=wanted)
    order = pc.sort_indices(
        table, [("send_at", "ascending"), ("contact_id", "ascending"), ("slot", "ascending")]
    )
    return table.take(order).combine_chunks()


def horizon(campaigns: Sequence[Campaign], as_of: date, days: int) -> tuple[Campaign, ...]:
    """The campaigns that begin within so many days of a day."""
    return tuple(one for one in campaigns if as_of <= one.day < as_of + timedelta(days=days))
