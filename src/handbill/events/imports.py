"""Bringing a file in: read once, typed, its people pseudonyms, whole or not at all."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from handbill.engine import connect
from handbill.errors import SourceError
from handbill.events.canonical import COLUMNS, WITH_CUSTOMER
from handbill.events.cleaning import register_identities
from handbill.events.combined import numbered, origin_of, pseudonymous
from handbill.events.csv_files import CsvFile
from handbill.events.files import Record, kind_of, records, unpacked
from handbill.events.formats import FORMATS, MAPPED, Format, find_format
from handbill.events.headers import free_columns
from handbill.events.imported import Imported, imported_files
from handbill.events.log import copy
from handbill.events.mapping import FileMap, mapped_row
from handbill.events.rows import TEXTS, Reading, Row, written
from handbill.events.texts import Writing, literal, typed
from handbill.ports import Progress
from handbill.trust.identity import open_key, pseudonym
from handbill.trust.privacy import scrub
from handbill.types import ShopProfile
from handbill.workspace import Workspace, write_json

VERSION = "1"
MEMORY_GB = 1.5
SAMPLE = 50
"""Records from which the format is told."""
BATCH = 50_000
"""Rows that are typed at a time."""
REMEMBERED_PEOPLE = 200_000

_encoder = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file.

    Attributes:
        imported: As it lies in `imports/`.
        already: Whether it was there before, so that nothing was added.
    """

    imported: Imported
    already: bool


def import_files(
    workspace: Workspace,
    shop: ShopProfile,
    paths: Iterable[Path],
    *,
    mapping: FileMap | None = None,
    format_name: str = "",
    progress: Progress,
) -> Iterator[Outcome]:
    """Bring in files, of an archive each file in it; the caller holds the workspace's lock.

    Args:
        workspace: Whose `imports/` it joins.
        shop: Its currency and clock.
        paths: The files.
        mapping: How to read their columns; None for a known format.
        format_name: Format to read them as; told from their content when empty.
        progress: Told of every few thousand records.

    Yields:
        What became of each file.

    Raises:
        SourceError: It cannot be read, or is in no format that is known.
        ConfigError: The mapping names a zone or a time format that is none.
    """
    there = {one.key: one for one in imported_files(workspace)}
    for path in paths:
        with unpacked(path) as members:
            for name, member in members:
                format_ = MAPPED if mapping else choose_format(member, name, format_name)
                how = json.dumps(asdict(mapping)) if mapping else format_.name
                key = _key(member, how, shop)
                already = key in there
                if not already:
                    there[key] = _bring_in(
                        workspace, shop, member, name, key, format_, mapping, progress
                    )
                yield Outcome(imported=there[key], already=already)


def choose_format(path: Path, name: str, wanted: str) -> Format:
    """The format that is asked for, or the one that the first records are of.

    Raises:
        SourceError: There is none.
    """
    if wanted:
        known = {one.name: one for one in FORMATS}
        if wanted not in known:
            raise SourceError(f"no format {wanted!r}; the formats are {', '.join(known)}")
        return known[wanted]
    sample = itertools.islice(records(path, name), SAMPLE)
    found = find_format(one.fields for one in sample if one.fields)
    if found is None:
        raise SourceError(
            f"{name} is in no format that is known; --guess shows how its columns would be read, "
            "and --map says it for good (docs/import.md)"
        )
    return found


def _key(path: Path, how: str, shop: ShopProfile) -> str:
    with path.open("rb") as handle:
        content = hashlib.file_digest(handle, "sha256").hexdigest()
    parts = (VERSION, content, how, shop.timezone, shop.currency)
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def _bring_in(
    workspace: Workspace,
    shop: ShopProfile,
    path: Path,
    name: str,
    key: str,
    format_: Format,
    mapping: FileMap | None,
    progress: Progress,
) -> Imported:
    root = workspace.imports
    root.mkdir(exist_ok=True)
    for stale in root.glob(".*.part"):  # of an import that was interrupted; the lock is ours
        shutil.rmtree(stale)
    # Counted over names: a folder that someone damaged keeps its number.
    taken = (one.name.partition("-")[0] for one in root.iterdir())
    seq = 1 + max((int(number) for number in taken if number.isdigit()), default=0)
    done = Imported(
        seq=seq,
        file=name,
        format=format_.name,
        key=key,
        records=0,
        rows={},
        mapping=asdict(mapping) if mapping else {},
    )
    part = root / f".{seq:04}.part"
    part.mkdir()
    backend = connect(memory_gb=MEMORY_GB)
    try:
        backend.con.execute("SET preserve_insertion_order = true")
        backend.con.execute(f"SET temp_directory = {literal(str(part / 'spill'))}")
        writing = mapping.writing(shop.timezone) if mapping else Writing(zone=shop.timezone)
        writing.check(backend.con, "map: ")
        key_of_people = open_key(workspace.keys)
        writer = RowWriter(backend.con, part, done, format_.rank, writing, key_of_people)
        reading = Reading(currency=shop.currency)
        count = _read_into(writer, path, name, format_, mapping, reading, progress)
        if not count:
            raise SourceError(f"{name} has no records; export at least one and import again")
        done = replace(done, records=count, rows=writer.rows, marks=writer.marks())
        write_json(part / "import.json", asdict(done))
        shutil.rmtree(part / "spill", ignore_errors=True)
        part.rename(root / done.folder)
    finally:
        backend.disconnect()
        shutil.rmtree(part, ignore_errors=True)
    return done


