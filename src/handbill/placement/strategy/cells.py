"""Reduces millions of product-store-weeks and the log's sales to what places are measured by."""

from collections.abc import Sequence
from datetime import date

import duckdb
import pandas as pd

from handbill.placement.pairs import quoted
from handbill.workspace import Workspace

DEPTHS = (0.05, 0.15, 0.25, 0.35, 0.5)
"""Edges of the price cuts that are told apart: below the first counts as the regular price."""


def aggregate(
    workspace: Workspace, con: duckdb.DuckDBPyConnection, before: date, zone: str
) -> None:
    """Reduce log and exposures to the sufficient statistics of the estimate.

    Leaves the tables `place_cells` and `price_cells`: per product and store (`unit`), pair of
    places and, in the second, price cut (`depth`): `units` sold, `activity` (expected units but
    for the level) and `cells`, the weeks. Product-stores count that were in some place in some
    week and sold something; weeks count in which the store's places were recorded and that lie
    between the product's first and last sale or place. `price_cells` holds only products that
    sold somewhere in nearly every week, since a week without a sale shows no price.
    """
    for statement in _STATEMENTS:
        con.execute(
            statement.format(
                exposures=quoted(workspace.exposures / "**" / "*.parquet"),
                products=quoted(workspace.catalog / "products.parquet"),
                before=before,
                zone=zone,
                depth=_DEPTH,
            )
        )


def aggregate_prices(con: duckdb.DuckDBPyConnection, before: date, zone: str) -> None:
    """`price_cells` of a shop that does not log where products stood, by product over all stores.

    Whole weeks count, from the product's first to its last sale; the activity of a week is the
    shop's baskets.
    """
    con.execute(_PRICES_ALONE.format(before=before, zone=zone, depth=_DEPTH))


def read_cells(con: duckdb.DuckDBPyConnection, table: str, factors: Sequence[str]) -> pd.DataFrame:
    """Cells in a fixed order, so that sums of floats are the same in every run."""
    columns = ", ".join(["unit", *factors, "dense_rank() OVER (ORDER BY product) AS product"])
    cells: pd.DataFrame = con.execute(
        f"""SELECT {columns}, units::DOUBLE AS units, activity, cells FROM {table}
        WHERE activity > 0 ORDER BY unit, {", ".join(factors)}"""
    ).df()
    return cells.astype(dict.fromkeys(factors, "category"))


_DEPTH = " + ".join(f"(cut >= {edge} * (paid + cut))::INT" for edge in DEPTHS)

_PRICES_ALONE = """CREATE OR REPLACE TEMP TABLE price_cells AS
    WITH lines AS (
        SELECT item_id AS product, date_trunc('week', timezone('{zone}', occurred_at)) AS week,
            transaction_id AS basket, quantity, value_micros::DOUBLE AS paid,
            coalesce(discount_micros, 0)::DOUBLE AS cut
        FROM events WHERE event = 'purchase' AND quantity > 0 AND item_id IS NOT NULL
            AND occurred_at < TIMESTAMPTZ '{before} 00:00:00+00'),
    pace AS (SELECT week, count(DISTINCT basket)::DOUBLE AS activity FROM lines GROUP BY ALL),
    weekly AS (
        SELECT product, week, sum(quantity)::DOUBLE AS units, sum(paid) AS paid, sum(cut) AS cut
        FROM lines GROUP BY ALL HAVING sum(paid) + sum(cut) > 0),
    steady AS (
        SELECT product FROM weekly GROUP BY product
        HAVING count(*) > 1
            AND count(*) >= 0.9 * (1 + date_diff('day', min(week), max(week)) / 7))
    SELECT product, dense_rank() OVER (ORDER BY product) AS unit, ({depth})::VARCHAR AS depth,
        sum(units) AS units, sum(activity) AS activity, count(*) AS cells
    FROM weekly SEMI JOIN steady USING (product) JOIN pace USING (week) GROUP BY product, depth"""

