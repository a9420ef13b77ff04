"""What a record of any format is read into: rows of text in our words, before they are typed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from handbill.events.headers import HEADERS

TEXTS: Mapping[str, tuple[str, ...]] = {
    name: (*columns, *(("device_id", "version") if name == "orders" else ()))
    for name, columns in HEADERS.items()
}
"""Relation -> its columns of text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a relation.

    Attributes:
        relation: Which.
        values: Column of `TEXTS` -> what the source says, a time as it stands there.
        context: What has no column; personal fields are taken out later.
        problem: Reason code when the row cannot be kept.
    """

    relation: str
    values: Mapping[str, Any]
    context: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a format must know to read a record.

    Attributes:
        currency: The shop's; money in another is refused.
    """

    currency: str

    def foreign(self, currency: Any) -> bool:
        """Whether money is in another currency than the shop's; absent is the shop's."""
        return isinstance(currency, str) and currency.strip().upper() not in ("", self.currency)


def written(value: Any) -> str | None:
    """A value as the text that is typed later; None for what is no plain value.

    Example:
        >>> written(Decimal("1E+2")), written(2.50), written(" a "), written(True), written("")
        ('100', '2.5', 'a', None, None)
    """
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)):f}" if value == value else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip().replace("\x00", "") or None


def as_text(value: Any) -> str | None:
    """An id or name as text; None for what is empty or no plain value.

    Example:
        >>> as_text(42), as_text(" T-101 "), as_text(""), as_text("(not set)"), as_text([1])
        ('42', 'T-101', None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if text and text != "(not set)" else None


def first_text(*values: Any) -> str | None:
    """The first id or name that there is; a number 0 is none.

    Example:
        >>> first_text(None, "", 0, "anna", 7)
        'anna'
    """
    return next((text for one in values if (text := as_text(one)) and text != "0"), None)


def rest(fields: Mapping[str, Any], used: Iterable[str] = ()) -> dict[str, Any]:
    """The fields that have no column and are not empty."""
    known = frozenset(used)
    return {
        name: value
        for name, value in fields.items()
        if name not in known and value not in (None, "", [], {})
    }


def pick(value: Any, *path: str) -> Any:
    """A value deep in an object; None where the path ends early.

    Example:
        >>> pick({"a": {"b": 1}}, "a", "b"), pick({"a": 1}, "a", "b")
        (1, None)
    """
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def an_object(value: Any) -> dict[str, Any]:
    """The object that a value is; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
