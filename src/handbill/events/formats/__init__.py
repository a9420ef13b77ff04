"""The formats that are known by their documented field names, one file for each system.

A format is told from a record's fields, never from a file's name. Each turns one record into rows
(`events/rows.py`); what it does not name goes to the row's context.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handbill.events.formats import (
    feeds,
    ga4,
    own,
    pixel,
    segment,
    shopify,
    shopify_csv,
    woocommerce,
)
from handbill.events.rows import Reading, Row

Fields = Mapping[str, Any]
Numbered = tuple[int, Fields]


def _as_they_are(records: Iterable[Numbered]) -> Iterator[Numbered]:
    yield from records


def _none(_fields: Fields) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One kind of file.

    Attributes:
        name: As the command line and the log name it.
        title: For people.
        relation: What a record that cannot be read is counted as.
        rank: Of two formats that both hold an order, the one with the lower rank is believed.
        matches: Whether a record is of this kind.
        rows: A record's rows, at least one.
        gather: Puts records together that are one thing, such as an order's lines.
    """

    name: str
    title: str
    relation: str
    rank: int
    matches: Callable[[Fields], bool] = _none
    rows: Callable[[Fields, Reading], Iterable[Row]]
    gather: Callable[[Iterable[Numbered]], Iterator[Numbered]] = _as_they_are


MAPPED = Format(
    name="map", title="any table, with --map", relation="orders", rank=10, rows=lambda *_: ()
)
"""Stands for files with a mapping of their own."""

FORMATS: tuple[Format, ...] = (
    Format(
        name="shopify-orders", title="Shopify's order export", relation="orders", rank=21,
        matches=shopify_csv.matches_orders, rows=shopify_csv.order_rows,
        gather=shopify_csv.whole_orders,
    ),
    Format(
        name="shopify-products", title="Shopify's product export", relation="products", rank=21,
        matches=shopify_csv.matches_products, rows=shopify_csv.product_rows,
        gather=shopify_csv.whole_products,
    ),
    Format(
        name="woocommerce-orders", title="WooCommerce's order export, one row for each item",
        relation="orders", rank=23,
        matches=woocommerce.matches_orders, rows=woocommerce.order_csv_rows,
    ),
    Format(
        name="woocommerce-products", title="WooCommerce's product export", relation="products",
        rank=23, matches=woocommerce.matches_products, rows=woocommerce.product_csv_rows,
    ),
    Format(
        name="ga4", title="Google Analytics 4, BigQuery export", relation="events", rank=42,
        matches=ga4.matches, rows=ga4.rows,
    ),
    Format(
        name="segment", title="Segment or RudderStack messages", relation="events", rank=31,
        matches=segment.matches, rows=segment.rows,
    ),
    Format(
        name="shopify-pixel", title="Shopify web-pixel events", relation="events", rank=41,
        matches=pixel.matches, rows=pixel.rows,
    ),
    Format(
        name="woocommerce", title="WooCommerce REST API: orders, refunds, products",
        relation="orders", rank=22, matches=woocommerce.matches, rows=woocommerce.rows,
    ),
    Format(
        name="shopify", title="Shopify webhooks: orders, refunds, products", relation="orders",
        rank=20, matches=shopify.matches, rows=shopify.rows,
    ),
    Format(
        name="handbill", title="Handbill's own events", relation="events", rank=30,
        matches=own.matches, rows=own.rows,
    ),
    Format(
        name="feed", title="Google Merchant or Facebook catalogue feed", relation="products",
        rank=24, matches=feeds.matches, rows=feeds.rows,
    ),
)  # fmt: skip
"""In the order in which they are tried."""


def find_format(sample: Iterable[Fields]) -> Format | None:
    """The format that the first records are of; None when none is."""
    records = list(sample)
    for one in FORMATS:
        if any(one.matches(fields) for fields in records):
            return one
    return None
