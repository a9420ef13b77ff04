"""What a new day of a large log costs, once windows are kept, against making them from the whole.

The tables of customers, products, and customers by category are made from the whole log as of a
day. Then the same from what is kept of the day before: windows as Parquet, and sums per day in
dated folders, of which only the days at the edges of the windows are read, and the new day's log.
Every value must agree. `features.py` gives the figure to `events.py`.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from ibis import Table
from ibis.backends.duckdb import Backend

from handbill.audience.customer_category import KEYS as PERSON_CATEGORY
from handbill.audience.customer_category import customer_category_days, customer_category_table
from handbill.audience.customer_days import (
    CustomerDays,
    CustomerWindows,
    advance_customers,
    customer_days,
    customer_windows,
)
from handbill.audience.customer_table import customer_table
from handbill.audience.lines import enrich, second_of
from handbill.audience.products import KEYS as PRODUCT
from handbill.audience.products import product_days, product_table
from handbill.audience.windows import advance, over
from handbill.engine import connect, read_parquet
from handbill.trust.reading import read_log
from handbill.workspace import Workspace

ROUNDS = 3
MEMORY_GB = 3.0
Tables = dict[str, Table]
SORTED = {"customers": ["person"], "products": ["item_id"], "categories": ["person", "category"]}


def measure_new_day(
    workspace: Workspace, as_of: date, departments: tuple[str, ...]
) -> tuple[float, float, float]:
    """Seconds: from the whole log; to keep windows and sums the first time; for one more day.

    Raises:
        RuntimeError: A value made from what was kept differs.
    """
    whole, more = [], []
    yesterday = as_of - timedelta(days=1)
    with tempfile.TemporaryDirectory() as folder:
        kept, full, carried = (Path(folder) / name for name in ("kept", "full", "carried"))
        first = timed(lambda backend: keep_all(backend, workspace, yesterday, departments, kept))
        for number in range(ROUNDS):
            whole.append(
                timed(lambda backend: from_log(backend, workspace, as_of, departments, full))
            )
            state = Path(folder) / f"state-{number}"
            more.append(
                timed(
                    lambda backend, state=state: one_more(
                        backend, workspace, as_of, departments, kept, state, carried
                    )
                )
            )
        for name, keys in SORTED.items():
            order = [(key, "ascending") for key in keys]
            one, other = (
                pq.read_table(place / f"{name}.parquet").sort_by(order) for place in (full, carried)
            )
            if not one.equals(other.cast(one.schema)):
                raise RuntimeError(f"{name} differ between the whole log and one more day")
    return statistics.median(whole), first, statistics.median(more)


def timed(work: Callable[[Backend], None]) -> float:
    """Seconds of some work with an engine of its own."""
    started = time.monotonic()
    backend = connect(memory_gb=MEMORY_GB)
    work(backend)
    backend.disconnect()
    return time.monotonic() - started


def from_log(
    backend: Backend, workspace: Workspace, as_of: date, departments: tuple[str, ...], out: Path
) -> None:
    """The tables, from all of the log before the day."""
    windows = windows_of(day_sums(log_lines(backend, workspace), departments), as_of)
    write(backend, made(windows, as_of, departments), out)


def keep_all(
    backend: Backend, workspace: Workspace, day: date, departments: tuple[str, ...], kept: Path
) -> None:
    """Windows as of a day, and the sums of each day before it."""
    lines = log_lines(backend, workspace)
    days = day_sums(lines.filter(lines.second < second_of(day)), departments)
    write(backend, windows_of(days, day), kept / "state")
    for name, table in days.items():
        write_dated(backend, table, kept / "days" / name)


def one_more(
    backend: Backend,
    workspace: Workspace,
    as_of: date,
    departments: tuple[str, ...],
    kept: Path,
    state: Path,
    out: Path,
) -> None:
    """The tables, from what was kept the day before and that day's log."""
    before = as_of - timedelta(days=1)
    lines = log_lines(backend, workspace, before)
    for name, table in day_sums(lines, departments).items():
        write_dated(backend, table, kept / "days" / name)
    days = {
        path.name: read_parquet(backend, path, dated=True)
        for path in sorted((kept / "days").iterdir())
    }
    known = {
        path.stem: read_parquet(backend, path)
        for path in sorted((kept / "state").glob("*.parquet"))
    }
    write(backend, advanced(known, days, before, as_of), state)
    windows = {path.stem: read_parquet(backend, path) for path in sorted(state.glob("*.parquet"))}
    write(backend, made(windows, as_of, departments), out)


