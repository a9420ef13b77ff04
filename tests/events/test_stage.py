"""The import as a whole: what it writes, twice, interrupted, or on a full disk."""

import os
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.errors import WorkspaceError
from handbill.events.compact import log_lock
from handbill.events.log import replacing_folder
from handbill.events.stage import explaining_full_disk

from .conftest import ORDERS, Imported, Importing

ROWS = [
    ORDERS,
    "cust-8431-anna,o1,p1,2026-05-01 10:00,1,9.90",
    "cust-8431-anna,o1,p2,2026-05-01 10:00,1,4.90",
    "cust-9377-ben,o2,p1,2026-05-01 23:30,1,9.90",
    "cust-9377-ben,o3,p1,2026-05-03 08:00,0,9.90",
    "cust-9377-ben,o4,p1,someday,1,9.90",
    "cust-9377-ben,o4,p1",
]


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != ".handbill"  # our notes on files, with times
    }


def test_figures_say_what_happened(importing: Importing) -> None:
    assert importing(ROWS).result.figures == {
        "rows_received": 6,
        "rows_kept": 3,
        "rows_duplicate": 0,
        "rows_quarantined": 3,
        "purchase_lines": 3,
        "people": 2,
        "products": 2,
        "campaigns": 0,
        "offers": 0,
        "exposures": 0,
        "first_day": "2026-05-01",
        "last_day": "2026-05-01",
        "robot_spans": 0,
        "devices_merged": 0,
        "collected_repeats": 0,
    }


def test_every_output_is_there_and_every_step_is_told(importing: Importing) -> None:
    done = importing(ROWS)
    assert all(path.exists() for path in done.result.outputs)
    assert done.result.notes[0].en.startswith("3 rows could not be used")


def test_the_log_is_dated_by_utc_days_and_sorted(importing: Importing) -> None:
    night = ["carla,o5,p1,2026-05-02 01:00,1,1", "carla,o6,p1,2026-05-02 03:00,1,1"]
    done = importing([*ROWS, *night])
    days = {
        path.name: [pq.read_table(file) for file in sorted(path.iterdir())]
        for path in sorted(done.workspace.events.iterdir())
    }
    assert {day: [table.num_rows for table in tables] for day, tables in days.items()} == {
        "date=2026-05-01": [4],  # 23:30 and 01:00 in Berlin are still the 1st in UTC
        "date=2026-05-02": [1],
    }
    times = days["date=2026-05-01"][0]["occurred_at"].to_pylist()
    assert times == sorted(times)


def test_columns_are_as_documented(importing: Importing) -> None:
    done = importing(ROWS)
    utc = pa.timestamp("us", tz="UTC")
    path = next(done.workspace.events.rglob("*.parquet"))
    schema = pq.ParquetFile(path).schema_arrow
    assert [(field.name, field.type) for field in schema] == [
        ("event_id", pa.string()), ("event", pa.string()), ("person", pa.string()),
        ("occurred_at", utc), ("transaction_id", pa.string()), ("item_id", pa.string()),
        ("quantity", pa.int32()), ("value_micros", pa.int64()), ("discount_micros", pa.int64()),
        ("coupon_micros", pa.int64()), ("affiliation", pa.string()),
        ("promotion_id", pa.string()), ("coupon", pa.string()), ("is_human", pa.bool_()),
        ("source", pa.string()), ("context", pa.string()),
    ]  # fmt: skip
    campaigns = pq.ParquetFile(done.workspace.catalog / "campaigns.parquet").schema_arrow
    assert [(field.name, field.type) for field in campaigns] == [
        ("id", pa.string()), ("kind", pa.string()), ("starts_at", utc), ("ends_at", utc),
    ]  # fmt: skip


def test_importing_twice_changes_no_byte(importing: Importing) -> None:
    root = importing(ROWS).workspace.root
    first = content(root)
    importing(ROWS)
    assert content(root) == first


def test_a_longer_export_keeps_the_ids_of_the_shorter(importing: Importing) -> None:
    first = set(importing(ROWS).ask("SELECT event_id FROM {log}"))
    longer = [ROWS[0], "new,o0,p9,2026-04-01,1,1", *ROWS[1:]]
    assert first < set(importing(longer).ask("SELECT event_id FROM {log}"))


