"""A collector without a network: requests go straight to the app, events onto a real disk."""

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from handbill.api.app import Collector
from handbill.api.commit import GroupCommit
from handbill.api.intake import Intake
from handbill.api.writekeys import WriteKeys
from handbill.events.collector import Settings
from handbill.events.inbox import SqliteInbox
from handbill.events.received import Kept, Record, unpack
from handbill.ports import EventInbox
from handbill.types import ShopProfile
from handbill.workspace import Workspace

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "a-write-key"
IDENTITY = bytes(32)
SHOP = ShopProfile(
    name="Corner shop", currency="USD", timezone="UTC", language="en", as_of=date(2026, 11, 1)
)


@dataclass(frozen=True)
class Answer:
    """What the app replied."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Talks to the app; `inbox` holds what it acknowledged."""

    settings: Settings
    inbox: EventInbox
    now: datetime = NOW

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Any = b"",
        headers: dict[str, str] | None = None,
        query: str = "",
        *,
        serving: bool = True,
    ) -> Answer:
        """One request from its start to its reply."""
        return self.ask_all([(method, path, body, headers, query)], serving=serving)[0]

    def ask_all(self, requests: list[Any], *, serving: bool = True) -> list[Answer]:
        """Requests that are on their way at the same time."""
        app = Collector(
            Intake(SHOP, self.settings, IDENTITY), WriteKeys([KEY]), self.settings, lambda: self.now
        )

        async def run() -> list[Answer]:
            if serving:
                loop = asyncio.get_running_loop()
                app.commit = GroupCommit(
                    self.inbox, loop, self.settings.max_waiting, lambda count: None
                )
            try:
                return await asyncio.gather(*(send(app, *one) for one in requests))
            finally:
                if app.commit is not None:
                    await asyncio.to_thread(app.commit.close)

        return asyncio.run(run())

    def post(self, path: str, payload: Any, **headers: str) -> Answer:
        """A JSON request of a shop's server, with the write key in a Basic header."""
        basic = {"authorization": "Basic YS13cml0ZS1rZXk6"}
        return self.ask("POST", path, payload, basic | headers)

    def records(self) -> list[Record]:
        """What waits in the inbox."""
        return [unpack(one.body) for one in self.inbox.drain(1_000_000)]

    def kept(self) -> Kept:
        """The only event that was kept."""
        (record,) = self.records()
        assert isinstance(record, Kept)
        return record


async def send(
    app: Collector,
    method: str,
    path: str,
    body: bytes | Any = b"",
    headers: dict[str, str] | None = None,
    query: str = "",
) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    halves = [content[: len(content) // 2], content[len(content) // 2 :]]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        part = halves.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(halves)}

    async def reply(message: Any) -> None:
        sent.append(message)

    named = {"content-length": str(len(content))} | (headers or {})
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in named.items()],
    }
    await app(scope, receive, reply)
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return Answer(sent[0]["status"], found, sent[1]["body"])


@pytest.fixture
def client(workspace: Workspace) -> Iterator[Client]:
    inbox = SqliteInbox.open(workspace)
    yield Client(Settings(), inbox)
    inbox.close()


@pytest.fixture
def client_with(workspace: Workspace) -> Iterator[Callable[..., Client]]:
    """A client with other bounds."""
    inbox = SqliteInbox.open(workspace)
    yield lambda **bounds: Client(Settings(**bounds), inbox)
    inbox.close()


SERVER = """
import sys
from datetime import date
from pathlib import Path
from handbill.api.serve import serve
from handbill.events.collector import Settings
from handbill.errors import HandbillError
from handbill.types import ShopProfile
from handbill.workspace import Workspace

shop = ShopProfile(
    name="Corner shop", currency="USD", timezone="UTC", language="en", as_of=date(2026, 11, 1)
)
try:
    serve(
        Workspace.open(Path(sys.argv[1])), shop, Settings(compact_seconds=float(sys.argv[2])),
        port=int(sys.argv[3]), say=lambda line: print(line, flush=True),
    )
except HandbillError as error:
    sys.exit(f"handbill: {error}")
"""


@dataclass
class Live:
    """A collector in a process of its own, on loopback."""

    process: subprocess.Popen[str]
    port: int
    said: list[str]

    def post(self, payload: Any, path: str = "/v1/events") -> tuple[int, Any]:
        """Status and JSON of the reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            connection.request("POST", f"{path}?k={KEY}", json.dumps(payload))
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def started(workspace: Workspace, *, seconds: float = 60, port: int = 0) -> Iterator[Live]:
    """Start a collector and wait until it listens."""
    command = [sys.executable, "-c", SERVER, str(workspace.root), str(seconds), str(port)]
    environment = os.environ | {"HANDBILL_WRITE_KEYS": KEY}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            taken = int(line.partition("http://127.0.0.1:")[2].split()[0])
            yield Live(process, taken, [line])
        finally:
            process.kill()
            process.wait()
