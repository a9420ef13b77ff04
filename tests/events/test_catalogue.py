"""Prices, availability and labels against values planted in the test."""

from datetime import date

from .conftest import ORDERS, Importing

FULL = f"{ORDERS},discount,coupon_discount"


def sale(day: str, product: str, quantity: int, paid: float, off: float = 0, cut: float = 0) -> str:
    return f"anna,o{day},{product},{day} 12:00,{quantity},{paid},{off},{cut}"


def test_the_shelf_price_is_the_median_with_discounts_put_back(importing: Importing) -> None:
    done = importing(
        [
            FULL,
            sale("2026-05-01", "p", 1, 10),
            sale("2026-05-02", "p", 2, 17, off=2, cut=1),  # 20 for two
            sale("2026-05-03", "p", 1, 99),
        ]
    )
    assert done.ask(
        "SELECT price_micros, price_from, price_to, price_sales FROM '{catalog}/products.parquet'"
    ) == [(10_000_000, date(2026, 5, 1), date(2026, 5, 3), 3)]


def test_nothing_on_or_past_the_plans_day_is_in_a_price(importing: Importing) -> None:
    done = importing(
        [
            FULL,
            sale("2026-05-31", "p", 1, 10),
            "anna,o1,p,2026-06-01T00:00:00Z,1,50,0,0",
            sale("2026-06-10", "p", 1, 70),
            sale("2026-06-10", "later", 1, 70),
        ]
    )
    assert done.ask(
        "SELECT id, price_micros, price_to, price_sales, availability "
        "FROM '{catalog}/products.parquet' ORDER BY id"
    ) == [
        ("later", None, None, 0, "out_of_stock"),
        ("p", 10_000_000, date(2026, 5, 31), 1, "in_stock"),
    ]
    assert done.ask("SELECT count(*) FROM {log}") == [(4,)]  # the log itself goes on


def test_an_old_price_is_used_only_where_there_is_no_recent_one(importing: Importing) -> None:
    done = importing(
        [
            FULL,
            sale("2025-01-01", "both", 1, 5),
            sale("2026-05-20", "both", 1, 8),
            sale("2025-01-01", "old", 1, 5),
            sale("2025-01-03", "old", 1, 7),
        ],
        settings={"price_days": 30},
    )
    assert done.ask(
        "SELECT id, price_micros, price_sales, availability "
        "FROM '{catalog}/products.parquet' ORDER BY id"
    ) == [("both", 8_000_000, 1, "in_stock"), ("old", 6_000_000, 2, "out_of_stock")]


def test_refunds_and_free_goods_make_no_price(importing: Importing) -> None:
    done = importing(
        [
            FULL,
            sale("2026-05-01", "p", 1, 10),
            sale("2026-05-02", "p", -1, -30),
            sale("2026-05-03", "p", 1, 0),
        ]
    )
    assert done.ask("SELECT price_micros, price_sales FROM '{catalog}/products.parquet'") == [
        (10_000_000, 1)
    ]


def test_a_label_is_the_category_most_of_an_offers_products_share(importing: Importing) -> None:
    done = importing(
        [ORDERS, "anna,o1,p1,2026-05-01,1,1"],
        products=[
            "product_id,title,department,category,category_zh",
            "p1,A,Food,Tea,茶",
            "p2,B,Drinks,Tea,茶",
            "p3,C,Drinks,Tea,茶",
            "p4,D,Food,Cakes,",
            "p5,E,,,",
        ],
        campaigns=["campaign_id,starts_at,ends_at", "may,2026-05-01,2026-05-31"],
        offers=["campaign_id,coupon,product_id"]
        + [f"may,all,p{n}" for n in (1, 2, 3, 4)]
        + ["may,tie,p1", "may,tie,p4", "may,bare,p5"],
    )
    assert done.ask(
        "SELECT id, label, label_zh, department, products, label_share "
        "FROM '{catalog}/offers.parquet' ORDER BY id"
    ) == [
        ("may-all", "Tea", "茶", "Drinks", 4, 0.75),
        ("may-bare", "bare", None, None, 1, 0.0),
        ("may-tie", "Cakes", None, "Food", 2, 0.5),
    ]
    assert done.ask("SELECT count(*) FROM '{catalog}/offer_products.parquet'") == [(7,)]


def test_the_product_type_is_the_path(importing: Importing) -> None:
    done = importing(
        [ORDERS, "anna,o1,p1,2026-05-01,1,1"],
        products=["id,title,department,category,type", "p1,A,Food,,Green", "p2,,Food,Tea,"],
    )
    assert done.ask("SELECT title, product_type FROM '{catalog}/products.parquet' ORDER BY id") == [
        ("A", "Food > Green"),
        ("Tea", "Food > Tea"),
    ]


def test_a_campaign_ends_after_its_last_day(importing: Importing) -> None:
    done = importing(
        [ORDERS, "anna,o1,p1,2026-05-01,1,1"],
        campaigns=[
            "campaign_id,starts_at,ends_at",
            "day,2026-05-01,2026-05-01",
            "hours,2026-05-01T10:00:00Z,2026-05-01T12:00:00Z",
        ],
    )
    assert done.ask(
        "SELECT id, starts_at::VARCHAR, ends_at::VARCHAR "
        "FROM '{catalog}/campaigns.parquet' ORDER BY id"
    ) == [
        ("day", "2026-04-30 22:00:00+00", "2026-05-01 22:00:00+00"),
        ("hours", "2026-05-01 10:00:00+00", "2026-05-01 12:00:00+00"),
    ]
