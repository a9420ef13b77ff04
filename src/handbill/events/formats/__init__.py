"""The formats that are known by their documented field names, one file for each system.

A format is told from a record's fields, never from a file's name. Each turns one record into rows
(`events/rows.py`); what it does not name goes to the row's context.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

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

FORMATS: tuple[Format, ...] = ()
"""In the order in which they are tried."""


def find_format(sample: Iterable[Fields]) -> Format | None:
    """The format that the first records are of; None when none is."""
    records = list(sample)
    for one in FORMATS:
        if any(one.matches(fields) for fields in records):
            return one
    return None
