"""Google Analytics 4: rows of its BigQuery export, as JSON lines or Parquet.

Source: GA4 BigQuery Export schema, tables `events_YYYYMMDD` and `events_intraday_YYYYMMDD`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from handbill.events.formats.behaviour import event_rows
from handbill.events.rows import Reading, Row, an_object, as_text, first_text, objects, pick, rest

VALUES = ("string_value", "int_value", "double_value", "float_value")
USED = frozenset(
    {
        "event_name", "event_timestamp", "event_date", "event_params", "items", "ecommerce",
        "user_id", "user_pseudo_id", "user_properties",
    }
)  # fmt: skip
IDENTITY = (
    "event_name", "event_timestamp", "user_pseudo_id", "user_id", "event_bundle_sequence_id",
    "batch_event_index", "batch_page_id", "batch_ordering_id", "event_params", "items",
)  # fmt: skip
"""What makes an event itself. A day's table is written again for three days, and fields such as
attribution change then; these do not."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encoder = msgspec.json.Encoder(order="sorted", decimal_format="number", enc_hook=str)


def matches(fields: Mapping[str, Any]) -> bool:
    """Whether a record is a row of the export."""
    return {"event_name", "event_timestamp"} <= fields.keys()


def rows(fields: Mapping[str, Any], reading: Reading) -> Iterable[Row]:
    """One event; it has no id of its own, so its id is made of what makes it itself."""
    params = parameters(fields.get("event_params"))
    commerce = an_object(fields.get("ecommerce"))
    name = as_text(fields.get("event_name"))
    identity = _encoder.encode([fields.get(one) for one in IDENTITY])
    revenue = pick(commerce, "refund_value" if name == "refund" else "purchase_revenue")
    value = params.pop("value", None)
    properties = parameters(fields.get("user_properties"))
    return event_rows(
        {
            "event": name,
            "event_id": hashlib.blake2b(identity, digest_size=12).hexdigest(),
            "occurred_at": moment(fields.get("event_timestamp")),
            "user_id": as_text(fields.get("user_id")),
            "anonymous_id": as_text(fields.get("user_pseudo_id")),
            "transaction_id": first_text(
                pick(commerce, "transaction_id"), params.pop("transaction_id", None)
            ),
            "affiliation": params.pop("affiliation", None),
            "promotion_id": params.pop("promotion_id", None),
            "coupon": params.pop("coupon", None),
            "currency": params.pop("currency", None),
            "value": value if value is not None else revenue,
            "items": [_item(one) for one in objects(fields.get("items"))],
            "context": params
            | rest(fields, USED)
            | ({"ecommerce": more} if (more := rest(commerce, {"transaction_id"})) else {})
            | ({"properties": properties} if properties else {}),
        },
        reading,
    )


def parameters(listed: Any) -> dict[str, Any]:
    """Name -> value of a list of keys and typed values.

    Example:
        >>> parameters([{"key": "page", "value": {"string_value": "/tea", "int_value": None}}])
        {'page': '/tea'}
    """
    found = {}
    for one in objects(listed):
        values = (pick(one, "value", kind) for kind in VALUES)
        value = next((value for value in values if value is not None), None)
        if value is not None and isinstance(one.get("key"), str):
            found[one["key"]] = value
    return found


def moment(micros: Any) -> str | None:
    """Microseconds since 1970 as UTC text; what is no such number as it stands.

    Example:
        >>> moment("1767225600000000"), moment("soon")
        ('2026-01-01T00:00:00.000000Z', 'soon')
    """
    try:
        when = EPOCH + timedelta(microseconds=int(micros))
    except (TypeError, ValueError, OverflowError):
        return as_text(micros)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _item(item: dict[str, Any]) -> dict[str, Any]:
    extra = parameters(item.get("item_params"))
    there = {name: one for name, one in rest(item, {"item_params"}).items() if one != "(not set)"}
    return {**extra, **there}
