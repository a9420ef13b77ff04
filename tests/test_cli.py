import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handbill.workspace import Workspace


def handbill(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "handbill", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    def once() -> float:
        started = time.monotonic()
        assert handbill("--help").returncode == 0
        return time.monotonic() - started

    assert min(once() for _ in range(5)) < 0.5
    probe = "import sys; sys.argv = ['handbill', '--help']; import handbill.cli, handbill.shop;"
    probe += "heavy = {'torch', 'transformers', 'duckdb', 'ibis', 'pandas', 'sklearn', 'lightgbm'};"
    probe += "print(sorted(heavy & set(sys.modules)))"
    found = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "{dir}/nowhere"], "handbill init"),
        (["report", "{dir}/nowhere"], "handbill init"),
        (["init", "{dir}/new", "--from", "{dir}/no-exports"], "no-exports"),
        (["run", "{dir}/shop", "--until", "sales"], "the stages are events, audience"),
        (["run", "{dir}/wrong"], "unknown setting shop.nmae"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    Workspace.create(tmp_path / "shop", "")
    Workspace.create(tmp_path / "wrong", "[shop]\nnmae = 'x'\n")
    done = handbill(*(one.format(dir=tmp_path) for one in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_failed_init_leaves_no_folder(tmp_path: Path) -> None:
    handbill("init", str(tmp_path / "new"), "--from", str(tmp_path / "no-exports"))
    assert not (tmp_path / "new").exists()


def test_doctor_prints_json() -> None:
    done = handbill("doctor", "--json")
    checks = json.loads(done.stdout)
    assert {"name", "found", "ok", "mend"} == set(checks[0])
    assert done.returncode == (0 if all(check["ok"] for check in checks) else 2)


def test_version() -> None:
    assert handbill("--version").stdout.startswith("handbill 0.")
