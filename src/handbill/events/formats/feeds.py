"""Catalogue feeds of Google Merchant and Facebook: TSV, CSV, or XML (RSS or Atom, `g:` names).

Source: Google Merchant Center product data specification; Meta catalogue product feed fields.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from handbill.events.rows import Reading, Row, as_text, rest

SIGNS = frozenset(
    {"link", "image_link", "availability", "google_product_category", "fb_product_category"}
)
USED = frozenset({"id", "title", "brand", "product_type", "size"})


def matches(fields: Mapping[str, Any]) -> bool:
    """Whether a record is a product of a feed."""
    names = plain_names(fields).keys()
    return {"id", "title"} <= names and len(SIGNS & names) > 1


def rows(fields: Mapping[str, Any], _reading: Reading) -> Iterable[Row]:
    """One product; price, links and stock go to its context as the feed has them."""
    product = plain_names(fields)
    levels = levels_of(product.get("product_type"))
    levels = levels or levels_of(product.get("google_product_category"))
    yield Row(
        relation="products",
        values={
            "product_id": as_text(product.get("id")),
            "title": as_text(product.get("title")),
            "brand": as_text(product.get("brand")),
            "department": levels[0] if len(levels) > 1 else None,
            "category": levels[min(1, len(levels) - 1)] if levels else None,
            "type": levels[-1] if len(levels) > 2 else None,
            "size": as_text(product.get("size")),
        },
        context=rest(product, USED),
    )


def plain_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields by the specification's names: feeds write `g:image_link` and `image link`, too.

    Example:
        >>> plain_names({"g:id": "1", "Image Link": "x"})
        {'id': '1', 'image_link': 'x'}
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        found.setdefault(name.strip().lower().removeprefix("g:").replace(" ", "_"), value)
    return found


def levels_of(path: Any) -> list[str]:
    """`Food > Tea > Green` as its levels; a feed may give several paths, of which the first counts.

    A number is a row of Google's own taxonomy, which is not here to be looked up.

    Example:
        >>> levels_of(["Food > Tea", "Gifts"]), levels_of("2073")
        (['Food', 'Tea'], [])
    """
    first = path[0] if isinstance(path, list) and path else path
    text = as_text(first) or ""
    return [] if text.isdigit() else [one.strip() for one in text.split(">") if one.strip()]
