"""A small shop whose plan is ready to be delivered: real files, real state, real approvals."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import insert

from handbill import state
from handbill.delivery import Settings, run
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult, creative_digest
from handbill.workspace import Workspace, write_json, write_parquet

SHOP = ShopProfile(
    name="Corner Shop",
    currency="USD",
    timezone="Asia/Shanghai",
    language="en",
    as_of=date(2026, 11, 1),
)
SEND_AT = datetime(2026, 11, 3, 22, 30, tzinfo=UTC)
COST = 500_000

ADS: tuple[Mapping[str, Any], ...] = (
    {
        "id": "cr_pizza",
        "language": "en",
        "headline": "{category} for Friday",
        "body": "Your coupon covers {category} until {offer_ends} & works on <any> size.",
        "call_to_action": "Bring the coupon",
        "slots": {"category": "frozen pizza", "offer_ends": "24 December"},
    },
    {
        "id": "cr_soup",
        "language": "en",
        "headline": "A pot of {category}",
        "body": "The coupon for {category} waits.",
        "call_to_action": "Use it",
        "slots": {"category": "soup"},
    },
    {
        "id": "cr_zh",
        "language": "zh",
        "headline": "{category}优惠券到了，周五晚餐不用愁，一家人围坐在一起慢慢吃",
        "body": "凭券购买{category}，{offer_ends}前有效。",
        "call_to_action": "带上优惠券",
        "slots": {"category": "冷冻披萨", "offer_ends": "12月24日"},
    },
)

PLAN_SCHEMA = pa.schema(
    [
        ("plan_id", pa.string()),
        ("contact_id", pa.string()),
        ("person", pa.string()),
        ("segment_id", pa.string()),
        ("campaign_id", pa.string()),
        ("offer_id", pa.string()),
        ("creative_id", pa.string()),
        ("slot", pa.int32()),
        ("send_at", pa.timestamp("us", "UTC")),
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


def creative_row(ad: Mapping[str, Any]) -> dict[str, Any]:
    texts = (ad["headline"], ad["body"], ad["call_to_action"])
    return {
        **ad,
        "digest": creative_digest(*texts, ad["slots"]),
        "segment_id": "all",
        "offer_id": "18-1",
        "channel": "email",
        "slots": json.dumps({k: {"value": v, "source": "x"} for k, v in ad["slots"].items()}),
        "origin": "model",
        "status": "approved",
        "findings": "[]",
        "model": "tiny",
        "adapter": "a1",
        "prompt": "p1",
    }


def contact(
    number: int, creatives: tuple[str, ...], plan_id: str = "plan1"
) -> list[dict[str, Any]]:
    return [
        {
            "plan_id": plan_id,
            "contact_id": f"c{number}",
            "person": f"p_{number:026d}",
            "segment_id": "s1",
            "campaign_id": "18",
            "offer_id": f"18-{slot}",
            "creative_id": creative,
            "slot": slot,
            "send_at": SEND_AT + timedelta(days=number % 3),
            "probability": 0.1,
            "expected_value_micros": 1_000_000,
            "cost_micros": COST if slot == 0 else 0,
            "candidates": [creative, "other"],
            "propensities": [0.9, 0.1],
            "propensity": 0.9,
            "policy": "test-1",
            "explored": False,
        }
        for slot, creative in enumerate(creatives)
    ]


@dataclass(frozen=True)
class Delivery:
    """A workspace to deliver from, and the calls a test makes on it."""

    workspace: Workspace

    def creatives(self, rows: list[dict[str, Any]]) -> None:
        write_parquet(self.workspace.tables / "creatives.parquet", pa.Table.from_pylist(rows))

    def plan(self, rows: list[dict[str, Any]], *, budget: int, plan_id: str = "plan1") -> None:
        table = pa.Table.from_pylist(rows, schema=PLAN_SCHEMA)
        write_parquet(self.workspace.tables / "plan.parquet", table)
        write_json(
            self.workspace.tables / "plan.json",
            {
                "plan_id": plan_id,
                "budget_micros": budget,
                "cost_per_message_micros": COST,
                "response_model": "r1",
            },
        )

    def decide(self, creative: str, digest: str, decision: str, minute: int = 0) -> None:
        engine = state.open_state(self.workspace.state_url)
        with engine.begin() as connection:
            connection.execute(
                insert(state.approvals).values(
                    id=f"{creative}-{decision}-{minute}",
                    creative_id=creative,
                    digest=digest,
                    decision=decision,
                    decided_by="policy:checks",
                    reason="",
                    decided_at=datetime(2026, 11, 1, 9, minute, tzinfo=UTC),
                )
            )
        engine.dispose()

    def shelve(self, ads: tuple[Mapping[str, Any], ...]) -> None:
        rows = [creative_row(ad) for ad in ads]
        self.creatives(rows)
        engine = state.open_state(self.workspace.state_url)
        with engine.begin() as connection:
            for row in rows:
                known = {c.name for c in state.creatives.columns} & set(row)
                connection.execute(
                    insert(state.creatives).values(
                        {name: row[name] for name in known}
                        | {"brief_id": "b", "brief": {}, "created_at": SEND_AT}
                    )
                )
        engine.dispose()
        for row in rows:
            self.decide(row["id"], row["digest"], "approved")

    def run(
        self, settings: Settings | None = None, progress: Progress | None = None
    ) -> StageResult:
        quiet: Callable[..., None] = lambda message, fraction=None: None  # noqa: E731
        settings = settings or Settings(consent_basis="replay")
        return run(self.workspace, SHOP, settings, progress or quiet)

    def ledger(self) -> list[dict[str, Any]]:
        files = sorted(self.workspace.decisions.rglob("*.parquet"))
        return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]

    def letters(self, plan_id: str = "plan1") -> list[Path]:
        return sorted((self.workspace.outbox / plan_id).rglob("*.eml"))


@pytest.fixture
def delivery(workspace: Workspace) -> Delivery:
    ready = Delivery(workspace)
    ready.shelve(ADS)
    ready.plan(
        [
            *contact(0, ("cr_pizza", "cr_soup")),
            *contact(1, ("cr_zh", "cr_pizza", "cr_soup")),
            *contact(2, ("cr_soup",)),
        ],
        budget=3 * COST,
    )
    return ready
