"""The catalogue: products with prices that sales bear out, campaigns, and readable offers."""

from datetime import date

import duckdb

from handbill.events.settings import Settings

AVAILABLE_DAYS = 28
"""A product counts as in stock when it was sold within so many days before the plan's day."""
PRICE = (
    "product_id, round(median(price))::BIGINT AS price_micros, min(day) AS price_from, "
    "max(day) AS price_to, count(*) AS price_sales"
)


def create_catalogue(
    connection: duckdb.DuckDBPyConnection, settings: Settings, as_of: date
) -> None:
    """Make the tables `products`, `campaigns`, `offers` and `offer_products`.

    Nothing in them rests on a sale on or past `as_of`.

    Args:
        connection: With the kept relations, and `sales`: the purchases and refunds of the log.
        settings: The price window.
        as_of: The plan's day.
    """
    connection.execute(f"CREATE TABLE prices AS {_prices(settings, as_of)}")
    connection.execute(f"CREATE TABLE products AS {PRODUCTS}")
    connection.execute(
        "CREATE TABLE campaigns AS SELECT id, kind, starts_at, ends_at FROM kept_campaigns "
        "ORDER BY starts_at, id"
    )
    connection.execute(f"CREATE TABLE offer_products AS {OFFER_PRODUCTS}")
    connection.execute(f"CREATE TABLE offers AS {OFFERS}")


def _prices(settings: Settings, as_of: date) -> str:
    """Shelf price of a unit: what was paid, with the discounts and coupons put back.

    Goods sold by measure (fuel) have no price per unit and stay without one.
    """
    return f"""
        WITH sold AS (
            SELECT item_id AS product_id, occurred_at::DATE AS day,
                if(contains(context, '"measured"'), NULL, value_micros
                    + coalesce(discount_micros, 0) + coalesce(coupon_micros, 0)) / quantity AS price
            FROM sales
            WHERE occurred_at < TIMESTAMPTZ '{as_of} 00:00:00+00' AND quantity > 0
                AND item_id IS NOT NULL
        ), lately AS (
            SELECT {PRICE} FROM sold
            WHERE price > 0 AND day >= DATE '{as_of}' - {settings.price_days} GROUP BY product_id
        ), before AS (
            SELECT {PRICE} FROM sold
            WHERE price > 0 AND product_id NOT IN (SELECT product_id FROM lately)
            GROUP BY product_id
        )
        SELECT product_id, last_sold, price_micros, price_from, price_to,
            coalesce(price_sales, 0) AS price_sales,
            last_sold >= DATE '{as_of}' - {AVAILABLE_DAYS} AS available
        FROM (SELECT product_id, max(day) AS last_sold FROM sold GROUP BY product_id)
        LEFT JOIN (FROM lately UNION ALL FROM before) USING (product_id)
    """


# A product that was sold but is not in the shop's list gets a bare row: its sales are real.
PRODUCTS = """
    WITH listed AS (
        SELECT id, title, brand, brand_kind, department, category, category_zh, type, size,
            context
        FROM kept_products
        UNION ALL
        SELECT product_id, min(title), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
        FROM (SELECT product_id, product_title AS title FROM kept_orders
            UNION ALL FROM streamed_products)
        WHERE product_id NOT IN (SELECT id FROM kept_products)
        GROUP BY product_id
    )
    SELECT id, coalesce(nullif(trim(title), ''), type, category, 'Product ' || id) AS title,
        brand, brand_kind,
        nullif(concat_ws(' > ', department, category, type), '') AS product_type,
        department, category, category_zh, type, size,
        price_micros, price_from, price_to, coalesce(price_sales, 0) AS price_sales,
        if(coalesce(available, false), 'in_stock', 'out_of_stock') AS availability,
        context
    FROM listed LEFT JOIN prices ON product_id = id
    ORDER BY id
"""

OFFER_PRODUCTS = """
    SELECT campaign_id || '-' || coupon AS offer_id, campaign_id, coupon, product_id
    FROM kept_offers ORDER BY ALL
"""

# The label is the category most of an offer's products share; between equals the first by name.
OFFERS = """
    WITH counted AS (
        SELECT offer_id, campaign_id, coupon, category, category_zh, department, count(*) AS n
        FROM offer_products JOIN products ON id = product_id
        GROUP BY ALL
    ), by_category AS (
        SELECT offer_id, campaign_id, coupon, category, any_value(category_zh) AS category_zh,
            arg_max(department, n) AS department, sum(n)::BIGINT AS n
        FROM (FROM counted ORDER BY department)
        GROUP BY ALL
    ), ranked AS (
        SELECT *, sum(n) OVER (PARTITION BY offer_id)::BIGINT AS products,
            row_number() OVER (
                PARTITION BY offer_id ORDER BY category IS NULL, n DESC, category) AS place
        FROM by_category
    )
    SELECT offer_id AS id, campaign_id, coupon, coalesce(category, department, coupon) AS label,
        category_zh AS label_zh, department, products,
        if(category IS NULL, 0, n / products)::DOUBLE AS label_share
    FROM ranked WHERE place = 1 ORDER BY campaign_id, id
"""
