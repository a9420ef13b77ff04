"""A small shop written into a folder, as the events stage would leave it."""

import shutil
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.audience import Settings, run
from handbill.audience.affinity import campaign_affinity
from handbill.audience.features import features_of
from handbill.audience.interests import category_interests, offer_interests
from handbill.audience.tables import Log, open_log
from handbill.engine import connect
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

TIME = pa.timestamp("us", tz="UTC")
EVENT = pa.schema(
    {
        "event_id": pa.string(),
        "event": pa.string(),
        "person": pa.string(),
        "occurred_at": TIME,
        "transaction_id": pa.string(),
        "item_id": pa.string(),
        "quantity": pa.int32(),
        "value_micros": pa.int64(),
        "discount_micros": pa.int64(),
        "coupon_micros": pa.int64(),
        "affiliation": pa.string(),
        "promotion_id": pa.string(),
        "coupon": pa.string(),
        "is_human": pa.bool_(),
        "source": pa.string(),
        "context": pa.string(),
    }
)
PRODUCT = pa.schema(
    {
        "id": pa.string(),
        "title": pa.string(),
        "brand_kind": pa.string(),
        "department": pa.string(),
        "category": pa.string(),
        "category_zh": pa.string(),
    }
)
CAMPAIGN = pa.schema({"id": pa.string(), "kind": pa.string(), "starts_at": TIME, "ends_at": TIME})
OFFER = pa.schema({"id": pa.string(), "campaign_id": pa.string(), "coupon": pa.string()})
OFFER_PRODUCT = pa.schema({"offer_id": pa.string(), "product_id": pa.string()})

PRODUCTS = [
    {
        "id": "milk",
        "title": "Whole milk",
        "department": "Food",
        "category": "Milk",
        "category_zh": "牛奶",
    },
    {"id": "tea", "department": "Food", "category": "Tea", "category_zh": "茶"},
    {
        "id": "own-tea",
        "department": "Food",
        "category": "Tea",
        "category_zh": "茶",
        "brand_kind": "private",
    },
    {"id": "soap", "department": "Care", "category": "Soap", "category_zh": "香皂"},
]


Row = dict[str, Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ibis 12 still calls a function of DuckDB by its old name; that is not ours to mend."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:fetch_arrow_table"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Corner:
    """A corner shop: events are said in words, tables come back as rows by person."""

    def __init__(self, root: Path) -> None:
        self.workspace = Workspace.create(root, "")

    def buys(self, person: str, when: str, item: str, value: float = 1.0, **more: Any) -> Row:
        """One line; lines of one person at one time are one basket."""
        return {
            "event": "purchase",
            "person": person,
            "occurred_at": at(when),
            "transaction_id": f"{person} {when}",
            "item_id": item,
            "quantity": 1,
            "value_micros": round(value * 1e6),
            **more,
        }

    def told(self, person: str, when: str, campaign: str) -> Row:
        return {
            "event": "view_promotion",
            "person": person,
            "occurred_at": at(when),
            "promotion_id": campaign,
        }

    def redeems(self, person: str, when: str, campaign: str, coupon: str) -> Row:
        return {**self.told(person, when, campaign), "event": "select_promotion", "coupon": coupon}

    def campaign(self, name: str, starts: str, ends: str, kind: str = "A") -> Row:
        return {"id": name, "kind": kind, "starts_at": at(starts), "ends_at": at(ends)}

    def write(
        self,
        events: Iterable[Row],
        *,
        products: Iterable[Row] = PRODUCTS,
        campaigns: Iterable[Row] | None = None,
        offers: dict[str, list[str]] | None = None,
    ) -> None:
        """Write log and catalogue; offers are `campaign-coupon` -> products, None is no file."""
        rows = [
            {"is_human": True, "source": "test", **event, "event_id": f"e{number}"}
            for number, event in enumerate(events)
        ]
        shutil.rmtree(self.workspace.events, ignore_errors=True)
        days: dict[date, list[Row]] = {}
        for row in rows:
            days.setdefault(row["occurred_at"].date(), []).append(row)
        for day, some in days.items():
            _write(self.workspace.events / f"date={day}" / "part.parquet", some, EVENT)
        catalog = self.workspace.catalog
        _write(catalog / "products.parquet", products, PRODUCT)
        if campaigns is not None:
            _write(catalog / "campaigns.parquet", campaigns, CAMPAIGN)
        if offers is not None:
            heads = [
                {"id": name, "campaign_id": name.split("-")[0], "coupon": name.split("-")[1]}
                for name in offers
            ]
            items = [
                {"offer_id": name, "product_id": item} for name in offers for item in offers[name]
            ]
            _write(catalog / "offers.parquet", heads, OFFER)
            _write(catalog / "offer_products.parquet", items, OFFER_PRODUCT)

    def profile(self, as_of: str, timezone: str = "UTC") -> ShopProfile:
        return ShopProfile(
            name="Corner",
            currency="EUR",
            timezone=timezone,
            language="en",
            as_of=date.fromisoformat(as_of),
        )

    def log(self, as_of: str, timezone: str = "UTC") -> Log:
        return open_log(connect(threads=1), self.workspace, self.profile(as_of, timezone))

    def features(
        self, as_of: str, *, timezone: str = "UTC", departments: Sequence[str] = ()
    ) -> dict[str, Row]:
        day = date.fromisoformat(as_of)
        table = features_of(self.log(as_of, timezone).lines, day, departments=departments)
        return {row["person"]: row for row in table.to_pyarrow().to_pylist()}

    def affinity(self, as_of: str, campaigns: Sequence[str]) -> dict[tuple[str, str], Row]:
        log = self.log(as_of)
        table = campaign_affinity(log.lines, log.campaigns, campaigns, date.fromisoformat(as_of))
        rows = table.to_pyarrow().to_pylist()
        return {(row["person"], row["campaign_id"]): row for row in rows}

    def interests(self, as_of: str, horizon: int = 28) -> dict[tuple[str, str], Row]:
        table = category_interests(self.log(as_of).lines, date.fromisoformat(as_of), horizon)
        rows = table.to_pyarrow().to_pylist()
        return {(row["person"], row["category"]): row for row in rows}

    def offer_interests(
        self, as_of: str, campaigns: Sequence[str], horizon: int = 28
    ) -> dict[tuple[str, str], Row]:
        log, day = self.log(as_of), date.fromisoformat(as_of)
        table = offer_interests(log.lines, log.campaigns, campaigns, day, horizon)
        rows = table.to_pyarrow().to_pylist()
        return {(row["person"], row["offer_id"]): row for row in rows}

    def run(self, as_of: str, settings: Settings | None = None) -> StageResult:
        def quiet(message: str, fraction: float | None = None) -> None:
            """Progress that nobody watches."""

        return run(
            self.workspace, self.profile(as_of), settings or Settings(recommendations=0), quiet
        )


@pytest.fixture
def corner(tmp_path: Path) -> Corner:
    return Corner(tmp_path / "corner")


def _write(path: Path, rows: Iterable[Row], schema: pa.Schema) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    full = [{name: row.get(name) for name in schema.names} for row in rows]
    pq.write_table(pa.Table.from_pylist(full, schema=schema), path)
