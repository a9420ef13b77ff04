"""A small shop with a planted truth: who likes a campaign's products redeems its coupons."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from handbill.types import ShopProfile
from handbill.workspace import Workspace, write_parquet

START = date(2026, 1, 5)
"""A Monday."""


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


EVENT_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("event", pa.string()),
        ("person", pa.string()),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
        ("transaction_id", pa.string()),
        ("item_id", pa.string()),
        ("quantity", pa.int32()),
        ("value_micros", pa.int64()),
        ("discount_micros", pa.int64()),
        ("coupon_micros", pa.int64()),
        ("affiliation", pa.string()),
        ("promotion_id", pa.string()),
        ("coupon", pa.string()),
        ("is_human", pa.bool_()),
        ("context", pa.string()),
    ]
)


def write_events(workspace: Workspace, rows: list[dict[str, object]]) -> None:
    """Rows of the log; columns that a row lacks are null, and it is a human's."""
    frame = pd.DataFrame(rows).reindex(columns=EVENT_SCHEMA.names)
    frame["event_id"] = [f"e{rank}" for rank in range(len(frame))]
    frame["is_human"] = [True if pd.isna(one) else one for one in frame["is_human"]]
    for day, some in frame.groupby(pd.to_datetime(frame["occurred_at"], utc=True).dt.date):
        table = pa.Table.from_pandas(some, schema=EVENT_SCHEMA, preserve_index=False)
        write_parquet(workspace.events / f"date={day}" / "part.parquet", table)


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    write_parquet(path, pa.Table.from_pandas(frame, preserve_index=False))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "Joe's shop", "")


@pytest.fixture(scope="session")
def shop() -> ShopProfile:
    """On the day on which the last of the twelve campaigns of `fill` begins."""
    return ShopProfile(
        name="Shop",
        currency="CNY",
        timezone="Asia/Shanghai",
        language="en",
        as_of=START + timedelta(days=7 * 11),
    )


def fill(
    workspace: Workspace, *, people: int = 60, campaigns: int = 12, creatives: bool = True
) -> Workspace:
    """A campaign a week, each a week long, mailed to everyone."""
    rng = np.random.default_rng(5)
    names = [f"p_{rank:03d}" for rank in range(people)]
    liking = rng.random((people, campaigns))
    starts = [START + timedelta(days=7 * rank) for rank in range(campaigns)]
    _catalogue(workspace, starts)
    write_events(workspace, _events(names, liking, starts, rng))
    for rank, day in enumerate(starts):
        customers = pd.DataFrame({"person": names, "baskets_90": rng.poisson(8, people) * 1.0})
        write_frame(workspace.tables / "customers" / f"as_of={day}" / "features.parquet", customers)
        affinity = pd.DataFrame(
            {"person": names, "campaign_id": f"k{rank}", "product_share": liking[:, rank]}
        )
        write_frame(workspace.tables / "affinity" / f"as_of={day}" / "affinity.parquet", affinity)
    segments = pd.DataFrame(
        {"person": names, "segment_id": ["s1" if rank % 2 else "s2" for rank in range(people)]}
    )
    write_frame(workspace.tables / "segments.parquet", segments)
    if creatives:
        _creatives(workspace, campaigns - 1)
    return workspace


@pytest.fixture
def fill_shop(workspace: Workspace) -> Callable[..., Workspace]:
    return lambda **sizes: fill(workspace, **sizes)


@pytest.fixture(scope="session")
def full_shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Filled once; read only."""
    return fill(Workspace.create(tmp_path_factory.mktemp("full") / "shop", ""))


@pytest.fixture
def log(workspace: Workspace) -> Callable[[list[dict[str, object]]], None]:
    """Writes rows to the workspace's log."""
    return lambda rows: write_events(workspace, rows)


def _catalogue(workspace: Workspace, starts: list[date]) -> None:
    ids = [f"k{rank}" for rank in range(len(starts))]
    write_frame(
        workspace.catalog / "campaigns.parquet",
        pd.DataFrame(
            {
                "id": ids,
                "kind": ["A" if rank % 2 else "B" for rank in range(len(starts))],
                "starts_at": [midnight(day) for day in starts],
                "ends_at": [midnight(day + timedelta(days=7)) for day in starts],
            }
        ),
    )
    offers = [(f"{name}-{coupon}", name, f"{coupon}") for name in ids for coupon in range(4)]
    write_frame(
        workspace.catalog / "offers.parquet",
        pd.DataFrame(offers, columns=["id", "campaign_id", "coupon"]).assign(
            label=lambda frame: "category " + frame["coupon"]
        ),
    )
    write_frame(
        workspace.catalog / "offer_products.parquet",
        pd.DataFrame(
            [(offer, f"i{rank % 5}") for rank, (offer, *_) in enumerate(offers)],
            columns=["offer_id", "product_id"],
        ),
    )
    write_frame(
        workspace.catalog / "products.parquet",
        pd.DataFrame({"id": [f"i{rank}" for rank in range(5)], "department": "Food"}),
    )


def _events(
    names: list[str], liking: np.ndarray, starts: list[date], rng: np.random.Generator
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for rank, day in enumerate(starts):
        for place, person in enumerate(names):
            mailed = {"person": person, "promotion_id": f"k{rank}"}
            rows.append({"event": "view_promotion", "occurred_at": midnight(day), **mailed})
            odds = -4 + 6 * liking[place, rank]
            if rng.random() < 1 / (1 + np.exp(-odds)):
                used = at_noon(day + timedelta(days=2))
                rows.append({"event": "select_promotion", "occurred_at": used, **mailed})
            bought = at_noon(day - timedelta(days=1 + place % 6)) - timedelta(hours=place % 4)
            rows.append(
                {
                    "event": "purchase",
                    "person": person,
                    "occurred_at": bought,
                    "transaction_id": f"t{rank}-{place}",
                    "item_id": f"i{place % 5}",
                    "quantity": 1 + place % 3,
                    "value_micros": 1_000_000 * (1 + place),
                    "affiliation": "store",
                }
            )
    return rows


def _creatives(workspace: Workspace, campaign: int) -> None:
    rows = [
        ("c-all-0", "all", f"k{campaign}-0", "approved", "en"),
        ("c-all-1", "all", f"k{campaign}-1", "approved", "en"),
        ("c-all-1b", "all", f"k{campaign}-1", "approved", "en"),
        ("c-all-2", "all", f"k{campaign}-2", "approved", "en"),
        ("c-s1-0", "s1", f"k{campaign}-0", "approved", "en"),
        ("c-waits", "all", f"k{campaign}-3", "waiting", "en"),
        ("c-zh", "all", f"k{campaign}-3", "approved", "zh"),
    ]
    write_frame(
        workspace.tables / "creatives.parquet",
        pd.DataFrame(rows, columns=["id", "segment_id", "offer_id", "status", "language"]),
    )
