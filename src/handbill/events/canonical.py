"""The shape that every source is brought into before anything judges it.

An adapter fills a DuckDB connection with relations `raw_<name>` that have these columns, in any
order; a relation that the source does not have stays empty. Text is trimmed, and null rather than
empty. Beside its columns every relation has

- `row`: 0-based position in the source,
- `problem`: a reason the adapter itself found, such as an unreadable number, or null,
- `raw`: JSON of the source's fields without the customer's, for the quarantine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import duckdb
import pyarrow as pa

from handbill.types import ShopProfile, Text

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "customer": "VARCHAR",
        "device": "VARCHAR",  # browser or phone; stands in where no customer is known
        "order_id": "VARCHAR",
        "product_id": "VARCHAR",
        "ordered_at": "TIMESTAMPTZ",
        "quantity": "BIGINT",  # units
        "paid": "BIGINT",  # micros, what the customer paid for the line
        "discount": "BIGINT",  # micros, the shop's own price reduction
        "coupon_discount": "BIGINT",  # micros, all coupons on the line
        "coupon": "VARCHAR",
        "store": "VARCHAR",
        "line_id": "VARCHAR",  # tells two equal lines of one order apart
        "product_title": "VARCHAR",
        "measured": "BIGINT",  # what the source counts of goods sold by measure, such as fuel
        "version": "BIGINT",  # of an order that comes whole: when it got this state, micros
        "context": "VARCHAR",  # JSON of the source's fields that have no column
    },
    "events": {
        "customer": "VARCHAR",
        "device": "VARCHAR",
        "event_id": "VARCHAR",
        "event": "VARCHAR",
        "occurred_at": "TIMESTAMPTZ",
        "order_id": "VARCHAR",
        "product_id": "VARCHAR",
        "quantity": "BIGINT",
        "paid": "BIGINT",  # micros; of a purchase or refund only
        "discount": "BIGINT",
        "coupon_discount": "BIGINT",
        "coupon": "VARCHAR",
        "store": "VARCHAR",
        "campaign_id": "VARCHAR",
        "context": "VARCHAR",
    },
    "products": {
        "id": "VARCHAR",
        "title": "VARCHAR",
        "brand": "VARCHAR",
        "brand_kind": "VARCHAR",
        "department": "VARCHAR",
        "category": "VARCHAR",
        "category_zh": "VARCHAR",
        "type": "VARCHAR",
        "size": "VARCHAR",
        "context": "VARCHAR",
    },
    "campaigns": {
        "id": "VARCHAR",
        "kind": "VARCHAR",
        "starts_at": "TIMESTAMPTZ",
        "ends_at": "TIMESTAMPTZ",  # exclusive
    },
    "mailings": {
        "customer": "VARCHAR",
        "campaign_id": "VARCHAR",
        "mailed_at": "TIMESTAMPTZ",  # null: the campaign's start stands in
    },
    "redemptions": {
        "customer": "VARCHAR",
        "campaign_id": "VARCHAR",
        "coupon": "VARCHAR",
        "redeemed_at": "TIMESTAMPTZ",
    },
    "offers": {"campaign_id": "VARCHAR", "coupon": "VARCHAR", "product_id": "VARCHAR"},
    "exposures": {
        "product_id": "VARCHAR",
        "store_id": "VARCHAR",
        "week_start": "DATE",
        "display": "VARCHAR",
        "mailer": "VARCHAR",
    },
    "people": {
        "customer": "VARCHAR",
        "age": "VARCHAR",
        "income": "VARCHAR",
        "home_ownership": "VARCHAR",
        "marital_status": "VARCHAR",
        "household_size": "VARCHAR",
        "household_comp": "VARCHAR",
        "kids_count": "VARCHAR",
    },
}
"""Relation -> column -> DuckDB type."""

IDENTIFIERS = ("customer", "device")
"""Columns that never leave the import: a pseudonym of their kind takes their place."""

WITH_CUSTOMER = tuple(name for name, columns in COLUMNS.items() if "customer" in columns)
"""Relations whose rows belong to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparsed:
    """A row that could not even be split into fields.

    Attributes:
        row: 0-based position in the source.
        raw: JSON of what may be kept of it; never the line itself, in which an identifier may be.
    """

    row: int
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A relation that is read a batch at a time because it may be large.

    Attributes:
        relation: Which.
        batches: Dictionary-encoded columns of text, and `row`.
        clean: Column of text -> what it becomes, as SQL of its trimmed `text`.
        parse: Column of text -> what stands beside it as `<column>_`, as SQL of its `text`.
        columns: The relation's columns but the identifiers, as expressions of those.
        problem: A reason the adapter itself finds, as SQL.
        raw: JSON of the source's fields without the customer's, as SQL.
        unparsed: Gets rows that never became one, while the batches are read.
    """

    relation: str
    batches: Iterable[pa.RecordBatch]
    clean: Mapping[str, str]
    parse: Mapping[str, str]
    columns: Mapping[str, str]
    problem: str
    raw: str
    unparsed: list[Unparsed]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What an adapter has put into the connection.

    Attributes:
        present: Relations that are in the connection, whether or not they have rows.
        streams: Relations that may be too large for it.
        unparsed: Rows of a relation that never became one.
        notes: What a user should know about how it was read.
    """

    present: tuple[str, ...]
    streams: tuple[Stream, ...] = ()
    unparsed: Mapping[str, Sequence[Unparsed]] = field(default_factory=dict)
    notes: tuple[Text, ...] = ()


class Source(Protocol):
    """One kind of source: the rest of the stage does not know which."""

    @property
    def name(self) -> str:
        """Importer and its version, as the log records it."""

    def fingerprint(self) -> str:
        """Content hash of its files."""

    def load(self, connection: duckdb.DuckDBPyConnection, shop: ShopProfile) -> Loaded:
        """Create the relations it has."""


def create_missing(connection: duckdb.DuckDBPyConnection, present: Sequence[str]) -> None:
    """Create the relations a source does not have, empty, so that one code path serves all."""
    for name, columns in COLUMNS.items():
        if name not in present:
            listed = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            connection.execute(
                f"CREATE TABLE raw_{name} (row BIGINT, problem VARCHAR, raw VARCHAR, {listed})"
            )
