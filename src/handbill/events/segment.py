"""Segment's messages in Handbill's words: spec, track, page, identify and the e-commerce names.

Source: Segment HTTP tracking API; Segment spec v2, e-commerce events; RudderStack speaks the same.
"""

import re
from collections.abc import Mapping
from typing import Any

SAME_NAMES = ("affiliation", "promotion_id", "currency", "coupon", "discount")
GA4_NAMES: Mapping[str, str] = {
    "Products Searched": "search",
    "Product List Viewed": "view_item_list",
    "Product List Filtered": "view_item_list",
    "Promotion Viewed": "view_promotion",
    "Promotion Clicked": "select_promotion",
    "Product Clicked": "select_item",
    "Product Viewed": "view_item",
    "Product Added": "add_to_cart",
    "Product Removed": "remove_from_cart",
    "Cart Viewed": "view_cart",
    "Checkout Started": "begin_checkout",
    "Payment Info Entered": "add_payment_info",
    "Order Completed": "purchase",
    "Order Refunded": "refund",
    "Product Added to Wishlist": "add_to_wishlist",
    "Product Shared": "share",
    "Cart Shared": "share",
    "Signed Up": "sign_up",
    "Signed In": "login",
}
"""E-commerce event -> GA4's name; others become `their_name_in_snake_case`."""

_GA4_NAMES = {name.lower(): ours for name, ours in GA4_NAMES.items()}
ITEM_NAMES = {"product_id": "item_id", "sku": "item_sku", "name": "item_name"} | {
    "brand": "item_brand", "category": "item_category", "variant": "item_variant",
    "position": "index",
}  # fmt: skip
ITEM_FIELDS = (*ITEM_NAMES, "price", "quantity", "coupon", "url", "image_url")
TYPES = frozenset({"track", "page", "screen", "identify"})
_WORD = re.compile(r"[^0-9a-zA-Z一-鿿]+")


def from_segment(message: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """One message as an event of Handbill's own format; it is not judged here.

    Args:
        message: As sent.
        kind: `track`, `page`, `screen` or `identify`.
    """
    properties = _object(message.get("properties"))
    context = dict(_object(message.get("context")))
    context.pop("ip", None)
    context.pop("traits", None)  # who a person is has no place beside what they did
    event: dict[str, Any] = {
        "event_id": message.get("messageId"),
        "occurred_at": message.get("timestamp") or message.get("originalTimestamp"),
        "sent_at": message.get("sentAt"),
        "user_id": message.get("userId"),
        "anonymous_id": message.get("anonymousId"),
        "context": context,
    }
    if kind == "track":
        named, free = _track(message.get("event"), properties)
        event |= named
        context |= free
    elif kind == "identify":
        event["event"] = "identify"
        context["traits"] = _object(message.get("traits"))
    else:
        event["event"] = f"{kind}_view"
        context["page"] = _object(context.get("page")) | properties
        if isinstance(message.get("name"), str):
            context["page"]["name"] = message["name"]
    return {name: value for name, value in event.items() if value is not None}


def ga4_name(name: str) -> str:
    """The event's name inside.

    Example:
        >>> ga4_name("Order Completed"), ga4_name("Checkout Step Viewed")
        ('purchase', 'checkout_step_viewed')
    """
    return _GA4_NAMES.get(name.strip().lower()) or _WORD.sub("_", name.strip()).strip("_").lower()


def _track(name: Any, properties: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What has a field of its own, and the rest."""
    rest = dict(properties)
    event = ga4_name(name) if isinstance(name, str) else name
    named: dict[str, Any] = {
        "event": event,
        "transaction_id": rest.pop("order_id", None),
        **{field: rest.pop(field, None) for field in SAME_NAMES},
        "value": _value(rest),
    }
    products = rest.pop("products", None)
    if isinstance(products, list):
        named["items"] = [_item(one) for one in products]
    elif event != "purchase" and ("product_id" in rest or "sku" in rest):
        named["items"] = [_item({k: rest.pop(k) for k in ITEM_FIELDS if k in rest})]
    if "query" in rest:
        rest["search_term"] = rest.pop("query")
    return named, rest


def _value(properties: Mapping[str, Any]) -> Any:
    """Money without shipping and tax: what Segment calls `revenue`, else its `total` less these."""
    for name in ("revenue", "subtotal", "value"):
        if properties.get(name) is not None:
            return properties[name]
    total, *others = (properties.get(name) for name in ("total", "shipping", "tax"))
    if isinstance(total, int | float):
        return total - sum(one for one in others if isinstance(one, int | float))
    return total


def _item(product: Any) -> Any:
    if not isinstance(product, dict):
        return product
    item = {ITEM_NAMES.get(name, name): value for name, value in product.items()}
    if "item_id" not in item and "item_sku" in item:
        item["item_id"] = item.pop("item_sku")
    return item


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
