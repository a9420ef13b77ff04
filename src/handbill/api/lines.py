"""An event's products as lines with money that sums to the order, to the micro."""

from typing import Any

from handbill.api.wire import ITEM_FIELDS, Event, Item, parse_item, unknown
from handbill.events.collector import Settings
from handbill.events.money import spread
from handbill.events.received import Line
from handbill.types import MICROS

PAID = frozenset({"purchase", "refund"})
"""Events whose money moved. Elsewhere a price is only shown, so it stays in the context."""


class Unfit(Exception):  # noqa: N818  an expected refusal, answered by the caller
    """An event cannot be kept.

    Attributes:
        reason: Code.
        detail: One sentence for the sender.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def lines_of(event: Event, settings: Settings) -> list[tuple[Line, dict[str, Any]]]:
    """The event's lines, at least one, each with its fields that have no column.

    A refund's units and money are negative, as the import has them. A reduction of the whole order
    is spread over its lines in proportion to their value: `value_micros` is what was paid.

    Raises:
        Unfit: A number is impossible, or a purchase does not say what was paid.
        msgspec.ValidationError: A product is not of the documented shape.
    """
    value, discount = _micros(event.value, settings), _micros(event.discount, settings)
    paid = event.event in PAID
    coupon = text(event.coupon)
    if event.event == "purchase" and event.transaction_id is None:
        raise Unfit("missing_order", "a purchase needs its transaction_id")
    if not event.items:
        if event.event == "purchase" and value is None:
            raise Unfit("missing_paid", "a purchase needs items with prices, or a value")
        return [(Line(value_micros=_signed(value, event) if paid else None, coupon=coupon), {})]
    if len(event.items) > settings.max_items:
        raise Unfit("too_large", f"more than {settings.max_items} items")
    items = [parse_item(fields) for fields in event.items]
    extras = [unknown(fields, ITEM_FIELDS) for fields in event.items]
    for item in items:
        if not 1 <= item.quantity <= settings.max_units:
            raise Unfit("impossible_quantity", f"quantity {item.quantity} of an item")
    if not paid:
        return [
            (_shown(item, coupon), extra | _price(item))
            for item, extra in zip(items, extras, strict=True)
        ]
    return list(zip(_paid(event, items, value, discount, settings), extras, strict=True))


def text(value: str | int | None) -> str | None:
    """An id as text."""
    return None if value is None else str(value)


def _paid(
    event: Event, items: list[Item], value: int | None, discount: int | None, settings: Settings
) -> list[Line]:
    prices = [_micros(item.price, settings) for item in items]
    values = [
        None if price is None else price * item.quantity
        for price, item in zip(prices, items, strict=True)
    ]
    if len(items) == 1 and values[0] is None:
        values = [value]  # already without reductions
        discount = None
    known = [one for one in values if one is not None]
    if event.event == "purchase" and len(known) < len(items):
        raise Unfit("missing_paid", "a purchase needs the price of each item")
    shares = [0] * len(items)
    if discount and len(known) == len(items):
        if discount > sum(known):
            raise Unfit("impossible_value", "the discount is more than the items cost")
        shares = spread(discount, known)
    lines = []
    for item, worth, share in zip(items, values, shares, strict=True):
        off = (_micros(item.discount, settings) or 0) * item.quantity
        by_coupon = share if event.coupon is not None else 0
        lines.append(
            Line(
                item_id=text(item.item_id),
                quantity=-item.quantity if event.event == "refund" else item.quantity,
                value_micros=None if worth is None else _signed(worth - share, event),
                discount_micros=off + share - by_coupon,
                coupon_micros=by_coupon,
                coupon=text(item.coupon) or text(event.coupon),
            )
        )
    if any(abs(line.value_micros or 0) > settings.max_money * MICROS for line in lines):
        raise Unfit("impossible_value", "a line is worth more than collector.max_money")
    return lines


def _shown(item: Item, coupon: str | None) -> Line:
    return Line(
        item_id=text(item.item_id), quantity=item.quantity, coupon=text(item.coupon) or coupon
    )


def _price(item: Item) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    if item.price is not None:
        shown["price"] = item.price
    if item.discount is not None:
        shown["discount"] = item.discount
    return shown


def _signed(value: int | None, event: Event) -> int | None:
    return -value if value is not None and event.event == "refund" else value


def _micros(money: float | None, settings: Settings) -> int | None:
    if money is None:
        return None
    if not 0 <= money <= settings.max_money:
        raise Unfit("impossible_value", f"money {money} is not from 0 to {settings.max_money:.0f}")
    return round(money * MICROS)
