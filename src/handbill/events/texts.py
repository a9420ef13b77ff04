"""Text columns into the canonical ones, as SQL: times, numbers, money, and what has no column.

A time with an offset is that instant; one without is on the shop's clock. Where that clock is put
back an hour is there twice: the second one, standard time, is taken. Where it is put forward an
hour is missing: a time in it is moved on by as much. Both are marked in the row's context; no sale
is lost over them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import pyarrow as pa

from handbill.errors import ConfigError
from handbill.events.canonical import COLUMNS, Stream, Unparsed
from handbill.types import MICROS

Decimals = Literal[".", ","]

TIMES = frozenset(
    {"ordered_at", "occurred_at", "starts_at", "ends_at", "mailed_at", "redeemed_at", "week_start"}
)
MONEY = frozenset({"paid", "unit_price", "discount", "coupon_discount"})
NUMBERS = MONEY | {"quantity"}
PEOPLE = {"customer": "customer_id", "device": "device_id"}
"""Canonical column -> the text's, of identifiers."""
UNSHOWN = frozenset({*PEOPLE.values(), "event_id", "version", "problem", "context", "raw"})
"""Columns of text that are not shown in the quarantine."""
EPOCHS: Mapping[str, int] = {"epoch": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}
"""Format that is a plain number -> microseconds that one of it is."""
DAY = 86_400_000_000
"""Microseconds."""
LIMIT = 2_000_000_000_000
"""More than `events.max_paid` can be."""

OURS: Mapping[str, Mapping[str, str]] = {
    "products": {"id": "product_id"},
    "campaigns": {"id": "campaign_id"},
}
"""Relation -> canonical column -> the text's, where they differ."""

SALES = ("purchase", "refund")
"""Events in which money moved."""