def test_nothing_written_holds_a_customer(importing: Importing) -> None:
    done = importing(
        ROWS,
        campaigns=["campaign_id,starts_at,ends_at", "may,2026-05-01,2026-05-31"],
        mailings=["customer_id,campaign_id", "cust-9377-ben,may", "cust-9377-ben,june"],
        redemptions=["customer_id,campaign_id,coupon,redeemed_at", "cust-8431-anna,may,C,never"],
    )
    for folder in (done.workspace.catalog, done.workspace.root / "log"):
        for path in folder.rglob("*"):
            if path.suffix == ".parquet":
                assert "cust-" not in str(pq.read_table(path).to_pylist()), path
            elif path.is_file():
                assert "cust-" not in path.read_text(encoding="utf-8"), path
    # and yet a refused row can be brought back to its person
    people = dict(done.ask("SELECT transaction_id, person FROM {log}"))
    raw = done.ask("SELECT raw FROM '{quarantine}/orders.parquet' WHERE reason = 'no_quantity'")
    assert f'"person":"{people["o2"]}"' in raw[0][0]


def test_one_person_in_two_files_is_one_pseudonym(importing: Importing) -> None:
    done = importing(
        ROWS,
        campaigns=["campaign_id,starts_at,ends_at", "may,2026-05-01,2026-05-31"],
        mailings=["customer_id,campaign_id,mailed_at", " cust-9377-ben ,may,2026-05-02 09:00"],
    )
    assert done.ask("SELECT count(DISTINCT person) FROM {log}") == [(2,)]
    assert done.ask(
        "SELECT occurred_at::VARCHAR, context FROM {log} WHERE event = 'view_promotion'"
    ) == [("2026-05-02 07:00:00+00", None)]


def test_what_the_collector_wrote_stays(importing: Importing) -> None:
    done = importing(ROWS)
    mine = done.workspace.events / "date=2026-06-09" / "collector-000000.parquet"
    mine.parent.mkdir()
    pq.write_table(pq.read_table(next(done.workspace.events.rglob("import*.parquet"))), mine)
    refused = done.workspace.quarantine / "collector-000000.parquet"
    refused.write_bytes(b"collected")

    importing(ROWS[:2])

    assert mine.is_file()
    assert refused.read_bytes() == b"collected"


def test_relations_that_are_gone_leave_no_quarantine_behind(importing: Importing) -> None:
    campaigns = ["campaign_id,starts_at,ends_at", "may,2026-05-01,2026-05-31"]
    done = importing(ROWS, campaigns=campaigns)
    assert (done.workspace.quarantine / "campaigns.parquet").exists()

    Path(done.workspace.root.parent / "exports" / "campaigns.csv").unlink()
    importing(ROWS)

    assert not (done.workspace.quarantine / "campaigns.parquet").exists()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "old").touch()

    with pytest.raises(RuntimeError), replacing_folder(folder) as part:
        part.mkdir()
        (part / "half").touch()
        raise RuntimeError
    assert [path.name for path in tmp_path.rglob("*")] == ["log", "old"]

    with replacing_folder(folder) as part:
        part.mkdir()
        (part / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["log", "new"]


def test_a_run_killed_between_the_two_renames_is_mended_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".log.old").mkdir()
    (tmp_path / ".log.old" / "only copy").touch()
    (tmp_path / ".log.99999.part").mkdir()

    with pytest.raises(RuntimeError), replacing_folder(tmp_path / "log"):
        raise RuntimeError

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["log", "only copy"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not run: no /dev/full here")
def test_a_full_disk_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(WorkspaceError, match=f"disk full while writing to {tmp_path}"),
        explaining_full_disk(tmp_path),
        open("/dev/full", "wb", buffering=0) as full,  # noqa: PTH123
    ):
        full.write(b"x")
    with (
        pytest.raises(WorkspaceError, match="free some space and run again"),
        explaining_full_disk(tmp_path),
        duckdb.connect() as connection,
    ):
        connection.execute("COPY (SELECT range FROM range(100000)) TO '/dev/full' (FORMAT csv)")
    with pytest.raises(PermissionError), explaining_full_disk(tmp_path):
        raise PermissionError(1, os.strerror(1))


def test_the_import_waits_for_the_collector_to_finish(importing: Importing, tmp_path: Path) -> None:
    done: list[Imported] = []
    with log_lock(importing(ROWS).workspace):
        thread = threading.Thread(target=lambda: done.append(importing(ROWS[:2])))
        thread.start()
        thread.join(1.0)
        assert not done
    thread.join(30)
    assert done[0].ask("SELECT count(*) FROM {log}") == [(1,)]
