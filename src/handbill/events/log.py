"""The event log: what a kept row says there, and dated Parquet that is seen whole or not at all."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handbill.events.canonical import COLUMNS
from handbill.events.compact import carry_collected, log_lock
from handbill.events.keys import Keys, key_rows
from handbill.events.spool import ROWS, Spool
from handbill.workspace import Workspace

ROW_GROUP = 122_880
BATCH = 250_000

NOTHING = "NULL::VARCHAR"
ENTRIES: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "event": "if(quantity > 0, 'purchase', 'refund')",
        "occurred_at": "ordered_at",
        "transaction_id": "order_id",
        "item_id": "product_id",
        "quantity": "quantity::INTEGER",
        "value_micros": "paid",
        "discount_micros": "coalesce(discount, 0)",
        "coupon_micros": "coalesce(coupon_discount, 0)",
        "affiliation": "store",
        "promotion_id": NOTHING,
        "coupon": "coupon",
        "context": "CASE WHEN measured IS NULL THEN context ELSE json_merge_patch("
        "coalesce(context, '{}')::JSON, json_object('measured', measured))::VARCHAR END",
        "line_id": "line_id",
    },
    "events": {
        "event": "event",
        "occurred_at": "occurred_at",
        "transaction_id": "order_id",
        "item_id": "product_id",
        "quantity": "quantity::INTEGER",
        "value_micros": "paid",
        "discount_micros": "discount",
        "coupon_micros": "coupon_discount",
        "affiliation": "store",
        "promotion_id": "campaign_id",
        "coupon": "coupon",
        "context": "context",
        "event_id": "event_id",
    },
    "mailings": {
        "event": "'view_promotion'",
        "occurred_at": "coalesce(mailed_at, starts_at)",
        "promotion_id": "campaign_id",
        "context": 'if(mailed_at IS NULL, \'{"dated_by":"campaign_start"}\', NULL)',
    },
    "redemptions": {
        "event": "'select_promotion'",
        "occurred_at": "redeemed_at",
        "promotion_id": "campaign_id",
        "coupon": "coupon",
    },
}
"""Relation -> column of the log -> expression of the relation's; `person`, `source` and `is_human`
are the same for all. `line_id` and `event_id` are only for the key."""

KEYS: Mapping[str, tuple[str, ...]] = {
    "orders": (
        "person", "transaction_id", "item_id", "occurred_at", "quantity", "value_micros",
        "discount_micros", "coupon_micros", "coupon", "affiliation", "line_id",
    ),
    "events": (
        "person", "event", "occurred_at", "transaction_id", "item_id", "quantity", "value_micros",
        "coupon", "affiliation", "promotion_id",
    ),
    "mailings": ("person", "promotion_id"),
    "redemptions": ("person", "promotion_id", "coupon", "occurred_at"),
}  # fmt: skip
"""Relation -> columns that make a row itself. An event's own id stands for all of them."""


def keys_of(relation: str, origin: str, columns: Mapping[str, pa.Array]) -> Keys:
    """The keys of rows: importing an export twice, or a longer one later, gives the same.

    Args:
        relation: One of `ENTRIES`.
        origin: Importer and its version.
        columns: Those of `KEYS`, text best dictionary-encoded; `event_id` where it was sent.
    """
    kind = f"{origin}/{relation}"
    natural = [columns[name] for name in KEYS[relation]]
    own = columns.get("event_id")
    if own is None or own.null_count == len(own):
        return key_rows(kind, natural)
    given = pc.is_valid(own)
    if own.null_count == 0:
        return key_rows(f"{kind}/id", [own])
    high, low = np.empty(len(own), np.uint64), np.empty(len(own), np.uint32)
    for some, rest, parts in (
        (given, f"{kind}/id", [own]),
        (pc.invert(given), kind, natural),
    ):
        found = key_rows(rest, [part.filter(some) for part in parts])
        rows = some.to_numpy(zero_copy_only=False)
        high[rows], low[rows] = found.high, found.low
    return Keys(high, low)


