"""A shop's own exports: a folder of CSV files, `orders.csv` and what else there is."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from handbill.errors import ConfigError, SourceError
from handbill.events.canonical import COLUMNS, Loaded, Unparsed
from handbill.events.csv_files import CsvFile
from handbill.events.headers import HEADERS, match_headers
from handbill.types import MICROS, ShopProfile, Text

TIMES = frozenset({"ordered_at", "starts_at", "ends_at", "mailed_at", "redeemed_at", "week_start"})
MONEY = frozenset({"paid", "unit_price", "discount", "coupon_discount"})
NUMBERS = MONEY | {"quantity"}
LIMIT = 2_000_000_000_000
"""More than `events.max_paid` can be."""

OURS: Mapping[str, Mapping[str, str]] = {
    "products": {"id": "product_id"},
    "campaigns": {"id": "campaign_id"},
}
"""Relation -> canonical column -> the file's, where they differ."""


@dataclass(frozen=True, slots=True)
class CsvFolder:
    """The adapter.

    Attributes:
        folder: Where the files are.
        time_format: As in `strptime`; empty for ISO 8601.
    """

    folder: Path
    time_format: str

    @classmethod
    def find(cls, folder: Path, time_format: str) -> "CsvFolder":
        """Check that there is something to import.

        Raises:
            SourceError: The folder or its `orders.csv` is missing.
        """
        if not folder.is_dir():
            raise SourceError(f"events.source: {folder} is not a folder")
        if not (folder / "orders.csv").is_file():
            raise SourceError(f"{folder} has no orders.csv; docs/import.md shows what goes in it")
        return cls(folder, time_format)

    @property
    def name(self) -> str:
        """Importer and its version."""
        return "csv/1"

    def files(self) -> dict[str, Path]:
        """Relation -> its file, for those that are there."""
        paths = {name: self.folder / f"{name}.csv" for name in HEADERS}
        return {name: path for name, path in paths.items() if path.is_file()}

    def fingerprint(self) -> str:
        """Content hash of the files that are understood."""
        total = hashlib.sha256(self.name.encode())
        for name, path in self.files().items():
            try:
                with path.open("rb") as handle:
                    total.update(name.encode() + hashlib.file_digest(handle, "sha256").digest())
            except OSError as error:
                raise SourceError(f"cannot read {path}: {error.strerror}") from error
        return total.hexdigest()

    def load(self, connection: duckdb.DuckDBPyConnection, shop: ShopProfile) -> Loaded:
        """Create the relations that have a file.

        Raises:
            SourceError: A file is empty, no CSV, or lacks a column.
            ConfigError: `events.time_format` is no format.
        """
        time = reading_times(connection, self.time_format, shop.timezone)
        unparsed: dict[str, list[Unparsed]] = {}
        notes: list[Text] = []
        for name, path in self.files().items():
            file = CsvFile.open(path)
            columns = match_headers(path.name, name, file.headers)
            table, broken = file.read(columns)
            connection.register(f"csv_{name}", table)
            connection.execute(f"CREATE VIEW raw_{name} AS {_typed(name, table, time)}")
            unparsed[name] = list(broken)
            if file.encoding == "gb18030":
                notes.append(gb18030_note(path.name))
        return Loaded(present=tuple(self.files()), unparsed=unparsed, notes=tuple(notes))


def gb18030_note(file: str) -> Text:
    """Says that an encoding was guessed."""
    return Text(
        en=f"{file} is not UTF-8 and was read as GB18030; if names look wrong, export it as UTF-8.",
        zh=f"{file} 不是 UTF-8 编码，已按 GB18030 读取；如果名称显示异常，请改为导出 UTF-8 文件。",
    )


def reading_times(
    connection: duckdb.DuckDBPyConnection, time_format: str, zone: str
) -> Callable[[str], str]:
    """How a text column becomes a time, as SQL.

    A time with an offset is that instant; one without is on the shop's clock.

    Args:
        connection: To try the format on.
        time_format: As in `strptime`; empty for ISO 8601.
        zone: IANA name of the shop's zone.

    Raises:
        ConfigError: The format is none.
    """
    local = f"AT TIME ZONE '{zone.replace(chr(39), '')}'"
    if time_format:
        literal = time_format.replace("'", "''")
        try:
            connection.execute(f"SELECT try_strptime('', '{literal}')").fetchall()
        except duckdb.Error as error:
            raise ConfigError(
                f"events.time_format is {time_format!r}; it must be as in strptime, "
                "such as %d.%m.%Y %H:%M"
            ) from error
        offset = "" if "%z" in time_format else local
        return lambda column: f"(try_strptime({column}, '{literal}') {offset})"

    def iso(column: str) -> str:
        text = f"replace({column}, '/', '-')"
        # "10:00:00 -0500" is what Shopify writes; "-05:00" is what the cast understands
        text = rf"regexp_replace({text}, '\s*([+-]\d\d):?(\d\d)$', '\1:\2')"
        return (
            rf"(CASE WHEN NOT regexp_matches({column}, '^\d{{4}}[-/]\d') THEN NULL "
            rf"WHEN regexp_matches({column}, ':.*([+-]\d\d:?\d\d|Z|UTC)$') "
            f"THEN try_cast({text} AS TIMESTAMPTZ) "
            f"ELSE try_cast({text} AS TIMESTAMP) {local} END)"
        )

    return iso


