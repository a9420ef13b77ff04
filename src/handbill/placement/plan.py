"""Spends a budget on people, offers, times and places in the message, under a frequency cap."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from handbill.errors import PlanError
from handbill.placement import words
from handbill.placement.calibration import Calibration
from handbill.placement.choose import Chosen, Limits, choose
from handbill.placement.messages import EVERYONE, Contact, Creatives, fill_messages, variants
from handbill.placement.pairs import Campaign
from handbill.placement.promise import expected_redemptions
from handbill.placement.schedule import Calendar
from handbill.placement.settings import Settings
from handbill.types import Interval, ShopProfile, Text

POLICY = "placement-1"
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
class Chances:
    """All that could be planned.

    Attributes:
        campaigns: That begin within the horizon, with an approved creative or without.
        offers: Campaign -> ids of its offers.
        creatives: Approved ones by offer and segment.
        pairs: `person`, `campaign_id`, `segment_id`, `score` (log-odds before calibration),
            `probability`, `weekday`, `hour`: one row per person and campaign.
        interest: Score by person and offer.
        attention: What each slot is worth against the lead.
        calibration: Of the probabilities.
        response_model: Version, None for the prior.
    """

    campaigns: tuple[Campaign, ...]
    offers: Mapping[str, Sequence[str]]
    creatives: Creatives
    pairs: pd.DataFrame
    interest: "pd.Series[float]"
    attention: tuple[float, ...]
    calibration: Calibration
    response_model: str | None


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


def make_plan(chances: Chances, shop: ShopProfile, settings: Settings) -> Plan:
    """Make the plan of a day.

    Args:
        chances: What could be planned.
        shop: Its day, zone and currency.
        settings: Budget, caps and assumptions, for which `check` holds.

    Returns:
        The plan; an empty one says why.
    """
    rng = np.random.default_rng(settings.seed)
    pairs = sendable(chances)
    margin = float(settings.margin_micros)
    value = pairs["probability"].to_numpy(dtype=np.float64) * margin
    moment = datetime.combine(shop.as_of, datetime.min.time(), tzinfo=UTC)
    calendar = Calendar(chances.campaigns, moment, shop.timezone)
    ids, weekdays, hours = (pairs[name].tolist() for name in ("campaign_id", "weekday", "hour"))

    def options(pair: int) -> Sequence[date]:
        return calendar.options(ids[pair], weekdays[pair], hours[pair])

    chosen = choose(
        pd.factorize(pairs["person"])[0].astype(np.int64),
        value,
        options,
        Limits(
            messages=settings.budget_micros // settings.cost_micros,
            cost=float(settings.cost_micros),
            cap=settings.frequency_cap,
            exploration=settings.exploration,
        ),
        rng,
    )
    kept = pairs.iloc[chosen.pairs].reset_index(drop=True)
    kept["value"] = value[chosen.pairs]
    kept["propensity"] = chosen.propensity
    kept["explored"] = chosen.explored
    kept["send_at"] = [
        calendar.moment(day, hour) for day, hour in zip(chosen.days, kept["hour"], strict=True)
    ]
    kept["contact_id"] = [
        contact_id(shop.as_of, person, campaign)
        for person, campaign in zip(kept["person"], kept["campaign_id"], strict=True)
    ]
    rows = _rows(kept, chances, settings, rng)
    plan_id = digest(rows, shop, settings, chances.response_model)
    table = _table(rows, plan_id)
    redemptions = expected_redemptions(
        kept["score"].to_numpy(dtype=np.float64),
        pd.factorize(kept["campaign_id"])[0].astype(np.int64),
        chances.calibration,
        rng,
    )
    why = words.why_empty(chances, pairs, settings) if kept.empty else None
    summary = _summary(plan_id, kept, chosen, redemptions, chances, shop, settings, why)
    return Plan(
        id=plan_id,
        table=table,
        summary=summary,
        redemptions=redemptions,
        notes=() if why is None else (why,),
    )


def check(settings: Settings) -> None:
    """Refuse settings that contradict each other.

    Raises:
        PlanError: It names the two.
    """
    if settings.budget_micros == 0:
        return
    if settings.budget_micros < settings.cost_micros:
        raise PlanError(
            f"placement.budget = {settings.budget:g} does not pay for one message at "
            f"placement.cost_per_message = {settings.cost_per_message:g}; raise the one, lower the "
            "other, or set the budget to 0 for no plan"
        )
    if settings.frequency_cap == 0:
        raise PlanError(
            f"placement.frequency_cap = 0 lets no message out, but placement.budget = "
            f"{settings.budget:g} is to be spent; set the cap to 1 or more, or the budget to 0"
        )


def sendable(chances: Chances) -> pd.DataFrame:
    """The pairs whose campaign has an offer with a creative for the person's segment, sorted."""
    served = {
        (campaign.id, segment)
        for campaign in chances.campaigns
        for segment in {EVERYONE, *chances.pairs["segment_id"].unique()}
        if any(
            variants(chances.creatives, offer, segment)
            for offer in chances.offers.get(campaign.id, ())
        )
    }
    keys = zip(chances.pairs["campaign_id"], chances.pairs["segment_id"], strict=True)
    kept = chances.pairs[np.array([key in served for key in keys], dtype=np.bool_)]
    return kept.sort_values(["person", "campaign_id"], ignore_index=True)


