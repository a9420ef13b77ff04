"""Customer features of a large log: our expressions against the same by hand in DuckDB's SQL.

Both read the same Parquet, in processes of their own, in turns; both write one Parquet file, and
every value of the two files must agree. Prints seconds; `events.py` makes the ratio.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.generated import AS_OF
from benchmarks.new_day import measure_new_day
from handbill.audience.features import customer_features
from handbill.audience.lines import second_of
from handbill.engine import connect, read_parquet
from handbill.trust.reading import read_log
from handbill.workspace import Workspace

MEMORY_GB = 3.0
DEPARTMENTS = ("Department 0", "Department 1", "Department 2")

BY_HAND = """
WITH lines AS (
    SELECT person, event, item_id, promotion_id,
        epoch(date_trunc('second', occurred_at))::BIGINT AS second,
        coalesce(transaction_id, epoch(date_trunc('second', occurred_at))::BIGINT::VARCHAR)
            AS basket,
        coalesce(value_micros, 0) AS value, coalesce(discount_micros, 0) AS discount,
        coalesce(coupon_micros, 0) AS coupon_value
    FROM read_parquet('{log}') WHERE is_human AND occurred_at < to_timestamp({cut})
), baskets AS (
    SELECT person, basket, min(second) AS second, sum(value)::BIGINT AS value, count(*) AS lines
    FROM lines WHERE event = 'purchase' GROUP BY person, basket, second // 86400
), timed AS (
    SELECT *, (second % 86400) // 3600 AS hour, (second // 86400 + 3) % 7 AS weekday,
        second >= {cut} - 365 * 86400 AS recent
    FROM baskets
), visits AS (
    SELECT person, ({cut} - max(second)) // 86400 AS recency_days,
        ({cut} - min(second)) // 86400 AS tenure_days,
        count(*) FILTER (second >= {cut} - 30 * 86400) AS baskets_30,
        count(*) FILTER (second >= {cut} - 90 * 86400) AS baskets_90,
        count(*) FILTER (recent) AS baskets_365,
        sum(value) FILTER (second >= {cut} - 30 * 86400) AS spend_micros_30,
        sum(value) FILTER (second >= {cut} - 90 * 86400) AS spend_micros_90,
        sum(value) FILTER (recent) AS spend_micros_365,
        sum(lines) FILTER (recent) AS lines,
        min(second) FILTER (recent) AS first_recent, max(second) FILTER (recent) AS last_recent,
        count(*) FILTER (recent AND weekday = 0) AS share_monday,
        count(*) FILTER (recent AND weekday = 1) AS share_tuesday,
        count(*) FILTER (recent AND weekday = 2) AS share_wednesday,
        count(*) FILTER (recent AND weekday = 3) AS share_thursday,
        count(*) FILTER (recent AND weekday = 4) AS share_friday,
        count(*) FILTER (recent AND weekday = 5) AS share_saturday,
        count(*) FILTER (recent AND weekday = 6) AS share_sunday,
        count(*) FILTER (recent AND hour BETWEEN 5 AND 10) AS share_morning,
        count(*) FILTER (recent AND hour BETWEEN 11 AND 13) AS share_midday,
        count(*) FILTER (recent AND hour BETWEEN 14 AND 17) AS share_afternoon,
        count(*) FILTER (recent AND hour BETWEEN 18 AND 21) AS share_evening,
        count(*) FILTER (recent AND (hour < 5 OR hour >= 22)) AS share_night
    FROM timed GROUP BY person
), spending AS (
    SELECT person, sum(value) AS spend, sum(discount) AS saved, sum(coupon_value) AS couponed,
        sum(value + discount + coupon_value) AS gross,
        coalesce(sum(value) FILTER (brand_kind = 'private'), 0) AS private,
        coalesce(sum(value) FILTER (discount > 0), 0) AS reduced,
        count(DISTINCT item_id) AS products_365,
        count(DISTINCT coalesce(category, department)) FILTER (second >= {cut} - 90 * 86400)
            AS categories_90,
        count(*) FILTER (coupon_value > 0) AS coupon_lines_365,
        count(*) FILTER (coupon_value > 0 AND second >= {cut} - 90 * 86400) AS coupon_lines_90,
        {departments}
    FROM lines LEFT JOIN read_parquet('{products}') ON id = item_id
    WHERE event = 'purchase' AND second >= {cut} - 365 * 86400 GROUP BY person
), refunds AS (
    SELECT person, count(*) AS refunds_365 FROM lines
    WHERE event = 'refund' AND second >= {cut} - 365 * 86400 GROUP BY person
), campaigns AS (
    SELECT person,
        count(DISTINCT promotion_id) FILTER (event = 'view_promotion') AS campaigns_received,
        count(DISTINCT promotion_id) FILTER (
            event = 'view_promotion' AND second >= {cut} - 90 * 86400) AS campaigns_received_90,
        count(DISTINCT promotion_id) FILTER (event = 'select_promotion') AS campaigns_redeemed,
        count(*) FILTER (event = 'select_promotion') AS coupons_redeemed,
        count(*) FILTER (event = 'select_promotion' AND second >= {cut} - 90 * 86400)
            AS coupons_redeemed_90,
        ({cut} - max(second) FILTER (event = 'select_promotion')) // 86400 AS redemption_days
    FROM lines WHERE event IN ('view_promotion', 'select_promotion') GROUP BY person
), shop AS (
    SELECT coalesce(sum(campaigns_redeemed) / nullif(sum(campaigns_received), 0), 0) AS rate
    FROM campaigns
)
SELECT person, recency_days, tenure_days, coalesce(baskets_30, 0) AS baskets_30,
    coalesce(baskets_90, 0) AS baskets_90, coalesce(baskets_365, 0) AS baskets_365,
    coalesce(spend_micros_30, 0) AS spend_micros_30,
    coalesce(spend_micros_90, 0) AS spend_micros_90,
    coalesce(spend_micros_365, 0) AS spend_micros_365,
    spend_micros_365 / nullif(baskets_365, 0) AS basket_micros,
    lines / nullif(baskets_365, 0) AS basket_lines,
    (last_recent - first_recent) / nullif(baskets_365 - 1, 0) / 86400 AS gap_days,
    3 * baskets_30 / nullif(baskets_90, 0) AS trend,
    coalesce(products_365, 0) AS products_365, coalesce(categories_90, 0) AS categories_90,
    if(coalesce(spend, 0) = 0, NULL, greatest(least(private / spend, 1), 0)) AS share_private,
    if(coalesce(spend, 0) = 0, NULL, greatest(least(reduced / spend, 1), 0)) AS share_discounted,
    if(coalesce(gross, 0) = 0, NULL, greatest(least(saved / gross, 1), 0)) AS discount_depth,
    coalesce(coupon_lines_365, 0) AS coupon_lines_365,
    coalesce(coupon_lines_90, 0) AS coupon_lines_90,
    if(coalesce(gross, 0) = 0, NULL, greatest(least(couponed / gross, 1), 0)) AS coupon_share,
    coalesce(refunds_365, 0) AS refunds_365,
    coalesce(campaigns_received, 0) AS campaigns_received,
    coalesce(campaigns_received_90, 0) AS campaigns_received_90,
    coalesce(campaigns_redeemed, 0) AS campaigns_redeemed,
    coalesce(coupons_redeemed, 0) AS coupons_redeemed,
    coalesce(coupons_redeemed_90, 0) AS coupons_redeemed_90, redemption_days,
    (coalesce(campaigns_redeemed, 0) + 5 * rate) / (coalesce(campaigns_received, 0) + 5)
        AS response_rate,
    {shares}
