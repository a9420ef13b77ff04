"""The workspace's tables as this stage reads and writes them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import ibis
import pyarrow as pa
from ibis import Table
from ibis.backends.duckdb import Backend

from handbill.audience.affinity import CampaignTables, campaign_items
from handbill.audience.lines import enrich
from handbill.engine import Engine, collect, keep, read_parquet
from handbill.trust.reading import read_log
from handbill.types import ShopProfile
from handbill.workspace import Workspace

CAMPAIGNS = {
    "id": "string",
    "kind": "string",
    "starts_at": "timestamp('UTC', 6)",
    "ends_at": "timestamp('UTC', 6)",
}
OFFERS = {"id": "string", "campaign_id": "string", "coupon": "string"}
OFFER_PRODUCTS = {"offer_id": "string", "product_id": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """The log, prepared once and read for many days.

    Attributes:
        engine: Where the tables live.
        lines: From `lines.enrich`, in memory.
        campaigns: The shop's campaigns and what they offer.
        starts: First day (UTC) of each campaign, by id, in the order of time.
        chinese: Chinese name of a category, where the catalogue has one.
    """

    engine: Engine
    lines: Table
    campaigns: CampaignTables
    starts: dict[str, date]
    chinese: dict[str, str]

    def beginning(self, first: date, days: int) -> list[str]:
        """Campaigns that begin on a day or within so many days of it."""
        last = first + timedelta(days=days)
        return [one for one, start in self.starts.items() if first <= start < last]


def open_log(backend: Engine, workspace: Workspace, shop: ShopProfile) -> Log:
    """Read what the stage needs of the log and the catalogue into memory.

    Args:
        backend: From `engine.open_engine`.
        workspace: A workspace that `events` has filled; campaigns and offers may be missing.
        shop: Its clock's zone is used.

    Raises:
        SourceError: There is no log or no catalogue of products.
    """
    events = read_log(backend, workspace)
    products = read_parquet(backend, workspace.catalog / "products.parquet")
    campaigns = _optional(backend, products, workspace.catalog / "campaigns.parquet", CAMPAIGNS)
    offers = _optional(backend, products, workspace.catalog / "offers.parquet", OFFERS)
    items = _optional(
        backend, products, workspace.catalog / "offer_products.parquet", OFFER_PRODUCTS
    )
    lines = keep(backend, "audience_lines", enrich(events, products, shop.timezone))
    offered = keep(backend, "audience_items", campaign_items(offers, items, products))
    if isinstance(backend, Backend):
        lines, offered = _encoded(backend)
    begun = campaigns.select("id", "starts_at").order_by(["starts_at", "id"])
    rows = collect(backend, begun.cast({"starts_at": "timestamp('UTC', 6)"}))
    names: dict[str, str] = {}
    if "category_zh" in products.columns:
        known = products.filter(products.category_zh.notnull() & products.category.notnull())
        named = known.group_by("category").aggregate(zh=known.category_zh.min())
        pairs = collect(backend, named)
        names = {row["category"]: row["zh"] for row in pairs.to_pylist()}
    return Log(
        engine=backend,
        lines=lines,
        campaigns=CampaignTables(campaigns=campaigns, items=offered),
        starts={row["id"]: row["starts_at"].date() for row in rows.to_pylist()},
        chinese=names,
    )


def _optional(backend: Engine, like: Table, path: Path, columns: dict[str, str]) -> Table:
    """A table that a shop without campaigns does not have: empty then, drawn from any other."""
    if path.exists():
        return read_parquet(backend, path)
    nothing = {name: ibis.null(kind) for name, kind in columns.items()}
    return like.filter(ibis.literal(False)).select(**nothing)


def _encoded(backend: Backend) -> tuple[Table, Table]:
    """The same lines and items with texts that repeat as numbers, which group twice as fast.

    DuckDB reads an enumeration as the text it stands for; of baskets only equality matters.
    """
    texts = {
        "person": "SELECT person FROM audience_lines",
        "event": "SELECT event FROM audience_lines",
        "department": "SELECT department FROM audience_lines",
        "category": "SELECT category FROM audience_lines UNION SELECT category FROM audience_items",
        "item_id": "SELECT item_id FROM audience_lines UNION SELECT product_id FROM audience_items",
    }
    for name, source in texts.items():
        values = f"SELECT v FROM ({source}) t(v) WHERE v IS NOT NULL GROUP BY v ORDER BY v"
        backend.raw_sql(f"CREATE TYPE {name}_text AS ENUM ({values})")
    casts = ", ".join(f"{name}::{name}_text AS {name}" for name in texts)
    backend.raw_sql(
        f"CREATE TABLE audience_codes AS SELECT * REPLACE ({casts}, "
        "(hash(basket) >> 1)::BIGINT AS basket) FROM audience_lines"
    )
    backend.raw_sql(
        "CREATE TABLE audience_offered AS SELECT * REPLACE "
        "(product_id::item_id_text AS product_id, category::category_text AS category) "
        "FROM audience_items"
    )
    backend.raw_sql("DROP TABLE audience_lines; DROP TABLE audience_items")
    return backend.table("audience_codes"), backend.table("audience_offered")


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it takes that place when the block ends well.

    What stood there before, days that are no longer wanted included, goes only then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        if path.exists():
            path.rename(old)
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def typed(table: pa.Table, types: dict[str, pa.DataType]) -> pa.Table:
    """The columns of a contract, in its order and types, rows sorted by the leading ones."""
    chosen = table.select(list(types)).cast(pa.schema(list(types.items())))
    keys = [name for name, kind in types.items() if pa.types.is_string(kind)]
    return chosen.sort_by([(name, "ascending") for name in keys])
