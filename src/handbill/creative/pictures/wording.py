"""Wording: an ad or a product as the words of a card, prices from the catalogue of today."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from handbill.creative.goods import Product
from handbill.types import SLOT, Language, fill

PRICE = re.compile(r"^\s*(?P<amount>\d{1,12}(?:\.\d{1,4})?)\s+(?P<currency>[A-Z]{3})\s*$")
"""As product feeds write it: `15.99 USD`."""
SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥", "HKD": "HK$", "INR": "₹"}
WHOLE = ("JPY", "KRW", "VND")
"""Currencies without cents."""
MOST_SIGNS = 200
"""Of a headline; what is longer is no headline."""


def price_of(product: Product) -> tuple[str, str]:
    """What a product costs today and what it cost before, as a customer reads it.

    Only what the shop's own feed says: the catalogue's median of past sales is no promise. A sale
    price stands first, the price beside it; a sale price that is not below the price is none.

    Returns:
        Price and earlier price; empty where the feed has none.
    """
    price, sale = read_price(product.value("price")), read_price(product.value("sale_price"))
    if price is None:
        return "", ""
    if sale is not None and sale[1] == price[1] and sale[0] < price[0]:
        return show_price(*sale), show_price(*price)
    return show_price(*price), ""


def read_price(text: str) -> tuple[Decimal, str] | None:
    """Amount and currency of a feed's price; None when it is none, or nothing.

    Example:
        >>> read_price("15.99 USD")
        (Decimal('15.99'), 'USD')
        >>> read_price("NaN USD") is read_price("0 USD") is None
        True
    """
    found = PRICE.match(text)
    if found is None:
        return None
    try:
        amount = Decimal(found["amount"])
    except InvalidOperation:
        return None
    return (amount, found["currency"]) if amount > 0 else None


def show_price(amount: Decimal, currency: str) -> str:
    """A price as a customer reads it.

    Example:
        >>> show_price(Decimal("1299.5"), "USD"), show_price(Decimal("58"), "JPY")
        ('$1,299.50', '¥58')
    """
    digits = 0 if currency in WHOLE else 2
    return f"{SYMBOLS.get(currency, currency + ' ')}{amount:,.{digits}f}"


def spoken(template: str, facts: Mapping[str, str], product: Product) -> str | None:
    """One text of an ad, its slots filled with today's facts.

    Args:
        template: With `{slots}`.
        facts: Of its brief.
        product: Which the ad is about; it has the prices.

    Returns:
        The text, or None where a fact that it needs is not there.
    """
    price, was = price_of(product)
    today = {"price": was or price, "sale_price": price if was else ""}
    values: dict[str, str] = {}
    for name in SLOT.findall(template):
        value = today[name] if name in today else facts.get(name, "")
        if not value or SLOT.search(value):
            return None
        values[name] = value
    return fill(template, values)


def named(product: Product, language: Language) -> str:
    """What a product is called on a card of its own."""
    names = ("title_zh", "title", "category_zh", "type") if language == "zh" else ("title", "type")
    return next((text for name in names if (text := product.value(name))), "")[:MOST_SIGNS]
