"""WooCommerce: orders, refunds and products of its REST API (JSON), and its exports (CSV).

Source: WooCommerce REST API v3, Orders, Order refunds and Products; columns of the built-in
product export, and of the Customer / Order / Coupon Export extension with one row for each item.
"""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from handbill.events.formats.shopify import newest, no_lines
from handbill.events.headers import is_personal
from handbill.events.money import number
from handbill.events.rows import Reading, Row, as_text, first_text, objects, pick, rest

Fields = Mapping[str, Any]

UNPAID = frozenset(
    {"pending", "on-hold", "failed", "cancelled", "checkout-draft", "trash", "auto-draft"}
)
PEOPLE = frozenset(
    {
        "billing", "shipping", "customer_ip_address", "customer_note", "order_key", "payment_url",
        "transaction_id", "cart_hash", "_links",
    }
)  # fmt: skip
ORDER_FIELDS = frozenset({"line_items", "id", "date_created", "date_created_gmt"})
LINE_FIELDS = frozenset({"id", "sku", "name", "quantity", "total", "subtotal"})
CSV_COLUMNS = frozenset(
    {
        "order_id", "order_date", "customer_id", "item_id", "item_product_id", "item_name",
        "item_sku", "item_quantity", "item_subtotal", "item_total", "download_permissions",
    }
)  # fmt: skip


def matches(fields: Fields) -> bool:
    """Whether a record is an order, a refund or a product of the REST API."""
    order = "line_items" in fields and bool({"billing", "refunded_by"} & fields.keys())
    product = "regular_price" in fields and bool({"permalink", "stock_status"} & fields.keys())
    return order or product


def rows(fields: Fields, reading: Reading) -> Iterable[Row]:
    """One order, refund or product."""
    return _order(fields, reading) if "line_items" in fields else [_product(fields)]


def _order(order: Fields, reading: Reading) -> Iterator[Row]:
    """An order; or a refund, whose money is negative and which has its order's number in a link."""
    refund, lines = "refunded_by" in order, objects(order.get("line_items"))
    order_id = _order_of(order) if refund else as_text(order.get("id"))
    buyer = first_text(pick(order.get("billing"), "email"), order.get("customer_id"))
    problem = "not_paid" if str(order.get("status")).removeprefix("wc-") in UNPAID else ""
    problem = "currency" if reading.foreign(order.get("currency")) else problem
    coupon = first_text(*(one.get("code") for one in objects(order.get("coupon_lines"))))
    extra = rest(order, PEOPLE | ORDER_FIELDS)
    modified = as_text(order.get("date_modified_gmt"))
    if not lines:
        yield no_lines(order_id, buyer, extra)
    for index, line in enumerate(lines):
        total, units = number(line.get("total")), number(line.get("quantity"))
        off = _off(line)
        sign = -1 if refund else 1
        item = rest(line, LINE_FIELDS)
        yield Row(
            relation="orders",
            values={
                "customer_id": buyer,
                "order_id": order_id,
                "product_id": _product_id(line),
                "ordered_at": _created(order),
                "quantity": None if units is None else sign * abs(units),
                "paid": None if total is None else sign * abs(total),
                "discount": 0 if coupon else off,
                "coupon_discount": off if coupon else 0,
                "coupon": coupon,
                "line_id": as_text(line.get("id")),
                "product_title": as_text(line.get("name")),
                "version": None if refund else newest(f"{modified}+00:00" if modified else None),
            },
            context=(extra if index == 0 else {}) | ({"item": item} if item else {}),
            problem=problem or ("unreadable_number" if total is None or units is None else ""),
        )


def _off(line: Fields) -> Decimal:
    """`total` is what was paid, `subtotal` what it would have been without coupons."""
    total, subtotal = number(line.get("total")), number(line.get("subtotal"))
    if total is None or subtotal is None:
        return Decimal(0)
    return max(Decimal(0), abs(subtotal) - abs(total))


def _order_of(refund: Fields) -> str | None:
    links = objects(pick(refund.get("_links"), "up"))
    href = str(links[0].get("href") or "") if links else ""
    return first_text(refund.get("parent_id"), href.rstrip("/").rpartition("/")[2])


def _created(order: Fields) -> Any:
    """When the order was made; the `_gmt` field is UTC, though it does not say so."""
    gmt = as_text(order.get("date_created_gmt"))
    return f"{gmt.removesuffix('Z')}Z" if gmt else order.get("date_created")


def _product_id(line: Fields) -> str | None:
    return first_text(line.get("sku"), line.get("variation_id"), line.get("product_id"))


def _product(product: Fields) -> Row:
    return Row(
        relation="products",
        values={
            "product_id": first_text(product.get("sku"), product.get("id")),
            "title": as_text(product.get("name")),
            "brand": first_text(*(one.get("name") for one in objects(product.get("brands")))),
            "category": first_text(
                *(one.get("name") for one in objects(product.get("categories")))
            ),
        },
        context=rest(product, {"name", "sku", "_links"}),
    )


def matches_orders(fields: Fields) -> bool:
    """Whether a record is a row of the order export, one row for each item."""
    return {"order_id", "item_quantity", "item_total"} <= fields.keys()


def order_csv_rows(fields: Fields, reading: Reading) -> Iterable[Row]:
    """One line of an order. `coupon_items` begins with the first coupon, as `code:TEA20|...`."""
    status = str(fields.get("status") or "").removeprefix("wc-").lower()
    problem = "not_paid" if status in UNPAID else ""
    problem = "currency" if reading.foreign(fields.get("order_currency")) else problem
    named = str(fields.get("coupon_items") or "").partition("|")[0]
    coupon = as_text(named.removeprefix("code:"))
    off = _off({"total": fields.get("item_total"), "subtotal": fields.get("item_subtotal")})
    yield Row(
        relation="orders",
        values={
            "customer_id": first_text(fields.get("billing_email"), fields.get("customer_id")),
            "order_id": as_text(fields.get("order_id")),
            "product_id": first_text(fields.get("item_sku"), fields.get("item_product_id")),
            "ordered_at": first_text(fields.get("order_date"), fields.get("date")),
            "quantity": fields.get("item_quantity"),
            "paid": fields.get("item_total"),
            "discount": 0 if coupon else off,
            "coupon_discount": off if coupon else 0,
            "coupon": coupon,
            "line_id": as_text(fields.get("item_id")),
            "product_title": as_text(fields.get("item_name")),
        },
        context={k: v for k, v in rest(fields, CSV_COLUMNS).items() if not is_personal(k)},
        problem=problem,
    )


def matches_products(fields: Fields) -> bool:
    """Whether a record is a row of the product export."""
    return {"ID", "Type", "Name"} <= fields.keys()


def product_csv_rows(fields: Fields, _reading: Reading) -> Iterable[Row]:
    """One product or variation. Of its categories the first counts, levels between ` > `."""
    first = str(fields.get("Categories") or "").partition(",")[0]
    levels = [one.strip() for one in first.split(">") if one.strip()]
    yield Row(
        relation="products",
        values={
            "product_id": first_text(fields.get("SKU"), fields.get("ID")),
            "title": as_text(fields.get("Name")),
            "brand": as_text(fields.get("Brands")),
            "department": levels[0] if len(levels) > 1 else None,
            "category": levels[-1] if levels else None,
        },
        context=rest(fields, {"ID", "SKU", "Name", "Brands", "Categories"}),
    )
