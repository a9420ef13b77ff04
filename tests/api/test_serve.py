"""The collector as a process: its lock, its keys, its end, and a disk that runs full."""

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.api.conftest import SERVER, started

from handbill.api.serve import listening, only_collector
from handbill.api.writekeys import WriteKeys, open_keys
from handbill.errors import ConfigError, WorkspaceError
from handbill.events.collector import Settings
from handbill.workspace import Workspace, read_json


def event(name: str) -> dict[str, Any]:
    return {"event": "view_item", "event_id": name, "anonymous_id": name, "note": name}


def log_of(workspace: Workspace) -> list[str]:
    """Notes of the events in the log."""
    paths = workspace.events.glob("date=*/*.parquet")
    contexts = [pq.ParquetFile(path).read(["context"]).column(0).to_pylist() for path in paths]
    return sorted(json.loads(one)["note"] for many in contexts for one in many)


def test_stopping_moves_everything_into_the_log(workspace: Workspace) -> None:
    with started(workspace) as live:
        assert live.post([event("a"), event("b")])[0] == 200
        assert log_of(workspace) == []
        assert live.stop() == 0
    assert log_of(workspace) == ["a", "b"]
    assert read_json(workspace.quarantine / "collector.json")["collector/1"]["kept"] == 2


def test_the_schedule_moves_events_into_the_log(workspace: Workspace) -> None:
    with started(workspace, seconds=0.05) as live:
        live.post(event("a"))
        for _ in range(200):
            if log_of(workspace):
                break
            live.post(event("a"))
        assert log_of(workspace) == ["a"]


def test_what_a_killed_collector_acknowledged_goes_into_the_log_at_the_next_start(
    workspace: Workspace,
) -> None:
    with started(workspace) as live:
        assert live.post(event("a"))[0] == 200
        live.process.kill()
        live.process.wait()
    with started(workspace) as live:
        assert live.post(event("a"))[1] == {"accepted": 0, "duplicate": 1}
        live.stop()
    assert log_of(workspace) == ["a"]


def test_a_second_collector_is_refused_in_one_line(workspace: Workspace) -> None:
    with started(workspace) as live:
        command = [sys.executable, "-c", SERVER, str(workspace.root), "60", "0"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 1
        assert "another collector serves" in second.stderr
        assert "Traceback" not in second.stderr
        assert live.post(event("a"))[0] == 200


def test_a_run_of_the_loop_and_a_collector_may_work_at_once(workspace: Workspace) -> None:
    with workspace.lock(), only_collector(workspace):
        pass
    with only_collector(workspace), pytest.raises(WorkspaceError), only_collector(workspace):
        pass


def test_an_address_that_is_taken_is_named() -> None:
    with listening("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(ConfigError, match=f"{port}.*--port"), listening("127.0.0.1", port):
            pass
    with pytest.raises(ConfigError), listening("192.0.2.1", 0):
        pass


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="not run: needs Linux")
def test_a_disk_that_runs_full_refuses_and_recovers(workspace: Workspace) -> None:
    with started(workspace) as live:
        assert live.post(event("before"))[0] == 200
        inbox = workspace.root / "log" / "inbox.sqlite-wal"
        _, hard = resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE)
        full = inbox.stat().st_size + 100  # no file may grow beyond it, as if the disk were full
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (full, hard))
        status, reply = live.post([event(f"during {n}") for n in range(500)])
        assert (status, reply["error"]) == (503, "storage")
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert live.post(event("after"))[0] == 200
        assert live.post([event("before"), event("during 1")])[1] == {"accepted": 1, "duplicate": 1}
        assert live.stop() == 0
    assert log_of(workspace) == ["after", "before", "during 1"]


def test_a_log_that_cannot_be_written_does_not_stop_collecting(workspace: Workspace) -> None:
    workspace.events.mkdir(parents=True)
    workspace.events.rename(workspace.events.with_name("elsewhere"))
    workspace.events.write_text("in the way")
    with started(workspace, seconds=0.05) as live:
        assert live.post(event("a"))[0] == 200
        assert live.post(event("b"))[0] == 200
        workspace.events.unlink()
        assert live.stop() == 0
    assert log_of(workspace) == ["a", "b"]


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    keys, path = open_keys(tmp_path / "keys", "")
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (key,) = path.read_text().split()
    assert key in keys
    assert "another" not in keys
    again, _ = open_keys(tmp_path / "keys", "")
    assert key in again


def test_keys_of_the_environment_come_first(tmp_path: Path) -> None:
    keys, path = open_keys(tmp_path / "keys", "first-key, second-key,")
    assert path is None
    assert "first-key" in keys
    assert "second-key" in keys
    assert not (tmp_path / "keys").exists()


def test_bad_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HANDBILL_WRITE_KEYS"):
        open_keys(tmp_path, "short")
    (tmp_path / "write.keys").write_text("\n")
    with pytest.raises(ConfigError, match=r"write\.keys"):
        open_keys(tmp_path, "")


def test_an_odd_key_is_no_crash() -> None:
    assert "\ud800" not in WriteKeys(["a-write-key"])


@pytest.mark.parametrize("name", Settings.__dataclass_fields__)
def test_each_bound_is_checked_by_name(name: str) -> None:
    for value in (-1, 0, 10**15):
        with pytest.raises(ConfigError, match=f"collector.{name} is {value}"):
            Settings(**{name: value})


def test_importing_the_api_is_light() -> None:
    code = "import sys, handbill.api; print({'uvicorn', 'pyarrow', 'msgspec'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert result.stdout.strip() == "set()"
