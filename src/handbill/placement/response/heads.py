"""What else follows a message: an order of what it offers, its value, a complaint; by segment.

Rates are drawn to the shop's, the more the fewer messages a segment got. They say what happened to
those who were mailed, not what the mailing brought: many would have bought without it.

Source: beta-binomial shrinkage, Efron & Morris 1975; a chain of conditional outcomes in place of
    one sparse one, Ma et al., Entire space multi-task model, SIGIR 2018.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from scipy.special import betaincinv

from handbill.placement import words
from handbill.placement.arrays import Floats, Ints
from handbill.placement.pairs import quoted
from handbill.placement.response.quality import clustered
from handbill.types import Interval, Text
from handbill.workspace import Workspace

STRENGTH = 50.0
"""Messages that the shop's rate counts for in a segment's."""

MIN_HITS = 20
"""Outcomes below which a head says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One outcome after a message.

    Attributes:
        name: `order` (bought something of the offers in the campaign), `complaint` (complained or
            unsubscribed in it), `value_redeemed` and `value_other` (micros paid for the offers'
            products in the campaign, by those who redeemed and those who did not).
        messages: It rests on.
        hits: Messages with the outcome.
        all: The shop's rate or mean; None when not enough data.
        segments: By segment; empty when not enough data.
        why: Not enough data; None when there is.
    """

    name: str
    messages: int
    hits: int
    all: Interval | None
    segments: Mapping[str, Interval]
    why: Text | None

    def record(self) -> dict[str, Any]:
        """As `tables/response.json` has it."""
        return {**asdict(self), "segments": {k: asdict(v) for k, v in self.segments.items()}}


def read_heads(
    workspace: Workspace,
    con: duckdb.DuckDBPyConnection,
    segments: Mapping[str, str],
    before: date,
) -> list[Head]:
    """Count what followed the messages of ended campaigns.

    Args:
        workspace: With the catalogue.
        con: With the views `events` and `campaigns`.
        segments: Of every person.
        before: Only campaigns that ended by this day.
    """
    offers, products = (
        workspace.catalog / f"{name}.parquet" for name in ("offers", "offer_products")
    )
    goods = "SELECT NULL::VARCHAR AS campaign_id, NULL::VARCHAR AS product_id"
    if offers.is_file() and products.is_file():
        goods = f"""SELECT DISTINCT campaign_id, product_id FROM {quoted(offers)} o
            JOIN {quoted(products)} p ON p.offer_id = o.id"""
    rows: pd.DataFrame = con.execute(_FOLLOWED.format(goods=goods), [before.isoformat()]).df()
    names = sorted(set(segments.values()))
    number = {name: rank for rank, name in enumerate(names)}
    segment = np.array([number.get(segments.get(one, ""), -1) for one in rows["person"]])
    person = pd.factorize(rows["person"])[0].astype(np.int64)
    redeemed = rows["redeemed"].to_numpy(dtype=np.bool_)
    value = rows["value"].to_numpy(dtype=np.float64)

    def rates(name: str, column: str) -> Head:
        return _rates(name, rows[column].to_numpy(dtype=np.float64), segment, person, names)

    def means(name: str, some: Any) -> Head:
        return _means(name, value[some], segment[some], person[some], names)

    return [
        rates("order", "ordered"),
        rates("complaint", "complained"),
        means("value_redeemed", redeemed),
        means("value_other", ~redeemed),
    ]


_FOLLOWED = """
    WITH goods AS ({goods}),
    mailed AS (
        SELECT DISTINCT v.person, c.id AS campaign_id, c.starts_at, c.ends_at FROM events v
        JOIN campaigns c ON c.id = v.promotion_id
        WHERE v.event = 'view_promotion' AND c.ends_at <= ?::DATE::TIMESTAMPTZ),
    bought AS (
        SELECT m.person, m.campaign_id, sum(e.value_micros)::DOUBLE AS value
        FROM mailed m JOIN events e ON e.person = m.person AND e.event = 'purchase'
            AND e.occurred_at >= m.starts_at AND e.occurred_at < m.ends_at
        SEMI JOIN goods g ON g.campaign_id = m.campaign_id AND g.product_id = e.item_id
        GROUP BY ALL),
    answered AS (
        SELECT m.person, m.campaign_id,
            bool_or(e.event = 'select_promotion' AND e.promotion_id = m.campaign_id) AS redeemed,
            bool_or(e.event IN ('complaint', 'unsubscribe')) AS complained
        FROM mailed m JOIN events e ON e.person = m.person
            AND e.event IN ('select_promotion', 'complaint', 'unsubscribe')
            AND e.occurred_at >= m.starts_at AND e.occurred_at < m.ends_at GROUP BY ALL)
    SELECT m.person, coalesce(b.value, 0) AS value, b.person IS NOT NULL AS ordered,
        coalesce(a.redeemed, false) AS redeemed, coalesce(a.complained, false) AS complained
    FROM mailed m LEFT JOIN bought b USING (person, campaign_id)
    LEFT JOIN answered a USING (person, campaign_id) ORDER BY ALL
"""


def _rates(name: str, hit: Floats, segment: Ints, person: Ints, names: list[str]) -> Head:
    hits = int(hit.sum())
    if hits < MIN_HITS:
        why = words.few_outcomes(hits, MIN_HITS)
        return Head(name=name, messages=len(hit), hits=hits, all=None, segments={}, why=why)
    rate = float(hit.mean())
    found = {}
    for rank, one in enumerate(names):
        own = hit[segment == rank]
        a, b = own.sum() + STRENGTH * rate, (1 - own).sum() + STRENGTH * (1 - rate)
        low, high = betaincinv(a, b, [0.025, 0.975])
        found[one] = Interval(estimate=float(a / (a + b)), low=float(low), high=float(high))
    whole = clustered(hit, person)
    return Head(name=name, messages=len(hit), hits=hits, all=whole, segments=found, why=None)


def _means(name: str, value: Floats, segment: Ints, person: Ints, names: list[str]) -> Head:
    hits = int((value > 0).sum())
    if hits < MIN_HITS:
        why = words.few_outcomes(hits, MIN_HITS)
        return Head(name=name, messages=len(value), hits=hits, all=None, segments={}, why=why)
    whole = clustered(value, person)
    spread = float(value.var())
    found = {}
    for rank, one in enumerate(names):
        own = value[segment == rank]
        mean = (own.sum() + STRENGTH * whole.estimate) / (len(own) + STRENGTH)
        reach = 1.96 * float(np.sqrt(spread / (len(own) + STRENGTH)))
        found[one] = Interval(estimate=float(mean), low=max(0.0, mean - reach), high=mean + reach)
    return Head(name=name, messages=len(value), hits=hits, all=whole, segments=found, why=None)