def _number(column: str) -> str:
    """A plain decimal; a currency sign and thousands separators are taken off, nothing guessed.

    "12,50" is not read as 1250: it does not match, and its row says so.
    """
    text = rf"regexp_replace({column}, '[\s¥￥$€£]', '', 'g')"
    plain = r"'^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$'"
    number = f"try_cast(replace({text}, ',', '') AS DECIMAL(38, 6))"
    return f"CASE WHEN regexp_matches({text}, {plain}) THEN {_bounded(number)} END"


def _bounded(number: str) -> str:
    """An absurd number at a bound that is still refused as one, but no longer overflows."""
    # least() and greatest() pass over nulls, so a null is kept out of them
    return (
        f"CASE WHEN {number} IS NOT NULL "
        f"THEN greatest(least({number}, {LIMIT}), -{LIMIT})::DECIMAL(19, 6) END"
    )


def _micros(amount: str) -> str:
    return f"round(({_bounded(amount)}) * {MICROS})"


def _typed(relation: str, table: pa.Table, time: Callable[[str], str]) -> str:
    """The view that turns a file's text into the canonical columns."""
    texts = [name for name in table.column_names if name != "row"]
    cleaned = [f"nullif(trim({name}), '') AS {name}" for name in texts]
    if relation == "orders":
        # Some exports write an order's customer and time on its first line only.
        cleaned = [
            f"coalesce(nullif(trim({name}), ''), if(trim(order_id) = '', NULL, "
            f"max(nullif(trim({name}), '')) OVER (PARTITION BY order_id))) AS {name}"
            if name in ("customer_id", "ordered_at")
            else expression
            for name, expression in zip(texts, cleaned, strict=True)
        ]
    parsed = [f"{_number(name)} AS {name}_" for name in texts if name in NUMBERS]
    parsed += [f"{time(name)} AS {name}_" for name in texts if name in TIMES]
    problems = [
        f"WHEN {name} IS NOT NULL AND {name}_ IS NULL THEN "
        f"'unreadable_{'time' if name in TIMES else 'number'}'"
        for name in texts
        if name in TIMES | NUMBERS
    ]
    problem = f"CASE {' '.join(problems)} END" if problems else "NULL::VARCHAR"
    shown = ", ".join(f"'{name}', {name}" for name in texts if name != "customer_id")
    columns = ", ".join(
        f"{_canonical(relation, column, texts)}::{kind} AS {column}"
        for column, kind in COLUMNS[relation].items()
    )
    return (
        f"WITH cleaned AS (SELECT row, {', '.join(cleaned)} FROM csv_{relation}), "
        f"parsed AS (SELECT {', '.join(['*', *parsed])} FROM cleaned) "
        f"SELECT row, {problem} AS problem, json_object({shown})::VARCHAR AS raw, {columns} "
        "FROM parsed"
    )


def _canonical(relation: str, column: str, texts: list[str]) -> str:
    """One canonical column from the parsed ones."""
    name = OURS.get(relation, {}).get(column, column)
    if column == "customer":
        return "customer_id"
    if relation == "orders" and column in ("quantity", "paid", "measured"):
        return _order_number(column, texts)
    if name not in texts:
        return "NULL"
    if name == "ends_at":  # a bare date is the last day, and the end is exclusive
        return "if(length(ends_at) <= 10, ends_at_ + INTERVAL 1 DAY, ends_at_)"
    if name in MONEY:
        return _micros(f"{name}_")
    return f"{name}_" if name in TIMES else name


def _order_number(column: str, texts: list[str]) -> str:
    """Quantity, amount and measure of an order's line.

    A broken quantity such as 0.75 is goods by weight: one unit, and the measure is kept.
    """
    if column == "measured":
        return "if(quantity_ <> trunc(quantity_), round(quantity_ * 1000), NULL)"
    if column == "quantity":
        return "if(quantity_ <> trunc(quantity_), sign(quantity_), quantity_)"
    off = "".join(
        f" - coalesce({name}_, 0)" for name in ("discount", "coupon_discount") if name in texts
    )
    ways = ["paid_"] if "paid" in texts else []
    ways += [f"unit_price_ * quantity_{off}"] if "unit_price" in texts else []
    return _micros(f"coalesce({', '.join(ways)})")
