"""Every row that was received is accounted for, and a refused one can be looked at."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from handbill.cli import app
from handbill.errors import WorkspaceError
from handbill.events.status import read_status
from handbill.workspace import Workspace, read_json, write_json

from .conftest import ORDERS, Importing

ROWS = [
    ORDERS,
    "cust-8431-anna,o1,p1,2026-05-01 10:00,1,9.90",
    "cust-8431-anna,o1,p1,2026-05-01 10:00,1,9.90",
    "cust-8431-anna,o2,p1,2026-05-01 10:00,0,9.90",
    "cust-8431-anna,o3,p1,someday,1,9.90",
]


def told(workspace: Workspace, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["events", "status", str(workspace.root), *options])
    return done.exit_code, done.stdout


def test_every_row_is_accounted_for(importing: Importing) -> None:
    workspace = importing(ROWS).workspace
    (one,) = read_status(workspace)
    assert (one.received, one.kept, one.duplicate, one.quarantined) == (4, 1, 1, 2)
    assert one.reconciles
    assert one.on_disk == 2
    assert one.reasons == {"no_quantity": 1, "unreadable_time": 1}
    assert "someday" in one.examples["unreadable_time"][0]
    code, text = told(workspace)
    assert code == 0
    assert "cust-" not in text
    assert "no_quantity" in text


def test_json_names_the_collector_too(importing: Importing) -> None:
    workspace = importing(ROWS).workspace
    counts: dict[str, Any] = {"received": 3, "kept": 2, "duplicate": 1, "quarantined": 0}
    write_json(workspace.quarantine / "collector.json", {"collector/1": {**counts, "reasons": {}}})
    code, text = told(workspace, "--json")
    found = {one["source"]: one for one in json.loads(text)}
    assert code == 0
    assert found["collector/1"]["received"] == 3
    assert found["orders"]["quarantined"] == 2


def test_a_count_that_does_not_add_up_is_said(importing: Importing) -> None:
    workspace = importing(ROWS).workspace
    path = workspace.quarantine / "receipt.json"
    receipt = read_json(path)
    receipt["orders"]["received"] += 1
    write_json(path, receipt)
    assert told(workspace)[0] == 2


def test_nothing_received_yet_names_the_way_out(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="handbill run"):
        read_status(workspace)


def test_the_manual_has_the_command(manual: str) -> None:
    assert "handbill events status" in manual
