"""Segment and RudderStack: track, page, screen and identify messages, as JSON lines.

Source: Segment spec, common fields and e-commerce events; RudderStack event spec, the same.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handbill.events.formats.behaviour import event_rows
from handbill.events.rows import Reading, Row, as_text
from handbill.events.segment import TYPES, from_segment

KINDS = TYPES | {"group", "alias"}


def matches(fields: Mapping[str, Any]) -> bool:
    """Whether a record is a message."""
    kind = as_text(fields.get("type"))
    return kind in KINDS and bool({"messageId", "anonymousId", "userId"} & fields.keys())


def rows(fields: Mapping[str, Any], reading: Reading) -> Iterable[Row]:
    """One message. Groups and aliases are refused: nobody did anything in them."""
    kind = as_text(fields.get("type"))
    if kind in TYPES:
        return event_rows(from_segment(fields, str(kind)), reading)
    values = {
        "event": kind, "occurred_at": fields.get("timestamp"),
        "customer_id": as_text(fields.get("userId")),
        "device_id": as_text(fields.get("anonymousId")),
    }  # fmt: skip
    return [Row(relation="events", values=values, problem="unsupported_type")]
