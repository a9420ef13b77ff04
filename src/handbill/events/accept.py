"""From what the source has to what the log may say: every relation judged, orders believed once.

Large relations of the source are streamed past memory; the rest, and what was imported file by
file, is judged in the database. Both know of each other's orders, so that each counts once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from handbill.events.canonical import Loaded, Stream
from handbill.events.cleaning import FIRST, REST, Receipt, judge
from handbill.events.combined import combine, origin_of
from handbill.events.imported import imported_files
from handbill.events.log import spool_kept
from handbill.events.repeats import create_collected
from handbill.events.spool import Spool
from handbill.events.stream import Streamed, read_stream
from handbill.events.texts import SALES
from handbill.trust.identity import open_key
from handbill.workspace import Workspace

SOURCE = 0
"""Stands for the source where an imported file has its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What became of every row, but for repetitions among streamed ones: the spool finds those.

    Attributes:
        receipts: By imported file (0 is the source) and relation.
        parts: The spool's part -> imported file and relation.
    """

    receipts: Mapping[tuple[int, str], Receipt]
    parts: Mapping[int, tuple[int, str]]

    def less(self, repeated: Mapping[int, int]) -> dict[tuple[int, str], Receipt]:
        """The receipts when repetitions are known, too.

        Args:
            repeated: The spool's part -> repetitions.
        """
        receipts = dict(self.receipts)
        for part, count in repeated.items():
            where = self.parts[part]
            one = receipts[where]
            one = replace(one, kept=one.kept - count, duplicate=one.duplicate + count)
            receipts[where] = one.check(where[1])
        return receipts


def accept(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    source: str,
    loaded: Loaded,
    limits: Mapping[str, str],
    spool: Spool,
) -> Accepted:
    """Judge every row and set aside what is kept.

    Args:
        connection: With the source's `raw_<relation>` and `identities`; gets `kept_<relation>` and
            `refused_<relation>`, the former without the rows of streams, and `streamed_products`.
        workspace: Its imported files and its identity key.
        source: The source's importer and version.
        loaded: What the source has.
        limits: What is impossible.
        spool: Takes the rows of the log.
    """
    connection.execute(
        "CREATE TABLE heads (relation VARCHAR, order_id VARCHAR, event VARCHAR, person VARCHAR)"
    )
    create_collected(connection, workspace)
    connection.execute("CREATE TABLE streamed_products (product_id VARCHAR, title VARCHAR)")
    streams = {one.relation: one for one in loaded.streams}
    key = open_key(workspace.keys)
    several = bool(imported_files(workspace))
    receipts: dict[tuple[int, str], Receipt] = {}
    parts: dict[int, tuple[int, str]] = {}

    def read(stream: Stream, taken: Mapping[str, pa.Array], heads: bool) -> Streamed:
        part = len(parts)
        parts[part] = (SOURCE, stream.relation)
        origin = origin_of(source, stream.relation)
        done = read_stream(
            connection, stream, spool, part,
            origin=origin, limits=limits, key=key, taken=taken, heads=heads,
        )  # fmt: skip
        receipts[SOURCE, stream.relation] = _receipt(done)
        _remember(connection, done)
        return done

    orders = events = None
    if "orders" in streams:
        orders = read(streams["orders"], {}, several or "events" in streams)
    combine(connection, workspace, source)
    receipts |= judge(connection, limits, loaded, FIRST)
    if "events" in streams:
        events = read(streams["events"], _taken(connection), several)
    receipts |= judge(connection, limits, loaded, REST)
    for done in filter(None, (orders, events)):
        _quarantine(connection, done)
    parts |= spool_kept(connection, spool, len(parts))
    return Accepted(receipts=receipts, parts=parts)


def _receipt(done: Streamed) -> Receipt:
    counts = done.refused.group_by("reason").aggregate([("reason", "count")]).to_pylist()
    reasons = {one["reason"]: one["reason_count"] for one in counts}
    return Receipt(
        received=done.received,
        kept=done.received - done.refused.num_rows - done.superseded,
        duplicate=done.superseded,
        quarantined=done.refused.num_rows,
        reasons=dict(sorted(reasons.items(), key=lambda one: (-one[1], one[0]))),
    )


def _remember(connection: duckdb.DuckDBPyConnection, done: Streamed) -> None:
    """Put down what others are held against: which orders and which products there were."""
    for table, rows, columns in (
        ("heads", done.heads, f"'{done.relation}', order_id, event, min(person)"),
        ("streamed_products", done.products, "product_id, min(title)"),
    ):
        connection.register("streamed", rows)
        connection.execute(f"INSERT INTO {table} SELECT {columns} FROM streamed GROUP BY ALL")
        connection.unregister("streamed")


def _quarantine(connection: duckdb.DuckDBPyConnection, done: Streamed) -> None:
    connection.register("streamed", done.refused)
    connection.execute(
        f"INSERT INTO refused_{done.relation} SELECT {SOURCE}, row, reason, raw FROM streamed"
    )
    connection.unregister("streamed")


def _taken(connection: duckdb.DuckDBPyConnection) -> dict[str, pa.Array]:
    """Orders that order exports tell of: what a visitor's program says of them counts no more."""
    orders = connection.sql(
        """SELECT order_id, event FROM heads UNION
        SELECT order_id, if(quantity > 0, 'purchase', 'refund') FROM kept_orders"""
    ).to_arrow_table()
    return {
        event: orders.filter(pc.equal(orders["event"], event))["order_id"].combine_chunks()
        for event in SALES
    }
