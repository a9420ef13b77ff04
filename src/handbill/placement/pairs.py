"""Pairs of a person and a campaign, with what was known of them on the campaign's first day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from handbill.placement.arrays import Floats
from handbill.trust.reading import view_log
from handbill.workspace import Workspace

KEYS = ("person", "campaign_id")
NO_FEATURES = (*KEYS, "kind", "redeemed", "redeemed_at", "weight")
"""Columns of a pair that no model may learn from: who it is, and what came of it."""

CAMPAIGN_COLUMNS = ("campaign_days", "campaign_offers", "campaign_products")
"""What is known of a campaign itself: its length and how much it offers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign of the catalogue.

    Attributes:
        id: The shop's id.
        kind: As the shop names it.
        starts_at: First moment.
        ends_at: First moment after it.
        offers: Number of its offers.
        products: Number of products in them.
    """

    id: str
    kind: str
    starts_at: datetime
    ends_at: datetime
    offers: int
    products: int

    @property
    def day(self) -> date:
        """The day on which it begins, in UTC, as features are dated."""
        return self.starts_at.astimezone(UTC).date()


def read_campaigns(workspace: Workspace, con: duckdb.DuckDBPyConnection) -> tuple[Campaign, ...]:
    """The catalogue's campaigns in order of their start; none when the shop has had none."""
    catalog = workspace.catalog
    campaigns = catalog / "campaigns.parquet"
    if not campaigns.is_file():
        return ()
    con.execute(f"CREATE OR REPLACE TEMP VIEW campaigns AS FROM {quoted(campaigns)}")
    offers, products = catalog / "offers.parquet", catalog / "offer_products.parquet"
    if offers.is_file() and products.is_file():
        sizes = f"""SELECT o.campaign_id, count(DISTINCT o.id) AS offers,
                count(DISTINCT p.product_id) AS products
            FROM {quoted(offers)} o
            LEFT JOIN {quoted(products)} p ON p.offer_id = o.id GROUP BY 1"""
    else:
        sizes = "SELECT NULL::VARCHAR AS campaign_id, 0 AS offers, 0 AS products"
    rows = con.execute(
        f"""SELECT c.id, coalesce(c.kind, ''), epoch_us(c.starts_at), epoch_us(c.ends_at),
            coalesce(s.offers, 0), coalesce(s.products, 0)
        FROM campaigns c LEFT JOIN ({sizes}) s ON s.campaign_id = c.id
        ORDER BY c.starts_at, c.id"""
    ).fetchall()
    return tuple(
        Campaign(
            id=str(id_),
            kind=kind,
            starts_at=from_micros(starts),
            ends_at=from_micros(ends),
            offers=offers_,
            products=products_,
        )
        for id_, kind, starts, ends, offers_, products_ in rows
    )


def from_micros(micros: int) -> datetime:
    """The moment so many microseconds after 1970, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def quoted(path: Path) -> str:
    """A path as an SQL string, quotes in it doubled.

    Example:
        >>> quoted(Path("Joe's shop"))
        "'Joe''s shop'"
    """
    return "'" + str(path).replace("'", "''") + "'"


def view_events(workspace: Workspace, con: duckdb.DuckDBPyConnection) -> bool:
    """Make the human rows of the event log the view `events`; False when there is no log."""
    if next(workspace.events.rglob("*.parquet"), None) is None:
        return False
    view_log(con, workspace, "whole_log")
    con.execute(
        "CREATE OR REPLACE TEMP VIEW events AS "
        "SELECT * EXCLUDE (is_human) FROM whole_log WHERE is_human"
    )
    return True


def mailed_pairs(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Who was mailed in which campaign, and whether a coupon of it was redeemed in its window.

    Args:
        con: With the views `events` and `campaigns`.

    Returns:
        `person`, `campaign_id`, `redeemed` (bool), `redeemed_at` (microseconds since
        1970, the first time; NaN when it was not), sorted; a person mailed twice is one pair.
    """
    pairs: pd.DataFrame = con.execute(
        """WITH used AS (
            SELECT e.person, e.promotion_id, min(e.occurred_at) AS redeemed_at FROM events e
            JOIN campaigns c ON c.id = e.promotion_id
            WHERE e.event = 'select_promotion'
                AND e.occurred_at >= c.starts_at AND e.occurred_at < c.ends_at GROUP BY ALL)
        SELECT DISTINCT v.person, v.promotion_id AS campaign_id, u.person IS NOT NULL AS redeemed,
            epoch_us(u.redeemed_at)::DOUBLE AS redeemed_at
        FROM events v JOIN campaigns c ON c.id = v.promotion_id
        LEFT JOIN used u ON u.person = v.person AND u.promotion_id = v.promotion_id
        WHERE v.event = 'view_promotion' ORDER BY ALL"""
    ).df()
    return pairs


