"""One import, or one bare copy, of an export: a process of its own for `events.py`."""

import argparse
import json
import shutil
import time
from pathlib import Path

import duckdb

from benchmarks import generated
from handbill.events import Settings, run
from handbill.types import ShopProfile
from handbill.workspace import Workspace


def copy(export: Path, out: Path) -> float:
    """DuckDB's own `COPY`, with all cores and its default settings; seconds."""
    with duckdb.connect() as connection:
        started = time.monotonic()
        connection.execute(
            f"COPY (FROM read_csv('{export / 'orders.csv'}')) TO '{out}' (FORMAT parquet)"
        )
        return time.monotonic() - started


def import_all(export: Path, folder: Path) -> dict[str, object]:
    """The whole stage into a new workspace."""
    shutil.rmtree(folder, ignore_errors=True)
    workspace = Workspace.create(folder, "")
    shop = ShopProfile(
        name="Generated", currency="USD", timezone="UTC", language="en", as_of=generated.AS_OF
    )
    started = time.monotonic()
    done = run(workspace, shop, Settings(source=str(export)), lambda message, fraction=None: None)
    return {"seconds": time.monotonic() - started, "figures": dict(done.figures)}


def main() -> None:
    """Do one and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("copy", "import"))
    parser.add_argument("export", type=Path)
    parser.add_argument("shop", type=Path)
    options = parser.parse_args()
    if options.way == "copy":
        print(copy(options.export, options.export / "orders.parquet"))
    else:
        print(json.dumps(import_all(options.export, options.shop)))


if __name__ == "__main__":
    main()
