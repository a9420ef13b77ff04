"""Days whose tables need not be made again: what they were made from is what it was.

Features as of a day rest on the log before it and on the catalogue. `.handbill/days.json` remembers
a hash of those for each day that was written, so that after a new day of the log only the days
behind it are computed. A late event, an erased or merged person or a robot found in the past
changes the hash of every later day, another catalogue that of all: those are made anew.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq

from handbill.errors import WorkspaceError
from handbill.trust.reading import links_path, repeats_path, robots_path
from handbill.workspace import Workspace, read_json, write_json

CODE = (
    "affinity.py", "carried.py", "customer_days.py", "customer_table.py", "features.py",
    "lines.py", "windows.py",
)  # fmt: skip
"""Files of this package that decide what a day's tables hold."""
PLACE = ("id", "brand_kind", "department", "category")
"""Columns of `catalog/products` that are read; prices and stock, which change daily, are not."""
CATALOGUE = ("campaigns", "offers", "offer_products")


def sources_of(workspace: Workspace, days: Iterable[date], settings: str) -> dict[date, str]:
    """What the tables as of each day are made from.

    Args:
        workspace: Its log, catalogue, links and robots are read, byte by byte.
        days: That are asked for.
        settings: What else decides, in words.

    Returns:
        A hash for each day; equal only where nothing that the day rests on differs.
    """
    always = hashlib.sha256(settings.encode())
    for name in CODE:
        always.update(files("handbill.audience").joinpath(name).read_bytes())
    always.update(files("handbill.trust").joinpath("reading.py").read_bytes())
    products = pq.ParquetFile(workspace.catalog / "products.parquet")
    columns = [name for name in PLACE if name in products.schema_arrow.names]
    always.update(repr(products.read(columns=columns).to_pydict()).encode())
    for path in (*(workspace.catalog / f"{name}.parquet" for name in CATALOGUE),
                 links_path(workspace)):  # fmt: skip
        always.update(f"{path.name} {digest_of(path) if path.exists() else None}\n".encode())
    found: dict[date, str] = {}
    by_day = files_by_day(workspace)
    waiting = sorted(by_day)
    for day in sorted(set(days)):
        while waiting and waiting[0] < str(day):
            for path in by_day[waiting[0]]:
                always.update(f"{path.relative_to(workspace.root)} {digest_of(path)}\n".encode())
            waiting.pop(0)
        found[day] = always.hexdigest()
    return found


def read_record(workspace: Workspace) -> dict[str, str]:
    """Hash of each day written by the last run; nothing where none is known."""
    path = _record(workspace)
    try:
        return dict(read_json(path)) if path.exists() else {}
    except (WorkspaceError, TypeError, ValueError):
        return {}  # what cannot be read is as good as no record: all days are made anew


def forget_record(workspace: Workspace) -> None:
    """Before the tables change: killed half way, the next run makes every day anew."""
    _record(workspace).unlink(missing_ok=True)


def write_record(workspace: Workspace, sources: dict[date, str]) -> None:
    """After the tables are in their place."""
    write_json(_record(workspace), {str(day): digest for day, digest in sources.items()})


def _record(workspace: Workspace) -> Path:
    return workspace.root / ".handbill" / "days.json"


def files_by_day(workspace: Workspace) -> dict[str, list[Path]]:
    """Files of the log, its robots and repeats by day; one without a day counts from the first."""
    found: dict[str, list[Path]] = defaultdict(list)
    for folder in (workspace.events, robots_path(workspace), repeats_path(workspace)):
        for path in sorted(folder.rglob("*.parquet")):
            dated = path.parent.name.startswith("date=")
            found[path.parent.name.removeprefix("date=") if dated else ""].append(path)
    return found


def digest_of(path: Path) -> str:
    """SHA-256 of a file's content, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
