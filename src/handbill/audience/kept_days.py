"""What each day of the log sums to, kept in the workspace, so that a new day is all that is read.

    .handbill/sums/<table>/2026-05.parquet   the month's rows, `day` counted from 1970-01-01
    .handbill/sums/days.json                 what each day was made from; without it all is anew
    .handbill/sums/{links,products}.parquet  whose devices and which categories it was made with

A day is read again when its own files change: a late event, an erased person, a robot, an order
told twice. Where another person turns out to own a device, those days are read on which it was
used; where a product moves to another category or label, those on which it was bought.
"""

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis import Table

from handbill.audience.carried import PLACE, digest_of, files_by_day
from handbill.audience.copurchase import copurchase_days
from handbill.audience.customer_category import customer_category_days
from handbill.audience.customer_days import CustomerDays, customer_days
from handbill.audience.lines import DAY, enrich
from handbill.audience.products import product_days
from handbill.audience.sessions import sessions
from handbill.engine import Engine, collect, discard, keep, read_parquet
from handbill.errors import WorkspaceError
from handbill.trust.reading import LINKS, links_path, read_log
from handbill.workspace import Workspace, read_json, write_json, write_parquet

CODE = (
    "copurchase.py", "customer_category.py", "customer_days.py", "kept_days.py", "lines.py",
    "products.py", "sessions.py", "windows.py",
)  # fmt: skip
"""Files of this package that decide what a day sums to."""
BATCH = 500_000
"""Rows of the log that are summed at a time; it bounds memory, most of which pairs take."""
EPOCH = date(1970, 1, 1)
END = date(2200, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDays:
    """The sums of every day of the log.

    Attributes:
        customers: What customer features rest on.
        products: As `product_days`.
        categories: As `customer_category_days`.
        pairs: As `copurchase_days`.
        sessions: As `sessions`, with their `day`.
        read: Days of the log that were read for it now.
    """

    customers: CustomerDays
    products: Table
    categories: Table
    pairs: Table
    sessions: Table
    read: tuple[date, ...]


def keep_days(engine: Engine, workspace: Workspace, zone: str) -> KeptDays:
    """Bring the sums up to date with the log; killed half way, the next run makes all anew.

    Args:
        engine: Reads the days that changed.
        workspace: Its log and catalogue; `.handbill/sums` is written.
        zone: Of the shop's clock.

    Raises:
        SourceError: There is no log or no catalogue of products.
    """
    root = workspace.root / ".handbill" / "sums"
    rules, sources, links = _rules(zone), _sources(workspace), _links(workspace)
    catalogue = read_parquet(engine, workspace.catalog / "products.parquet")
    places = collect(engine, _places(catalogue))
    before = _record(root, rules)
    changed = {day for day, digest in sources.items() if before.get(day) != digest}
    if before:
        devices = _differing(links, pq.read_table(root / "links.parquet"), "device")
        moved = _differing(places, pq.read_table(root / "products.parquet"), "id")
        changed |= sources.keys() & (_used(engine, workspace, devices) | _bought(root, moved))
    else:
        shutil.rmtree(root, ignore_errors=True)
    stale = changed | (before.keys() - sources.keys())
    if stale or not before:
        (root / "days.json").unlink(missing_ok=True)
        _write(engine, workspace, catalogue, zone, root, sorted(changed), stale - changed)
        write_parquet(root / "links.parquet", links)
        write_parquet(root / "products.parquet", places)
        days = {str(day): digest for day, digest in sorted(sources.items())}
        write_json(root / "days.json", {"rules": rules, "days": days})
    return _read(engine, root, sorted(changed))


def _rules(zone: str) -> str:
    digest = hashlib.sha256(zone.encode())
    for name in CODE:
        digest.update(files("handbill.audience").joinpath(name).read_bytes())
    digest.update(files("handbill.trust").joinpath("reading.py").read_bytes())
    return digest.hexdigest()


def _sources(workspace: Workspace) -> dict[date, str]:
    """Hash of each day's files; files without a day belong to all of them."""
    by_day = files_by_day(workspace)
    undated = by_day.pop("", [])
    return {
        date.fromisoformat(day): hashlib.sha256(
            "\n".join(f"{path.name} {digest_of(path)}" for path in (*undated, *paths)).encode()
        ).hexdigest()
        for day, paths in by_day.items()
    }


def _record(root: Path, rules: str) -> dict[date, str]:
    """What each day was made from; nothing where the rules were others, or none can be read."""
    path = root / "days.json"
    try:
        found = read_json(path) if path.exists() else {}
        if found.get("rules") != rules:
            return {}
        return {date.fromisoformat(day): digest for day, digest in found["days"].items()}
    except (WorkspaceError, AttributeError, TypeError, ValueError, KeyError):
        return {}


def _links(workspace: Workspace) -> pa.Table:
    path = links_path(workspace)
    return pq.read_table(path).cast(LINKS) if path.exists() else LINKS.empty_table()


def _places(catalogue: Table) -> Table:
    """What of the catalogue decides sums; titles, prices and stock do not."""
    there = {name: catalogue[name] for name in PLACE if name in catalogue.columns}
    nothing = ibis.null("string")
    return catalogue.select(**{name: there.get(name, nothing) for name in PLACE})


def _differing(now: pa.Table, before: pa.Table, key: str) -> list[str]:
    """Keys of rows that stand in only one of two tables."""
    one, other = (set(zip(*rows.to_pydict().values(), strict=True)) for rows in (now, before))
    place = now.column_names.index(key)
    return sorted({row[place] for row in one ^ other})


def _used(engine: Engine, workspace: Workspace, devices: Sequence[str]) -> set[date]:
    """Days on which any of some devices was used."""
    if not devices:
        return set()
    events = read_parquet(engine, workspace.events, dated=True)
    wanted = ibis.memtable(pa.table({"person": pa.array(devices, pa.string())}))
    theirs = events.semi_join(wanted, "person")
    found = collect(engine, theirs.select(date=theirs["date"].cast("string")).distinct())
    return {date.fromisoformat(day) for day in found["date"].to_pylist()}


def _bought(root: Path, products: Sequence[str]) -> set[date]:
    """Days on which any of some products was bought."""
    if not products:
        return set()
    wanted, days = pa.array(products, pa.string()), set()
    for path in (root / "product_days").glob("*.parquet"):
        rows = pq.read_table(path, columns=["item_id", "day"])
        found = rows.filter(pc.is_in(rows["item_id"], value_set=wanted))
        days.update(found["day"].unique().to_pylist())
    return {EPOCH + timedelta(days=day) for day in days}


def _sums(lines: Table) -> dict[str, Table]:
    """Every table of sums, by the folder that it lies in."""
    customers = customer_days(lines)
    visits = sessions(lines, END)
    return {
        "sums": customers.sums,
        "told": customers.told,
        "spending": customers.spending,
        "products": customers.products.distinct(),
        "categories": customers.categories.distinct(),
        "product_days": product_days(lines),
        "category_days": customer_category_days(lines),
        "pairs": copurchase_days(lines),
        "sessions": visits.mutate(day=(visits.started // DAY).cast("int64")),
    }


def _write(
    engine: Engine,
    workspace: Workspace,
    catalogue: Table,
    zone: str,
    root: Path,
    changed: Sequence[date],
    gone: Iterable[date],
) -> None:
    """Put the sums of some days in the place of what stands for them."""
    out = list(gone)
    for days in _batches(workspace, changed):
        events = read_log(engine, workspace)
        some = enrich(events.filter(events["date"].isin(days)), catalogue, zone)
        lines = keep(engine, "audience_days", some)
        for name, table in _sums(lines).items():
            _replace(root / name, collect(engine, table), {*days, *out})
        discard(engine, "audience_days")
        out = []


def _replace(folder: Path, rows: pa.Table, days: Iterable[date]) -> None:
    """Rows of some days in the place of what the months' files have of them."""
    months: dict[str, list[int]] = defaultdict(list)
    for day in days:
        months[f"{day:%Y-%m}"].append((day - EPOCH).days)
    for month, numbers in months.items():
        path, these = folder / f"{month}.parquet", pa.array(numbers, pa.int64())
        new = rows.filter(pc.is_in(rows["day"], value_set=these)).sort_by("day")
        if path.exists():
            old = pq.read_table(path)
            kept = old.filter(pc.invert(pc.is_in(old["day"], value_set=these)))
            new = pa.concat_tables([kept, new])
        write_parquet(path, new)


def _batches(workspace: Workspace, days: Sequence[date]) -> Iterable[list[date]]:
    """Days that are read together, at least one batch, so that each table has its columns."""
    batch: list[date] = []
    rows = 0
    for day in days:
        paths = (workspace.events / f"date={day}").glob("*.parquet")
        count = sum(pq.read_metadata(path).num_rows for path in paths)
        if batch and rows + count > BATCH:
            yield batch
            batch, rows = [], 0
        batch.append(day)
        rows += count
    yield batch or [EPOCH]


def _read(engine: Engine, root: Path, read: Sequence[date]) -> KeptDays:
    def table(name: str) -> Table:
        return read_parquet(engine, root / name)

    return KeptDays(
        customers=CustomerDays(**{one.name: table(one.name) for one in fields(CustomerDays)}),
        products=table("product_days"),
        categories=table("category_days"),
        pairs=table("pairs"),
        sessions=table("sessions"),
        read=tuple(read),
    )
