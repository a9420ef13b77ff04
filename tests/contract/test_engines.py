"""Every feature table is one expression; DuckDB and Spark must agree on each of its values."""

import math
import random
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.audience.affinity import MEANINGS as AFFINITY
from handbill.audience.affinity import CampaignTables, campaign_affinity, campaign_items
from handbill.audience.copurchase import KEYS as PAIR
from handbill.audience.copurchase import copurchase_days, copurchases
from handbill.audience.customer_category import KEYS as PERSON_CATEGORY
from handbill.audience.customer_category import customer_category_days, customer_category_features
from handbill.audience.customer_days import customer_days, customer_windows
from handbill.audience.customer_table import customer_table
from handbill.audience.features import features_of
from handbill.audience.interests import category_interests, offer_interests
from handbill.audience.lines import enrich, second_of
from handbill.audience.products import KEYS as PRODUCT
from handbill.audience.products import product_days, product_features
from handbill.audience.sessions import sessions
from handbill.engine import Engine, collect, connect, connect_spark, keep, read_parquet

AS_OF = date(2026, 3, 1)
TIME = pa.timestamp("us", tz="UTC")
EVENTS = pa.schema(
    [(name, pa.string()) for name in ("event", "person", "transaction_id", "item_id")]
    + [("promotion_id", pa.string()), ("coupon", pa.string()), ("is_human", pa.bool_())]
    + [(f"{name}_micros", pa.int64()) for name in ("value", "discount", "coupon")]
    + [("occurred_at", TIME)]
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 15 months with all that is odd in one: nulls, refunds, bots, midnights, ties."""
    folder = tmp_path_factory.mktemp("shop")
    rng = random.Random(7)
    rows = []
    for number in range(900):
        when = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(430 * 86400))
        if rng.random() < 0.1:
            when = when.replace(hour=23, minute=50)
        person = f"p{int(rng.paretovariate(0.8)) % 25}"
        base = {"person": person, "is_human": rng.random() > 0.05, "occurred_at": when}
        kind = rng.random()
        if kind < 0.1:
            rows.append({**base, "event": "view_promotion", "promotion_id": f"c{number % 3}"})
            continue
        if kind < 0.13:
            used = {"promotion_id": f"c{number % 3}", "coupon": "x"}
            rows.append({**base, "event": "select_promotion", **used})
            continue
        for line in range(rng.randint(1, 5)):
            paid = rng.randrange(0, 9_000_000, 10_000)
            later = timedelta(minutes=rng.choice([0, 0, 5]) * line, microseconds=999_999 * line)
            sold = {
                "event": "refund" if kind < 0.16 else "purchase",
                "occurred_at": when + later,
                "transaction_id": None if kind < 0.2 else f"t{number}",
                "item_id": None if rng.random() < 0.02 else f"i{int(rng.paretovariate(0.9)) % 12}",
                "value_micros": -paid if kind < 0.16 else paid,
                "discount_micros": rng.choice([None, 0, 500_000]),
                "coupon_micros": rng.choice([None, 0, 0, 250_000]),
            }
            rows.append({**base, **sold})
    full = [{name: row.get(name) for name in EVENTS.names} for row in rows]
    for day in {row["occurred_at"].date() for row in full}:
        some = [row for row in full if row["occurred_at"].date() == day]
        path = folder / "events" / f"date={day}" / "part.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(some, schema=EVENTS), path)
    products = [
        {
            "id": f"i{number}",
            "brand_kind": ["private", "national", None][number % 3],
            "department": f"d{number % 2}",
            "category": None if number == 5 else f"k{number % 4}",
        }
        for number in range(10)
    ]
    kinds = pa.schema([(name, pa.string()) for name in products[0]])
    pq.write_table(pa.Table.from_pylist(products, schema=kinds), folder / "products.parquet")
    names = ["c0", "c1", "c2"]
    campaigns = {"id": names, "kind": ["A", "B", "A"]}
    offers = {"id": [f"{one}-x" for one in names], "campaign_id": names, "coupon": ["x"] * 3}
    items = {
        "offer_id": [f"c{n % 3}-x" for n in range(9)],
        "product_id": [f"i{n}" for n in range(9)],
    }
    pq.write_table(pa.table(campaigns), folder / "campaigns.parquet")
    pq.write_table(pa.table(offers), folder / "offers.parquet")
    pq.write_table(pa.table(items), folder / "items.parquet")
    return folder


@pytest.fixture(scope="module")
def duckdb() -> Iterator[Engine]:
    backend = connect(threads=1)
    yield backend
    backend.disconnect()


@pytest.fixture
def spark(needs: Callable[[str], str]) -> Iterator[Engine]:
    """A session on this machine; skipped, and in CI failed, where there is no Java."""
    needs("java")
    if find_spec("pyspark") is None:
        pytest.skip("not run: pyspark is not installed")
    with warnings.catch_warnings():
        # Spark 4.3 warns of pandas 3, through which nothing of ours goes, and leaves sockets open.
        warnings.simplefilter("ignore")
        backend = connect_spark("local[2]", memory_gb=1)
        yield backend
        backend._session.stop()


def tables(backend: Engine, shop: Path) -> dict[str, tuple[ibis.Table, tuple[str, ...]]]:
    """Name -> a feature table and its keys."""
    events = read_parquet(backend, shop / "events", dated=True)
    products = read_parquet(backend, shop / "products.parquet")
    lines = keep(backend, "lines", enrich(events, products, "America/New_York"))
    offers, items, campaigns = (
        read_parquet(backend, shop / f"{name}.parquet") for name in ("offers", "items", "campaigns")
    )
    catalog = CampaignTables(campaigns=campaigns, items=campaign_items(offers, items, products))
    wanted, departments = ["c1", "c2"], ["d0", "d1"]
    windows = customer_windows(customer_days(lines), second_of(AS_OF))
    return {
        "customers": (features_of(lines, AS_OF, departments=departments), ("person",)),
        "customers from days": (
            customer_table(windows, second_of(AS_OF), departments=departments),
            ("person",),
        ),
        "products": (product_features(lines, AS_OF), PRODUCT),
        "customer_category": (customer_category_features(lines, AS_OF), PERSON_CATEGORY),
        "sessions": (sessions(lines, AS_OF), ("person", "started")),
        "copurchases": (copurchases(lines, AS_OF, least=2), PAIR),
        "affinity": (
            campaign_affinity(lines, catalog, wanted, AS_OF).select(*AFFINITY),
            ("person", "campaign_id"),
        ),
        "interests": (category_interests(lines, AS_OF, 28), ("person", "category")),
        "offer_interests": (
            offer_interests(lines, catalog, wanted, AS_OF, 28),
            ("person", "offer_id"),
        ),
    }


def rows(backend: Engine, table: ibis.Table, keys: tuple[str, ...]) -> list[dict[str, object]]:
    return collect(backend, table).sort_by([(key, "ascending") for key in keys]).to_pylist()


def same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_spark_computes_every_feature_table_as_duckdb_does(
    shop: Path, duckdb: Engine, spark: Engine
) -> None:
    there = tables(spark, shop)
    for name, (table, keys) in tables(duckdb, shop).items():
        ours, theirs = rows(duckdb, table, keys), rows(spark, *there[name])
        assert len(ours) > 10, name
        assert len(ours) == len(theirs), name
        for left, right in zip(ours, theirs, strict=True):
            differing = {
                column: (value, right[column])
                for column, value in left.items()
                if not same(value, right[column])
            }
            assert not differing, (name, [left[key] for key in keys])


def test_a_day_alone_gives_the_sums_and_sessions_it_has_in_the_whole(
    shop: Path, duckdb: Engine
) -> None:
    products = read_parquet(duckdb, shop / "products.parquet")
    whole = enrich(read_parquet(duckdb, shop / "events", dated=True), products)
    day = date(2026, 2, 10)
    number = (day - date(1970, 1, 1)).days
    alone = enrich(read_parquet(duckdb, shop / "events" / f"date={day}"), products)
    for made, keys in (
        (product_days, PRODUCT),
        (customer_category_days, PERSON_CATEGORY),
        (copurchase_days, PAIR),
    ):
        full = made(whole)
        part = rows(duckdb, full.filter(full.day == number), keys)
        assert part
        assert rows(duckdb, made(alone), keys) == part
    every = sessions(whole, AS_OF)
    own = every.filter(every.started // 86400 == number)
    keys = ("person", "started")
    assert rows(duckdb, sessions(alone, AS_OF), keys) == rows(duckdb, own, keys) != []
