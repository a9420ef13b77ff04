"""The one door to the event log: whose an event is, and whether a person did it, as known now.

The log is never rewritten. What is learned later lies beside it and meets it here, in one
expression: `log/links.parquet` says whose device it was, `log/robots` who was no person,
`log/repeats` which rows tell of an order that counts already. When a merge is taken back or a flag
lifted, the log reads again exactly as it did before.
"""

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend

from handbill.engine import read_parquet
from handbill.workspace import Workspace

MONEY = ("purchase", "refund")
"""Events that behaviour never flags: the shop was paid, or paid back."""

TIME = pa.timestamp("us", tz="UTC")
LINKS = pa.schema(
    [("device", pa.string()), ("person", pa.string()), ("valid_from", TIME), ("valid_to", TIME)]
)
"""Columns of `log/links.parquet`; `valid_to` is exclusive, spans of one device never overlap."""
ROBOTS = pa.schema(
    [("person", pa.string()), ("first_at", TIME), ("last_at", TIME), ("reason", pa.string())]
)
"""Columns of `log/robots`; both ends are inclusive, spans of one person never overlap."""
REPEATS = pa.schema(
    [("event_id", pa.string()), ("transaction_id", pa.string()), ("event", pa.string()),
     ("said_micros", pa.int64()), ("counts_micros", pa.int64())]
)  # fmt: skip
"""Columns of `log/repeats`: rows of the log that count no more, and the money of the whole order as
they and as those that count have it."""

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
END = datetime(2200, 1, 1, tzinfo=UTC)
"""Bounds of a span without one."""


def links_path(workspace: Workspace) -> Path:
    """Whose device it is: `log/links.parquet`."""
    return workspace.events.parent / "links.parquet"


def robots_path(workspace: Workspace) -> Path:
    """Who was no person: `log/robots/date=YYYY-MM-DD/robots.parquet`."""
    return workspace.events.parent / "robots"


def repeats_path(workspace: Workspace) -> Path:
    """What tells of an order again: `log/repeats/date=YYYY-MM-DD/repeats.parquet`."""
    return workspace.events.parent / "repeats"


def read_log(backend: BaseBackend, workspace: Workspace) -> ibis.Table:
    """The event log with persons merged, robots flagged and each order once; see docs/tables.md.

    Args:
        backend: From `engine`.
        workspace: Whose log.

    Returns:
        A lazy table with the columns and rows of `log/events`, without those that tell of an order
        again; `date` is the folder's.

    Raises:
        SourceError: There is no log.
    """
    events = read_parquet(backend, workspace.events, dated=True)
    repeats = repeats_path(workspace)
    if next(repeats.rglob("*.parquet"), None) is not None:
        events = events.anti_join(read_parquet(backend, repeats).select("event_id"), "event_id")
    robots = robots_path(workspace)
    if next(robots.rglob("*.parquet"), None) is not None:
        events = flag(events, read_parquet(backend, robots).select(ROBOTS.names))
    links = links_path(workspace)
    if links.exists():
        events = merge(events, read_parquet(backend, links))
    return events


def view_log(connection: duckdb.DuckDBPyConnection, workspace: Workspace, name: str) -> None:
    """Make `read_log` a temporary view, for those who ask in DuckDB's SQL.

    Args:
        connection: Its time zone stays as it is.
        workspace: Whose log.
        name: Of the view.

    Raises:
        SourceError: There is no log.
    """
    zone = connection.execute("SELECT current_setting('TimeZone')").fetchall()[0][0]
    backend = Backend.from_connection(connection)  # which sets the zone to UTC
    connection.execute("SET TimeZone = ?", [zone])
    query = backend.compile(read_log(backend, workspace))
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {query}")


def flag(events: ibis.Table, robots: ibis.Table) -> ibis.Table:
    """Say `is_human` false of what a robot did, money aside.

    Args:
        events: With `person`, `event`, `occurred_at` and `is_human`.
        robots: As `ROBOTS`; spans of one person do not overlap.
    """
    spans = robots.select(
        robot="person", robot_first="first_at", robot_last="last_at", robot_reason="reason"
    )
    joined = events.left_join(
        spans,
        [
            events.person == spans.robot,
            events.occurred_at >= spans.robot_first,
            events.occurred_at <= spans.robot_last,
            ~events.event.isin(MONEY),
        ],
    )
    flagged = joined.mutate(is_human=joined.is_human & joined.robot_reason.isnull())
    return flagged.select(events.columns)


def merge(events: ibis.Table, links: ibis.Table) -> ibis.Table:
    """Give a device's events to the person whose it was at that time.

    Args:
        events: With `person` and `occurred_at`.
        links: As `LINKS`; spans of one device do not overlap.
    """
    spans = links.select(
        link_device="device", link_person="person", link_from="valid_from", link_to="valid_to"
    )
    joined = events.left_join(
        spans,
        [
            events.person == spans.link_device,
            events.occurred_at >= spans.link_from,
            events.occurred_at < spans.link_to,
        ],
    )
    return joined.mutate(person=ibis.coalesce(joined.link_person, joined.person)).select(
        events.columns
    )
