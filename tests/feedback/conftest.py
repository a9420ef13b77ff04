"""A shop whose truth is planted: campaigns, mailings and redemptions with known probabilities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handbill.feedback import Settings, run
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace, read_json, write_json, write_parquet

SHOP = ShopProfile(
    name="Corner Shop", currency="USD", timezone="UTC", language="en", as_of=date(2026, 9, 1)
)
START = datetime(2026, 1, 1, tzinfo=UTC)
COST = 500_000
FAST = Settings(resamples=200)
TIME = pa.timestamp("us", "UTC")

EVENT = pa.schema(
    [
        ("event", pa.string()),
        ("person", pa.string()),
        ("occurred_at", TIME),
        ("promotion_id", pa.string()),
        ("is_human", pa.bool_()),
    ]
)
CAMPAIGN = pa.schema(
    [("id", pa.string()), ("kind", pa.string()), ("starts_at", TIME), ("ends_at", TIME)]
)
WALK = pa.schema(
    [
        ("person", pa.string()),
        ("campaign_id", pa.string()),
        ("probability", pa.float64()),
        ("score_rf", pa.float64()),
        ("trained_on", pa.int64()),
        ("trained_pairs", pa.int64()),
    ]
)
PLAN = pa.schema(
    [
        ("plan_id", pa.string()),
        ("contact_id", pa.string()),
        ("person", pa.string()),
        ("campaign_id", pa.string()),
        ("slot", pa.int32()),
        ("probability", pa.float64()),
        ("explored", pa.bool_()),
    ]
)


@dataclass
class Past:
    """What happened, gathered row by row, then written as the tables say."""

    workspace: Workspace
    events: list[Mapping[str, Any]] = field(default_factory=list)
    campaigns: list[Mapping[str, Any]] = field(default_factory=list)
    walk: list[Mapping[str, Any]] = field(default_factory=list)
    plan: list[Mapping[str, Any]] = field(default_factory=list)
    cost: int | None = COST

    def campaign(self, name: str, *, start: int, days: int = 28, kind: str = "A") -> None:
        begins = START + timedelta(days=start)
        ends = begins + timedelta(days=days)
        self.campaigns.append({"id": name, "kind": kind, "starts_at": begins, "ends_at": ends})

    def event(self, name: str, person: str, campaign: str, day: float, human: bool = True) -> None:
        at = START + timedelta(days=day)
        self.events.append(
            {
                "event": name,
                "person": person,
                "occurred_at": at,
                "promotion_id": campaign,
                "is_human": human,
            }
        )

    def score(self, person: str, campaign: str, probability: float, rf: float = 0.0) -> None:
        self.walk.append(
            {
                "person": person,
                "campaign_id": campaign,
                "probability": probability,
                "score_rf": rf,
                "trained_on": 3,
                "trained_pairs": 300,
            }
        )

    def planned(
        self, person: str, campaign: str, probability: float, *, explored: bool = False
    ) -> None:
        for slot in range(2):
            self.plan.append(
                {
                    "plan_id": "plan1",
                    "contact_id": f"c{len(self.plan)}",
                    "person": person,
                    "campaign_id": campaign,
                    "slot": slot,
                    "probability": probability,
                    "explored": explored if slot == 0 else not explored,
                }
            )

    def run(self, settings: Settings = FAST) -> tuple[dict[str, Any], StageResult]:
        shop = self.workspace
        days: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.events:
            days.setdefault(row["occurred_at"].date().isoformat(), []).append(row)
        for day, rows in days.items():
            table = pa.Table.from_pylist(rows, schema=EVENT)
            write_parquet(shop.events / f"date={day}" / "test.parquet", table)
        write_table(shop.catalog / "campaigns.parquet", self.campaigns, CAMPAIGN)
        write_table(shop.tables / "walk_forward.parquet", self.walk, WALK)
        write_table(shop.tables / "plan.parquet", self.plan, PLAN)
        write_json(
            shop.tables / "plan.json", {"plan_id": "plan1", "cost_per_message_micros": self.cost}
        )
        result = run(shop, SHOP, settings, lambda message, fraction=None: None)
        return read_json(shop.tables / "backtest.json"), result


def write_table(path: Any, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    write_parquet(path, pa.Table.from_pylist(list(rows), schema=schema))


@pytest.fixture
def past(workspace: Workspace) -> Past:
    """An empty past; the log holds one event on its last day, 2026-12-31."""
    empty = Past(workspace)
    empty.event("purchase", "p_last", "", 364)
    return empty


@pytest.fixture
def planted(past: Past) -> Past:
    """Four campaigns to 400 people, each redeeming with exactly the probability that was scored."""
    rng = np.random.default_rng(7)
    people = [f"p_{i:03d}" for i in range(400)]
    taste = rng.normal(-2.2, 1.2, len(people))
    for number in range(4):
        name = f"k{number}"
        past.campaign(name, start=30 + 40 * number, kind="AB"[number % 2])
        chances = 1 / (1 + np.exp(-(taste + (number % 2))))
        for person, chance in zip(people, chances, strict=True):
            past.event("view_promotion", person, name, 30 + 40 * number)
            past.score(person, name, float(chance), rf=float(rng.normal()))
            if rng.random() < chance:
                past.event("select_promotion", person, name, 31 + 40 * number)
    return past
