"""Goods: a product as its catalogue fields, from a workspace or from a feed file."""

import csv
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from handbill.engine import connect
from handbill.errors import SourceError

MAX_VALUE = 5_000
"""Characters of a field that are read; what stands behind them supports nothing."""

FREE_TEXT = ("title", "description")
"""Fields that people wrote as they liked: they name things, they prove nothing."""

UNPROMISED = ("price_micros", "price_from", "price_to", "price_sales", "id", "link", "image_link")
"""Fields that are no statement to a customer: the median of past sales, keys, addresses."""

_SCRIPT = re.compile(r"<(script|style)\b[^>]*>.*?(?:</\1\s*>|$)", re.I | re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of a product.

    Attributes:
        name: As the catalogue names it.
        value: As text, one line.
        source: Where it stands, such as `catalog#T-101.material`.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is known of one product.

    Attributes:
        id: The shop's.
        fields: Its values, empty ones left out.
        link: Where it is sold, an http address; empty when the catalogue does not say.
        photo: The address of its photo, the same.
    """

    id: str
    fields: tuple[Field, ...]
    link: str = ""
    photo: str = ""

    def value(self, name: str) -> str:
        """A field's value; empty when there is none."""
        return next((one.value for one in self.fields if one.name == name), "")


NOTHING = Product(id="", fields=())
"""A product of which nothing is known."""


def read_goods(path: Path) -> dict[str, Product]:
    """The products of a catalogue.

    Args:
        path: A workspace folder, or a feed: CSV, TSV, JSON, JSON lines or Parquet, one row per
            product, columns as Google Merchant names them; `id` is needed.

    Returns:
        By id.

    Raises:
        SourceError: It is missing, not such a file, or a row has no id.
    """
    if path.is_dir():
        path = path / "catalog" / "products.parquet"
    if not path.is_file():
        raise SourceError(f"no catalogue at {path}; give a workspace or a feed file")
    found: dict[str, Product] = {}
    for number, row in enumerate(_rows(path), start=1):
        product = make_product(row, source="catalog")
        if not product.id:
            raise SourceError(f"{path.name}, row {number} has no id; every product needs one")
        found[product.id] = product
    return found


def read_product(path: Path, key: str) -> Product:
    """One product of a catalogue, without reading the others where that is possible.

    Args:
        path: As `read_goods` takes it.
        key: Its id.

    Raises:
        SourceError: There is no such catalogue, or no such product in it.
    """
    table = path / "catalog" / "products.parquet" if path.is_dir() else path
    if table.suffix == ".parquet" and table.is_file():
        found = {
            one.id: one for row in _one(table, key) for one in [make_product(row, source="catalog")]
        }
    else:
        found = read_goods(path)
    if key not in found:
        raise SourceError(f"no product {key!r} in {table}; give the id that the catalogue has")
    return found[key]


def read_some(workspace: Path, keys: Sequence[str]) -> dict[str, Product]:
    """Products of a workspace, without reading the others; those that it has not are left out.

    Raises:
        SourceError: The catalogue is missing or cannot be read.
    """
    path = workspace / "catalog" / "products.parquet"
    if not path.is_file():
        raise SourceError(f"no catalogue at {path}; run: handbill run {workspace}")
    try:
        rows = _parquet(path, "WHERE list_contains(?, CAST(id AS VARCHAR))", list(keys))
    except duckdb.Error as error:
        raise SourceError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error
    return {one.id: one for row in rows for one in [make_product(row, source="catalog")]}


def make_product(row: Mapping[str, Any], *, source: str) -> Product:
    """A row of a catalogue as a product; what it keeps in `context` are fields like the others."""
    known = {str(name).strip().casefold().replace(" ", "_"): value for name, value in row.items()}
    known = _context(known.pop("context", None)) | {
        name: value for name, value in known.items() if value not in (None, "")
    }
    key = _text(known.get("id"))
    fields = tuple(
        Field(name=name, value=text, source=f"{source}#{key}.{name}")
        for name, value in known.items()
        if name not in UNPROMISED and (text := _text(value))
    )
    return Product(
        id=key,
        fields=fields,
        link=_address(known.get("link")),
        photo=_address(known.get("image_link")),
    )


def _address(value: Any) -> str:
    """A web address, or nothing."""
    text = _text(value)
    return text if re.match(r"https?://\S+$", text, re.I) else ""


def _context(value: Any) -> dict[str, Any]:
    """Fields of a source that have no column, as events keeps them; none when it is no JSON."""
    try:
        found = json.loads(value) if isinstance(value, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    """A value as one line without markup."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | set):
        return "; ".join(_text(one) for one in value)[:MAX_VALUE]
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_text(one)}" for name, one in value.items())[:MAX_VALUE]
    text = _SCRIPT.sub(" ", str(value)[: 2 * MAX_VALUE])
    text = re.sub(r"<[^<>]{0,200}>", " ", text)
    text = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)
    return re.sub(r"\s+", " ", text).strip()[:MAX_VALUE]


def _one(path: Path, key: str) -> list[dict[str, Any]]:
    """The rows of a Parquet file with an id."""
    try:
        return _parquet(path, "WHERE CAST(id AS VARCHAR) = ?", key)
    except duckdb.Error as error:
        raise SourceError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    kind = path.suffix.casefold()
    try:
        if kind == ".parquet":
            yield from _parquet(path)
        elif kind in (".json", ".jsonl", ".ndjson"):
            yield from parse_json(path.read_text(encoding="utf-8-sig"))
        elif kind in (".csv", ".tsv"):
            with path.open(encoding="utf-8-sig", newline="") as lines:
                yield from csv.DictReader(lines, delimiter="\t" if kind == ".tsv" else ",")
        else:
            raise SourceError(f"{path.name} is no CSV, TSV, JSON, JSON lines or Parquet file")
    except (ValueError, TypeError, csv.Error, duckdb.Error) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(f"{path.name} cannot be read: {reason}") from error


def _parquet(path: Path, where: str = "", *values: object) -> list[dict[str, Any]]:
    backend = connect(threads=1)
    try:
        asked = f"SELECT * FROM read_parquet(?) {where}"
        table = backend.con.sql(asked, params=[str(path), *values])
        rows: list[dict[str, Any]] = table.to_arrow_table().to_pylist()
    finally:
        backend.disconnect()
    return rows


def parse_json(text: str) -> Iterator[Mapping[str, Any]]:
    """Objects of a JSON list, or of JSON lines.

    Raises:
        ValueError: It is neither.
    """
    if text.lstrip().startswith("["):
        rows: Iterable[Any] = json.loads(text)
    else:
        rows = (json.loads(line) for line in text.splitlines() if line.strip())
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise ValueError(f"entry {number} is not an object")
        yield row
