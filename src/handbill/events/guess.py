"""What a table seems to be, told from its headers and from the shapes of its values.

A proposal for a person to look at: nothing is imported by it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from handbill.engine import connect
from handbill.errors import SourceError
from handbill.events.files import records, unpacked
from handbill.events.formats import find_format
from handbill.events.headers import (
    HEADERS,
    OPTIONAL,
    find_headers,
    free_columns,
    is_personal,
    missing_columns,
)
from handbill.events.mapping import map_toml
from handbill.events.rows import written
from handbill.events.texts import EPOCHS, MONEY, OURS, PEOPLE, TIMES, Decimals, Writing, typed
from handbill.types import MICROS

SAMPLE = 200
"""Records that are looked at."""
BY_NAME, UNSURE_DAY = "its name", "day before month is a guess"

TIME_FORMS = (
    "", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
    "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m/%d/%Y %I:%M %p",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y", "%Y%m%d", "%Y%m%d%H%M%S",
    "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日",
)  # fmt: skip
"""Tried in this order on every sample; a form must read all of them."""

EVENT_WORDS: Mapping[str, str] = {
    "pv": "view_item", "view": "view_item", "detail": "view_item", "浏览": "view_item",
    "cart": "add_to_cart", "addtocart": "add_to_cart", "加购": "add_to_cart",
    "remove_from_cart": "remove_from_cart", "fav": "add_to_wishlist", "收藏": "add_to_wishlist",
    "buy": "purchase", "transaction": "purchase", "order": "purchase", "购买": "purchase",
    "search": "search", "搜索": "search",
}  # fmt: skip
"""What public data sets and shop systems call an event -> GA4's name."""

Table = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column would be read.

    Attributes:
        ours: Our name.
        theirs: The file's header.
        because: Why it was chosen.
        before: The first value there is.
        after: As it would be read; empty when it would not.
    """

    ours: str
    theirs: str
    because: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a file seems to be.

    Attributes:
        known: Name of the format that it is in; then it needs no mapping.
        relation: Best fitting.
        columns: Those that were found.
        missing: Those that are needed and were not.
        time_format: That reads every sampled time; None when none does.
        decimal: Sign in its numbers.
        event_names: Their name of an event -> ours.
        kept: Headers that go to the rows' context.
        left_out: Headers that say who someone is.
    """

    known: str
    relation: str
    columns: Sequence[Column]
    missing: Sequence[str]
    time_format: str | None
    decimal: Decimals
    event_names: Mapping[str, str] = field(default_factory=dict)
    kept: Sequence[str] = ()
    left_out: Sequence[str] = ()

    def toml(self) -> str:
        """The map.toml that it proposes; what is missing stands in it as a comment to fill in."""
        return map_toml(
            relation=self.relation,
            columns={one.ours: one.theirs for one in self.columns},
            time_format=self.time_format or "",
            decimal=self.decimal,
            event_names=self.event_names,
            missing=self.missing,
        )


def guess_file(path: Path, zone: str) -> Guess:
    """Look at a file, or at an archive's first file.

    Args:
        path: CSV, TSV, JSON, JSON lines, Parquet or XML, packed or not.
        zone: The shop's.

    Raises:
        SourceError: It cannot be read or has no records.
    """
    with unpacked(path) as members:
        name, member = members[0]
        sample = [one.fields for one in islice(records(member, name), SAMPLE) if one.fields]
    return guess(sample, zone)


def guess(sample: Iterable[Mapping[str, Any]], zone: str) -> Guess:
    """Propose a mapping.

    Args:
        sample: Records.
        zone: The shop's.

    Raises:
        SourceError: There are none.
    """
    sample = list(sample)
    rows = [_flat(one) for one in sample]
    names = dict.fromkeys(name for row in rows for name in row)
    table = {name: [row[name] for row in rows if name in row] for name in names}
    if not table:
        raise SourceError("the file has no records to guess from")
    backend = connect(memory_gb=0.5, threads=1)
    try:
        known = find_format(sample)
        return _guess(backend.con, rows, table, zone, known.name if known else "")
    finally:
        backend.disconnect()


def _guess(
    connection: duckdb.DuckDBPyConnection,
    rows: list[dict[str, str]],
    table: Table,
    zone: str,
    known: str,
) -> Guess:
    forms = _forms(connection, table, zone)
    ranked = []
    for place, (relation, names) in enumerate(HEADERS.items()):
        found = find_headers(names, list(table))
        because = dict.fromkeys(found, BY_NAME)
        _by_shape(relation, found, because, table, forms)
        score = len(found) - 2 * len(missing_columns(relation, found))
        ranked.append((-score, place, relation, found, because))
    *_, relation, found, because = min(ranked, key=lambda one: one[:2])
    times = [theirs for ours, theirs in found.items() if ours in TIMES]
    form = _common(forms, times)
    if form and form[0].startswith("%d/") and form[0].replace("%d/%m", "%m/%d") in form:
        because |= {ours: UNSURE_DAY for ours in found if ours in TIMES}
    money = [text for ours, theirs in found.items() if ours in MONEY for text in table[theirs]]
    words = {
        text: EVENT_WORDS[text.lower()]
        for text in dict.fromkeys(table.get(found.get("event", ""), ()))
        if text.lower() in EVENT_WORDS and EVENT_WORDS[text.lower()] != text
    }
    decimal: Decimals = "," if _commas(money) else "."
    columns = {ours: found[ours] for ours in HEADERS[relation] if ours in found}
    writing = Writing(
        zone=zone, time_format=form[0] if form else "", decimal=decimal, event_names=words
    )
    used = set(found.values())
    people = relation != "products"
    return Guess(
        known=known,
        relation=relation,
        columns=_shown(connection, rows, relation, columns, because, writing),
        missing=missing_columns(relation, found),
        time_format=form[0] if form else None if times else "",
        decimal=decimal,
        event_names=words,
        kept=list(free_columns(list(table), used, people=people).values()),
        left_out=[name for name in table if people and is_personal(name) and name not in used],
    )


