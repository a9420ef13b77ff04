"""What a plan promises, what binds it and what it changes: `tables/plan.json`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from handbill.placement.arrays import Floats
from handbill.placement.planning import words
from handbill.placement.planning.chances import Chances
from handbill.placement.planning.changes import Earlier, changes
from handbill.placement.planning.choose import Chosen
from handbill.placement.settings import Settings
from handbill.types import Interval, ShopProfile, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan before it is put in words.

    Attributes:
        id: Of the plan.
        policy: Version of the rule that chose.
        kept: One row per message.
        chosen: The choice.
        redemptions: Expected.
    """

    id: str
    policy: str
    kept: pd.DataFrame
    chosen: Chosen
    redemptions: Interval


def summarise(
    made: Made,
    chances: "Chances",
    shop: ShopProfile,
    settings: Settings,
    first: date,
    earlier: Sequence[Earlier],
    why: Text | None,
) -> dict[str, Any]:
    """The plan as `docs/tables.md` says.

    Args:
        made: The plan.
        chances: What it chose from.
        shop: Its day and currency.
        settings: It was made under.
        first: Day from which the plan's days are counted.
        earlier: Plans made before, the newest first.
        why: It is empty.
    """
    messages = len(made.kept)
    promised = {
        "redemptions": asdict(made.redemptions),
        "messages": messages,
        "spend_micros": messages * settings.cost_micros,
    }
    binds = words.what_binds(made.chosen, chances, messages, settings)
    return {
        "plan_id": made.id,
        "as_of": str(shop.as_of),
        "policy": made.policy,
        "response_model": chances.response_model,
        "currency": shop.currency,
        "why": None if why is None else asdict(why),
        "budget_micros": settings.budget_micros,
        "cost_per_message_micros": settings.cost_micros,
        "spend_micros": messages * settings.cost_micros,
        "frequency_cap": settings.frequency_cap,
        "horizon_days": settings.horizon_days,
        "messages": messages,
        "people": int(made.kept["person"].nunique()),
        "explored": int(made.chosen.explored.sum()),
        "expected": {
            "redemptions": asdict(made.redemptions),
            "value_micros": _valued(made.redemptions, settings.margin_micros),
        },
        "binds": [asdict(text) for text in binds],
        "budget_price": round(made.chosen.next_value / settings.cost_micros, 4),
        "prices": _prices(made.chosen, chances, settings, first),
        "changes": changes(made.id, promised, settings, earlier),
        "campaigns": _counts(made.kept, "campaign_id", settings),
        "segments": _counts(made.kept, "segment_id", settings),
        "assumptions": [
            asdict(text) for text in words.assumptions(chances.attention, shop, settings)
        ],
    }


def _valued(redemptions: Interval, margin: int) -> dict[str, Any]:
    return {
        "estimate": round(redemptions.estimate * margin),
        "low": round(redemptions.low * margin),
        "high": round(redemptions.high * margin),
        "level": redemptions.level,
    }


def _prices(
    chosen: Chosen, chances: "Chances", settings: Settings, first: date
) -> list[dict[str, Any]]:
    """What one more unit of each bound that binds would earn beyond its cost."""
    found = []
    if chosen.next_value > 0:
        found.append(_price("budget", None, "message", chosen.next_value - settings.cost_micros))
    if chosen.prices is not None:
        days = [str(first + timedelta(days=one)) for one in range(len(chosen.prices.day))]
        segments = sorted(chances.people["segment_id"].unique())
        campaigns = [one.id for one in chances.campaigns]
        bounds: tuple[tuple[str, Sequence[str], str, Floats], ...] = (
            ("daily_budget", days, "message", chosen.prices.day),
            ("stock", campaigns, "redemption", chosen.prices.stock),
            ("fairness", segments, "message", chosen.prices.segment),
        )
        for bound, names, unit, prices in bounds:
            found += [
                _price(bound, names[place], unit, float(prices[place]))
                for place in np.flatnonzero(prices > 0.5).tolist()
            ]
    return found


def _price(bound: str, of: str | None, unit: str, price: float) -> dict[str, Any]:
    return {"bound": bound, "of": of, "unit": unit, "price_micros": round(price)}


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