def _read_into(
    writer: "RowWriter",
    path: Path,
    name: str,
    format_: Format,
    mapping: FileMap | None,
    reading: Reading,
    progress: Progress,
) -> int:
    """Read the file by columns where its rows are plain, else record by record."""
    found = records(path, name)
    if mapping is None:
        return writer.take(
            found, format_.relation,
            lambda some: ((n, format_.rows(one, reading)) for n, one in format_.gather(some)),
            name, progress,
        )  # fmt: skip
    kind = kind_of(path)
    if kind == "csv":
        return _read_csv(writer, CsvFile.open(path, name), mapping)
    if kind == "parquet":
        return _read_parquet(writer, path, name, mapping)
    return writer.take(
        found, mapping.relation,
        lambda some: ((n, [mapped_row(fields, mapping)]) for n, fields in some),
        name, progress,
    )  # fmt: skip


def _read_csv(writer: "RowWriter", file: CsvFile, mapping: FileMap) -> int:
    _check_headers(mapping, file.headers, file.name)
    extras = _extras(mapping, file.headers)
    table, broken = file.read({**mapping.columns, **extras})
    writer.put(mapping.relation, table, list(mapping.columns), extras)
    if broken:
        lost = pa.table(
            {
                "row": pa.array([one.row for one in broken], pa.int64()),
                "raw": [one.raw for one in broken],
                "problem": ["unreadable"] * len(broken),
            }
        )
        writer.put(mapping.relation, lost, ["problem", "raw"], {})
    return int(table.num_rows) + len(broken)


def _read_parquet(writer: "RowWriter", path: Path, name: str, mapping: FileMap) -> int:
    connection = writer.connection
    try:
        connection.execute(
            "CREATE VIEW given AS SELECT * FROM "
            f"read_parquet({literal(str(path))}, file_row_number = true)"
        )
        described = connection.execute("DESCRIBE given").fetchall()
    except duckdb.Error as error:
        raise SourceError(f"cannot read {name} as Parquet: {str(error).splitlines()[0]}") from error
    kinds = {row[0]: row[1] for row in described if row[0] != "file_row_number"}
    _check_headers(mapping, list(kinds), name)
    extras = _extras(mapping, list(kinds))
    columns = ", ".join(
        f"{_plain_text(theirs, kinds[theirs])} AS {ours}"
        for ours, theirs in {**mapping.columns, **extras}.items()
    )
    connection.execute(f"CREATE VIEW plain AS SELECT file_row_number AS row, {columns} FROM given")
    writer.put(mapping.relation, "plain", list(mapping.columns), extras)
    return writer.rows[mapping.relation]


def _plain_text(column: str, kind: str) -> str:
    """A typed column as the text that an export would hold."""
    name = '"' + column.replace('"', '""') + '"'
    if kind.startswith("TIMESTAMP WITH"):
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if kind in ("DOUBLE", "FLOAT"):  # 42.0 is the id 42, as pandas keeps it beside a missing one
        return (
            f"if(trunc({name}) = {name}, try_cast({name} AS BIGINT)::VARCHAR, "
            f"try_cast({name} AS DECIMAL(38, 6))::VARCHAR)"
        )
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
        return f"to_json({name})::VARCHAR"
    return f"{name}::VARCHAR"


def _check_headers(mapping: FileMap, headers: Iterable[str], name: str) -> None:
    missing = [theirs for theirs in mapping.columns.values() if theirs not in headers]
    if missing:
        raise SourceError(
            f"{name} has no column {', '.join(missing)}; it has {', '.join(headers) or 'none'}"
        )


def _extras(mapping: FileMap, headers: list[str] | tuple[str, ...]) -> dict[str, str]:
    if "context" not in COLUMNS[mapping.relation]:
        return {}
    people = mapping.relation != "products"
    return free_columns(headers, mapping.columns.values(), people=people)