def _flat(fields: Mapping[str, Any]) -> dict[str, str]:
    """A record's plain values as text; those of an object in it under a dotted name."""
    found: dict[str, str] = {}
    for name, value in fields.items():
        inner = value if isinstance(value, dict) else {"": value}
        for below, one in inner.items():
            if (text := written(one)) is not None:
                found[f"{name}.{below}" if below else name] = text
    return found


def _forms(connection: duckdb.DuckDBPyConnection, table: Table, zone: str) -> dict[str, list[str]]:
    """Header -> the time formats that read all its values as a time of our days."""
    found: dict[str, list[str]] = {}
    for name, texts in table.items():
        connection.register("sampled", pa.table({"text": list(dict.fromkeys(texts))}))
        found[name] = []
        if not all(re.search(r"\d{4}", text) for text in texts):
            continue
        for form in (*TIME_FORMS, *EPOCHS):
            time = Writing(zone=zone, time_format=form).time("text")
            ours = f"{time} BETWEEN TIMESTAMPTZ '1990-01-01' AND TIMESTAMPTZ '2100-01-01'"
            query = f"SELECT bool_and(coalesce({ours}, false)) FROM sampled"
            if connection.execute(query).fetchall()[0][0]:
                found[name].append(form)
    return found


def _common(forms: Mapping[str, Sequence[str]], headers: Sequence[str]) -> list[str]:
    """The formats that read all of these columns."""
    if not headers:
        return []
    return [one for one in (*TIME_FORMS, *EPOCHS) if all(one in forms[name] for name in headers)]


def _by_shape(
    relation: str,
    found: dict[str, str],
    because: dict[str, str],
    table: Table,
    forms: Mapping[str, Sequence[str]],
) -> None:
    """Fill what is needed and missing from columns whose values can be nothing else."""
    needed = set(HEADERS[relation]) - OPTIONAL[relation]
    needed |= {"paid"} if relation == "orders" and "unit_price" not in found else set()
    needed |= {"customer_id"} if relation == "events" and "device_id" not in found else set()
    for ours in (name for name in HEADERS[relation] if name in needed and name not in found):
        free = {name: texts for name, texts in table.items() if name not in found.values()}
        if ours in TIMES:
            why, fitting = "times", [name for name in free if forms[name]]
        elif ours in SHAPES:
            why, like = SHAPES[ours]
            fitting = [n for n, texts in free.items() if all(like.fullmatch(one) for one in texts)]
        else:
            continue
        if len(fitting) == 1:  # two that fit are a guess nobody should make
            found[ours], because[ours] = fitting[0], f"its values: {why}"


SHAPES: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "customer_id": ("e-mail addresses", re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
    "quantity": ("small whole numbers", re.compile(r"-?\d{1,3}")),
    "paid": ("amounts of money", re.compile(r"[+-]?[¥￥$€£]?\s?[\d.,]*\d[.,]\d{2}\s?[¥￥$€£元]?")),
}
"""Our column -> what its values look like."""


def _commas(money: Sequence[str]) -> bool:
    commas = sum(re.search(r",\d{1,2}\D*$", text) is not None for text in money)
    return commas > sum(re.search(r"\.\d{1,2}\D*$", text) is not None for text in money)


def _shown(
    connection: duckdb.DuckDBPyConnection,
    rows: list[dict[str, str]],
    relation: str,
    columns: Mapping[str, str],
    because: Mapping[str, str],
    writing: Writing,
) -> list[Column]:
    """Each column's first value, before and after it is read as an import would."""
    texts = {ours: [row.get(theirs, "") for row in rows] for ours, theirs in columns.items()}
    connection.register("texts", pa.table({"row": list(range(len(rows))), **texts}))
    query = typed(relation, "texts", list(columns), writing, extras={})
    inside = {theirs: ours for ours, theirs in OURS.get(relation, {}).items()}
    found = []
    for ours, theirs in columns.items():
        at = next((number for number, text in enumerate(texts[ours]) if text), 0)
        after = {"unit_price": "worked into paid", **dict.fromkeys(PEOPLE.values(), "a keyed hash")}
        if ours not in after:
            sql = f"SELECT {inside.get(ours, ours)}::VARCHAR FROM ({query}) WHERE row = {at}"
            after[ours] = connection.execute(sql).fetchall()[0][0] or ""
            if ours in MONEY and after[ours]:
                after[ours] = f"{int(after[ours]) / MICROS:.2f}"
        before = texts[ours][at]
        why = because[ours]
        found.append(
            Column(ours=ours, theirs=theirs, because=why, before=before, after=after[ours])
        )
    return found
