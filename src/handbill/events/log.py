"""The event log: dated Parquet that a reader sees whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from handbill.events.canonical import COLUMNS
from handbill.events.cleaning import EVENT
from handbill.events.compact import carry_collected, log_lock
from handbill.workspace import Workspace

ROW_GROUP = 122_880


def create_events(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the view `events`, with the columns of docs/tables.md.

    An id is a hash of the importer and what makes the row itself, so that importing an export
    twice, or a longer one later, gives the same events the same ids.

    Args:
        connection: With the kept relations.
    """
    connection.execute(f"CREATE VIEW events AS {EVENTS}")


EVENTS = f"""
    SELECT substr(md5(concat_ws('\x1f', origin, 'order', person, order_id, product_id,
            epoch_us(ordered_at), quantity, paid, coalesce(discount, 0),
            coalesce(coupon_discount, 0), coalesce(coupon, ''), coalesce(store, ''),
            coalesce(line_id, ''))), 1, 24) AS event_id,
        if(quantity > 0, 'purchase', 'refund') AS event, person, ordered_at AS occurred_at,
        order_id AS transaction_id, product_id AS item_id, quantity::INTEGER AS quantity,
        paid AS value_micros, coalesce(discount, 0) AS discount_micros,
        coalesce(coupon_discount, 0) AS coupon_micros, store AS affiliation,
        NULL::VARCHAR AS promotion_id, coupon, true AS is_human, origin AS source,
        CASE WHEN measured IS NULL THEN context ELSE json_merge_patch(
            coalesce(context, '{{}}')::JSON, json_object('measured', measured))::VARCHAR
        END AS context
    FROM kept_orders
    UNION ALL
    SELECT substr(md5(concat_ws('\x1f', origin, 'event', coalesce(event_id, {EVENT}))), 1, 24),
        event, person, occurred_at, order_id, product_id, quantity::INTEGER, paid, discount,
        coupon_discount, store, campaign_id, coupon, true, origin, context
    FROM kept_events
    UNION ALL
    SELECT substr(md5(concat_ws('\x1f', origin, 'mailing', person, campaign_id)), 1, 24),
        'view_promotion', person, coalesce(mailed_at, starts_at),
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, campaign_id, NULL, true, origin,
        if(mailed_at IS NULL, '{{"dated_by":"campaign_start"}}', NULL)
    FROM kept_mailings JOIN (SELECT id, starts_at FROM kept_campaigns) ON id = campaign_id
    UNION ALL
    SELECT substr(md5(concat_ws('\x1f', origin, 'redemption', person, campaign_id, coupon,
            epoch_us(redeemed_at))), 1, 24),
        'select_promotion', person, redeemed_at,
        NULL, NULL, NULL, NULL, NULL, NULL, NULL, campaign_id, coupon, true, origin, NULL
    FROM kept_redemptions
"""


def write_dated(connection: duckdb.DuckDBPyConnection, workspace: Workspace) -> None:
    """Write `events` as `date=YYYY-MM-DD/*.parquet` (UTC days), in order of time within a day.

    What the collector wrote beside the import stays; it holds still while the folders change.
    """
    with log_lock(workspace), replacing_folder(workspace.events) as part:
        # One writing thread gives one file per day and keeps the order.
        connection.execute("SET threads = 1")
        connection.execute(
            f"COPY (SELECT *, occurred_at::DATE AS date FROM events "
            f"ORDER BY occurred_at, event_id) TO '{quoted(part)}' "
            "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date), WRITE_PARTITION_COLUMNS false,"
            " FILENAME_PATTERN 'import_{i}')"
        )
        connection.execute("RESET threads")
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
