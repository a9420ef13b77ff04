"""Orders that the collector told of and another door, too: each counts once.

What an export or an imported file says of a sale is believed before what the collector took in,
and the collector before what only watches pages (`COLLECTOR_RANK`). The log keeps what came; the
collector's rows that count no more are listed beside it, by day, and `trust.reading.read_log`
leaves them out. When the export is taken back out, the list is shorter at the next run.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from handbill.engine import connect
from handbill.events.compact import PREFIX
from handbill.events.texts import SALES
from handbill.trust.reading import REPEATS, repeats_path
from handbill.types import MICROS
from handbill.workspace import Workspace, write_parquet

COLLECTOR_RANK = 30
"""How far the collector is believed among imported files: as far as Handbill's own events there."""
MEMORY_GB = 1.5
SENT = 24
"""Characters of an event's id; its further rows have a number behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """An order that came with another total than the one that counts.

    Attributes:
        transaction_id: Order.
        event: `purchase` or `refund`.
        said_micros: What the collector's event sums to.
        counts_micros: What the order counts as.
    """

    transaction_id: str
    event: str
    said_micros: int
    counts_micros: int

    @property
    def said(self) -> str:
        """What the collector's event sums to, for people.

        Example:
            >>> Differing(transaction_id="T-1", event="purchase", said_micros=19_900_000,
            ...           counts_micros=0).said
            '19.90'
        """
        return f"{self.said_micros / MICROS:.2f}"

    @property
    def counts(self) -> str:
        """What the order counts as, for people."""
        return f"{self.counts_micros / MICROS:.2f}"


def create_collected(connection: duckdb.DuckDBPyConnection, workspace: Workspace) -> None:
    """Make `collected` (order_id, event, person): sales that the collector took in.

    Args:
        connection: Gets the table.
        workspace: Whose log.
    """
    connection.execute("CREATE TABLE collected (order_id VARCHAR, event VARCHAR, person VARCHAR)")
    if _create_sales(connection, "told", _files(workspace, collected=True)):
        connection.execute(
            "INSERT INTO collected SELECT transaction_id, event, min(person) FROM told GROUP BY ALL"
        )


def write_repeats(workspace: Workspace) -> int:
    """Say anew which of the collector's rows tell of a sale that counts already.

    Args:
        workspace: Its log is read: of the collector's files all, of the others the sales that
            those name.

    Returns:
        The collector's events that count no more.
    """
    backend = connect(memory_gb=MEMORY_GB)
    try:
        rows = _repeats(backend.con, workspace)
    finally:
        backend.disconnect()
    root = repeats_path(workspace)
    by_day = {
        f"date={day}": rows.filter(pa.compute.equal(rows["date"], day)).select(REPEATS.names)
        for day in rows["date"].unique().to_pylist()
    }
    for stale in root.glob("date=*"):
        if stale.name not in by_day:
            shutil.rmtree(stale)
    for name, table in by_day.items():
        path = root / name / "repeats.parquet"
        if not (path.exists() and pq.read_table(path).equals(table)):
            write_parquet(path, table)
    return len(rows["sent"].unique())


def count_repeats(workspace: Workspace) -> int:
    """The collector's events that count no more, as `write_repeats` left them."""
    return len({one[:SENT] for one in _listed(workspace)["event_id"].to_pylist()})


def differing(workspace: Workspace) -> list[Differing]:
    """The collector's sales whose total is not what the order counts as, by order."""
    rows = _listed(workspace).select(["transaction_id", "event", "said_micros", "counts_micros"])
    apart = rows.filter(pa.compute.not_equal(rows["said_micros"], rows["counts_micros"]))
    found = {Differing(**row) for row in apart.to_pylist()}
    return sorted(found, key=lambda one: (one.transaction_id, one.event, one.said_micros))


def _listed(workspace: Workspace) -> pa.Table:
    paths = sorted(repeats_path(workspace).glob("date=*/repeats.parquet"))
    tables = [pq.ParquetFile(path).read() for path in paths]
    return pa.concat_tables([REPEATS.empty_table(), *tables])


def _repeats(connection: duckdb.DuckDBPyConnection, workspace: Workspace) -> pa.Table:
    """The rows of `REPEATS`, with their `date` and the event that they are of as `sent`."""
    schema = pa.schema([("date", pa.string()), ("sent", pa.string()), *REPEATS])
    if not _create_sales(connection, "told", _files(workspace, collected=True)):
        return schema.empty_table()
    if not _create_sales(connection, "books", _files(workspace, collected=False), "told"):
        connection.execute("CREATE OR REPLACE TABLE books AS FROM told LIMIT 0")
    # A page that is loaded again reports its purchase again: the first one counts. Of refunds each
    # is believed, since an order may be brought back in parts; their sums are compared.
    return (
        connection.sql(
            """WITH events AS (
                SELECT sent, transaction_id, event, min(occurred_at) AS moment,
                    coalesce(sum(value_micros), 0)::BIGINT AS money
                FROM told GROUP BY ALL
            ), orders AS (
                SELECT transaction_id, event, sum(money) AS refunded,
                    arg_min(sent, (moment, sent)) AS first_sent,
                    arg_min(money, (moment, sent)) AS first_money
                FROM events GROUP BY ALL
            ), counting AS (
                SELECT transaction_id, event, coalesce(sum(value_micros), 0) AS paid
                FROM books GROUP BY ALL
            )
            SELECT date, sent, event_id, transaction_id, event,
                if(event = 'refund', refunded, money) AS said_micros,
                coalesce(paid, first_money) AS counts_micros
            FROM told JOIN events USING (sent, transaction_id, event)
            JOIN orders USING (transaction_id, event)
            LEFT JOIN counting USING (transaction_id, event)
            WHERE paid IS NOT NULL OR (event = 'purchase' AND sent <> first_sent) ORDER BY ALL"""
        )
        .to_arrow_table()
        .cast(schema)
    )


def _create_sales(
    connection: duckdb.DuckDBPyConnection, name: str, paths: Sequence[str], those_of: str = ""
) -> bool:
    """Make a table of the sales in some files of the log that name an order, if there are any.

    Args:
        connection: Gets it.
        name: Of the table.
        paths: The files.
        those_of: A table whose orders are the only ones wanted; empty for all.
    """
    if not paths:
        return False
    connection.from_parquet(list(paths)).create_view(f"{name}_files")
    wanted = f"AND transaction_id IN (SELECT transaction_id FROM {those_of})" if those_of else ""
    connection.execute(
        f"""CREATE TABLE {name} AS
        SELECT event_id, left(event_id, {SENT}) AS sent, event, person, occurred_at,
            occurred_at::DATE::VARCHAR AS date, transaction_id, value_micros
        FROM {name}_files WHERE event IN {SALES} AND transaction_id IS NOT NULL {wanted}"""
    )
    return bool(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall())


def _files(workspace: Workspace, *, collected: bool) -> list[str]:
    """The collector's files of the log, or all others."""
    found: list[Path] = sorted(workspace.events.glob("date=*/*.parquet"))
    return [str(path) for path in found if path.name.startswith(PREFIX) is collected]
