"""Shopify web-pixel events, as JSON lines.

Source: Shopify Web Pixels API, standard events and their `checkout`, `cartLine`, `productVariant`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from handbill.events.formats.behaviour import event_rows
from handbill.events.formats.shopify import last_part
from handbill.events.money import number
from handbill.events.rows import Reading, Row, an_object, first_text, objects, pick, rest

GA4_NAMES: Mapping[str, str] = {
    "page_viewed": "page_view",
    "product_viewed": "view_item",
    "collection_viewed": "view_item_list",
    "search_submitted": "search",
    "product_added_to_cart": "add_to_cart",
    "product_removed_from_cart": "remove_from_cart",
    "cart_viewed": "view_cart",
    "checkout_started": "begin_checkout",
    "checkout_shipping_info_submitted": "add_shipping_info",
    "payment_info_submitted": "add_payment_info",
    "checkout_completed": "purchase",
}
"""Standard event -> GA4's name; others keep theirs."""
USED = frozenset({"id", "clientId", "name", "timestamp", "data", "customerId"})
IN_DATA = frozenset(
    {"checkout", "cart", "cartLine", "productVariant", "collection", "searchResult"}
)


def matches(fields: Mapping[str, Any]) -> bool:
    """Whether a record is a pixel event."""
    return {"clientId", "name", "timestamp"} <= fields.keys()


def rows(fields: Mapping[str, Any], reading: Reading) -> Iterable[Row]:
    """One event. Of a checkout the address, name and phone are left behind."""
    data = an_object(fields.get("data"))
    checkout = an_object(data.get("checkout"))
    name = str(fields.get("name") or "")
    items = _items(data)
    context = rest(fields, USED | {"type"}) | rest(data, IN_DATA)
    context |= rest({"search_term": pick(data, "searchResult", "query")})
    context |= rest({"collection": rest(an_object(data.get("collection")), {"productVariants"})})
    return event_rows(
        {
            "event": GA4_NAMES.get(name, name),
            "event_id": fields.get("id"),
            "occurred_at": fields.get("timestamp"),
            "user_id": first_text(
                checkout.get("email"),
                last_part(pick(checkout, "order", "customer", "id")),
                last_part(fields.get("customerId")),
            ),
            "anonymous_id": fields.get("clientId"),
            "transaction_id": last_part(pick(checkout, "order", "id")) or checkout.get("token"),
            "coupon": _coupon(checkout),
            "currency": checkout.get("currencyCode"),
            "value": pick(checkout, "subtotalPrice", "amount"),
            "discount": _discount(checkout, items),
            "items": items,
            "context": context,
        },
        reading,
    )


def _items(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    checkout = pick(data, "checkout", "lineItems")
    if isinstance(checkout, list):
        return [_checkout_line(one) for one in objects(checkout)]
    lines = pick(data, "cart", "lines") or [pick(data, "cartLine")]
    if found := objects(lines):
        return [
            _variant(one.get("merchandise")) | rest({"quantity": one.get("quantity")})
            for one in found
        ]
    variants = pick(data, "collection", "productVariants") or [pick(data, "productVariant")]
    return [_variant(one) for one in objects(variants)]


def _checkout_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line with the price of one unit after the reductions of the line."""
    item = _variant(line.get("variant")) | rest(
        {
            "quantity": line.get("quantity"),
            "line_id": last_part(line.get("id")),
            "item_name": line.get("title"),
        }
    )
    final, units = number(pick(line, "finalLinePrice", "amount")), number(line.get("quantity"))
    before = number(item.get("price"))
    if final is not None and units:
        item["price"] = final / units
        if before is not None and before > item["price"]:
            item["discount"] = before - item["price"]
    return item


def _discount(checkout: Mapping[str, Any], items: list[dict[str, Any]]) -> Decimal | None:
    """What the order costs less than its lines: a reduction that no line has yet."""
    subtotal = number(pick(checkout, "subtotalPrice", "amount"))
    prices = [number(item.get("price")) for item in items]
    units = [number(item.get("quantity", 1)) for item in items]
    if subtotal is None or None in prices or None in units:
        return None
    worth = sum((p * n for p, n in zip(prices, units, strict=True) if p and n), Decimal(0))
    off = round(worth - subtotal, 6)
    return off if off > 0 else None


def _variant(variant: Any) -> dict[str, Any]:
    return rest(
        {
            "item_id": first_text(pick(variant, "sku"), last_part(pick(variant, "id"))),
            "item_name": pick(variant, "product", "title"),
            "item_brand": pick(variant, "product", "vendor"),
            "item_category": pick(variant, "product", "type"),
            "item_variant": pick(variant, "title"),
            "price": pick(variant, "price", "amount"),
        }
    )


def _coupon(checkout: Mapping[str, Any]) -> str | None:
    applied = objects(checkout.get("discountApplications"))
    codes = [one.get("title") for one in applied if one.get("type") == "DISCOUNT_CODE"]
    return first_text(*codes)
