import multiprocessing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.errors import WorkspaceError
from handbill.workspace import Workspace, read_json, replacing, write_json, write_parquet


def test_create_refuses_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    with pytest.raises(WorkspaceError, match="not an empty folder"):
        Workspace.create(tmp_path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_create_refuses_a_workspace_and_keeps_its_settings(workspace: Workspace) -> None:
    workspace.settings_path.write_text("[shop]\n")
    with pytest.raises(WorkspaceError, match="handbill run"):
        Workspace.create(workspace.root, "")
    assert workspace.settings_path.read_text() == "[shop]\n"


def test_open_names_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="handbill init"):
        Workspace.open(tmp_path)


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"n": 1})
    with pytest.raises(RuntimeError), replacing(path) as part:
        part.write_text('{"n": 2')
        raise RuntimeError("power cut")
    assert read_json(path) == {"n": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_json_keeps_chinese_and_refuses_nan(tmp_path: Path) -> None:
    path = write_json(tmp_path / "a.json", {"名": "海报"})
    assert "海报" in path.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"n": float("nan")})
    assert read_json(path) == {"名": "海报"}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"n":')
    with pytest.raises(WorkspaceError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json")


def test_parquet_comes_back(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "deep" / "a.parquet", pa.table({"n": [1, 2]}))
    assert pq.read_table(path).column("n").to_pylist() == [1, 2]


def _try_to_lock(root: str, answer: "multiprocessing.Queue[str]") -> None:
    try:
        with Workspace.open(Path(root)).lock():
            answer.put("got it")
    except WorkspaceError as error:
        answer.put(str(error))


def test_one_run_at_a_time(workspace: Workspace) -> None:
    spawn = multiprocessing.get_context("spawn")
    answer = spawn.Queue()
    with workspace.lock():
        child = spawn.Process(target=_try_to_lock, args=(str(workspace.root), answer))
        child.start()
        assert "another run is writing" in answer.get(timeout=30)
        child.join()
    with workspace.lock():
        pass
