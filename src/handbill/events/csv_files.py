"""A CSV file as text columns: delimiter, encoding and broken lines are dealt with here."""

import codecs
import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

from handbill.errors import SourceError
from handbill.events.canonical import Unparsed

CHUNK = 1 << 20
BLOCK = 32 << 20
TEXT = pa.dictionary(pa.int32(), pa.string())
SWALLOWED = 20
"""A broken row that spans so many lines is an unclosed quote that swallowed its followers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFile:
    """What a file looks like, before its rows are read.

    Attributes:
        path: Where it is.
        name: As messages call it.
        encoding: `utf-8`, `utf-16` or `gb18030`.
        delimiter: One of `,`, `;` and tab.
        headers: Its first line's fields.
        has_rows: Whether anything follows them.
    """

    path: Path
    name: str
    encoding: str
    delimiter: str
    headers: tuple[str, ...]
    has_rows: bool

    @classmethod
    def open(cls, path: Path, name: str = "") -> "CsvFile":
        """Look at a file.

        Args:
            path: Where it is.
            name: As messages call it; its path when empty.

        Raises:
            SourceError: It cannot be read, is empty, or is in no encoding that is understood.
        """
        name = name or str(path)
        try:
            encoding = detect_encoding(path, name)
            with path.open(encoding=encoding, newline="") as handle:
                first = handle.readline().lstrip("\ufeff")
                has_rows = any(line.strip() for line in handle)
        except OSError as error:
            raise SourceError(f"cannot read {name}: {error.strerror}") from error
        if not first.strip():
            raise SourceError(
                f"{name} is empty; its first line must name the columns (docs/import.md)"
            )
        delimiter = max(",;\t", key=first.count)
        headers = next(csv.reader([first], delimiter=delimiter))
        return cls(
            path=path,
            name=name,
            encoding=encoding,
            delimiter=delimiter,
            headers=tuple(header.strip() for header in headers),
            has_rows=has_rows,
        )

    def read(self, columns: Mapping[str, str]) -> tuple[pa.Table, Sequence[Unparsed]]:
        """Read the rows at once; as `batches`, but with columns of plain text.

        Returns:
            Our columns and `row`, and the rows that do not split into the header's columns.
        """
        broken: list[Unparsed] = []
        found = list(self.batches(columns, broken))
        fields = [(name, pa.string()) for name in columns] + [("row", pa.int64())]
        if not found:
            return pa.schema(fields).empty_table(), broken
        return pa.Table.from_batches(found).cast(pa.schema(fields)), broken

    def batches(
        self, columns: Mapping[str, str], broken: list[Unparsed]
    ) -> Iterator[pa.RecordBatch]:
        """Read the rows a few hundred thousand at a time.

        Args:
            columns: Our column -> the header it stands under.
            broken: Gets the rows that do not split into the header's columns, at the latest with
                the batch that has the rows around them. Of those only the shape is kept: an
                identifier could be anywhere in them.

        Yields:
            Our columns as dictionary-encoded text, and `row`.

        Raises:
            SourceError: The file as a whole is no CSV.
        """
        if not self.has_rows:
            return
        swallowing: list[int] = []

        def refuse(row: pc.InvalidRow) -> str:
            if row.text.count("\n") >= SWALLOWED:
                swallowing.append(row.number)
            shape = {"expected_columns": row.expected_columns, "columns": row.actual_columns}
            broken.append(Unparsed(row=row.number - 2, raw=json.dumps(shape)))
            return "skip"

        names = [f"c{i}" for i in range(len(self.headers))]
        ours = {name: names[self.headers.index(header)] for name, header in columns.items()}
        first = passed = 0
        try:
            reader = pc.open_csv(
                self.path,
                read_options=pc.ReadOptions(
                    column_names=names,
                    skip_rows=1,
                    encoding=self.encoding,
                    block_size=BLOCK,
                    use_threads=False,  # only then are broken rows numbered
                ),
                parse_options=pc.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pc.ConvertOptions(
                    column_types=dict.fromkeys(names, TEXT),
                    include_columns=list(ours.values()),
                    strings_can_be_null=False,
                ),
            )
            for batch in reader:
                end, skipped = first + batch.num_rows, []
                for one in broken[passed:]:  # those further on belong to a later batch
                    if one.row >= end:
                        break
                    skipped.append(one.row)
                    end += 1
                rows = np.delete(np.arange(first, end), [row - first for row in skipped])
                first, passed = end, passed + len(skipped)
                yield pa.RecordBatch.from_arrays(
                    [*batch.columns, pa.array(rows, pa.int64())], names=[*ours, "row"]
                )
        except (pa.ArrowInvalid, UnicodeError) as error:
            raise SourceError(
                f"cannot read {self.name} as CSV: {str(error).splitlines()[0]}"
            ) from error
        if swallowing:
            raise SourceError(
                f"{self.name}: a quote that opens in row {swallowing[0]} is never closed and "
                "swallows the rows after it; close it and run again"
            )


def detect_encoding(path: Path, name: str = "") -> str:
    """UTF-8 (with or without a byte order mark), UTF-16 with one, else GB18030.

    Args:
        path: Of the file.
        name: As messages call it; its path when empty.

    Raises:
        SourceError: It is none of them.
    """
    with path.open("rb") as handle:
        if handle.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16"
    for encoding in ("utf-8", "gb18030"):
        try:
            with path.open(encoding=encoding, newline="") as text:
                while text.read(CHUNK):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise SourceError(f"{name or path} is neither UTF-8 nor GB18030; export it as UTF-8")
