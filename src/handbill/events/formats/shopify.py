"""Shopify's webhooks: orders, refunds and products (JSON), and what all its formats share.

Source: Shopify Admin REST API, Order, Refund and Product; topics `orders/*`, `refunds/create`,
`products/*`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from handbill.events.money import number
from handbill.events.rows import Reading, Row, an_object, as_text, first_text, objects, pick, rest

Fields = Mapping[str, Any]

UNPAID = frozenset({"pending", "voided", "expired", "unpaid"})
"""Financial states in which no money was received."""

PEOPLE = frozenset(
    {
        "customer", "billing_address", "shipping_address", "client_details", "default_address",
        "contact_email", "email", "phone", "browser_ip", "token", "cart_token", "checkout_token",
        "order_status_url", "note_attributes", "payment_details", "note",
    }
)  # fmt: skip
"""Parts of an order that are about the person or are secrets: they are left behind."""
ORDER_FIELDS = frozenset({"line_items", "refunds", "id", "created_at", "location_id"})
LINE_FIELDS = frozenset(
    {"id", "sku", "quantity", "price", "title", "admin_graphql_api_id", "discount_allocations"}
)
REFUND_FIELDS = frozenset({"refund_line_items", "id", "order_id", "created_at", "note"})


def matches(fields: Fields) -> bool:
    """Whether a record is an order, a refund or a product as Shopify posts it."""
    order = "line_items" in fields and bool({"financial_status", "order_number"} & fields.keys())
    product = "variants" in fields and bool({"vendor", "product_type"} & fields.keys())
    return order or product or "refund_line_items" in fields


def rows(fields: Fields, reading: Reading) -> Iterable[Row]:
    """One order with its refunds, one refund, or one product."""
    if "refund_line_items" in fields:
        return _refund(fields, {}, reading)
    return _order(fields, reading) if "line_items" in fields else _product(fields)


def _order(order: Fields, reading: Reading) -> Iterator[Row]:
    lines, order_id = objects(order.get("line_items")), as_text(order.get("id"))
    unpaid = as_text(order.get("financial_status")) in UNPAID or order.get("test") is True
    problem = "not_paid" if unpaid else ""
    problem = "currency" if reading.foreign(order.get("currency")) else problem
    code = first_text(*(one.get("code") for one in objects(order.get("discount_codes"))))
    extra, version = rest(order, PEOPLE | ORDER_FIELDS), newest(order.get("updated_at"))
    if not lines:
        yield no_lines(order_id, _buyer(order), extra)
    for index, line in enumerate(lines):
        price, units, off = number(line.get("price")), number(line.get("quantity")), _off(line)
        worth = None if price is None or units is None else price * units - off
        item = rest(line, LINE_FIELDS)
        yield Row(
            relation="orders",
            values={
                "customer_id": _buyer(order),
                "order_id": order_id,
                "product_id": _product_id(line),
                "ordered_at": order.get("created_at"),
                "quantity": units,
                "paid": worth,
                "discount": 0 if code else off,
                "coupon_discount": off if code else 0,
                "coupon": code,
                "store": as_text(order.get("location_id")),
                "line_id": as_text(line.get("id")),
                "product_title": as_text(line.get("title")),
                "version": version,
            },
            context=(extra if index == 0 else {}) | ({"item": item} if item else {}),
            problem=problem or ("unreadable_number" if worth is None else ""),
        )
    for refund in objects(order.get("refunds")):
        yield from _refund(refund, order, reading)


def _refund(refund: Fields, order: Fields, reading: Reading) -> Iterator[Row]:
    """A refund names no customer: the order it belongs to does, wherever that was imported from."""
    lines = objects(refund.get("refund_line_items"))
    order_id = first_text(refund.get("order_id"), order.get("id"))
    extra = rest(refund, REFUND_FIELDS)
    if not lines:
        yield no_lines(order_id, _buyer(order), extra)
    for index, one in enumerate(lines):
        line = an_object(one.get("line_item"))
        units, back = number(one.get("quantity")), number(one.get("subtotal"))
        currency = pick(one, "subtotal_set", "shop_money", "currency_code")
        more = rest(one, {"id", "quantity", "subtotal", "line_item"})
        yield Row(
            relation="orders",
            values={
                "customer_id": _buyer(order),
                "order_id": order_id,
                "product_id": _product_id(line),
                "ordered_at": refund.get("created_at"),
                "quantity": None if units is None else -abs(units),
                "paid": None if back is None else -abs(back),
                "line_id": as_text(one.get("id")),
                "product_title": as_text(line.get("title")),
            },
            context=(extra if index == 0 else {}) | ({"item": more} if more else {}),
            problem="currency" if reading.foreign(currency) else "",
        )


def _product(product: Fields) -> Iterator[Row]:
    """One row for each variant."""
    shared = rest(product, {"variants", "title", "vendor", "product_type"})
    for variant in objects(product.get("variants")) or [{}]:
        kind = as_text(product.get("product_type"))
        yield Row(
            relation="products",
            values={
                "product_id": first_text(variant.get("sku"), variant.get("id"), product.get("id")),
                "title": titled(as_text(product.get("title")), as_text(variant.get("title"))),
                "brand": as_text(product.get("vendor")),
                "category": kind,
                "type": kind,
            },
            context=shared | rest({"variant": rest(variant, {"title", "sku"})}),
        )


def no_lines(order_id: str | None, buyer: str | None, context: Fields) -> Row:
    """The one row of an order or refund that names no products."""
    values = {"order_id": order_id, "customer_id": buyer}
    return Row(relation="orders", values=values, context=context, problem="no_lines")


def newest(updated_at: Any) -> int:
    """When an order got its state, in micros; 0 where it does not say.

    Example:
        >>> newest("1970-01-01T01:00:01+01:00"), newest(None)
        (1000000, 0)
    """
    try:
        when = datetime.fromisoformat(str(updated_at))
        return round(when.timestamp() * 1_000_000) if when.tzinfo else 0
    except ValueError:
        return 0


def titled(title: str | None, option: str | None) -> str | None:
    """A variant's title; a product without variants has one called "Default Title"."""
    if not option or option == "Default Title":
        return title
    return f"{title} - {option}" if title else None


def last_part(gid: Any) -> str | None:
    """The number at the end of a global id; other ids as they are.

    Example:
        >>> last_part("gid://shopify/Order/5001"), last_part(42), last_part(None)
        ('5001', '42', None)
    """
    text = as_text(gid)
    return text.rpartition("/")[2] if text else None


def _off(line: Fields) -> Decimal:
    """All reductions of a line, its share in the order's included."""
    shares = [number(one.get("amount")) for one in objects(line.get("discount_allocations"))]
    shares = shares or [number(line.get("total_discount"))]
    return sum((one for one in shares if one), Decimal(0))


def _buyer(order: Fields) -> str | None:
    """The order's e-mail address, as the order export has it, else the customer's number."""
    return first_text(
        order.get("email"),
        order.get("contact_email"),
        pick(order.get("customer"), "email"),
        pick(order.get("customer"), "id"),
    )


def _product_id(line: Fields) -> str | None:
    return first_text(line.get("sku"), line.get("variant_id"), line.get("product_id"))