FROM (SELECT DISTINCT person FROM lines) LEFT JOIN visits USING (person)
LEFT JOIN spending USING (person) LEFT JOIN refunds USING (person)
LEFT JOIN campaigns USING (person), shop
"""

TIMED = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "morning",
    "midday", "afternoon", "evening", "night",
)  # fmt: skip


def by_hand(workspace: Workspace, as_of: date, out: Path) -> None:
    """Run the SQL."""
    departments = [
        f"coalesce(sum(value) FILTER (department = '{name}'), 0) AS department_{number}"
        for number, name in enumerate(DEPARTMENTS)
    ]
    shares = [f"share_{name} / nullif(baskets_365, 0) AS share_{name}" for name in TIMED]
    shares += [
        f"if(coalesce(spend, 0) = 0, NULL, greatest(least(department_{number} / spend, 1), 0)) AS "
        f"department_department_{number}"
        for number in range(len(DEPARTMENTS))
    ]
    query = BY_HAND.format(
        log=workspace.events / "**" / "*.parquet",
        products=workspace.catalog / "products.parquet",
        cut=second_of(as_of),
        departments=", ".join(departments),
        shares=", ".join(shares),
    )
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY_GB}GB'")
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")


def by_expression(workspace: Workspace, as_of: date, out: Path) -> None:
    """Run our expressions, as the audience stage does."""
    backend = connect(memory_gb=MEMORY_GB)
    features = customer_features(
        read_log(backend, workspace),
        read_parquet(backend, workspace.catalog / "products.parquet"),
        as_of,
        departments=DEPARTMENTS,
    )
    features.to_parquet(str(out))
    backend.disconnect()


def differences(one: Path, other: Path) -> dict[str, int]:
    """Column -> people for whom the two files say different things."""
    with duckdb.connect() as connection:
        names = [
            row[0] for row in connection.execute(f"DESCRIBE FROM '{one}'").fetchall()[1:]
        ]  # all but the person
        differs = ", ".join(
            f"count(*) FILTER (a.person IS NULL OR b.person IS NULL OR "
            f"abs(coalesce(a.{name}, -1e9) - coalesce(b.{name}, -1e9)) > 1e-9 * "
            f"greatest(1, abs(coalesce(a.{name}, 1))))"
            for name in names
        )
        counts = connection.execute(
            f"SELECT {differs} FROM '{one}' a FULL JOIN '{other}' b USING (person)"
        ).fetchall()[0]
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def new_day(shop: Path) -> tuple[dict[str, float | int], list[str]]:
    """What one more day costs of what the whole costs, from the sums of days that are kept."""
    whole, first, more = measure_new_day(Workspace.open(shop), AS_OF, DEPARTMENTS)
    note = (
        f"all five feature tables: {whole:.1f} CPU seconds straight from the log, {more:.1f} for "
        f"one more day, equal in all values; {first:.1f} once to sum every day and make them"
    )
    return {"new_day_vs_full_ratio": round(more / whole, 3)}, [note]


def main() -> None:
    """Time one way once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("hand", "expression"))
    parser.add_argument("workspace", type=Path)
    parser.add_argument("as_of", type=date.fromisoformat)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    run = by_hand if options.way == "hand" else by_expression
    workspace = Workspace.open(options.workspace)
    started = time.monotonic()
    run(workspace, options.as_of, options.out)
    print(time.monotonic() - started)


if __name__ == "__main__":
    main()