_EMAIL = r"[\w.+-]+(@|%40)[\w-]+(\.[\w-]+)+"
_IN_ADDRESS = (
    r"([?&#][a-z_]*(token|email|e-mail|phone|password|secret|session|auth)[a-z_]*=)[^&#\s\"]*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a file writes times and numbers.

    Attributes:
        zone: IANA zone of times without an offset.
        time_format: As in `strptime`, or one of `EPOCHS`; empty for ISO 8601.
        decimal: Sign between a number's whole and broken part.
        event_names: Their name of an event -> ours.
    """

    zone: str
    time_format: str = ""
    decimal: Decimals = "."
    event_names: Mapping[str, str] = field(default_factory=dict)

    def check(self, connection: duckdb.DuckDBPyConnection, where: str) -> None:
        """Hold zone and format against what can be read.

        Args:
            connection: To try the format on.
            where: The setting, for the message, such as `events.`.

        Raises:
            ConfigError: There is no such zone, or the format is none.
        """
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError(
                f"{where}timezone is {self.zone!r}; give an IANA zone like Asia/Shanghai"
            ) from error
        if not self.time_format or self.time_format in EPOCHS:
            return
        try:
            connection.execute(f"SELECT try_strptime('', {literal(self.time_format)})").fetchall()
        except duckdb.Error as error:
            raise ConfigError(
                f"{where}time_format is {self.time_format!r}; it must be as in strptime, "
                f"such as %d.%m.%Y %H:%M, or one of {', '.join(EPOCHS)}"
            ) from error

    def time(self, column: str) -> str:
        """A text column as a time, as SQL; null where it is not written so."""
        form, local = self.time_format, f"AT TIME ZONE {literal(self.zone)}"
        if form in EPOCHS:
            return (
                f"make_timestamptz(CASE WHEN abs(try_cast({column} AS DECIMAL(38, 6)) "
                f"* {EPOCHS[form]}) < 9e18 "
                f"THEN (try_cast({column} AS DECIMAL(38, 6)) * {EPOCHS[form]})::BIGINT END)"
            )
        if form:
            offset = "" if "%z" in form else local
            return f"(try_strptime({column}, {literal(form)}) {offset})"
        return (
            rf"(CASE WHEN NOT regexp_matches({column}, '^\d{{4}}[-/]\d') THEN NULL "
            f"WHEN {_with_offset(column)} THEN try_cast({_iso(column)} AS TIMESTAMPTZ) "
            f"ELSE try_cast({_iso(column)} AS TIMESTAMP) {local} END)"
        )

    def mark(self, column: str) -> str:
        """What is strange about a text column's time, as SQL; empty where nothing can be.

        Args:
            column: Its text; `<column>_` is the time read from it.
        """
        if self.time_format in EPOCHS or "%z" in self.time_format or not changing_days(self.zone):
            return ""
        zone = f"AT TIME ZONE {literal(self.zone)}"
        if self.time_format:
            plain, own_offset = f"try_strptime({column}, {literal(self.time_format)})", "false"
        else:
            plain, own_offset = f"try_cast({_iso(column)} AS TIMESTAMP)", _with_offset(column)
        days = ", ".join(map(str, changing_days(self.zone)))
        earlier = [f"({column}_ - INTERVAL {minutes} MINUTE) {zone}" for minutes in (30, 60)]
        # the first line is all that nearly every row costs
        return (
            f"CASE WHEN NOT coalesce(epoch_us({column}_) // {DAY} IN ({days}), false) THEN NULL "
            f"WHEN {own_offset} THEN NULL "
            f"WHEN ({column}_ {zone}) <> {plain} THEN 'skipped_hour' "
            f"WHEN {plain} IN ({', '.join(earlier)}) THEN 'ambiguous_hour' END"
        )

    def number(self, column: str) -> str:
        """A plain decimal in millionths, as SQL; null where it is none.

        A currency sign and thousands separators are taken off, nothing is guessed: where numbers
        have decimal points, "12,50" is not 1250 but unreadable, and its row says so.
        """
        text = rf"regexp_replace({column}, '[\s¥￥$€£元]|EUR|USD|CNY|RMB', '', 'g')"
        if self.decimal == ",":
            plain = r"'^[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?$'"
            bare = f"replace(replace({text}, '.', ''), ',', '.')"
        else:
            plain = r"'^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$'"
            bare = f"replace({text}, ',', '')"
        number = f"try_cast({bare} AS DECIMAL(38, 6))"
        # an absurd number stands at a bound that is still refused as one, but does not overflow
        bounded = f"greatest(least({number}, {LIMIT}), -{LIMIT})::DECIMAL(19, 6)"
        return (
            f"CASE WHEN regexp_matches({text}, {plain}) AND {number} IS NOT NULL "
            f"THEN ({bounded} * {MICROS})::BIGINT END"
        )

    def event(self, column: str) -> str:
        """An event's name inside, as SQL."""
        known = "".join(
            f" WHEN {literal(theirs)} THEN {literal(ours)}"
            for theirs, ours in self.event_names.items()
        )
        word = rf"lower(regexp_replace({column}, '[\s.-]+', '_', 'g'))"
        return f"CASE {column}{known} ELSE {word} END" if known else word


def typed(
    relation: str,
    table: str,
    columns: Sequence[str],
    writing: Writing,
    *,
    extras: Mapping[str, str],
    fill: bool = False,
) -> str:
    """The query that turns a table of text into a relation's canonical columns.

    Args:
        relation: Which.
        table: Holds `row`, `columns` and `extras`, all text but `row`.
        columns: Text columns of the relation that are there; also `problem`, a reason that is known
            already, and `context` and `raw`, JSON.
        writing: How times and numbers are written.
        extras: Column -> the name of a field that has no column.
        fill: Whether an order's customer and time may stand on its first line only.
    """
    special = [name for name in ("problem", "context", "raw") if name in columns]
    texts = [name for name in columns if name not in special]
    cleaned = [f"nullif(trim({name}), '') AS {name}" for name in (*texts, *extras)]
    if fill:
        cleaned = [
            f"coalesce(nullif(trim({name}), ''), if(trim(order_id) = '', NULL, "
            f"max(nullif(trim({name}), '')) OVER (PARTITION BY order_id))) AS {name}"
            if name in ("customer_id", "ordered_at")
            else expression
            for name, expression in zip((*texts, *extras), cleaned, strict=True)
        ]
    if relation == "events" and "event" in texts:
        name = writing.event("nullif(trim(event), '')")
        cleaned[texts.index("event")] = f"{name} AS event"
    cleaned += special
    parsed = [f"{writing.number(name)} AS {name}_" for name in texts if name in NUMBERS]
    parsed += [f"{writing.time(name)} AS {name}_" for name in texts if name in TIMES]
    canonical = canonical_columns(relation, columns, writing, extras)
    listed = ", ".join(f"{expression} AS {name}" for name, expression in canonical.items())
    return (
        f"WITH cleaned AS (SELECT row, {', '.join(cleaned)} FROM {table}), "
        f"parsed AS (SELECT {', '.join(['*', *parsed])} FROM cleaned) "
        f"SELECT row, {problem(columns)} AS problem, {raw(columns)} AS raw, {listed} FROM parsed"
    )


def streamed(
    relation: str,
    batches: Iterable[pa.RecordBatch],
    columns: Sequence[str],
    writing: Writing,
    *,
    extras: Mapping[str, str],
    unparsed: list[Unparsed],
) -> Stream:
    """As `typed`, for a relation that is read a batch at a time.

    Args:
        relation: Which.
        batches: Dictionary-encoded `columns` and `extras`, and `row`.
        columns: As `typed` takes them.
        writing: How times and numbers are written.
        extras: As `typed` takes them.
        unparsed: Gets rows that never became one, while the batches are read.
    """
    clean = dict.fromkeys((*columns, *extras), "text")
    if relation == "events":
        clean["event"] = writing.event("text")
    parse = {name: writing.number("text") for name in columns if name in NUMBERS}
    parse |= {name: writing.time("text") for name in columns if name in TIMES}
    canonical = canonical_columns(relation, columns, writing, extras)
    return Stream(
        relation=relation,
        batches=batches,
        clean=clean,
        parse=parse,
        columns={name: one for name, one in canonical.items() if name not in PEOPLE},
        problem=problem(columns),
        raw=raw(columns),
        unparsed=unparsed,
    )


def canonical_columns(
    relation: str, columns: Sequence[str], writing: Writing, extras: Mapping[str, str]
) -> dict[str, str]:
    """A relation's columns as expressions of clean text and of what was parsed from it.

    Args:
        relation: Which.
        columns: As `typed` takes them. Those in `TIMES` and `NUMBERS` have what was parsed of them
            beside them, as `<column>_`: a time, or millionths.
        writing: How times and numbers were written.
        extras: As `typed` takes them.
    """
    found = {
        column: f"({_canonical(relation, column, columns)})::{kind}"
        for column, kind in COLUMNS[relation].items()
        if column != "context"
    }
    if "context" in COLUMNS[relation]:
        found["context"] = _context(relation, columns, writing, extras)
    return found


def raw(columns: Sequence[str]) -> str:
    """What the quarantine shows of a row, as JSON text: all of it but whose it is."""
    shown = ", ".join(f"'{name}', {name}" for name in columns if name not in UNSHOWN)
    fields = f"json_object({shown})::VARCHAR"
    return f"json_merge_patch(raw::JSON, {fields}::JSON)::VARCHAR" if "raw" in columns else fields


def problem(columns: Sequence[str]) -> str:
    """The reason for which a row's text cannot be used, as SQL; null where it can."""
    cases = ["WHEN problem IS NOT NULL THEN problem"] if "problem" in columns else []
    cases += [
        f"WHEN {name} IS NOT NULL AND {name}_ IS NULL THEN "
        f"'unreadable_{'time' if name in TIMES else 'number'}'"
        for name in columns
        if name in TIMES | NUMBERS
    ]
    return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"


def _context(
    relation: str, columns: Sequence[str], writing: Writing, extras: Mapping[str, str]
) -> str:
    """What has no column, as JSON text: free fields, a strange hour, money that only showed."""
    marks = [writing.mark(name) for name in ("ordered_at", "occurred_at") if name in columns]
    clock = [f"""'{{"clock":"' || {mark} || '"}}'""" for mark in marks if mark]
    parts = ["context"] if "context" in columns else []
    if extras:
        pairs = ", ".join(f"{literal(name)}, {column}" for column, name in extras.items())
        # an address in a free text is taken out; whose it is nobody needs to know here
        parts.append(
            f"regexp_replace(regexp_replace(json_object({pairs})::VARCHAR, "
            f"'{_IN_ADDRESS}', '\\1', 'gi'), '{_EMAIL}', '[e-mail]', 'g')"
        )
    if relation == "events" and "paid" in columns:
        shown = f"if(event NOT IN {SALES}, paid_ / {MICROS}, NULL)"
        parts.append(f"json_object('value', {shown})::VARCHAR")
    if not parts:
        return clock[0] if clock else "NULL::VARCHAR"
    merged = ", ".join(f"coalesce({part}, '{{}}')::JSON" for part in (*parts, *clock))
    return f"nullif(json_merge_patch('{{}}'::JSON, {merged})::VARCHAR, '{{}}')"


def _canonical(relation: str, column: str, texts: Sequence[str]) -> str:
    """One canonical column from the parsed ones."""
    name = PEOPLE.get(column) or OURS.get(relation, {}).get(column, column)
    if name == "event_id" and name in texts:
        return "md5(event_id)"  # the sender's own may hold anything, an e-mail address too
    if relation == "orders" and column in ("quantity", "paid", "measured"):
        return _order_number(column, texts)
    if name not in texts:
        return "NULL"
    if name == "ends_at":  # a bare date is the last day, and the end is exclusive
        return "if(length(ends_at) <= 10, ends_at_ + INTERVAL 1 DAY, ends_at_)"
    if relation == "events" and name in ("quantity", "paid"):
        number = f"quantity_ // {MICROS}" if name == "quantity" else "paid_"
        number = number if name == "quantity" else f"if(event IN {SALES}, {number}, NULL)"
        return f"if(event = 'refund', -abs({number}), {number})"
    return f"{name}_" if name in TIMES | MONEY else name


def _order_number(column: str, texts: Sequence[str]) -> str:
    """Quantity, amount and measure of an order's line.

    A broken quantity such as 0.75 is goods by weight: one unit, and the measure is kept.
    """
    if "quantity" not in texts:  # the line could not be split into fields
        return "NULL"
    if column == "measured":
        return f"if(quantity_ % {MICROS} <> 0, round(quantity_ / 1000), NULL)"
    if column == "quantity":
        return f"if(quantity_ % {MICROS} <> 0, sign(quantity_), quantity_ // {MICROS})"
    ways = ["paid_"] if "paid" in texts else []
    if "unit_price" in texts:
        bound = LIMIT * MICROS
        full = f"round(unit_price_::DOUBLE * quantity_ / {MICROS})"
        off = "".join(
            f" - coalesce({name}_, 0)" for name in ("discount", "coupon_discount") if name in texts
        )
        ways.append(f"if({full} IS NULL, NULL, greatest(least({full}{off}, {bound}), -{bound}))")
    return f"coalesce({', '.join(ways)})" if ways else "NULL"


def _with_offset(column: str) -> str:
    return rf"regexp_matches({column}, ':.*([+-]\d\d:?\d\d|Z|UTC)$')"


def _iso(column: str) -> str:
    # "10:00:00 -0500" is what Shopify writes; "-05:00" is what the cast understands
    return rf"regexp_replace(replace({column}, '/', '-'), '\s*([+-]\d\d):?(\d\d)$', '\1:\2')"


def literal(text: str) -> str:
    """A text inside SQL."""
    return "'" + text.replace("'", "''") + "'"


@lru_cache(maxsize=16)
def changing_days(zone: str) -> tuple[int, ...]:
    """The days around those, 1990 to 2059, on which a zone's clock is put forward or back.

    Returns:
        UTC days, counted from 1970-01-01.

    Example:
        >>> len(changing_days("UTC")), 20_751 in changing_days("Europe/Berlin")  # 2026-10-25
        (0, True)
    """
    place, found = ZoneInfo(zone), set()
    first = datetime(1990, 1, 1, tzinfo=UTC)
    before = first.astimezone(place).utcoffset()
    for number in range((datetime(2060, 1, 1, tzinfo=UTC) - first).days):
        after = (first + timedelta(days=number + 1)).astimezone(place).utcoffset()
        if after != before:
            today = (first - datetime(1970, 1, 1, tzinfo=UTC)).days + number
            found |= {today - 1, today, today + 1}
        before = after
    return tuple(sorted(found))
