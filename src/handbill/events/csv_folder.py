"""A shop's own exports: a folder of CSV files, `orders.csv` and what else there is."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import duckdb

from handbill.errors import SourceError
from handbill.events.canonical import COLUMNS, Loaded, Stream, Unparsed
from handbill.events.csv_files import CsvFile
from handbill.events.fill import filled
from handbill.events.headers import HEADERS, free_columns, match_headers
from handbill.events.texts import Writing, streamed, typed
from handbill.types import ShopProfile, Text

AT_LENGTH = ("events", "orders")
"""Files that may be larger than memory."""
FIRST_LINE_ONLY = ("customer_id", "ordered_at")
"""Some exports write an order's customer and time on its first line only."""


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
        writing = Writing(zone=shop.timezone, time_format=self.time_format)
        writing.check(connection, "events.")
        streams: list[Stream] = []
        unparsed: dict[str, list[Unparsed]] = {}
        notes: list[Text] = []
        for name, path in self.files().items():
            file = CsvFile.open(path)
            columns = match_headers(path.name, name, file.headers)
            extras = {}
            if "context" in COLUMNS[name]:
                extras = free_columns(file.headers, columns.values(), people=name != "products")
            if file.encoding == "gb18030":
                notes.append(gb18030_note(path.name))
            if name in AT_LENGTH:
                lost: list[Unparsed] = []
                batches = file.batches(columns | extras, lost)
                if name == "orders":
                    batches = filled(batches, "order_id", FIRST_LINE_ONLY)
                streams.append(
                    streamed(name, batches, list(columns), writing, extras=extras, unparsed=lost)
                )
                continue
            table, broken = file.read(columns | extras)
            unparsed[name] = list(broken)
            connection.register(f"csv_{name}", table)
            query = typed(name, f"csv_{name}", list(columns), writing, extras=extras)
            connection.execute(f"CREATE VIEW raw_{name} AS {query}")
        present = tuple(name for name in self.files() if name not in AT_LENGTH)
        return Loaded(
            present=present, streams=tuple(streams), unparsed=unparsed, notes=tuple(notes)
        )


def gb18030_note(file: str) -> Text:
    """Says that an encoding was guessed."""
    return Text(
        en=f"{file} is not UTF-8 and was read as GB18030; if names look wrong, export it as UTF-8.",
        zh=f"{file} 不是 UTF-8 编码，已按 GB18030 读取；如果名称显示异常，请改为导出 UTF-8 文件。",
    )
