"""Recency, frequency and spend: the ranking that every shop has without a model."""

from collections.abc import Iterable
from datetime import date

import duckdb
import pandas as pd


def recency_frequency_spend(con: duckdb.DuckDBPyConnection, days: Iterable[date]) -> pd.DataFrame:
    """Score everyone who bought before a day: the mean of three ranks among them.

    Args:
        con: With the view `events`.
        days: Each day is looked at from its midnight, UTC.

    Returns:
        `day` (as written, 2026-11-23), `person`, `score` (0 to 1, higher bought more lately, more
        often and for more). Equal habits score the same.

    Source: Hughes, Strategic Database Marketing (1994), with ranks in place of fifths.
    """
    wanted = sorted(set(days))
    if not wanted:
        return pd.DataFrame({"day": [], "person": [], "score": []}).astype(
            {"day": "str", "person": "str"}
        )
    values = ", ".join(f"(DATE '{day}')" for day in wanted)
    scores: pd.DataFrame = con.execute(
        f"""WITH baskets AS (
            SELECT person, coalesce(transaction_id, event_id) AS basket,
                min(occurred_at) AS moment, sum(value_micros) AS value
            FROM events WHERE event = 'purchase' GROUP BY ALL),
        habits AS (
            SELECT d.day, person, max(moment) AS latest, count(*) AS often,
                sum(value)::DOUBLE AS spend
            FROM baskets JOIN (VALUES {values}) d(day)
                ON moment < d.day::TIMESTAMP::TIMESTAMPTZ GROUP BY ALL)
        SELECT day::VARCHAR AS day, person, (cume_dist() OVER (PARTITION BY day ORDER BY latest)
            + cume_dist() OVER (PARTITION BY day ORDER BY often)
            + cume_dist() OVER (PARTITION BY day ORDER BY spend)) / 3 AS score
        FROM habits ORDER BY 1, 2"""
    ).df()
    return scores
