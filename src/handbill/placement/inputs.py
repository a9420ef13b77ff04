"""Reads what the stages before wrote, as the models and the plan want it."""

from collections.abc import Mapping, Sequence
from datetime import date

import duckdb
import pandas as pd

from handbill.errors import SourceError
from handbill.placement.pairs import Campaign, mailed_pairs, quoted, with_features
from handbill.placement.planning.interest import Interest
from handbill.placement.planning.messages import EVERYONE
from handbill.placement.response.habit import recency_frequency_spend
from handbill.placement.settings import Settings
from handbill.types import ShopProfile
from handbill.workspace import Workspace


def read_history(
    workspace: Workspace,
    settings: Settings,
    campaigns: Sequence[Campaign],
    con: duckdb.DuckDBPyConnection,
) -> pd.DataFrame:
    """All mailed pairs with outcomes, features, `score_rf` and `prior`."""
    if not campaigns:
        columns = ("person", "campaign_id", "redeemed", "redeemed_at", "kind", "score_rf", "prior")
        return pd.DataFrame({name: [] for name in columns})
    pairs = with_features(workspace, mailed_pairs(con), campaigns, con)
    habits = read_habits(con, {one.id: one.day for one in campaigns})
    pairs = pairs.merge(habits, on=["person", "campaign_id"], how="left")
    pairs["score_rf"] = pairs["score_rf"].fillna(0.0)
    pairs["prior"] = prior(pairs["score_rf"], settings)
    return pairs


def read_habits(con: duckdb.DuckDBPyConnection, days: Mapping[str, date]) -> pd.DataFrame:
    """`person`, `campaign_id`, `score_rf` as of each campaign's day."""
    scores = recency_frequency_spend(con, days.values())
    named = pd.DataFrame({"campaign_id": list(days), "day": [str(day) for day in days.values()]})
    named = named.astype("str")
    return named.merge(scores, on="day")[["person", "campaign_id", "score"]].rename(
        columns={"score": "score_rf"}
    )


def prior(score: "pd.Series[float]", settings: Settings) -> "pd.Series[float]":
    """Probability without a model: the assumed rate, tilted by recency, frequency and spend."""
    return 2 * settings.prior_rate * score


def read_people(
    workspace: Workspace, shop: ShopProfile, con: duckdb.DuckDBPyConnection
) -> pd.DataFrame:
    """`person` and `segment_id` of everyone known on the plan's day."""
    path = workspace.tables / "customers" / f"as_of={shop.as_of}" / "features.parquet"
    if not path.is_file():
        raise SourceError(f"{path} is missing; run: handbill run {workspace.root} --until audience")
    people: pd.DataFrame = con.execute(
        f"SELECT DISTINCT person FROM {quoted(path)} ORDER BY person"
    ).df()
    segments = workspace.tables / "segments.parquet"
    if segments.is_file():
        known = con.execute(f"SELECT person, segment_id FROM {quoted(segments)}").df()
        people = people.merge(known, on="person", how="left")
    else:
        people["segment_id"] = EVERYONE
    return people.assign(segment_id=people["segment_id"].fillna(EVERYONE).astype(str))


def read_offers(
    workspace: Workspace, coming: Sequence[Campaign], con: duckdb.DuckDBPyConnection
) -> dict[str, dict[str, str]]:
    """The ids of each coming campaign's offers, with what each is on."""
    path = workspace.catalog / "offers.parquet"
    offers: dict[str, dict[str, str]] = {one.id: {} for one in coming}
    if path.is_file():
        for campaign, offer, label in con.execute(
            f"SELECT campaign_id, id, coalesce(label, id) FROM {quoted(path)} ORDER BY ALL"
        ).fetchall():
            if campaign in offers:
                offers[campaign][offer] = label
    return offers


def read_creatives(
    workspace: Workspace, shop: ShopProfile, con: duckdb.DuckDBPyConnection
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Approved creatives in the shop's language, by offer and segment."""
    path = workspace.tables / "creatives.parquet"
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    if path.is_file():
        rows = con.execute(
            f"""SELECT offer_id, segment_id, id FROM {quoted(path)}
            WHERE status = 'approved' AND language = ? ORDER BY ALL""",
            [shop.language],
        ).fetchall()
        for offer, segment, creative in rows:
            segments = found.setdefault(offer, {})
            segments[segment] = (*segments.get(segment, ()), creative)
    return found


def read_interest(workspace: Workspace, con: duckdb.DuckDBPyConnection) -> Interest:
    """Score by person and offer; a pair without evidence is absent."""
    path = workspace.tables / "offer_interest.parquet"
    if not path.is_file():
        return Interest.from_rows([], [], [])
    rows: pd.DataFrame = con.execute(
        f"SELECT person, offer_id, score FROM {quoted(path)} ORDER BY ALL"
    ).df()
    return Interest.from_rows(rows["person"], rows["offer_id"], rows["score"])
