"""An event in Handbill's own words as rows: a sale's lines become orders, all else events.

Source: GA4 recommended events and their item parameters.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from handbill.events.money import from_micros, micros, number, spread
from handbill.events.rows import Reading, Row, an_object, as_text, first_text, objects, rest
from handbill.events.texts import SALES

EVENT_FIELDS = frozenset(
    {
        "event", "event_id", "occurred_at", "user_id", "anonymous_id", "transaction_id",
        "affiliation", "promotion_id", "coupon", "currency", "value", "discount", "items",
        "context",
    }
)  # fmt: skip
ITEM_FIELDS = frozenset({"item_id", "quantity", "coupon", "line_id"})
PRICED = frozenset({"price", "discount", "item_name"})
"""Fields of an item that a sale has columns for."""


def event_rows(event: Mapping[str, Any], reading: Reading) -> list[Row]:
    """One event's rows, at least one.

    Args:
        event: With the fields of `EVENT_FIELDS`; others count as context.
        reading: The shop's currency.
    """
    name, items = as_text(event.get("event")), objects(event.get("items"))
    context = rest(event, EVENT_FIELDS)
    context |= an_object(event.get("context"))
    problem = "" if name else "missing_event"
    if name in SALES and reading.foreign(event.get("currency")):
        problem = "currency"
    for field in ("value", "discount"):
        if event.get(field) is not None and number(event[field]) is None:
            problem = problem or "unreadable_number"
    if name in SALES and any(as_text(item.get("item_id")) for item in items):
        return _sale(event, items, context, problem)
    return _shown(event, items, context, problem)


def _people(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "customer_id": first_text(event.get("user_id")),
        "device_id": as_text(event.get("anonymous_id")),
    }


def _sale(
    event: Mapping[str, Any], items: list[dict[str, Any]], context: dict[str, Any], problem: str
) -> list[Row]:
    """An order's lines; a reduction of the whole order is spread over them."""
    units = [_units(item) for item in items]
    prices = [number(item.get("price")) for item in items]
    worth = [
        None if price is None or count is None else micros(price * count)
        for price, count in zip(prices, units, strict=True)
    ]
    off = micros(number(event.get("discount")) or Decimal(0))
    if len(items) == 1 and worth[0] is None and (whole := number(event.get("value"))) is not None:
        worth, off = [micros(whole)], 0  # already without reductions
    weights = [max(0, one or 0) for one in worth]
    total = sum(weights)
    shares = spread(min(max(0, off), total), weights) if total else [0] * len(items)
    if event.get("value") is not None:
        context["value"] = event["value"]
    sign, by_coupon = -1 if event["event"] == "refund" else 1, event.get("coupon") is not None
    rows = []
    for index, (item, count, value, share) in enumerate(
        zip(items, units, worth, shares, strict=True)
    ):
        own = micros((number(item.get("discount")) or Decimal(0)) * (count or 0))
        more = rest(item, ITEM_FIELDS | PRICED)
        rows.append(
            Row(
                relation="orders",
                values={
                    **_people(event),
                    "order_id": as_text(event.get("transaction_id")),
                    "product_id": as_text(item.get("item_id")),
                    "ordered_at": event.get("occurred_at"),
                    "quantity": None if count is None else sign * count,
                    "paid": None if value is None else sign * from_micros(value - share),
                    "discount": from_micros(own + (0 if by_coupon else share)),
                    "coupon_discount": from_micros(share if by_coupon else 0),
                    "coupon": first_text(item.get("coupon"), event.get("coupon")),
                    "store": as_text(event.get("affiliation")),
                    "line_id": first_text(item.get("line_id"), str(index + 1)),
                    "product_title": as_text(item.get("item_name")),
                    "version": 0,
                },
                context=(context if index == 0 else {}) | ({"item": more} if more else {}),
                problem=problem or ("unreadable_number" if count is None else ""),
            )
        )
    return rows


def _shown(
    event: Mapping[str, Any], items: list[dict[str, Any]], context: dict[str, Any], problem: str
) -> list[Row]:
    """An event in which no money moved, or a sale that names no products."""
    sale = event.get("event") in SALES
    money = ("value", "discount", "currency")
    context |= rest({name: event.get(name) for name in money}) if not sale else {}
    rows = []
    for index, item in enumerate(items or [{}]):
        count, sent = _units(item) if item else None, event.get("event_id")
        more = rest(item, ITEM_FIELDS | {"promotion_id"})
        rows.append(
            Row(
                relation="events",
                values={
                    **_people(event),
                    "event_id": None if sent is None else f"{sent}\x1f{index}",
                    "event": as_text(event.get("event")),
                    "occurred_at": event.get("occurred_at"),
                    "order_id": as_text(event.get("transaction_id")),
                    "product_id": as_text(item.get("item_id")),
                    "quantity": count,
                    "paid": event.get("value") if sale and index == 0 else None,
                    "coupon": first_text(item.get("coupon"), event.get("coupon")),
                    "store": as_text(event.get("affiliation")),
                    "campaign_id": first_text(event.get("promotion_id"), item.get("promotion_id")),
                },
                context=(context if index == 0 else {}) | ({"item": more} if more else {}),
                problem=problem or ("unreadable_number" if item and count is None else ""),
            )
        )
    return rows


def _units(item: Mapping[str, Any]) -> Decimal | None:
    """Units of an item, without a sign; one where it does not say."""
    given = item.get("quantity")
    count = Decimal(1) if given in (None, "") else number(given)
    return None if count is None else abs(count)
