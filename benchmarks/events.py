"""Import, features and collector at size, each against what it is to be held against.

The import is of a made-up export (`generated.py` says what is skewed and dirty in it), from the CSV
files to the log, the catalogue and the receipts; beside it a bare DuckDB `COPY csv -> parquet` of
the same file, in turns. The features are held against the same numbers in SQL by hand.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import collector, generated
from benchmarks.features import differences, new_day
from benchmarks.harness import Measured, arguments, measure, show

LINES, LINES_QUICK = 20_000_000, 1_000_000
ROUNDS = 3
AS_OF = generated.AS_OF.isoformat()
TABLES = (
    "customer", "product", "customer x category", "sessions", "co-purchase",
)  # fmt: skip
"""Feature tables that the test below runs on both engines."""
EQUALITY = "tests/contract/test_engines.py"


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """The issue's figures but the collector's."""
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        export, shop = Path(folder) / "export", Path(folder) / "shop"
        export.mkdir()
        lines = generated.write_export(export, LINES_QUICK if quick else LINES)
        size = (export / "orders.csv").stat().st_size
        notes.append(f"export: {lines:,} lines, {size / 1e9:.2f} GB of CSV")
        imports, copies = [], []
        for _ in range(ROUNDS):
            copies.append(float(child("copy", export, shop).output))
            imports.append(child("import", export, shop))
        seconds = [json.loads(one.output)["seconds"] for one in imports]
        receipt = json.loads(imports[-1].output)["figures"]
        imported, copied = statistics.median(seconds), statistics.median(copies)
        notes.append(
            f"import {imported:.1f} s, bare COPY {copied:.1f} s; received "
            f"{receipt['rows_received']:,} = kept {receipt['rows_kept']:,} + duplicate "
            f"{receipt['rows_duplicate']:,} + quarantined {receipt['rows_quarantined']:,}"
        )
        found: dict[str, float | int] = {
            "import_vs_copy_ratio": round(copied / imported, 3),
            "import_rows_s": round(lines / imported),
            "import_peak_gb": round(max(one.peak_gb for one in imports), 2),
        }
        found |= feature_figures(shop, Path(folder), notes)
        day, said = new_day(shop)
        found |= day
        notes += said
    return found | engine_figures(notes), notes


def feature_figures(shop: Path, folder: Path, notes: list[str]) -> dict[str, float | int]:
    """Customer features by our expressions and by hand, in turns, and where they differ."""
    out = {way: folder / f"{way}.parquet" for way in ("hand", "expression")}
    seconds: dict[str, list[float]] = {way: [] for way in out}
    peak = 0.0
    for _ in range(ROUNDS):
        for way, path in out.items():
            command = ["-m", "benchmarks.features", way, str(shop), AS_OF, str(path)]
            done = measure([sys.executable, *command])
            seconds[way].append(float(done.output))
            peak = max(peak, done.peak_gb)
    wrong = differences(out["expression"], out["hand"])
    if wrong:
        raise RuntimeError(f"features by hand and by expression differ: {wrong}")
    hand, ours = (statistics.median(seconds[way]) for way in ("hand", "expression"))
    notes.append(f"customer features: ours {ours:.1f} s, by hand {hand:.1f} s, equal in all values")
    return {"features_vs_sql_ratio": round(ours / hand, 3), "features_peak_gb": round(peak, 2)}


def engine_figures(notes: list[str]) -> dict[str, float | int]:
    """How many feature tables have equal values on DuckDB and Spark, as their test found it."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", EQUALITY, "-rs", "-p", "no:cacheprovider"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    if done.returncode != 0 or "skipped" in done.stdout:
        notes.append(f"spark_tables_equal: not measured ({last})")
        return {}
    return {"spark_tables_equal": len(TABLES)}


def child(way: str, export: Path, shop: Path) -> Measured:
    """Import or copy in a process of its own."""
    return measure([sys.executable, "-m", "benchmarks.events_once", way, str(export), str(shop)])


def main() -> None:
    """Run every part and print one table."""
    options = arguments(__doc__ or "")
    found, notes = figures(options.quick)
    collected, said = collector.figures(options.quick)
    if options.quick:
        notes.insert(0, f"quick: {LINES_QUICK:,} lines instead of {LINES:,}")
    show(found | collected, [*notes, *said], as_json=options.json)


if __name__ == "__main__":
    main()
