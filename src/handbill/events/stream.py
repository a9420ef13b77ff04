"""A large relation of the source, a batch at a time: parsed, judged and set aside for the log.

A column is parsed once for each of a batch's distinct values, rows are judged by the rules that
hold for everyone (`cleaning`), and what is kept goes to the spool. Memory holds a few batches.
"""

import os
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handbill.events.canonical import IDENTIFIERS, Stream
from handbill.events.cleaning import quarantined, reason_of
from handbill.events.log import ENTRIES, entries, keys_of
from handbill.events.spool import Spool
from handbill.events.texts import PEOPLE, SALES
from handbill.trust.identity import pseudonym

TEXT = pa.string()
REFUSED = pa.schema([("row", pa.int64()), ("reason", TEXT), ("raw", TEXT)])
WITH_DEVICE = (
    "if(customer IS NULL OR device IS NULL, context, json_merge_patch("
    "coalesce(context, '{}')::JSON, json_object('device', device))::VARCHAR) AS context"
)
"""Where both are known, the device is the customer's."""
HEADS = pa.schema([("order_id", TEXT), ("event", TEXT), ("person", TEXT)])
"""An order that the source tells of: which, whether sold or brought back, and whose."""
PRODUCTS = pa.schema([("product_id", TEXT), ("title", TEXT)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of one batch.

    Attributes:
        received: Rows.
        refused: `row`, `reason` and `raw` of those that are not kept.
        superseded: Rows of sales that a better source tells of.
        heads: As `HEADS`, of each order.
        products: As `PRODUCTS`, what was sold.
    """

    received: int
    superseded: int
    refused: pa.Table
    heads: pa.Table
    products: pa.Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What became of a relation.

    Attributes:
        relation: Which.
        received: Rows, those that never became one among them.
        superseded: Rows of sales that a better source tells of.
        refused: `row`, `reason` and `raw`.
        heads: As `HEADS`; a row may stand there more than once.
        products: As `PRODUCTS`; a product may stand there more than once.
    """

    relation: str
    received: int
    superseded: int
    refused: pa.Table
    heads: pa.Table
    products: pa.Table


def read_stream(
    connection: duckdb.DuckDBPyConnection,
    stream: Stream,
    spool: Spool,
    part: int,
    *,
    origin: str,
    limits: Mapping[str, str],
    key: bytes,
    taken: Mapping[str, pa.Array] | None = None,
    heads: bool = False,
) -> Streamed:
    """Read a relation, judge its rows and set those kept aside.

    Args:
        connection: Its threads are the caller's again afterwards.
        stream: What is read.
        spool: Takes the rows.
        part: The spool's number for them.
        origin: Importer and its version.
        limits: As `cleaning.limits_of` gives them.
        key: The identity key.
        taken: Event -> orders of which a better source tells; their rows are left out.
        heads: Whether to say which orders there were.

    Raises:
        SourceError: The file as a whole cannot be read.
    """
    desk = Desk(
        connection, stream, origin=origin, limits=limits, key=key, taken=taken or {}, heads=heads
    )
    done: list[Batch] = []
    threads = os.cpu_count() or 1
    connection.execute("SET threads = 1")  # each of ours works for itself
    with ThreadPoolExecutor(threads) as pool:
        under_way: deque[Future[Batch]] = deque()
        for number, batch in enumerate(stream.batches):
            under_way.append(pool.submit(desk.work, spool, part, number, batch))
            if len(under_way) > threads:
                done.append(under_way.popleft().result())
        done += [one.result() for one in under_way]
    connection.execute("RESET threads")
    lost = pa.table(
        {
            "row": pa.array([one.row for one in stream.unparsed], pa.int64()),
            "reason": pa.array(["unreadable"] * len(stream.unparsed), TEXT),
            "raw": pa.array([one.raw for one in stream.unparsed], TEXT),
        },
        schema=REFUSED,
    )
    return Streamed(
        relation=stream.relation,
        received=sum(one.received for one in done) + len(stream.unparsed),
        superseded=sum(one.superseded for one in done),
        refused=pa.concat_tables([lost, *(one.refused for one in done)]),
        heads=pa.concat_tables([HEADS.empty_table(), *(one.heads for one in done)]),
        products=pa.concat_tables([PRODUCTS.empty_table(), *(one.products for one in done)]),
    )


class Desk:
    """Where batches are worked on; several threads do, each with a connection of its own.

    Args:
        connection: Of which each thread takes a cursor.
        stream: What is read.
        origin: Importer and its version.
        limits: As `cleaning.limits_of` gives them.
        key: The identity key.
        taken: Event -> orders of which a better source tells.
        heads: Whether to say which orders there were.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        stream: Stream,
        *,
        origin: str,
        limits: Mapping[str, str],
        key: bytes,
        taken: Mapping[str, pa.Array],
        heads: bool,
    ) -> None:
        self._connection, self._stream, self._origin = connection, stream, origin
        self._key, self._taken, self._wants_heads = key, taken, heads
        self._known: dict[str, dict[str, str]] = {kind: {} for kind in IDENTIFIERS}
        self._own = threading.local()
        self._people = [kind for kind in IDENTIFIERS if PEOPLE[kind] in stream.clean]
        # Text that goes into the log as it stands need not pass through the database.
        entry, columns = ENTRIES[stream.relation], stream.columns
        plain = {f"({name})::VARCHAR": name for name in stream.clean}
        self._through = {
            name: plain[columns[expression]]
            for name, expression in entry.items()
            if columns.get(expression) in plain
        }
        if len(self._people) == 1:
            self._through["person"] = PEOPLE[self._people[0]]
        listed = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
        wanted = ", ".join(
            f"{expression} AS {name}"
            for name, expression in {"person": "person", **entry}.items()
            if name not in self._through
        )
        source = f"(SELECT {listed}, {self._person()}, {stream.problem} AS problem FROM batch)"
        if len(self._people) > 1:
            source = f"(SELECT * REPLACE ({WITH_DEVICE}) FROM {source})"
        self._judgement = (
            f"SELECT {reason_of(stream.relation, limits)} AS reason, {wanted} FROM {source}"
        )
        self._quarantine = (
            f"SELECT {quarantined(stream.relation)} AS raw FROM "
            f"(SELECT {self._person()}, {stream.raw} AS raw FROM batch)"
        )

    def _person(self) -> str:
        known = ", ".join(f"{PEOPLE[kind]} AS {kind}" for kind in self._people)
        both = ", ".join(PEOPLE[kind] for kind in self._people)
        return f"{known}, coalesce({both}, NULL) AS person"

    def work(self, spool: Spool, part: int, number: int, batch: pa.RecordBatch) -> Batch:
        """Judge a batch and set aside what is kept."""
        connection = self._cursor()
        texts = self._parsed(connection, batch)
        connection.register("batch", pa.table(texts))
        judged = connection.sql(self._judgement).to_arrow_table().combine_chunks()
        reasons = judged["reason"].combine_chunks()
        bad = np.flatnonzero(reasons.is_valid().to_numpy(zero_copy_only=False))
        refused = REFUSED.empty_table()
        found = {name: judged[name].combine_chunks() for name in judged.column_names[1:]}
        found |= {name: texts[text] for name, text in self._through.items()}
        if bad.size:
            places = pa.array(bad)
            connection.register("batch", pa.table(texts).take(places))
            raw = connection.sql(self._quarantine).to_arrow_table()["raw"]
            columns = [texts["row"].take(places), reasons.take(places), raw]
            refused = pa.table(columns, schema=REFUSED)
        connection.unregister("batch")
        kept = pc.and_(reasons.is_null(), pc.invert(self._superseded(found)))
        count = pc.sum(kept).as_py() or 0
        if count < batch.num_rows:
            texts = {name: column.filter(kept) for name, column in texts.items()}
            found = {name: column.filter(kept) for name, column in found.items()}
        keys = keys_of(self._stream.relation, self._origin, found)
        spool.add(part, number, entries(found | self._plain(found), self._origin), keys)
        return Batch(
            received=batch.num_rows,
            superseded=batch.num_rows - len(bad) - count,
            refused=refused,
            heads=self._heads(found),
            products=self._products(found, texts),
        )

    def _superseded(self, found: Mapping[str, pa.Array]) -> pa.Array:
        """Whether a row is of a sale that a better source tells of."""
        taken = pa.repeat(False, len(found["event"]))
        for event, orders in self._taken.items() if "transaction_id" in found else ():
            known = pc.is_in(found["transaction_id"].cast(TEXT), value_set=orders)
            taken = pc.or_(taken, pc.and_(pc.equal(found["event"].cast(TEXT), event), known))
        return pc.fill_null(taken, False)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._own, "cursor"):
            self._own.cursor = self._connection.cursor()
        cursor: duckdb.DuckDBPyConnection = self._own.cursor
        return cursor

    def _parsed(
        self, connection: duckdb.DuckDBPyConnection, batch: pa.RecordBatch
    ) -> dict[str, pa.Array]:
        """Clean text, and what was parsed of it, each distinct value once."""
        found = {"row": batch.column("row")}
        for name, clean in self._stream.clean.items():
            column = batch.column(name)
            connection.register("texts", pa.table({"text": column.dictionary}))
            parse = self._stream.parse.get(name)
            beside = f", {parse} AS parsed" if parse else ""
            values = connection.sql(
                f"SELECT {clean} AS clean{beside} "
                "FROM (SELECT nullif(trim(text), '') AS text FROM texts)"
            ).to_arrow_table()
            texts = values["clean"].combine_chunks()
            if name in PEOPLE.values():
                texts = self._pseudonyms(name.removesuffix("_id"), texts)
            found[name] = spread(column.indices, texts)
            if parse:
                found[f"{name}_"] = spread(column.indices, values["parsed"].combine_chunks())
        return found

    def _pseudonyms(self, kind: str, identifiers: pa.Array) -> pa.Array:
        known, wanted = self._known[kind], identifiers.to_pylist()
        persons = list(map(known.get, wanted))
        for place, one in enumerate(wanted):
            if persons[place] is None and one is not None:
                persons[place] = known[one] = pseudonym(self._key, kind, one)
        return pa.array(persons, TEXT)

    def _plain(self, found: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
        """The dictionary-encoded columns as plain text: a day has few of a batch's values."""
        return {name: found[name].cast(TEXT) for name in self._through if name in found}

    def _heads(self, found: Mapping[str, pa.Array]) -> pa.Table:
        if not self._wants_heads or "transaction_id" not in found:
            return HEADS.empty_table()
        columns = [found[name].cast(TEXT) for name in ("transaction_id", "event", "person")]
        rows = pa.table(columns, schema=HEADS)
        sales = pc.is_in(rows["event"], value_set=pa.array(SALES))
        rows = rows.filter(pc.and_(sales, rows["order_id"].is_valid()))
        return rows.group_by(HEADS.names).aggregate([])

    def _products(self, found: Mapping[str, pa.Array], texts: Mapping[str, pa.Array]) -> pa.Table:
        if self._stream.relation != "orders":
            return PRODUCTS.empty_table()
        items = found["item_id"]
        if "product_title" not in texts:
            sold = items.dictionary.take(pc.unique(items.indices))
            return pa.table([sold, pa.nulls(len(sold), TEXT)], schema=PRODUCTS)
        rows = pa.table([items.cast(TEXT), texts["product_title"].cast(TEXT)], schema=PRODUCTS)
        least = rows.group_by("product_id").aggregate([("title", "min")])
        return least.rename_columns(PRODUCTS.names)


def spread(indices: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    """A column of distinct values; null where the value is."""
    if values.null_count:
        places = np.where(
            values.is_null().to_numpy(zero_copy_only=False), -1, np.arange(len(values))
        )
        taken = places[indices.to_numpy()]
        indices = pa.array(taken, pa.int32(), mask=taken < 0)
        values = pc.fill_null(values, pa.scalar(0 if values.type != TEXT else "").cast(values.type))
    return pa.DictionaryArray.from_arrays(indices, values)
