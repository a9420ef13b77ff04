"""Shopify: the admin's order and product exports (CSV).

Source: Shopify help, order CSV columns and product CSV columns (of both generations).
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from handbill.events.formats.shopify import UNPAID, titled
from handbill.events.headers import is_personal
from handbill.events.money import from_micros, micros, number, spread
from handbill.events.rows import Reading, Row, as_text, first_text, rest

Fields = Mapping[str, Any]

MAX_LINES = 100_000
"""Rows of one order that are kept in memory."""
ORDER_COLUMNS = frozenset({"Name", "Id", "Email", "Created at", "Discount Code", "Location"})
LINE_COLUMNS = frozenset(
    {"Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku", "Lineitem discount"}
)
PRODUCT_COLUMNS: Mapping[str, tuple[str, str]] = {
    "handle": ("Handle", "URL handle"),
    "sku": ("Variant SKU", "SKU"),
    "option": ("Option1 Value", "Option1 value"),
    "price": ("Variant Price", "Price"),
    "category": ("Product Category", "Product category"),
}
"""What it is -> its header until 2025, and since."""


def matches_orders(fields: Fields) -> bool:
    """Whether a record is a row of the order export."""
    return {"Name", "Lineitem quantity", "Lineitem price"} <= fields.keys()


def whole_orders(records: Iterable[tuple[int, Fields]]) -> Iterator[tuple[int, Fields]]:
    """Rows that follow each other and have one `Name`, as one order."""
    first, order = 0, None
    lines: list[Fields] = []
    for position, fields in records:
        name = fields.get("Name")
        if lines and (name != order or len(lines) >= MAX_LINES):
            yield first, {"lines": lines}
            lines = []
        if not lines:
            first, order = position, name
        lines.append(fields)
    if lines:
        yield first, {"lines": lines}


def order_rows(fields: Fields, reading: Reading) -> Iterable[Row]:
    """An order's lines; its discount, which stands on its first row, is spread over them."""
    lines: list[Fields] = fields["lines"]
    head = lines[0]
    unpaid = str(head.get("Financial Status", "")).strip().lower() in UNPAID
    problem = "not_paid" if unpaid else ""
    problem = "currency" if reading.foreign(head.get("Currency")) else problem
    worth = [_worth(line) for line in lines]
    off = _order_discount(head, worth)
    weights = [max(0, one or 0) for one in worth]
    shares = spread(off, weights) if off else [0] * len(lines)
    code = as_text(head.get("Discount Code"))
    free = {k: v for k, v in rest(head, ORDER_COLUMNS).items() if _is_free(k)}
    for index, (line, value, share) in enumerate(zip(lines, worth, shares, strict=True)):
        own = micros(number(line.get("Lineitem discount")) or Decimal(0))
        item = {k: v for k, v in rest(line, LINE_COLUMNS).items() if k.startswith("Lineitem ")}
        yield Row(
            relation="orders",
            values={
                "customer_id": first_text(head.get("Email"), head.get("Phone")),
                "order_id": first_text(head.get("Id"), head.get("Name")),
                "product_id": first_text(line.get("Lineitem sku"), line.get("Lineitem name")),
                "ordered_at": line.get("Created at") or head.get("Created at"),
                "quantity": line.get("Lineitem quantity"),
                "paid": None if value is None else from_micros(value - share),
                "discount": from_micros(own + (0 if code else share)),
                "coupon_discount": from_micros(share if code else 0),
                "coupon": code,
                "store": as_text(head.get("Location")),
                "line_id": str(index + 1),
                "product_title": as_text(line.get("Lineitem name")),
            },
            context=(free if index == 0 else {}) | ({"item": item} if item else {}),
            problem=problem or ("" if value is not None else "unreadable_number"),
        )


def _is_free(name: str) -> bool:
    return not name.startswith("Lineitem ") and not is_personal(name)


def _worth(line: Fields) -> int | None:
    """What a line costs after its own discount, in micros."""
    price, units = number(line.get("Lineitem price")), number(line.get("Lineitem quantity"))
    if price is None or units is None:
        return None
    return micros(price * units - (number(line.get("Lineitem discount")) or Decimal(0)))


def _order_discount(head: Fields, worth: list[int | None]) -> int:
    """What the order costs less than its lines: `Subtotal` is after discounts."""
    total = sum(max(0, one or 0) for one in worth)
    subtotal = number(head.get("Subtotal"))
    if subtotal is not None:
        return min(total, max(0, total - micros(subtotal)))
    return min(total, max(0, micros(number(head.get("Discount Amount")) or Decimal(0))))


def matches_products(fields: Fields) -> bool:
    """Whether a record is a row of the product export."""
    known = sum(bool({old, new} & fields.keys()) for old, new in PRODUCT_COLUMNS.values())
    return bool({"Handle", "URL handle"} & fields.keys()) and ("Title" in fields or known > 1)


def whole_products(records: Iterable[tuple[int, Fields]]) -> Iterator[tuple[int, Fields]]:
    """Rows of one handle, each with what stands on the product's first row only."""
    head: Fields = {}
    for position, fields in records:
        if _get(fields, "handle") != _get(head, "handle"):
            head = fields
        yield position, {"head": head, "row": fields}


def product_rows(fields: Fields, _reading: Reading) -> Iterable[Row]:
    """A variant. A row that only adds a picture repeats the product's first variant."""
    head: Fields = fields["head"]
    row: Fields = fields["row"]
    if not any(_get(row, name) for name in ("sku", "option", "price")):
        row = head
    title = titled(as_text(head.get("Title")), as_text(_get(row, "option")))
    category = as_text(_get(head, "category"))
    used = {"Title", "Vendor", "Type", *PRODUCT_COLUMNS["sku"], *PRODUCT_COLUMNS["category"]}
    yield Row(
        relation="products",
        values={
            "product_id": first_text(_get(row, "sku"), title),
            "title": title,
            "brand": as_text(head.get("Vendor")),
            "category": category.rpartition(">")[2].strip() if category else head.get("Type"),
            "type": as_text(head.get("Type")),
        },
        context=rest({**head, **row}, used),
    )


def _get(fields: Fields, name: str) -> Any:
    old, new = PRODUCT_COLUMNS[name]
    return fields.get(old) or fields.get(new)
