"""`handbill serve`: one process, one workspace, until it is told to stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop

from handbill.api.app import Collector
from handbill.api.commit import GroupCommit
from handbill.api.drain import Drain
from handbill.api.intake import Intake
from handbill.api.recommend import READ_FILE, READ_VARIABLE, Recommending
from handbill.api.writekeys import VARIABLE, open_keys
from handbill.errors import ConfigError
from handbill.events.collector import Settings
from handbill.events.inbox import SqliteInbox
from handbill.ports import EventInbox
from handbill.trust.identity import open_key
from handbill.types import ShopProfile
from handbill.workspace import Workspace, holding

CLOSING_SECONDS = 10
SWITCH_SECONDS = 0.0005
BACKLOG = 1_024


def serve(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    say: Callable[[str], None] = print,
    open_inbox: Callable[[Workspace], EventInbox] = SqliteInbox.open,
) -> None:
    """Collect events until the process gets SIGTERM or SIGINT.

    Args:
        workspace: Where events go.
        shop: Its currency.
        settings: Bounds.
        host: Address to listen on; the default is this machine only.
        port: 0 takes a free one.
        say: Tells the user where it listens.
        open_inbox: Which inbox keeps what is acknowledged.

    Raises:
        WorkspaceError: Another collector has the workspace, or its disk takes no events.
        ConfigError: The address is taken or not this machine's; a write key is too short.
    """
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    with only_collector(workspace), listening(host, port) as listener:
        keys, file = open_keys(workspace.keys, os.environ.get(VARIABLE, ""))
        readers, reading = open_keys(
            workspace.keys, os.environ.get(READ_VARIABLE, ""), name=READ_VARIABLE, file=READ_FILE
        )
        identity = open_key(workspace.keys)
        intake = Intake(shop, settings, identity)
        inbox = open_inbox(workspace)
        try:
            address = listener.getsockname()
            say(f"Collecting for {shop.name} on http://{host}:{address[1]} (stop: Ctrl-C)")
            if file is not None:
                say(f"Write key: in {file}")
            if reading is not None:
                say(f"Read key, for recommendations: in {reading}")
            recommending = Recommending(workspace, readers, identity)
            app = Collector(intake, keys, settings, recommending=recommending)
            with outliving_signals(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(app, inbox, workspace, settings, listener))
        finally:
            inbox.close()


async def _serve(
    app: Collector,
    inbox: EventInbox,
    workspace: Workspace,
    settings: Settings,
    listener: socket.socket,
) -> None:
    config = uvicorn.Config(
        app,
        http="httptools",
        log_config=None,
        access_log=False,  # addresses may hold identifiers
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    drain = Drain(inbox, workspace, settings)
    loop = asyncio.get_running_loop()
    app.commit = GroupCommit(inbox, loop, settings.max_waiting, drain.note)
    # The loop lets go of the interpreter at each read and write; while the log is written, it would
    # wait Python's 5 ms each time to get it back.
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # what lives for ever need not be walked again while requests wait
    try:
        await uvicorn.Server(config).serve(sockets=[listener])
    finally:
        await asyncio.to_thread(app.commit.close)
        await asyncio.to_thread(drain.close)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take an address before anything else is done.

    Raises:
        ConfigError: It is taken, or not this machine's.
    """
    try:
        listener = socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; name another with --port"
        ) from error
    with listener:
        # asyncio does this itself, but not for sockets that it did not make; without it, the second
        # part of each reply waits 40 ms for the sender's acknowledgement of the first.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listener


@contextmanager
def outliving_signals() -> Iterator[None]:
    """Let the server answer SIGTERM and SIGINT by closing, and the process live until it has.

    The server raises each signal again once it has closed; by then nobody needs it.
    """
    handlers = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)


@contextmanager
def only_collector(workspace: Workspace) -> Iterator[None]:
    """Be the workspace's only collector; the lock goes with the process, even when it is killed.

    Raises:
        WorkspaceError: Another process is it.
    """
    busy = f"another collector serves {workspace.root}; stop it first, or send events to it"
    with holding(workspace.root / ".handbill" / "collector.lock", busy):
        yield
