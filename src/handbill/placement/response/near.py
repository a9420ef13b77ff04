"""What to lean on while few have redeemed: a nearby habit that the log knows of everybody.

People whom a campaign did not reach also buy its products, some of them with coupons of their own.
Who does so tells much of who would redeem, and there are thousands of such outcomes before the
first mailing has brought twenty. Their straight model becomes the prior of the straight half:
its log-odds carry over, more or less strongly, and single columns may differ.

Source: Caruana, Multitask learning, 1997; transfer by an informative prior, Raina, Ng & Koller,
    Constructing informative priors using transfer learning, ICML 2006.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from handbill.placement.arrays import Floats
from handbill.placement.pairs import Campaign, feature_columns, matrix, quoted, with_features
from handbill.placement.response.calibration import most_likely
from handbill.placement.response.linear import (
    RIDGE,
    Linear,
    fit_linear,
    one_hot,
    standardise,
    straighten,
)
from handbill.workspace import Workspace

PLENTY = 50
"""Redeemers from which on a shop's own outcomes say more than any neighbour's."""

ENOUGH = 50
"""Outcomes of a nearby habit below which it says nothing."""

ROWS = 20_000
"""Pairs that a nearby habit is learned from."""

HABITS = ("couponed", "bought")
"""The nearest first: a coupon used on the campaign's products, any of them bought."""

CARRY = (1.0, 0.5)
"""Mean and standard deviation of what share of the habit's log-odds carries over."""

LEVEL_SD = 1.0
"""How far the log-odds of a usual pair may lie from those of the assumed rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A straight model of a nearby habit.

    Attributes:
        habit: Which.
        columns: F features.
        kinds: K kinds of campaign.
        fill: (F,) medians.
        linear: Of the habit.
        outcomes: Pairs that had it.
    """

    habit: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    fill: Floats
    linear: Linear
    outcomes: int

    def rows(self, frame: pd.DataFrame) -> Floats:
        """(N, D) transformed rows of pairs with features."""
        hot = one_hot(frame["kind"], self.kinds)
        return straighten(matrix(frame, self.columns), self.fill, hot)


def read_unreached(
    workspace: Workspace, campaigns: Sequence[Campaign], con: duckdb.DuckDBPyConnection
) -> pd.DataFrame:
    """People whom ended campaigns did not reach, with features as of its first day and habits.

    Args:
        workspace: The shop.
        campaigns: That have ended.
        con: With the views `events` and `campaigns`.

    Returns:
        Pairs as of `with_features`, and the columns of `HABITS` (bool); at most about `ROWS`.
    """
    days = workspace.tables / "customers"
    known = [one for one in campaigns if (days / f"as_of={one.day}" / "features.parquet").is_file()]
    offers, products = (workspace.catalog / f"{name}.parquet" for name in _CATALOGUE)
    if not known or not offers.is_file() or not products.is_file():
        return pd.DataFrame()
    people = " UNION ALL ".join(
        f"(SELECT person, ? AS campaign_id FROM {quoted(path)} ORDER BY hash(person) LIMIT ?)"
        for path in (days / f"as_of={one.day}" / "features.parquet" for one in known)
    )
    bounds = [value for one in known for value in (one.id, max(1, ROWS // len(known)))]
    pairs: pd.DataFrame = con.execute(
        _HABITS.format(people=people, offers=quoted(offers), products=quoted(products)), bounds
    ).df()
    return with_features(workspace, pairs, known, con)


_CATALOGUE = ("offers", "offer_products")

_HABITS = """
    WITH people AS ({people}),
    reached AS (
        SELECT DISTINCT person, promotion_id AS campaign_id FROM events
        WHERE event = 'view_promotion'),
    goods AS (
        SELECT DISTINCT campaign_id, product_id FROM {offers} o
        JOIN {products} p ON p.offer_id = o.id),
    habits AS (
        SELECT e.person, c.id AS campaign_id, true AS bought,
            bool_or(coalesce(e.coupon_micros, 0) > 0) AS couponed
        FROM events e
        JOIN campaigns c ON e.occurred_at >= c.starts_at AND e.occurred_at < c.ends_at
        JOIN goods g ON g.campaign_id = c.id AND g.product_id = e.item_id
        WHERE e.event = 'purchase' GROUP BY ALL)
    SELECT p.person, p.campaign_id, coalesce(h.couponed, false) AS couponed,
        coalesce(h.bought, false) AS bought
    FROM people p ANTI JOIN reached r USING (person, campaign_id)
    LEFT JOIN habits h USING (person, campaign_id) ORDER BY ALL
"""


def fit_near(unreached: pd.DataFrame) -> Near | None:
    """Learn the nearest habit that enough people have; None when there is none.

    Args:
        unreached: From `read_unreached`.
    """
    for habit in HABITS:
        outcomes = int(unreached[habit].sum()) if habit in unreached else 0
        if not ENOUGH <= outcomes <= len(unreached) - ENOUGH:
            continue
        features = unreached.drop(columns=[*HABITS])
        columns, kinds = feature_columns(features), tuple(sorted(features["kind"].unique()))
        x = matrix(features, columns)
        fill = np.nanmedian(x, axis=0) if columns else np.zeros(0)
        rows = straighten(x, fill, one_hot(features["kind"], kinds))
        return Near(
            habit=habit,
            columns=columns,
            kinds=kinds,
            fill=fill,
            linear=fit_linear(rows, unreached[habit].to_numpy(dtype=np.float64)),
            outcomes=outcomes,
        )
    return None


def lean(near: Near, frame: pd.DataFrame, rate: float, weight: Floats | None = None) -> Linear:
    """The straight half for pairs with few outcomes.

    Args:
        near: What it leans on.
        frame: Pairs with features and `redeemed`, at least one.
        rate: Redemption rate of usual pairs that is assumed before outcomes say otherwise.
        weight: (N,) how much each pair counts; 1 when None.

    Returns:
        A model over `near`'s columns.
    """
    habit = near.linear
    weights = np.asarray(habit.weights)
    z = standardise(near.rows(frame), habit.mean, habit.scale)
    carried = z @ weights
    usual = float(carried.mean())  # those who are mailed are no sample of all
    design = np.hstack([np.ones((len(z), 1)), (carried - usual)[:, None], z])
    mean = np.concatenate([[np.log(rate / (1 - rate)), CARRY[0]], np.zeros(z.shape[1])])
    precision = np.concatenate([[LEVEL_SD**-2, CARRY[1] ** -2], np.full(z.shape[1], RIDGE)])
    outcome = frame["redeemed"].to_numpy(dtype=np.float64)
    beta, _ = most_likely(design, outcome, mean, precision, weight)
    return Linear(
        mean=habit.mean,
        scale=habit.scale,
        weights=tuple((beta[1] * weights + beta[2:]).tolist()),
        intercept=float(beta[0] - beta[1] * usual),
    )
