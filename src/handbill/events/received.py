"""What the inbox holds between the collector's door and the log: judged events, compactly."""

import hashlib
import uuid
from typing import TypeAlias

import msgspec

SOURCE = "collector/1"
"""Importer and version, as the log records them."""

ID_BYTES = 12


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One product of an event; money in micros of the shop's currency.

    Attributes:
        item_id: Product.
        quantity: Units.
        value_micros: What the customer paid for the line, all discounts taken off.
        discount_micros: The shop's own price reduction on the line.
        coupon_micros: Coupons on the line.
        coupon: Code of the coupon.
        context: JSON of what has no column; the first line's holds the event's fields too.
    """

    item_id: str | None = None
    quantity: int | None = None
    value_micros: int | None = None
    discount_micros: int | None = None
    coupon_micros: int | None = None
    coupon: str | None = None
    context: str | None = None


class Kept(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """An event that goes to the log, one row for each of its lines.

    Attributes:
        event_id: 24 hexadecimal characters, from the sender's id.
        event: GA4's name.
        person: Pseudonym.
        occurred_at: Microseconds since 1970, UTC.
        is_human: False for a declared robot.
        lines: At least one.
        transaction_id: Order.
        affiliation: Store.
        promotion_id: Campaign.
    """

    event_id: str
    event: str
    person: str
    occurred_at: int
    is_human: bool
    lines: tuple[Line, ...]
    transaction_id: str | None = None
    affiliation: str | None = None
    promotion_id: str | None = None


class Refused(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """An event that goes to quarantine.

    Attributes:
        reason: Code.
        raw: JSON of what may be kept of it, identifiers already pseudonyms.
    """

    reason: str
    raw: str


Record: TypeAlias = Kept | Refused

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def pack(record: Record) -> bytes:
    """A record as the inbox keeps it."""
    return _encoder.encode(record)


def unpack(body: bytes) -> Record:
    """A record back from the inbox."""
    return _decoder.decode(body)


def event_key(sent_id: str | None) -> bytes:
    """The 12 bytes that make an event the same however often it is sent.

    The sender's own id is not kept: it may hold anything, an e-mail address too.

    Args:
        sent_id: The sender's id; None makes one by chance, so a repeat counts as another event.

    Example:
        >>> event_key("a") == event_key("a") != event_key("b")
        True
    """
    if sent_id is None:
        return uuid.uuid4().bytes[:ID_BYTES]
    return hashlib.blake2b(f"{SOURCE}\x1f{sent_id}".encode(), digest_size=ID_BYTES).digest()