def spool_kept(
    connection: duckdb.DuckDBPyConnection, spool: Spool, first: int
) -> dict[int, tuple[int, str]]:
    """Set the rows of every `kept_<relation>` aside for the log.

    Args:
        connection: With the kept relations.
        spool: Takes them.
        first: Number of the first part; each imported file and relation is one.

    Returns:
        Part -> imported file (0 is the source) and relation.
    """
    parts: dict[int, tuple[int, str]] = {}
    for relation, entry in ENTRIES.items():
        table = f"kept_{relation}"
        if relation == "mailings":
            table += " JOIN (SELECT id, starts_at FROM kept_campaigns) ON id = campaign_id"
        listed = ", ".join(f"{expression} AS {name}" for name, expression in entry.items())
        files = connection.execute(
            f"SELECT DISTINCT seq, origin FROM kept_{relation} ORDER BY ALL"
        ).fetchall()
        for seq, origin in files:
            part = first + len(parts)
            parts[part] = (seq, relation)
            rows = connection.cursor().sql(
                f"SELECT person, {listed} FROM {table} WHERE seq = {seq} ORDER BY row"
            )
            for number, batch in enumerate(rows.to_arrow_reader(BATCH)):
                columns = {name: batch.column(name) for name in batch.schema.names}
                keys = keys_of(relation, origin, columns)
                spool.add(part, number, entries(columns, origin), keys)
    return parts


def entries(columns: Mapping[str, pa.Array], origin: str) -> pa.Table:
    """Rows of the log: what they have, and nothing where they have nothing.

    Args:
        columns: Of the log, `event`, `person` and `occurred_at` among them.
        origin: Importer and its version.
    """
    count = len(columns["person"])
    there = {**columns, "is_human": pa.repeat(True, count), "source": pa.repeat(origin, count)}
    nothing = {field.name: pa.nulls(count, field.type) for field in ROWS if field.name not in there}
    return pa.table({**there, **nothing}).select(ROWS.names)


def view_sales(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Make the view `sales`: the purchases and refunds of a written log.

    Args:
        connection: Gets it.
        folder: From `Spool.write`; it must stay where it is while the view is read.
    """
    pattern = quoted(folder / "*" / "*.parquet")
    connection.execute(
        f"CREATE VIEW sales AS SELECT * FROM read_parquet('{pattern}') "
        "WHERE event IN ('purchase', 'refund')"
    )


def publish(workspace: Workspace, written: Path) -> None:
    """Put a written log in the place of the old one; what the collector wrote beside it stays.

    Args:
        workspace: Whose log.
        written: Folder with `date=YYYY-MM-DD/import_0.parquet`, on the same disk; gone afterwards.
    """
    with log_lock(workspace), replacing_folder(workspace.events) as part:
        written.rename(part)
        carry_collected(workspace.events, part)


def write_exposures(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Write the placements in the order of the source."""
    columns = ", ".join(COLUMNS["exposures"])
    with replacing_folder(folder) as part:
        part.mkdir()
        copy(connection, f"SELECT {columns} FROM kept_exposures", part / "exposures.parquet")


def copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path) -> None:
    """Write a query's rows to one Parquet file."""
    connection.execute(
        f"COPY ({query}) TO '{quoted(path)}' "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})"
    )


def quoted(path: Path) -> str:
    """A path inside a SQL literal."""
    return str(path).replace("'", "''")


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary path beside `folder`; put it in its place when the block ends well.

    Two renames are not one: a run killed between them leaves the old folder as `.NAME.old`, and
    the next call puts it back first.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    if old.exists() and not folder.exists():
        old.rename(folder)
    for stale in folder.parent.glob(f".{folder.name}.*.part"):
        shutil.rmtree(stale)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        yield part
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)
