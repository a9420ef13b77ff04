"""How fast `handbill events import` brings a file in: by columns under a mapping, and by records.

The table is the made-up grocer's export of `benchmarks/generated.py`; the messages are Segment's,
made of the same lines. Beside them a bare `COPY csv -> parquet` of the same table by DuckDB, in the
same run. Each import is a process of its own, whose peak memory is told.

    python -m benchmarks.imports --json
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq

from benchmarks.generated import write_export
from benchmarks.harness import arguments, measure, show

MAPPING = """
relation = "orders"
[columns]
customer_id = "customer_id"
order_id = "order_id"
product_id = "product_id"
ordered_at = "ordered_at"
quantity = "quantity"
paid = "paid"
discount = "discount"
"""
SETTINGS = '[shop]\ntimezone = "Europe/Berlin"\n[events]\nsource = "imports"\n'

COPY = (
    "import duckdb, sys; duckdb.sql('SET threads = 2'); "
    "duckdb.sql(f\"COPY (SELECT * FROM read_csv('{sys.argv[1]}', all_varchar = true)) "
    "TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)\")"
)


def messages(path: Path, number: int) -> Iterator[str]:
    """Lines of a table as Segment's messages, one product each."""
    for batch in pc.open_csv(path):
        for row in batch.to_pylist():
            if number == 0:
                return
            number -= 1
            product = {"product_id": str(row["product_id"]), "quantity": 1, "price": 1.99}
            yield json.dumps(
                {
                    "type": "track", "event": "Product Viewed", "messageId": f"m-{number}",
                    "anonymousId": str(row["customer_id"]), "timestamp": "2025-05-01T08:00:00Z",
                    "properties": {**product, "currency": "USD", "list": "home"},
                    "context": {"userAgent": "Mozilla/5.0", "page": {"path": "/tea"}},
                }
            )  # fmt: skip


def main() -> None:
    """Make the files, bring each in, tell rows a second."""
    options = arguments(__doc__ or "")
    rows, records = (200_000, 20_000) if options.quick else (2_000_000, 200_000)
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = write_export(folder, rows)
        table, parquet, lines = (folder / name for name in ("orders.csv", "o.parquet", "m.jsonl"))
        pq.write_table(pc.read_csv(table), parquet)
        with lines.open("w", encoding="utf-8") as file:
            file.writelines(f"{one}\n" for one in messages(table, records))
        (folder / "map.toml").write_text(MAPPING, encoding="utf-8")
        shop = folder / "shop"
        shop.mkdir()
        (shop / "handbill.toml").write_text(SETTINGS + "\n", encoding="utf-8")
        bare = measure([sys.executable, "-c", COPY, str(table), str(folder / "bare.parquet")])
        figures["bare_copy_rows_s"] = round(rows / bare.seconds)
        map_ = ["--map", str(folder / "map.toml")]
        for name, path, how, count in (
            ("csv", table, map_, rows),
            ("parquet", parquet, map_, rows),
            ("messages", lines, [], records),
        ):
            command = [sys.executable, "-m", "handbill", "events", "import", str(shop), str(path)]
            done = measure([*command, *how, "--json"])
            (record,) = json.loads(done.output)
            if record["records"] != count:
                raise RuntimeError(f"{name}: {record['records']} of {count} records were read")
            figures[f"import_{name}_rows_s"] = round(count / done.seconds)
            figures[f"import_{name}_peak_gb"] = round(done.peak_gb, 2)
    figures["import_csv_vs_copy_ratio"] = round(
        figures["import_csv_rows_s"] / figures["bare_copy_rows_s"], 3
    )
    notes = [f"{rows:,} rows of orders, {records:,} messages; the start of Python is in every time"]
    if options.quick:
        notes.append("quick: a tenth of the rows")
    show(figures, notes, as_json=options.json)


if __name__ == "__main__":
    main()