def log_lines(backend: Backend, workspace: Workspace, day: date | None = None) -> Table:
    """The log, or one day of it, as features read it."""
    events = read_log(backend, workspace)
    if day is not None:
        events = events.filter(events.date == day)
    return enrich(events, read_parquet(backend, workspace.catalog / "products.parquet"))


def day_sums(lines: Table, departments: tuple[str, ...]) -> Tables:
    """Every table of sums per day, by name."""
    days = customer_days(lines, departments)
    return {
        **{one.name: getattr(days, one.name) for one in fields(CustomerDays)},
        "product_days": product_days(lines),
        "category_days": customer_category_days(lines),
    }


def windows_of(days: Tables, as_of: date) -> Tables:
    """Windows from the sums of all days."""
    customers = customer_windows(customers_in(days), second_of(as_of))
    return {
        **{one.name: getattr(customers, one.name) for one in fields(CustomerWindows)},
        "product_windows": over(days["product_days"], PRODUCT, as_of),
        "category_windows": over(days["category_days"], PERSON_CATEGORY, as_of),
    }


def advanced(state: Tables, days: Tables, before: date, as_of: date) -> Tables:
    """Windows of the day before, carried on."""
    known = CustomerWindows(**{one.name: state[one.name] for one in fields(CustomerWindows)})
    customers = advance_customers(known, customers_in(days), before, as_of)
    return {
        **{one.name: getattr(customers, one.name) for one in fields(CustomerWindows)},
        "product_windows": advance(
            state["product_windows"], days["product_days"], PRODUCT, before, as_of
        ),
        "category_windows": advance(
            state["category_windows"], days["category_days"], PERSON_CATEGORY, before, as_of
        ),
    }


def customers_in(days: Tables) -> CustomerDays:
    """The part of them that customer features rest on."""
    return CustomerDays(**{one.name: days[one.name] for one in fields(CustomerDays)})


def made(windows: Tables, as_of: date, departments: tuple[str, ...]) -> Tables:
    """The tables of features."""
    customers = CustomerWindows(**{one.name: windows[one.name] for one in fields(CustomerWindows)})
    return {
        "customers": customer_table(customers, second_of(as_of), departments=departments),
        "products": product_table(windows["product_windows"], as_of),
        "categories": customer_category_table(windows["category_windows"], as_of),
    }


def write(backend: Backend, tables: Tables, folder: Path) -> None:
    """Each table as one file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        query = whole_numbers(backend, table)
        backend.raw_sql(f"COPY ({query}) TO '{folder / name}.parquet' (FORMAT parquet)")


def whole_numbers(backend: Backend, table: Table) -> str:
    """A query whose sums are 64 bits wide: DuckDB's are 128, which Parquet has as doubles."""
    sums = [name for name, kind in table.schema().items() if kind.is_int64()]
    casts = ", ".join(f"{name}::BIGINT AS {name}" for name in sums)
    return f"SELECT * REPLACE ({casts}) FROM ({backend.compile(table)})"


def write_dated(backend: Backend, table: Table, folder: Path) -> None:
    """A folder for each day, and an empty file that holds the columns where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    backend.raw_sql(
        f"COPY ({whole_numbers(backend, table)} ORDER BY day) TO '{folder}' "
        "(FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE)"
    )
    if next(folder.rglob("*.parquet"), None) is None:
        empty: pa.Schema = table.drop("day").schema().to_pyarrow()
        (folder / "day=0").mkdir()
        pq.write_table(empty.empty_table(), folder / "day=0" / "empty.parquet")