def with_features(
    workspace: Workspace,
    pairs: pd.DataFrame,
    campaigns: Iterable[Campaign],
    con: duckdb.DuckDBPyConnection,
    *,
    as_of: date | None = None,
) -> pd.DataFrame:
    """Join what was known of each pair: customer features, affinity, the campaign itself.

    Args:
        workspace: Whose tables to read.
        pairs: With `person` and `campaign_id`.
        campaigns: The campaigns they name.
        con: A connection.
        as_of: The day to look from; each campaign's own first day when None.

    Returns:
        The pairs, then numeric columns (NaN where unknown) and `kind`, in the pairs' order.
    """
    by_day: dict[date, list[Campaign]] = {}
    for campaign in campaigns:
        by_day.setdefault(as_of or campaign.day, []).append(campaign)
    parts = []
    for day, some in sorted(by_day.items()):
        part = pairs[pairs["campaign_id"].isin([one.id for one in some])]
        for name, file, keys in (
            ("customers", "features", ["person"]),
            ("affinity", "affinity", list(KEYS)),
        ):
            path = workspace.tables / name / f"as_of={day}" / f"{file}.parquet"
            part = part.merge(_numbers(path, keys, con), on=keys, how="left", validate="m:1")
        parts.append(part.merge(_describe(some), on="campaign_id", how="left"))
    joined = pd.concat(parts, ignore_index=True) if parts else pairs.assign(kind="")
    return joined.sort_values([*KEYS], ignore_index=True)


def feature_columns(frame: pd.DataFrame) -> tuple[str, ...]:
    """The numeric columns that a model may learn from, in a stable order."""
    return tuple(
        name for name in frame.columns if name not in NO_FEATURES and frame[name].notna().any()
    )


def matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """The columns as (N, F) float64; a column that is not there is unknown everywhere."""
    return frame.reindex(columns=list(columns)).to_numpy(dtype=np.float64, na_value=np.nan)


def _numbers(path: Path, keys: Sequence[str], con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """A table's keys and its numeric columns as float64; only keys when the file is not there."""
    if not path.is_file():
        return pd.DataFrame({key: pd.Series(dtype="str") for key in keys})
    described = con.execute(f"DESCRIBE FROM {quoted(path)}").fetchall()
    numbers = [
        f'"{name}"::DOUBLE AS "{name}"'
        for name, kind, *_ in described
        if name not in keys and kind in _NUMBERS
    ]
    columns = ", ".join([*keys, *numbers])
    table: pd.DataFrame = con.execute(f"SELECT {columns} FROM {quoted(path)}").df()
    return table


_NUMBERS = {
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
    "UBIGINT", "FLOAT", "DOUBLE", "BOOLEAN",
}  # fmt: skip


def _describe(campaigns: Iterable[Campaign]) -> pd.DataFrame:
    rows = [
        (
            one.id,
            one.kind,
            (one.ends_at - one.starts_at).total_seconds() / 86_400,
            float(one.offers),
            float(one.products),
        )
        for one in campaigns
    ]
    return pd.DataFrame(rows, columns=["campaign_id", "kind", *CAMPAIGN_COLUMNS])
