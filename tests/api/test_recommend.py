import asyncio
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.api.conftest import IDENTITY, KEY, SHOP
from typer.testing import CliRunner

from handbill import Shop
from handbill.api.app import Collector
from handbill.api.intake import Intake
from handbill.api.recommend import READ_FILE, READ_VARIABLE, Recommending
from handbill.api.writekeys import WriteKeys, open_keys
from handbill.cli import app
from handbill.events.collector import Settings
from handbill.trust.identity import open_key, pseudonym
from handbill.workspace import Workspace

READ = "a-read-key"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace.create(tmp_path / "shop", "")
    write(found, open_key(found.keys))
    return found


def write(workspace: Workspace, key: bytes) -> None:
    known = pseudonym(key, "customer", "K1")
    rows = [
        {"person": person, "rank": rank, "item_id": item, "reason": reason}
        for person, items, reason in (("", "ba", "popular"), (known, "cab", "habit"))
        for rank, item in enumerate(items, 1)
    ]
    workspace.tables.mkdir()
    workspace.catalog.mkdir()
    pq.write_table(pa.Table.from_pylist(rows), workspace.tables / "recommendations.parquet")
    products = [{"id": "a", "title": "Green tea"}, {"id": "b", "title": "Soap"}]
    pq.write_table(pa.Table.from_pylist(products), workspace.catalog / "products.parquet")


def ask(workspace: Workspace, query: str, header: str = f"Bearer {READ}") -> tuple[int, dict]:
    """One request to the route, through the app."""
    recommending = Recommending(workspace, WriteKeys([READ]), open_key(workspace.keys))
    intake = Intake(SHOP, Settings(), IDENTITY)
    served = Collector(intake, WriteKeys([KEY]), Settings(), recommending=recommending)
    sent: list[dict] = []

    async def run() -> None:
        async def send(message) -> None:
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b""}

        scope = {
            "path": "/v1/recommend", "method": "GET", "query_string": query.encode(),
            "headers": [(b"authorization", header.encode())] if header else [],
        }  # fmt: skip
        await served(scope, receive, send)

    asyncio.run(run())
    names = {name for name, _ in sent[0]["headers"]}
    assert b"access-control-allow-origin" not in names
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_customers_list_best_first(workspace: Workspace) -> None:
    status, body = ask(workspace, "customer=K1&k=2")
    assert status == 200
    assert body["known"]
    assert [one["item_id"] for one in body["items"]] == ["c", "a"]
    assert body["items"][0]["title"] == "c"  # not in the catalogue any more
    assert body["items"][1]["title"] == "Green tea"


def test_a_stranger_gets_what_is_popular(workspace: Workspace) -> None:
    status, body = ask(workspace, "customer=nobody")
    assert status == 200
    assert not body["known"]
    assert [one["item_id"] for one in body["items"]] == ["b", "a"]


@pytest.mark.parametrize("header", ["", "Bearer wrong-key", f"Bearer {KEY}", f"Basic {READ}"])
def test_only_a_read_key_reads(workspace: Workspace, header: str) -> None:
    status, body = ask(workspace, "customer=K1", header)
    assert status == 403
    assert body["error"] == "unknown_key"


@pytest.mark.parametrize("query", ["", "customer=", "customer=K1&k=0", "customer=K1&k=x"])
def test_what_is_asked_wrongly_is_said(workspace: Workspace, query: str) -> None:
    assert ask(workspace, query)[0] == 400


def test_before_the_first_run_it_is_not_ready(tmp_path: Path) -> None:
    status, body = ask(Workspace.create(tmp_path / "new", ""), "customer=K1")
    assert status == 503
    assert "handbill run" in body["detail"]
    assert str(tmp_path) not in body["detail"]


def test_the_read_key_is_a_file_of_its_own(tmp_path: Path) -> None:
    _, path = open_keys(tmp_path, "", name=READ_VARIABLE, file=READ_FILE)
    assert path == tmp_path / "read.keys"
    assert path.stat().st_mode & 0o077 == 0
    assert path.read_text() != open_keys(tmp_path, "")[1].read_text()


def test_the_command_and_python_say_the_same(workspace: Workspace) -> None:
    found, known = Shop.open(workspace.root).recommend("K1", 2)
    assert known
    arguments = ["recommend", str(workspace.root), "--customer", "K1", "-k", "2"]
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert [one["item_id"] for one in json.loads(said.stdout)["items"]] == [
        one.item_id for one in found
    ]
    plain = CliRunner().invoke(app, arguments).stdout
    assert "Green tea  [habit]" in plain
    stranger = CliRunner().invoke(app, ["recommend", str(workspace.root), "--customer", "x"])
    assert "does not know" in stranger.stdout
