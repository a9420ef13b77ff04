"""Histories and catalogue out of a workspace's log."""

from datetime import date
from pathlib import Path

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table, _

from handbill.audience.lines import clock_offset, second_of
from handbill.audience.recommend.catalogue import Catalogue, codes, first_word, main_axes
from handbill.audience.recommend.encoder import item_vectors
from handbill.audience.recommend.histories import (
    KINDS,
    MOST_EVENTS,
    Floats,
    Histories,
)
from handbill.engine import Engine, collect
from handbill.types import MICROS

OPTIONAL = ("brand", "category", "product_type", "price_micros", "cost_of_goods_sold_micros")
"""Columns of the catalogue that a shop may not have."""


def read_histories(
    engine: Engine, events: Table, products: Table, as_of: date, zone: str
) -> tuple[Histories, pa.Table]:
    """What people did with products before a day, and the products concerned.

    Args:
        engine: Where the tables are.
        events: From `trust.reading.read_log`.
        products: `catalog/products`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
        zone: IANA zone of the shop's clock.

    Returns:
        Histories of the newest events, and the products in the order in which they count them:
        every one that somebody had to do with or that is in stock, by id.
    """
    known = events.filter(_.is_human & _.event.isin(KINDS) & _.item_id.notnull()).mutate(
        second=_.occurred_at.truncate("s").epoch_seconds().cast("int64")
    )
    known = known.filter(known.second < second_of(as_of))
    newest = ibis.window(group_by=known.person, order_by=[ibis.desc(known.second), known.event_id])
    lines = known.mutate(place=ibis.row_number().over(newest)).filter(_.place < MOST_EVENTS)
    lines = lines.select(
        "person", "item_id", "event", "second", "quantity", "value_micros", "affiliation",
        "event_id", local=_.second + clock_offset(_.second, zone),
        basket=ibis.coalesce(_.transaction_id, _.second.cast("string")),
    )  # fmt: skip
    items = _products(engine, products, lines)
    rows = collect(engine, lines)
    ids = items.column("id").combine_chunks()
    number = pc.index_in(rows.column("item_id"), ids)
    rows = rows.append_column("item", number).filter(pc.is_valid(number))
    order = ["person", "second", "basket", "event_id"]
    return _histories(rows.sort_by([(name, "ascending") for name in order]), len(ids)), items


def catalogue_of(products: pa.Table, *, encoder: str, cache: Path | None) -> Catalogue:
    """The catalogue of the recommender.

    Args:
        products: From `read_histories`.
        encoder: See `encoder.item_vectors`.
        cache: See `encoder.item_vectors`.
    """
    titles = _strings(products, "title")
    kinds = [
        own or path for own, path in zip(
            _strings(products, "category"), _strings(products, "product_type"), strict=True
        )
    ]  # fmt: skip
    brands = _strings(products, "brand")
    texts = [
        ". ".join(part for part in (title, brand, kind) if part)
        for title, brand, kind in zip(titles, brands, kinds, strict=True)
    ]
    vectors, name = item_vectors(texts, encoder=encoder, cache=cache)
    prices = _numbers(products, "price_micros") / MICROS
    costs = _numbers(products, "cost_of_goods_sold_micros") / MICROS
    stock = np.array([one != "out_of_stock" for one in _strings(products, "availability")], bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        margins = np.where(prices > 0, 1 - costs / prices, np.nan)
    if not any(brands):
        brands = [first_word(title) for title in titles]
    return Catalogue(
        ids=np.array(products.column("id").to_pylist(), dtype=np.str_),
        vectors=main_axes(vectors),
        brands=codes(brands),
        categories=codes(kinds),
        prices=prices.astype(np.float32),
        margins=margins.astype(np.float32),
        in_stock=stock,
        encoder=name,
    )


def _products(engine: Engine, products: Table, lines: Table) -> pa.Table:
    columns = ["id", "title", "availability", *(one for one in OPTIONAL if one in products.columns)]
    columns = [one for one in columns if one in products.columns]
    touched = lines.select(id="item_id").distinct()
    wanted = products.semi_join(touched, "id")
    if "availability" in products.columns:
        wanted = wanted.union(products.filter(products.availability == "in_stock"))
    chosen = wanted.select(columns).distinct(on="id")
    return collect(engine, chosen).sort_by("id")


def _histories(rows: pa.Table, size: int) -> Histories:
    """Histories of rows in order."""
    people, first = np.unique(_column(rows, "person"), return_index=True)
    offsets = np.append(first, rows.num_rows).astype(np.int64)
    basket = _column(rows, "basket")
    new = np.ones(rows.num_rows, np.bool_)
    second = _column(rows, "second").astype(np.int64)
    new[1:] = (basket[1:] != basket[:-1]) | (second[1:] != second[:-1])
    new[first] = True
    running = np.cumsum(new)
    occasions = running - np.repeat(running[first], np.diff(offsets))
    kinds = _column(rows, "event")
    units = np.maximum(np.abs(np.nan_to_num(_floats(rows, "quantity"), nan=1.0)), 1.0)
    prices = np.where(kinds == KINDS[0], _floats(rows, "value_micros") / MICROS / units, np.nan)
    stores = np.array([str(one or "") for one in rows.column("affiliation").to_pylist()])
    channels = codes(stores.tolist()) + 1
    return Histories(
        people=people.astype(np.str_),
        offsets=offsets,
        items=_column(rows, "item").astype(np.int32),
        occasions=occasions.astype(np.int32),
        seconds=_column(rows, "local").astype(np.int64),
        kinds=np.select([kinds == one for one in KINDS], range(len(KINDS))).astype(np.int8),
        prices=prices.astype(np.float32),
        channels=np.minimum(channels, 32_000).astype(np.int16),
        size=size,
    )


def _column(rows: pa.Table, name: str) -> npt.NDArray[np.generic]:
    found: npt.NDArray[np.generic] = rows.column(name).to_numpy()
    return found


def _floats(rows: pa.Table, name: str) -> Floats:
    found: Floats = rows.column(name).cast(pa.float64()).to_numpy()
    return found


def _strings(table: pa.Table, name: str) -> list[str | None]:
    if name not in table.column_names:
        return [None] * table.num_rows
    found: list[str | None] = table.column(name).to_pylist()
    return found


def _numbers(table: pa.Table, name: str) -> Floats:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return _floats(table, name)
