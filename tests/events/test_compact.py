"""From the inbox into the log: whole files, every event once, whenever it is interrupted."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from handbill.errors import WorkspaceError
from handbill.events import compact as compacting
from handbill.events.compact import carry_collected, compact, log_lock
from handbill.events.inbox import SqliteInbox
from handbill.events.received import Kept, Line, Refused, event_key, pack
from handbill.ports import Arrived, Waiting
from handbill.workspace import Workspace, read_json

DAY = 86_400_000_000
NOON = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1_000_000


@pytest.fixture
def inbox(workspace: Workspace) -> Iterator[SqliteInbox]:
    opened = SqliteInbox.open(workspace)
    yield opened
    opened.close()


def event(name: str, occurred_at: int = NOON, lines: int = 1) -> Arrived:
    kept = Kept(
        event_id=event_key(name).hex(),
        event="purchase",
        person="p_someone",
        occurred_at=occurred_at,
        is_human=True,
        lines=tuple(Line(item_id=f"sku-{n}", value_micros=n) for n in range(lines)),
        transaction_id=name,
    )
    return Arrived(event_key(name), pack(kept))


def refused(reason: str) -> Arrived:
    return Arrived(b"", pack(Refused(reason=reason, raw="{}")), reason)


def log_of(workspace: Workspace) -> list[str]:
    """Transactions in the log, one for each row, in order."""
    files = workspace.events.glob("date=*/*.parquet")
    tables = [pq.ParquetFile(path).read(["transaction_id"]) for path in files]
    return sorted(name for table in tables for name in table.column(0).to_pylist())


def test_an_event_lands_in_its_day_with_the_documented_columns(
    inbox: SqliteInbox, workspace: Workspace
) -> None:
    inbox.append([event("a", lines=2), event("b", NOON - DAY)])
    done = compact(inbox, workspace)
    assert (done.events, done.files) == (2, 2)
    folders = sorted(path.name for path in workspace.events.iterdir())
    assert folders == ["date=2026-11-22", "date=2026-11-23"]
    documented = Path(__file__).parents[2].joinpath("docs", "tables.md").read_text()
    part = documented.split("`log/events/date=")[1].split("`log/exposures")[0]
    names = [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
    assert compacting.EVENTS.names == names


def test_rows_of_one_event_have_ids_of_their_own(inbox: SqliteInbox, workspace: Workspace) -> None:
    inbox.append([event("a", lines=3)])
    compact(inbox, workspace)
    rows = duckdb.read_parquet(f"{workspace.events}/**/*.parquet").project("event_id").fetchall()
    key = event_key("a").hex()
    assert sorted(row[0] for row in rows) == [key, f"{key}-1", f"{key}-2"]


def test_a_quiet_day_stays_one_file_in_order_of_time(
    inbox: SqliteInbox, workspace: Workspace
) -> None:
    for number in (3, 1, 2):
        inbox.append([event(f"t{number}", NOON + number)])
        compact(inbox, workspace)
    (path,) = workspace.events.glob("date=*/*.parquet")
    assert pq.read_table(path).column("transaction_id").to_pylist() == ["t1", "t2", "t3"]


def test_a_busy_day_starts_a_new_file(
    inbox: SqliteInbox, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "ROWS_PER_FILE", 10)
    for number in range(5):
        inbox.append([event(f"{number}-{n}") for n in range(6)])
        compact(inbox, workspace)
    rows = [pq.read_metadata(path).num_rows for path in sorted(workspace.events.glob("*/*"))]
    assert rows == [12, 12, 6]
    assert len(set(log_of(workspace))) == 30


@pytest.mark.parametrize("rows_per_file", [4, 1_000])
def test_dying_before_settling_changes_nothing(
    inbox: SqliteInbox,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    rows_per_file: int,
) -> None:
    monkeypatch.setattr(compacting, "ROWS_PER_FILE", rows_per_file)

    def power_cut(_waiting: list[Waiting]) -> None:
        raise KeyboardInterrupt

    inbox.append([event(f"a{n}", NOON + n * DAY // 2) for n in range(6)] + [refused("future")])
    with monkeypatch.context() as patch:
        patch.setattr(inbox, "settle", power_cut)
        with pytest.raises(KeyboardInterrupt):
            compact(inbox, workspace)
    inbox.append([event(f"b{n}", NOON + n * DAY // 2) for n in range(6)] + [refused("currency")])
    compact(inbox, workspace)
    assert log_of(workspace) == [f"{x}{n}" for x in "ab" for n in range(6)]
    table = duckdb.read_parquet(f"{workspace.quarantine}/*.parquet").order("row")
    assert table.project("row, reason").fetchall() == [(0, "future"), (1, "currency")]


def test_dying_between_two_days_changes_nothing(
    inbox: SqliteInbox, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.append([event("a"), event("b", NOON + DAY), event("c", NOON + 2 * DAY)])
    written = compacting.write_parquet
    calls = 0

    def dying(path: Path, table: object) -> Path:
        nonlocal calls
        calls += 1
        if calls == 2:
            path.parent.mkdir()
            path.with_name(f".{path.name}.99999.part").write_bytes(b"half")
            raise KeyboardInterrupt
        return written(path, table)

    with monkeypatch.context() as patch:
        patch.setattr(compacting, "write_parquet", dying)
        with pytest.raises(KeyboardInterrupt):
            compact(inbox, workspace)
    assert log_of(workspace) == ["a"]  # a reader meanwhile sees whole files only
    inbox.append([event("d"), event("e", NOON + DAY)])
    compact(inbox, workspace)
    assert log_of(workspace) == ["a", "b", "c", "d", "e"]
    assert list(workspace.events.glob("date=*/.*")) == []


def test_a_new_inbox_beside_an_old_log_loses_nothing(workspace: Workspace) -> None:
    for name in ("a", "b"):  # the second inbox counts its positions from the start again
        inbox = SqliteInbox.open(workspace)
        inbox.append([event(name)])
        compact(inbox, workspace)
        inbox.close()
        for path in workspace.events.parent.glob("inbox.sqlite*"):
            path.unlink()
    assert log_of(workspace) == ["a", "b"]


def test_the_receipt_reconciles_with_the_log(inbox: SqliteInbox, workspace: Workspace) -> None:
    inbox.append([event("a"), event("b"), event("a"), refused("future")])
    inbox.append([event("b"), refused("future"), refused("currency")])
    compact(inbox, workspace)
    receipt = read_json(workspace.quarantine / "collector.json")["collector/1"]
    assert receipt == {
        "received": 7,
        "kept": 2,
        "duplicate": 2,
        "quarantined": 3,
        "reasons": {"currency": 1, "future": 2},
    }
    assert len(log_of(workspace)) == receipt["kept"]
    rows = duckdb.read_parquet(f"{workspace.quarantine}/*.parquet").fetchall()
    assert len(rows) == receipt["quarantined"]


def test_a_damaged_file_is_named_and_nothing_is_lost(
    inbox: SqliteInbox, workspace: Workspace
) -> None:
    inbox.append([event("a")])
    compact(inbox, workspace)
    (path,) = workspace.events.glob("date=*/*.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    inbox.append([event("b")])
    with pytest.raises(WorkspaceError, match="collector-000000"):
        compact(inbox, workspace)
    path.write_bytes(whole)
    compact(inbox, workspace)
    assert log_of(workspace) == ["a", "b"]


def test_an_unwritable_log_keeps_events_in_the_inbox(
    inbox: SqliteInbox, workspace: Workspace
) -> None:
    workspace.events.write_text("a file where a folder should be")
    inbox.append([event("a")])
    with pytest.raises(WorkspaceError, match="wait in the inbox"):
        compact(inbox, workspace)
    workspace.events.unlink()
    compact(inbox, workspace)
    assert log_of(workspace) == ["a"]


def test_an_import_carries_collected_files_over(
    inbox: SqliteInbox, workspace: Workspace, tmp_path: Path
) -> None:
    inbox.append([event("a"), event("b", NOON + DAY)])
    compact(inbox, workspace)
    new = tmp_path / "new"
    (new / "date=2026-11-23").mkdir(parents=True)
    with log_lock(workspace):
        assert carry_collected(workspace.events, new) == 2
        workspace.events.rename(tmp_path / "old")
        new.rename(workspace.events)
    inbox.append([event("c")])
    compact(inbox, workspace)
    assert log_of(workspace) == ["a", "b", "c"]
    assert len(list((tmp_path / "old").glob("*/*.parquet"))) == 2  # the old log is as it was


def test_a_compaction_waits_for_the_log_lock(inbox: SqliteInbox, workspace: Workspace) -> None:
    inbox.append([event("a")])
    worker = threading.Thread(target=compact, args=(inbox, workspace))
    with log_lock(workspace):
        worker.start()
        worker.join(0.3)
        assert worker.is_alive()
        assert log_of(workspace) == []
    worker.join(20)
    assert log_of(workspace) == ["a"]


def test_a_reader_sees_each_event_whole_while_compaction_runs(
    inbox: SqliteInbox, workspace: Workspace
) -> None:
    done = threading.Event()

    def write() -> None:
        for number in range(40):
            inbox.append([event(f"{number}-{n}", lines=2) for n in range(5)])
            compact(inbox, workspace)
        done.set()

    worker = threading.Thread(target=write)
    worker.start()
    reads = 0
    while not done.is_set():
        names = log_of(workspace)
        assert all(names.count(name) == 2 for name in set(names))
        reads += 1
    worker.join()
    assert reads > 3
    assert len(log_of(workspace)) == 400
