"""How the report reads a workspace: rows as plain dictionaries at one border, never a write."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from handbill.engine import connect
from handbill.errors import WorkspaceError
from handbill.trust.reading import view_log
from handbill.types import Interval, Text
from handbill.workspace import Workspace, read_json

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """One shop's tables; what is not there reads as nothing.

    Attributes:
        workspace: The shop's folder.
        connection: DuckDB, in memory, its clock set to the shop's.
        zone: The shop's.
    """

    workspace: Workspace
    connection: duckdb.DuckDBPyConnection
    zone: ZoneInfo

    def has(self, path: Path) -> bool:
        """Whether there is any such table."""
        return path.is_file() or (path.is_dir() and next(path.rglob("*.parquet"), None) is not None)

    def rows(self, sql: str, /, *values: object, **tables: Path) -> list[dict[str, Any]]:
        """The rows a query finds in Parquet.

        Args:
            sql: With `{name}` for each table and `?` for each value.
            values: What the question marks stand for.
            tables: The Parquet file or folder behind each name.

        Returns:
            One dictionary per row; no rows when a table is missing.

        Raises:
            WorkspaceError: A table is damaged or not of the documented shape.
        """
        if not all(self.has(path) for path in tables.values()):
            return []
        try:
            sources = {name: self._source(path) for name, path in tables.items()}
            found = self.connection.execute(sql.format(**sources), list(values))
            names = [column[0] for column in found.description]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        except duckdb.Error as error:
            where = ", ".join(str(path) for path in tables.values())
            raise WorkspaceError(
                f"cannot read {where}; delete it and run again: {str(error).splitlines()[0]}"
            ) from error

    def _source(self, path: Path) -> str:
        """What to select from; the log as it is known now, anything else as it lies there."""
        if path == self.workspace.events:
            view_log(self.connection, self.workspace, "known_log")
            return "known_log"
        pattern = path / "**" / "*.parquet" if path.is_dir() else path
        quoted = str(pattern).replace("'", "''")
        return f"read_parquet('{quoted}', hive_partitioning = false)"

    def json(self, path: Path) -> Any:
        """A JSON file, or None when it is not there."""
        return read_json(path) if path.is_file() else None

    def day(self, moment: str) -> date:
        """The shop's day of an ISO 8601 moment; a bare date is that day."""
        if "T" not in moment and " " not in moment:
            return date.fromisoformat(moment)
        when = datetime.fromisoformat(moment)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(self.zone).date()


@contextmanager
def reading(workspace: Workspace, timezone: str) -> Iterator[Reader]:
    """Open a shop's tables for reading, with days and hours as its own clock shows them."""
    backend = connect(memory_gb=2.0, threads=2)
    try:
        backend.con.execute("SET TimeZone = ?", [timezone])
        yield Reader(workspace, backend.con, ZoneInfo(timezone))
    finally:
        backend.disconnect()


def segment_names(reader: Reader) -> dict[str, Text]:
    """What each segment is called."""
    entries = reader.json(reader.workspace.tables / "segments.json") or []
    return {one["id"]: Text(en=one["name"]["en"], zh=one["name"]["zh"]) for one in entries}


def offer_labels(reader: Reader) -> dict[str, Text]:
    """What each offer that has a name is called."""
    path = reader.workspace.catalog / "offers.parquet"
    return {
        row["id"]: Text(en=row["label"], zh=row.get("label_zh") or row["label"])
        for row in reader.rows("SELECT * FROM {offers}", offers=path)
        if row["label"]
    }


def interval(value: Record | None) -> Interval | None:
    """An interval as the tables write it; None when it was not answered."""
    if value is None or value.get("estimate") is None:
        return None
    estimate = float(value["estimate"])
    low, high = value.get("low"), value.get("high")
    return Interval(
        estimate=estimate,
        low=estimate if low is None else float(low),
        high=estimate if high is None else float(high),
        level=float(value.get("level") or 0.95),
    )


def text(value: Record | str | None) -> Text | None:
    """A text as the tables write it; a bare string reads the same in both languages."""
    if not value:
        return None
    if isinstance(value, str):
        return Text(en=value, zh=value)
    return Text(en=str(value["en"]), zh=str(value.get("zh") or value["en"]))


def texts(values: list[Record] | None) -> tuple[Text, ...]:
    """A list of texts."""
    return tuple(one for one in map(text, values or ()) if one)
