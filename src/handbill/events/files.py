"""Any file as records: unpacked within bounds, its kind told from its content, row by row."""

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from handbill.errors import SourceError
from handbill.events.csv_files import CsvFile, detect_encoding
from handbill.events.feed_xml import items_of

MAX_UNPACKED = 20 << 30
"""Bytes that one packed file may become."""
MAX_RATIO = 250
FREE_RATIO = 64 << 20
"""A small file may be packed as tightly as it likes; beyond so many bytes the ratio counts."""
MAX_DOCUMENT = 1 << 30
"""Bytes of one JSON document that is not lines; it is read whole."""
ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
"""How an archive begins; the second holds nothing."""
CHUNK = 1 << 20
BATCH = 10_000

Kind = Literal["csv", "json", "parquet", "xml"]
Fields = dict[str, Any]

_decoder = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a file.

    Attributes:
        number: 0-based position in the file: row, line, element or item.
        fields: By name, empty ones left out; None when it could not be read.
    """

    number: int
    fields: Fields | None


class Readable(Protocol):
    """What an archive gives of a member."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""


@contextmanager
def unpacked(path: Path) -> Iterator[list[tuple[str, Path]]]:
    """The files in a file: itself, or what a gzip or zip archive holds, unpacked for a while.

    Args:
        path: Any file.

    Yields:
        Name and path of each, by name. An archive's members are named `archive/member`.

    Raises:
        SourceError: It cannot be read, is damaged, encrypted, or unpacks to more than it should.
    """
    with TemporaryDirectory(prefix="handbill-") as folder:
        try:
            found = _unpack(path, Path(folder))
        except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise SourceError(f"{path} is a damaged archive: {error}") from error
        except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
        yield found


def _unpack(path: Path, folder: Path) -> list[tuple[str, Path]]:
    with path.open("rb") as handle:
        magic = handle.read(4)
    if magic[:2] == b"\x1f\x8b":
        target = folder / "file"
        with gzip.open(path) as packed:
            _copy(packed, target, path, path.stat().st_size)
        return [(path.name, target)]
    return _members(path, folder) if magic in ZIPS else [(path.name, path)]


def _members(path: Path, folder: Path) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    packed = already = 0
    with zipfile.ZipFile(path) as archive:
        members = [one for one in archive.infolist() if not one.is_dir()]
        if any(one.filename == "[Content_Types].xml" for one in members):
            raise SourceError(f"{path} is a spreadsheet; save it as CSV and import that")
        for number, member in enumerate(sorted(members, key=lambda one: one.filename)):
            hidden = Path(member.filename).name.startswith(".")
            if hidden or member.filename.startswith("__MACOSX/"):
                continue
            if member.flag_bits & 1:
                raise SourceError(f"{path} is encrypted; unpack it and import what is in it")
            packed += member.compress_size
            target = folder / f"{number}-file"  # a member's own name may point anywhere
            with archive.open(member) as handle:
                already = _copy(handle, target, path, packed, already)
            found.append((f"{path.name}/{member.filename}", target))
    if not found:
        raise SourceError(f"{path} is an empty archive")
    return found


def _copy(source: Readable, target: Path, path: Path, packed: int, already: int = 0) -> int:
    """Unpack, counting all that came of the archive: it does not say truly how large it becomes."""
    written = already
    most = min(MAX_UNPACKED, already + shutil.disk_usage(target.parent).free // 2)
    with target.open("wb") as out:
        while chunk := source.read(CHUNK):
            written += len(chunk)
            if written > most or (written > FREE_RATIO and written > packed * MAX_RATIO):
                raise SourceError(
                    f"{path} unpacks to more than {written >> 20} MiB from {packed >> 10} KiB; "
                    "if that is right, unpack it yourself and import what is in it"
                )
            out.write(chunk)
    return written


def kind_of(path: Path) -> Kind:
    """What a file holds, told from its first bytes, whatever its name is."""
    with path.open("rb") as handle:
        head = handle.read(4_096)
    if head[:4] == b"PAR1":
        return "parquet"
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    first = head.decode(encoding, errors="replace").lstrip("\ufeff \t\r\n")[:1]
    return "xml" if first == "<" else "json" if first in ("{", "[") else "csv"


def records(path: Path, name: str) -> Iterator[Record]:
    """The records of a file: CSV, TSV, JSON, JSON lines, Parquet, or XML with items or entries.

    Args:
        path: Not packed.
        name: As messages call it.

    Raises:
        SourceError: It is empty, in no known encoding, or damaged as a whole.
    """
    readers = {"csv": _csv, "json": _json, "parquet": _parquet, "xml": _xml}
    return readers[kind_of(path)](path, name)


def _csv(path: Path, name: str) -> Iterator[Record]:
    file = CsvFile.open(path, name)
    headers = [header for header in dict.fromkeys(file.headers) if header]
    ours = {f"h{number}": header for number, header in enumerate(headers)}
    table, broken = file.read(ours)
    for one in broken:
        yield Record(number=one.row, fields=None)
    for batch in table.to_batches(max_chunksize=BATCH):
        for values in batch.to_pylist():
            number = values.pop("row")
            fields = {ours[key]: text for key, value in values.items() if (text := value.strip())}
            if fields:
                yield Record(number=number, fields=fields)


def _json(path: Path, name: str) -> Iterator[Record]:
    encoding = detect_encoding(path, name)
    with path.open(encoding=encoding, newline="\n") as handle:
        first = handle.readline().lstrip("\ufeff").strip()
    if first.startswith("{") and _decoded(first) is not None:
        with path.open(encoding=encoding, newline="\n") as handle:
            for number, line in enumerate(handle):
                if text := line.lstrip("\ufeff").strip():
                    for one in _elements(_decoded(text)):
                        yield Record(number=number, fields=one)
        return
    if path.stat().st_size > MAX_DOCUMENT:
        raise SourceError(f"{name} is one JSON document of over 1 GiB; export it as JSON lines")
    try:
        document = _decoder.decode(path.read_text(encoding=encoding).lstrip("\ufeff"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise SourceError(f"cannot read {name} as JSON: {error}") from error
    for number, one in enumerate(_elements(document)):
        yield Record(number=number, fields=one)


def _decoded(line: str) -> Fields | None:
    """A line's object; None when it is not one."""
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _elements(document: Any) -> list[Fields | None]:
    """The objects of the list that a document is, or that it wraps, as in `{"orders": [...]}`."""
    if isinstance(document, dict) and len(document) == 1:
        (inner,) = document.values()
        if isinstance(inner, list):
            document = inner
        elif isinstance(inner, dict):  # a webhook's body, read back from an API: {"order": {...}}
            document = [inner]
    found = document if isinstance(document, list) else [document]
    return [one if isinstance(one, dict) else None for one in found]


def _parquet(path: Path, name: str) -> Iterator[Record]:
    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH):
            for fields in batch.to_pylist():
                there = {key: value for key, value in fields.items() if value is not None}
                yield Record(number=number, fields=there)
                number += 1
    except pa.ArrowInvalid as error:
        raise SourceError(f"cannot read {name} as Parquet: {str(error).splitlines()[0]}") from error


def _xml(path: Path, name: str) -> Iterator[Record]:
    for number, fields in enumerate(items_of(path, name)):
        yield Record(number=number, fields=fields)