_STATEMENTS = (
    """CREATE OR REPLACE TEMP TABLE covered AS
    SELECT DISTINCT store_id AS store, week_start AS week FROM read_parquet({exposures})
    WHERE week_start + 7 <= DATE '{before}'""",
    """CREATE OR REPLACE TEMP TABLE days AS
    SELECT week, week + step AS day FROM (SELECT DISTINCT week FROM covered),
        (SELECT unnest(range(7))::INT AS step)""",
    """CREATE OR REPLACE TEMP TABLE lines AS
    SELECT item_id AS product, affiliation AS store, days.week, transaction_id AS basket,
        quantity, value_micros::DOUBLE AS paid, coalesce(discount_micros, 0)::DOUBLE AS cut
    FROM events JOIN days ON days.day = timezone('{zone}', events.occurred_at)::DATE
    WHERE event = 'purchase' AND affiliation IS NOT NULL AND quantity > 0""",
    """CREATE OR REPLACE TEMP TABLE sold AS
    SELECT product, store, week, sum(quantity)::DOUBLE AS units FROM lines GROUP BY ALL""",
    """CREATE OR REPLACE TEMP TABLE exposed AS
    SELECT product_id AS product, store_id AS store, week_start AS week,
        max(display) AS display, max(mailer) AS mailer
    FROM read_parquet({exposures}) e SEMI JOIN sold
        ON sold.product = e.product_id AND sold.store = e.store_id
    WHERE week_start + 7 <= DATE '{before}' GROUP BY ALL""",
    """CREATE OR REPLACE TEMP TABLE departments AS
    SELECT id AS product, coalesce(department, '') AS department FROM {products}""",
    """CREATE OR REPLACE TEMP TABLE pace AS
    WITH stores AS (
        SELECT store, week, count(DISTINCT basket)::DOUBLE AS baskets FROM lines
        SEMI JOIN covered USING (store, week) GROUP BY ALL),
    shop AS (SELECT week, sum(baskets) AS baskets FROM stores GROUP BY ALL),
    season AS (
        SELECT department, week, sum(units) / any_value(baskets) AS season
        FROM sold JOIN departments USING (product) JOIN shop USING (week) GROUP BY ALL)
    SELECT store, department, week, baskets * season AS activity,
        sum(baskets * season) OVER so_far AS until, count(*) OVER so_far AS weeks
    FROM stores JOIN season USING (week)
    WINDOW so_far AS (PARTITION BY store, department ORDER BY week)""",
    """CREATE OR REPLACE TEMP TABLE spans AS
    WITH seen AS (
        SELECT product_id AS product, min(week_start) AS low, max(week_start) AS high
        FROM read_parquet({exposures}) WHERE week_start + 7 <= DATE '{before}' GROUP BY ALL
        UNION ALL
        SELECT product, min(week), max(week) FROM sold GROUP BY ALL)
    SELECT product, min(low) AS low, max(high) AS high FROM seen GROUP BY ALL""",
    """CREATE OR REPLACE TEMP TABLE panel AS
    SELECT row_number() OVER (ORDER BY product, store) AS unit, product, store, department, low,
        high
    FROM (SELECT DISTINCT product, store FROM sold SEMI JOIN exposed USING (product, store))
    JOIN departments USING (product) JOIN spans USING (product)""",
    """CREATE OR REPLACE TEMP TABLE place_cells AS
    WITH placed AS (
        SELECT product, unit, display, mailer, sum(coalesce(units, 0)) AS units,
            sum(activity) AS activity, count(*) AS cells
        FROM panel JOIN exposed USING (product, store)
        JOIN pace USING (store, department, week)
        LEFT JOIN sold USING (product, store, week) GROUP BY ALL),
    whole AS (
        SELECT product, unit, any_value(u.units) AS units, max(until) - min(until - activity)
            AS activity, count(*) AS cells
        FROM panel JOIN pace USING (store, department)
        JOIN (SELECT product, store, sum(units) AS units FROM sold
            SEMI JOIN pace USING (store, week) GROUP BY ALL) u USING (product, store)
        WHERE week BETWEEN low AND high GROUP BY ALL)
    FROM placed UNION ALL BY NAME
    SELECT product, unit, '0' AS display, '0' AS mailer, w.units - coalesce(p.units, 0) AS units,
        greatest(w.activity - coalesce(p.activity, 0), 0) AS activity,
        w.cells - coalesce(p.cells, 0) AS cells
    FROM whole w LEFT JOIN (SELECT unit, sum(units) AS units, sum(activity) AS activity,
        sum(cells) AS cells FROM placed GROUP BY ALL) p USING (unit)
    WHERE w.cells > coalesce(p.cells, 0)""",
    """CREATE OR REPLACE TEMP TABLE prices AS
    WITH weekly AS (
        SELECT product, week, ({depth})::VARCHAR AS depth FROM (
            SELECT product, week, sum(paid) AS paid, sum(cut) AS cut FROM lines GROUP BY ALL)
        WHERE paid + cut > 0)
    FROM weekly SEMI JOIN (
        SELECT product FROM weekly JOIN spans USING (product) GROUP BY product
        HAVING count(*) >= 0.9 * (1 + date_diff('day', any_value(low), any_value(high)) / 7)
    ) USING (product)""",
    """CREATE OR REPLACE TEMP TABLE price_cells AS
    SELECT product, unit, coalesce(display, '0') AS display, coalesce(mailer, '0') AS mailer,
        depth, sum(coalesce(units, 0)) AS units, sum(activity) AS activity, count(*) AS cells
    FROM panel JOIN prices USING (product) JOIN pace USING (store, department, week)
    LEFT JOIN exposed USING (product, store, week)
    LEFT JOIN sold USING (product, store, week) GROUP BY ALL""",
)