def contact_id(as_of: date, person: str, campaign: str) -> str:
    """A message's id: the same person and campaign on the same plan's day are the same message."""
    content = f"{as_of}\x1f{person}\x1f{campaign}".encode()
    return "c_" + hashlib.sha256(content).hexdigest()[:24]


def digest(
    rows: pd.DataFrame, shop: ShopProfile, settings: Settings, response_model: str | None
) -> str:
    """The plan's id: a hash of all it says and of what it was made under."""
    made_under = [str(shop.as_of), asdict(settings), response_model, POLICY]
    content = json.dumps(made_under, sort_keys=True) + rows.to_json(
        orient="records", date_format="iso", date_unit="us", double_precision=12
    )
    return "plan_" + hashlib.sha256(content.encode()).hexdigest()[:24]


def _rows(
    kept: pd.DataFrame, chances: Chances, settings: Settings, rng: np.random.Generator
) -> pd.DataFrame:
    """One row per filled slot, in the order in which messages go out."""
    fields = ("contact_id", "person", "segment_id", "campaign_id", "propensity", "value")
    contacts = [
        Contact(id=id_, person=person, segment_id=segment, campaign_id=campaign,
                propensity=propensity, value=value)
        for id_, person, segment, campaign, propensity, value in zip(
            *(kept[name].tolist() for name in fields), strict=True
        )
    ]  # fmt: skip
    rows = fill_messages(
        contacts,
        chances.offers,
        chances.creatives,
        chances.interest,
        chances.attention,
        settings,
        rng,
    )
    about = kept[
        ["contact_id", "person", "segment_id", "campaign_id", "send_at", "probability", "explored"]
    ]
    rows = rows.astype({"contact_id": about["contact_id"].dtype})  # an empty one is untyped
    rows = rows.merge(about, on="contact_id", how="left", validate="m:1")
    rows["expected_value_micros"] = rows["value"].round().astype("int64")
    rows["cost_micros"] = np.where(rows["slot"] == 0, settings.cost_micros, 0)
    rows["policy"] = POLICY
    return rows.sort_values(["send_at", "contact_id", "slot"], ignore_index=True).drop(
        columns="value"
    )


def _table(rows: pd.DataFrame, plan_id: str) -> pa.Table:
    if rows.empty:
        return SCHEMA.empty_table()
    return pa.Table.from_pandas(
        rows.assign(plan_id=plan_id)[SCHEMA.names], schema=SCHEMA, preserve_index=False
    )


def _summary(
    plan_id: str,
    kept: pd.DataFrame,
    chosen: Chosen,
    redemptions: Interval,
    chances: Chances,
    shop: ShopProfile,
    settings: Settings,
    why: Text | None,
) -> dict[str, Any]:
    margin = settings.margin_micros
    messages = len(kept)
    return {
        "plan_id": plan_id,
        "as_of": str(shop.as_of),
        "policy": POLICY,
        "response_model": chances.response_model,
        "currency": shop.currency,
        "why": None if why is None else asdict(why),
        "budget_micros": settings.budget_micros,
        "cost_per_message_micros": settings.cost_micros,
        "spend_micros": messages * settings.cost_micros,
        "frequency_cap": settings.frequency_cap,
        "horizon_days": settings.horizon_days,
        "messages": messages,
        "people": int(kept["person"].nunique()),
        "explored": int(chosen.explored.sum()),
        "expected": {
            "redemptions": asdict(redemptions),
            "value_micros": {
                "estimate": round(redemptions.estimate * margin),
                "low": round(redemptions.low * margin),
                "high": round(redemptions.high * margin),
                "level": redemptions.level,
            },
        },
        "binds": [asdict(text) for text in words.what_binds(chosen, chances, messages, settings)],
        "budget_price": round(chosen.next_value / settings.cost_micros, 4),
        "campaigns": _counts(kept, "campaign_id", settings),
        "segments": _counts(kept, "segment_id", settings),
        "assumptions": [
            asdict(text) for text in words.assumptions(chances.attention, shop, settings)
        ],
    }


def _counts(kept: pd.DataFrame, key: str, settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "id": str(name),
            "people": int(some["person"].nunique()),
            "messages": len(some),
            "expected": round(float(some["probability"].sum()), 3),
            "spend_micros": len(some) * settings.cost_micros,
        }
        for name, some in kept.groupby(key, sort=True)
    ]


def horizon(campaigns: Sequence[Campaign], as_of: date, days: int) -> tuple[Campaign, ...]:
    """The campaigns that begin within so many days of a day."""
    return tuple(one for one in campaigns if as_of <= one.day < as_of + timedelta(days=days))
