"""What a new day of a large log costs, once the days before it are summed, against the whole log.

The feature tables of customers, products, customers by category, sessions and co-purchases are made
straight from the log, keeping nothing; and as the audience stage does it, from the sums of days
that it keeps, with all days but the last already there. Every value must agree. `features.py`
gives the figure to `events.py`.
"""

import shutil
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table
from ibis.backends.duckdb import Backend

from handbill.audience.copurchase import KEYS as PAIR
from handbill.audience.copurchase import copurchase_table, copurchases
from handbill.audience.customer_category import KEYS as PERSON_CATEGORY
from handbill.audience.customer_category import customer_category_features, customer_category_table
from handbill.audience.customer_days import customer_windows
from handbill.audience.customer_table import customer_table
from handbill.audience.features import features_of
from handbill.audience.kept_days import KeptDays, keep_days
from handbill.audience.lines import enrich, second_of
from handbill.audience.products import KEYS as PRODUCT
from handbill.audience.products import product_features, product_table
from handbill.audience.sessions import sessions
from handbill.audience.windows import over
from handbill.engine import collect, connect, keep, read_parquet
from handbill.trust.reading import read_log
from handbill.workspace import Workspace

ROUNDS = 3
MEMORY_GB = 3.0
TOLERANCE = 1e-6
Rows = dict[str, pa.Table]
Made = dict[str, tuple[Table, tuple[str, ...]]]


def measure_new_day(
    workspace: Workspace, as_of: date, departments: tuple[str, ...]
) -> tuple[float, float, float]:
    """CPU seconds: from the whole log; with all days summed the first time; for one more day.

    Raises:
        RuntimeError: A value made from what was kept differs.
    """
    whole, more = [], []
    shutil.rmtree(workspace.root / ".handbill" / "sums", ignore_errors=True)

    def from_sums(backend: Backend) -> Rows:
        return rows(backend, kept_tables(keep_days(backend, workspace, "UTC"), as_of, departments))

    def from_log(backend: Backend) -> Rows:
        return rows(backend, log_tables(backend, workspace, as_of, departments))

    def without_last(backend: Backend) -> Rows:
        keep_days(backend, workspace, "UTC")
        return {}

    first, _ = timed(from_sums)
    last = workspace.events / f"date={as_of - timedelta(days=1)}"
    away = workspace.root / "last-day"
    for _round in range(ROUNDS):
        seconds, full = timed(from_log)
        whole.append(seconds)
        last.rename(away)
        timed(without_last)
        away.rename(last)
        seconds, carried = timed(from_sums)
        more.append(seconds)
        for name, table in full.items():
            differing = differences(table, carried[name])
            if differing:
                raise RuntimeError(f"{name} differ by one more day in {', '.join(differing)}")
    return statistics.median(whole), first, statistics.median(more)


def differences(one: pa.Table, other: pa.Table) -> list[str]:
    """Columns in which two tables of the same order differ; fractions to TOLERANCE."""
    if one.num_rows != other.num_rows:
        return ["rows"]
    found = []
    for name in one.column_names:
        left, right = one[name].combine_chunks(), other[name].combine_chunks()
        if pa.types.is_floating(left.type):
            near = pc.less_equal(pc.abs(pc.subtract(left, right)), TOLERANCE)
            same = left.is_null().equals(right.is_null()) and pc.all(near).as_py() is not False
        else:
            same = left.equals(right.cast(left.type))
        if not same:
            found.append(name)
    return found


def timed(work: Callable[[Backend], Rows]) -> tuple[float, Rows]:
    """CPU seconds of some work with an engine of its own, and what it gives."""
    started = time.process_time()
    backend = connect(memory_gb=MEMORY_GB)
    found = work(backend)
    backend.disconnect()
    return time.process_time() - started, found


def rows(backend: Backend, made: Made) -> Rows:
    """Each table, sorted by its keys."""
    return {
        name: collect(backend, table).sort_by([(key, "ascending") for key in keys])
        for name, (table, keys) in made.items()
    }


def log_tables(
    backend: Backend, workspace: Workspace, as_of: date, departments: tuple[str, ...]
) -> Made:
    """The tables, each straight from the log."""
    products = read_parquet(backend, workspace.catalog / "products.parquet")
    lines = keep(backend, "lines", enrich(read_log(backend, workspace), products))
    return {
        "customers": (features_of(lines, as_of, departments=departments), ("person",)),
        "products": (product_features(lines, as_of), PRODUCT),
        "categories": (customer_category_features(lines, as_of), PERSON_CATEGORY),
        "sessions": (sessions(lines, as_of), ("person", "started")),
        "copurchases": (copurchases(lines, as_of), PAIR),
    }


def kept_tables(kept: KeptDays, as_of: date, departments: tuple[str, ...]) -> Made:
    """The tables from the sums of days."""
    cut = second_of(as_of)
    windows = customer_windows(kept.customers, cut)
    past = kept.sessions.filter(kept.sessions.started < cut).drop("day")
    return {
        "customers": (customer_table(windows, cut, departments=departments), ("person",)),
        "products": (product_table(over(kept.products, PRODUCT, as_of), as_of), PRODUCT),
        "categories": (
            customer_category_table(over(kept.categories, PERSON_CATEGORY, as_of), as_of),
            PERSON_CATEGORY,
        ),
        "sessions": (past, ("person", "started")),
        "copurchases": (copurchase_table(kept.pairs, as_of), PAIR),
    }
