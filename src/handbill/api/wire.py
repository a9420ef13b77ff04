"""What a sender may say of one event: Handbill's own format, GA4's words.

Field names are GA4's where it has one. Everything that is not named here goes to the log's
`context`; nothing is dropped because it is unknown.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

Id = str | int
Utc = Annotated[datetime, msgspec.Meta(tz=True)]
EventName = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Item(msgspec.Struct, frozen=True):
    """One product of an event.

    Attributes:
        item_id: Product.
        quantity: Units; one when absent.
        price: Price of one unit after `discount`, as GA4 has it.
        discount: Reduction of one unit.
        coupon: Code.
    """

    item_id: Id | None = None
    quantity: int = 1
    price: float | None = None
    discount: float | None = None
    coupon: Id | None = None


class Event(msgspec.Struct, frozen=True):
    """One event as sent.

    Attributes:
        event: Name, GA4's where it has one.
        event_id: The sender's; a repeat with the same id changes nothing.
        occurred_at: When it happened, ISO 8601 with a zone; now when absent.
        sent_at: The sender's clock when it sent, to notice a wrong one.
        user_id: The shop's own customer id.
        anonymous_id: A browser or device.
        transaction_id: Order.
        affiliation: Store.
        promotion_id: Campaign.
        coupon: Code, of the whole order.
        currency: ISO 4217; the shop's when absent.
        value: Money of the whole event, without shipping and tax.
        discount: Reduction of the whole order that no item's price has yet.
        items: Products.
        context: More, free.
    """

    event: EventName
    event_id: Id | None = None
    occurred_at: Utc | None = None
    sent_at: Utc | None = None
    user_id: Id | None = None
    anonymous_id: Id | None = None
    transaction_id: Id | None = None
    affiliation: Id | None = None
    promotion_id: Id | None = None
    coupon: Id | None = None
    currency: str | None = None
    value: float | None = None
    discount: float | None = None
    items: tuple[dict[str, Any], ...] = ()
    context: dict[str, Any] | None = None


EVENT_FIELDS = frozenset(Event.__struct_fields__)
ITEM_FIELDS = frozenset(Item.__struct_fields__)
TIMES = ("occurred_at", "sent_at")
NUMBERS = ("value", "discount", "quantity", "price")


def parse_event(fields: Mapping[str, Any]) -> Event:
    """One event, typed; numbers may be written as text.

    Raises:
        msgspec.ValidationError: It is not of the documented shape.
    """
    return msgspec.convert(fields, Event, strict=False)


def parse_item(fields: Mapping[str, Any]) -> Item:
    """One product, typed.

    Raises:
        msgspec.ValidationError: It is not of the documented shape.
    """
    return msgspec.convert(fields, Item, strict=False)


def unknown(fields: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The fields that have no column.

    Example:
        >>> unknown({"event": "search", "search_term": "tea"}, EVENT_FIELDS)
        {'search_term': 'tea'}
    """
    return {name: value for name, value in fields.items() if name not in known}


def reason_of(error: msgspec.ValidationError) -> str:
    """The reason code of a shape that does not fit.

    Example:
        >>> reason_of(msgspec.ValidationError("Expected `float` - at `$.value`"))
        'unreadable_number'
    """
    text = str(error)
    if "missing required field `event`" in text:
        return "missing_event"
    field = text.rpartition("`$")[2].strip("`.").split("[")[0].split(".")[-1]
    if field in TIMES:
        return "unreadable_time"
    if field in NUMBERS:
        return "unreadable_number"
    return "invalid"