class RowWriter:
    """Writes rows in the canonical columns, people as pseudonyms, into one folder.

    Args:
        connection: Nobody else's.
        folder: Where `<relation>-NNNN.parquet` go.
        source: The file, whose number and format stand in every row.
        rank: How far it is believed about an order; the lowest the most.
        writing: How it writes times and numbers.
        key: The identity key.

    Attributes:
        connection: As given.
        rows: Relation -> rows so far.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        source: Imported,
        rank: int,
        writing: Writing,
        key: bytes,
    ) -> None:
        self.connection = connection
        self.rows: dict[str, int] = {}
        self._folder, self._source, self._rank = folder, source, rank
        self._writing, self._key = writing, key
        self._parts: dict[str, int] = {}

        @lru_cache(maxsize=REMEMBERED_PEOPLE)
        def address(found: str) -> str:
            return pseudonym(key, "email", found)

        self._address = address

    def put(
        self, relation: str, table: pa.Table | str, columns: list[str], extras: Mapping[str, str]
    ) -> None:
        """Type a table of text and write it.

        Args:
            relation: Which.
            table: With `row` and the columns, or the name of a view that has them.
            columns: As `typed` takes them.
            extras: As `typed` takes them.
        """
        if isinstance(table, pa.Table):
            self.connection.register("texts", table)
        source = "texts" if isinstance(table, pa.Table) else table
        fill = relation == "orders" and {"customer_id", "ordered_at"} <= set(columns)
        query = typed(
            relation, source, columns, self._writing, extras=extras,
            fill=fill and "raw" not in columns,
        )  # fmt: skip
        self.connection.execute(f"CREATE OR REPLACE VIEW raw_{relation} AS {query}")
        people = [relation] if relation in WITH_CUSTOMER else []
        register_identities(self.connection, self._key, people)
        part = self._parts.get(relation, 0)
        path = self._folder / f"{relation}-{part:04}.parquet"
        origin = origin_of(f"{self._source.format}/{VERSION}", relation)
        rows = pseudonymous(self.connection, relation)
        copy(self.connection, numbered(rows, self._source.seq, origin, rank=self._rank), path)
        written_rows = pq.read_metadata(path).num_rows
        self._parts[relation] = part + 1
        self.rows[relation] = self.rows.get(relation, 0) + written_rows

    def take(
        self,
        found: Iterable[Record],
        relation: str,
        rows: Callable[
            [Iterator[tuple[int, Mapping[str, Any]]]], Iterable[tuple[int, Iterable[Row]]]
        ],
        name: str,
        progress: Progress,
    ) -> int:
        """Write records; one that could not be read is one refused row.

        Args:
            found: The records.
            relation: What an unreadable one is counted as.
            rows: Turns numbered records into numbered rows.
            name: The file's.
            progress: Told of every few thousand.

        Returns:
            How many records there were.
        """
        waiting: dict[str, list[dict[str, Any]]] = {}
        seen = 0

        def add(number: int, row: Row) -> None:
            there = waiting.setdefault(row.relation, [])
            position = self.rows.get(row.relation, 0) + len(there)
            there.append(self._as_text(position, number, row))
            if len(there) >= BATCH:
                self._put_texts(row.relation, waiting.pop(row.relation))

        def readable() -> Iterator[tuple[int, Mapping[str, Any]]]:
            nonlocal seen
            for record in found:
                seen += 1
                if seen % 10_000 == 0:
                    progress(f"{name}: {seen:,} records")
                if record.fields is None:
                    add(record.number, Row(relation=relation, values={}, problem="unreadable"))
                else:
                    yield record.number, record.fields

        for number, made in rows(readable()):
            for row in made:
                add(number, row)
        for one, texts in waiting.items():
            self._put_texts(one, texts)
        return seen

    def _as_text(self, position: int, number: int, row: Row) -> dict[str, Any]:
        context = row.context
        if row.relation != "products":
            context = scrub(context, self._address)
            if "device" in context:  # what GA4 and Segment call it; ours is whose device it is
                context["device_info"] = context.pop("device")
        return {
            "row": position,
            "raw": f'{{"record":{number}}}',
            "problem": row.problem or None,
            "context": _encoder.encode(context).decode() if context else None,
            **{name: written(one) for name, one in row.values.items() if one is not None},
        }

    def _put_texts(self, relation: str, rows: list[dict[str, Any]]) -> None:
        special = ["problem", "raw", *(["context"] if "context" in COLUMNS[relation] else [])]
        columns = [*special, *TEXTS[relation]]
        schema = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in columns)])
        self.put(relation, pa.Table.from_pylist(rows, schema), columns, {})

    def marks(self) -> dict[str, int]:
        """What was strange about times -> rows."""
        paths = [path for name in ("orders", "events") for path in self._folder.glob(f"{name}-*")]
        if not paths:
            return {}
        listed = ", ".join(literal(str(path)) for path in sorted(paths))
        return dict(
            self.connection.execute(
                f"""SELECT context ->> '$.clock' AS mark, count(*)
                FROM read_parquet([{listed}], union_by_name = true)
                WHERE context LIKE '%"clock":"%' AND mark LIKE '%_hour' GROUP BY 1 ORDER BY 1"""
            ).fetchall()
        )
