"""Handbill's own format, the one of `POST /v1/events`, as JSON lines."""

from collections.abc import Iterable, Mapping
from typing import Any

from handbill.events.formats.behaviour import event_rows
from handbill.events.rows import Reading, Row


def matches(fields: Mapping[str, Any]) -> bool:
    """Whether a record is an event."""
    return isinstance(fields.get("event"), str) and bool(
        {"user_id", "anonymous_id"} & fields.keys() and {"occurred_at", "event_id"} & fields.keys()
    )


def rows(fields: Mapping[str, Any], reading: Reading) -> Iterable[Row]:
    """One event."""
    return event_rows(fields, reading)
