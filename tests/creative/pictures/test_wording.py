from decimal import Decimal

import pytest
from tests.creative.pictures.conftest import dossier

from handbill.creative.goods import make_product
from handbill.creative.pictures.wording import named, price_of, read_price, show_price, spoken


def product(**fields: str):
    return make_product({"id": "T-1", **fields}, source="catalog")


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"price": "13.20 USD"}, ("$13.20", "")),
        ({"price": "13.20 USD", "sale_price": "11.50 USD"}, ("$11.50", "$13.20")),
        ({"price": "13.20 USD", "sale_price": "13.20 USD"}, ("$13.20", "")),
        ({"price": "13.20 USD", "sale_price": "15 USD"}, ("$13.20", "")),
        ({"price": "13.20 USD", "sale_price": "11.50 EUR"}, ("$13.20", "")),
        ({"sale_price": "11.50 USD"}, ("", "")),
        ({"price": "nan USD"}, ("", "")),
        ({"price": "-3 USD"}, ("", "")),
        ({"price": "13,20"}, ("", "")),
        ({"price_micros": "13200000"}, ("", "")),  # a median of past sales is no promise
        ({}, ("", "")),
    ],
)
def test_only_the_feeds_own_price_is_printed(fields, shown) -> None:
    assert price_of(product(**fields)) == shown


def test_prices_read_as_customers_write_them() -> None:
    assert show_price(Decimal("1299.5"), "CNY") == "¥1,299.50"
    assert show_price(Decimal("58"), "JPY") == "¥58"
    assert show_price(Decimal("3"), "CHF") == "CHF 3.00"
    assert read_price("9" * 40 + " USD") is None


def test_slots_are_filled_from_today_and_never_from_the_ad() -> None:
    facts = {one.name: one.value for one in dossier().facts}
    today = product(price="13.20 USD", sale_price="11.50 USD")
    assert spoken("{category} at {price}", facts, today) == "House coffee at $13.20"
    assert spoken("Was {price}, now {sale_price}", facts, today) == "Was $13.20, now $11.50"
    assert spoken("{category} at {price}", facts, product()) is None
    assert spoken("Only {stock} left", facts, today) is None


def test_a_product_is_called_by_its_title() -> None:
    assert named(product(title="House coffee"), "en") == "House coffee"
    assert named(product(title="House coffee", category_zh="咖啡"), "zh") == "House coffee"
    assert named(product(), "en") == ""
    assert len(named(product(title="x" * 10_000), "en")) == 200
