"""Each format that is known: a sample of it, told from its fields, and what the log has of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from handbill.events.formats import FORMATS
from handbill.workspace import read_json

from .conftest import ORDERS, Bringing, Imported, Importing

SAMPLES = Path(__file__).parent / "samples"
OWN = [ORDERS, "nobody,o0,p0,2026-04-01 10:00,1,1.00"]

KNOWN = {
    "ga4.jsonl": "ga4",
    "segment.jsonl": "segment",
    "handbill.jsonl": "handbill",
    "shopify-orders.csv": "shopify-orders",
    "shopify-products.csv": "shopify-products",
    "shopify-products-2025.csv": "shopify-products",
    "shopify.jsonl": "shopify",
    "shopify-pixel.jsonl": "shopify-pixel",
    "woocommerce.json": "woocommerce",
    "woocommerce-orders.csv": "woocommerce-orders",
    "woocommerce-products.csv": "woocommerce-products",
    "feed-google.tsv": "feed",
    "feed-facebook.csv": "feed",
    "feed-google.xml": "feed",
    "feed-atom.xml": "feed",
}

PRIVATE = (
    "anna@", "ben@", "Anna", "Berg", "Hauptstr", "10115", "+49", "030 1", "203.0.113",
    "ring twice", "please ring", "token=abc", "Ott",
)  # fmt: skip


def test_every_format_has_a_sample() -> None:
    assert {one.name for one in FORMATS} == set(KNOWN.values())
    assert {path.name for path in SAMPLES.iterdir()} == set(KNOWN)


@pytest.mark.parametrize("sample", KNOWN)
def test_a_format_is_told_from_its_fields(bringing: Bringing, sample: str) -> None:
    done = bringing((SAMPLES / sample).read_bytes(), name=sample)
    assert done.format == KNOWN[sample]
    assert sum(done.rows.values()) >= done.records > 0


def imported(bringing: Bringing, importing: Importing, sample: str) -> Imported:
    bringing((SAMPLES / sample).read_bytes(), name=sample)
    return importing(OWN)


def receipt(done: Imported) -> dict[str, Any]:
    (found,) = read_json(done.workspace.quarantine / "imports.json").values()
    assert found["received"] == found["kept"] + found["duplicate"] + found["quarantined"]
    return {name: found[name] for name in ("kept", "duplicate", "reasons")}


def lines(done: Imported) -> list[tuple[Any, ...]]:
    """What was bought and given back: order, product, units, paid, reductions, in money."""
    return done.ask(
        "SELECT transaction_id, item_id, quantity, value_micros / 1e6, discount_micros / 1e6, "
        "coupon_micros / 1e6, coupon FROM {log} WHERE event IN ('purchase', 'refund') "
        "AND transaction_id <> 'o0' ORDER BY occurred_at, abs(value_micros) DESC"
    )


@pytest.mark.parametrize("sample", KNOWN)
def test_nobody_is_named_in_the_log(bringing: Bringing, importing: Importing, sample: str) -> None:
    done = imported(bringing, importing, sample)
    shown = str(done.ask("SELECT * EXCLUDE (occurred_at) FROM {log}")) + str(
        done.ask("FROM '{quarantine}/imports.parquet'")
    )
    shown += str(done.ask("FROM '{catalog}/products.parquet'"))
    for name in PRIVATE:
        assert name not in shown, name


def test_ga4(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "ga4.jsonl")
    assert receipt(done) == {
        "kept": 6, "duplicate": 3, "reasons": {"currency": 1, "missing_customer": 1},
    }  # fmt: skip
    assert lines(done) == [
        ("5001", "T-101", 2, 20.0, 3.0, 0.0, "TEA20"),
        ("5001", "C-9", 1, 6.3, 0.0, 0.0, "TEA20"),
        ("5001", "C-9", -1, -6.3, 0.0, 0.0, None),
    ]
    views = done.ask(
        "SELECT event, occurred_at::VARCHAR, item_id, quantity, value_micros, context FROM {log} "
        "WHERE event NOT IN ('purchase', 'refund') ORDER BY occurred_at"
    )
    assert [row[:5] for row in views] == [
        ("page_view", "2026-05-01 08:00:00+00", None, None, None),
        ("view_item", "2026-05-01 08:01:00+00", "T-101", 1, None),
        ("add_to_cart", "2026-05-01 08:02:00+00", "T-101", 2, None),
    ]
    page, view, _ = (json.loads(row[5]) for row in views)
    assert page["ga_session_id"] == "1777622390"
    assert page["device_info"]["category"] == "mobile"
    assert page["page_location"] == "https://tea.example/?utm_source=letter&email="
    assert view["item"] == {
        "item_name": "Sencha", "item_category": "Tea", "price": 11.5, "origin": "Uji",
    }  # fmt: skip
    # she was signed in when she bought: the browser is hers, and one person did it all
    assert done.result.figures["devices_merged"] == 1


def test_segment(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "segment.jsonl")
    assert receipt(done) == {
        "kept": 8, "duplicate": 2, "reasons": {"missing_event": 1, "unsupported_type": 1},
    }  # fmt: skip
    assert lines(done) == [
        ("6001", "T-101", 2, 18.666667, 0.0, 1.333333, "TEA2"),
        ("6001", "C-9", 1, 9.333333, 0.0, 0.666667, "TEA2"),
        ("6001", "C-9", -1, -10.0, 0.0, 0.0, None),
        ("6002", None, None, 12.5, None, None, None),
    ]
    assert done.ask(
        "SELECT event, item_id, context ->> '$.item.badge', context ->> '$.badge', "
        "context ->> '$.search_term' FROM {log} WHERE source = 'segment/1' "
        "AND event NOT IN ('purchase', 'refund') ORDER BY occurred_at"
    ) == [
        ("page_view", None, None, None, None),
        ("view_item", "507f", None, "new", None),
        ("search", None, None, None, "green tea"),
        ("identify", None, None, None, None),
    ]
    assert done.ask(
        "SELECT context ->> '$.traits.plan', context ->> '$.device' LIKE 'p_%' FROM {log} "
        "WHERE event = 'identify'"
    ) == [("gold", True)]


def test_handbills_own(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "handbill.jsonl")
    assert receipt(done) == {"kept": 4, "duplicate": 0, "reasons": {}}
    assert lines(done) == [
        ("7001", "T-101", 2, 19.1808, 0.7992, 0.0, None),
        ("7001", "C-9", 1, 4.8192, 0.2008, 0.0, None),
    ]
    assert done.ask("SELECT context FROM {log} WHERE event = 'service_request'") == [
        ('{"topic":"delivery"}',)
    ]


def test_shopify_orders(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "shopify-orders.csv")
    assert receipt(done) == {"kept": 3, "duplicate": 0, "reasons": {"not_paid": 1}}
    assert lines(done) == [
        ("5001", "T-101", 2, 20.505085, 0.0, 2.494915, "TEA20"),
        ("5001", "C-9", 1, 5.794915, 0.0, 0.705085, "TEA20"),
        ("5003", "Gift wrap", 1, 10.0, 2.0, 0.0, None),
    ]
    assert done.ask(
        "SELECT count(DISTINCT person), sum(value_micros) FILTER (transaction_id = '5001') / 1e6, "
        "min(occurred_at)::VARCHAR FROM {log} WHERE source = 'shopify-orders/1'"
    ) == [(2, 26.3, "2026-05-01 08:00:00+00")]
    ((context,),) = done.ask(
        "SELECT context FROM {log} WHERE item_id = 'T-101' AND source = 'shopify-orders/1'"
    )
    assert json.loads(context)["Tags"] == "vip"
    assert json.loads(context)["item"]["Lineitem compare at price"] == "12.00"


PRODUCTS = (
    "SELECT id, title, brand, product_type, context::JSON ->> '{key}' "
    "FROM '{{catalog}}/products.parquet' WHERE id <> 'p0' ORDER BY id"
)


@pytest.mark.parametrize(
    ("sample", "kept", "key", "found"),
    [
        ("shopify-products.csv", (3, 1), "Image Src", [
            ("C-9", "Cup", "Kiln", "Cups > Cups", None),
            ("T-101", "Sencha - 100 g", "Uji", "Tea > Green tea", "https://cdn.example/1.jpg"),
            ("T-102", "Sencha - 250 g", "Uji", "Tea > Green tea", "https://cdn.example/2.jpg"),
        ]),
        ("shopify-products-2025.csv", (2, 0), "Price", [
            ("T-101", "Sencha - 100 g", "Uji", "Tea > Green tea", "11.50"),
            ("T-102", "Sencha - 250 g", "Uji", "Tea > Green tea", "24.00"),
        ]),
        ("woocommerce-products.csv", (2, 0), "Regular price", [
            ("94", "Sencha - 250 g", None, None, "24.00"),
            ("T-101", "Sencha", "Uji", "Drinks > Tea", "12.00"),
        ]),
        ("feed-google.tsv", (2, 0), "image_link", [
            ("C-9", "Cup", None, "Kitchen", "https://tea.example/2.jpg"),
            ("T-101", "Sencha 煎茶", "Uji", "Drinks > Tea > Green tea",
             "https://tea.example/1.jpg"),
        ]),
        ("feed-facebook.csv", (1, 0), "item_group_id", [
            ("T-101", "Sencha", "Uji",
             "Food, Beverages & Tobacco > Beverages > Tea & Infusions", "sencha"),
        ]),
        ("feed-google.xml", (1, 0), "description", [
            ("T-101", "Sencha & more", "Uji", "Drinks > Tea", "Green <b>tea</b>"),
        ]),
        ("feed-atom.xml", (1, 0), "link", [("C-9", "Cup", None, None, "https://tea.example/p/2")]),
    ],
)  # fmt: skip
def test_products(
    bringing: Bringing,
    importing: Importing,
    sample: str,
    kept: tuple[int, int],
    key: str,
    found: list[tuple[Any, ...]],
) -> None:
    done = imported(bringing, importing, sample)
    assert receipt(done) == {"kept": kept[0], "duplicate": kept[1], "reasons": {}}
    assert done.ask(PRODUCTS.format(key=key)) == found


def test_shopify_webhooks(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "shopify.jsonl")
    assert receipt(done) == {
        "kept": 5, "duplicate": 0, "reasons": {"currency": 1, "no_lines": 1, "not_paid": 1},
    }  # fmt: skip
    assert lines(done) == [
        ("5001", "T-101", 2, 20.0, 0.0, 3.0, "TEA20"),
        ("5001", "32", 1, 6.5, 0.0, 0.0, "TEA20"),
        ("5001", "32", -1, -6.5, 0.0, 0.0, None),
    ]
    assert done.ask("SELECT count(DISTINCT person) FROM {log} WHERE source = 'shopify/1'") == [
        (1,)
    ]  # the refund names nobody, its order does
    assert done.ask("SELECT id, title, brand FROM '{catalog}/products.parquet' ORDER BY id") == [
        ("32", "Cup", None), ("T-101", "Sencha - 100 g", "Uji"),
        ("T-102", "Sencha - 250 g", "Uji"), ("p0", "Product p0", None),
    ]  # fmt: skip


def test_shopify_pixel(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "shopify-pixel.jsonl")
    assert receipt(done) == {"kept": 8, "duplicate": 0, "reasons": {}}
    assert lines(done) == [
        ("5001", "T-101", 2, 18.461539, 3.0, 1.538461, "TEA20"),
        ("5001", "32", 1, 5.538461, 0.0, 0.461539, "TEA20"),
    ]
    assert done.ask(
        "SELECT event, item_id, quantity FROM {log} WHERE source = 'shopify-pixel/1' "
        "AND event <> 'purchase' ORDER BY occurred_at, item_id"
    ) == [
        ("view_item", "T-101", 1), ("search", None, None), ("add_to_cart", "T-101", 2),
        ("view_item_list", "T-101", 1), ("view_item_list", "T-102", 1),
        ("newsletter_box_closed", None, None),
    ]  # fmt: skip
    assert done.result.figures["devices_merged"] == 1


def test_woocommerce(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "woocommerce.json")
    assert receipt(done) == {"kept": 4, "duplicate": 0, "reasons": {"not_paid": 1}}
    assert lines(done) == [
        ("727", "T-101", 2, 21.0, 0.0, 2.0, "tea20"),
        ("727", "22", 1, 6.5, 0.0, 0.0, "tea20"),
        ("727", "22", -1, -6.5, 0.0, 0.0, None),
    ]
    assert done.ask("SELECT DISTINCT occurred_at::VARCHAR FROM {log} WHERE quantity = 2") == [
        ("2026-05-01 08:00:00+00",)
    ]
    assert done.ask("SELECT category, brand FROM '{catalog}/products.parquet' "
                    "WHERE id = 'T-101'") == [("Tea", "Uji")]  # fmt: skip


def test_woocommerce_orders(bringing: Bringing, importing: Importing) -> None:
    done = imported(bringing, importing, "woocommerce-orders.csv")
    assert receipt(done) == {"kept": 2, "duplicate": 0, "reasons": {"not_paid": 1}}
    assert lines(done) == [
        ("727", "T-101", 2, 21.0, 0.0, 2.0, "tea20"),
        ("727", "22", 1, 6.5, 0.0, 0.0, "tea20"),
    ]


def test_one_order_told_by_four_systems_counts_once(
    bringing: Bringing, importing: Importing
) -> None:
    for sample in ("ga4.jsonl", "shopify-pixel.jsonl", "shopify-orders.csv", "shopify.jsonl"):
        bringing((SAMPLES / sample).read_bytes(), name=sample)
    done = importing(OWN)
    assert done.ask(
        "SELECT event, source, count(*), sum(value_micros) / 1e6 FROM {log} "
        "WHERE transaction_id = '5001' GROUP BY ALL ORDER BY 1"
    ) == [("purchase", "shopify/1", 2, 26.5), ("refund", "shopify/1", 1, -6.5)]


def test_an_order_that_was_edited_counts_as_it_is_now(
    bringing: Bringing, importing: Importing
) -> None:
    *_, paid = (
        json.loads(line) for line in (SAMPLES / "shopify.jsonl").read_text().splitlines()[:2]
    )
    edited = paid | {
        "updated_at": "2026-05-02T10:00:00+02:00",
        "line_items": [paid["line_items"][0] | {"quantity": 1, "discount_allocations": []}],
    }
    bringing([edited], name="edited.json")
    bringing([paid], name="paid.json")  # delivered late
    done = importing(OWN)
    assert lines(done) == [("5001", "T-101", 1, 11.5, 0.0, 0.0, "TEA20")]
    first, second = read_json(done.workspace.quarantine / "imports.json").values()
    assert (first["kept"], second["duplicate"]) == (1, 2)


def test_an_order_of_ten_thousand_lines(bringing: Bringing, importing: Importing) -> None:
    (order,) = (
        json.loads(line) for line in (SAMPLES / "shopify.jsonl").read_text().splitlines()[1:2]
    )
    many = [
        {"id": n, "sku": f"S-{n}", "title": "Thing", "quantity": 1, "price": "1.01"}
        for n in range(10_000)
    ]
    bringing([order | {"line_items": many}], name="many.json")
    header, first, *_ = (SAMPLES / "shopify-orders.csv").read_text().splitlines()
    rows = [first.replace("#1001", "#9").replace(",5001,", ",9,").replace("26.30", "100000.00")]
    rows += [
        f"#9,{',' * 11},2026-05-01 10:00:00 +0200,1,Thing {n},11.00,,S-{n}{',' * 15}0.00,"
        for n in range(9_999)
    ]
    assert {row.count(",") for row in rows} == {header.count(",")}
    bringing([header, *rows], name="many.csv")
    done = importing(OWN)
    assert done.ask(
        "SELECT transaction_id, count(*), sum(value_micros) FROM {log} "
        "WHERE transaction_id <> 'o0' GROUP BY 1 ORDER BY 1"
    ) == [("5001", 10_000, 10_100_000_000), ("9", 10_000, 100_000_000_000)]


def test_the_manual_has_a_section_for_every_format(manual: str) -> None:
    for one in FORMATS:
        assert f"`{one.name}`" in manual, one.name
        assert one.title in manual, one.title
