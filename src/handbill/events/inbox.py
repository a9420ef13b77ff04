"""The embedded inbox: SQLite that has synced to disk before anyone is told an event is taken."""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from handbill.events.memory import REMEMBERED_DAYS, Memory, judge_repeats, tally
from handbill.ports import Arrived, Waiting
from handbill.workspace import Workspace

SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
    position INTEGER PRIMARY KEY AUTOINCREMENT, bodies BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS identity (stream TEXT NOT NULL);
"""
DAY_SECONDS = 86_400

_bodies = msgspec.msgpack.Decoder(list[bytes])


class SqliteInbox:
    """One file, and one row in it for all that is appended together.

    `append` belongs to one thread, `drain` and `settle` to another; both are safe together.

    Args:
        path: The database; made when absent.
        clock: Seconds since 1970; only its day counts, for how long ids are remembered.
        remembered_days: Days with events whose ids stay known.

    Raises:
        WorkspaceError: The file cannot be opened, or is not an inbox.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        remembered_days: int = REMEMBERED_DAYS,
    ) -> None:
        self._clock = clock
        self._memory = Memory(path, SCHEMA, remembered_days)
        self._stream = self._identity()

    @classmethod
    def open(cls, workspace: Workspace) -> "SqliteInbox":
        """The workspace's inbox, `log/inbox.sqlite`."""
        return cls(workspace.events.parent / "inbox.sqlite")

    def append(self, events: Sequence[Arrived]) -> list[bool]:
        """Take events in, in one transaction; see `EventInbox.append`."""
        if not events:
            return []
        day = int(self._clock() // DAY_SECONDS)
        with self._memory.transaction() as connection:
            new = self._memory.remember([one.id for one in events if not one.refused], day)
            fresh = judge_repeats(events, new)
            bodies = [one.body for one, is_new in zip(events, fresh, strict=True) if is_new]
            if bodies:
                connection.execute(
                    "INSERT INTO waiting (bodies) VALUES (?)", (msgspec.msgpack.encode(bodies),)
                )
            self._memory.count(tally(events, fresh))
        return fresh

    def drain(self, limit: int) -> list[Waiting]:
        """The oldest bodies that are not settled; see `EventInbox.drain`."""
        found: list[Waiting] = []
        rows = self._memory.read("SELECT position, bodies FROM waiting ORDER BY position")
        with closing(rows):
            for position, bodies in rows:
                parts = _bodies.decode(bodies)
                found.extend(Waiting(self._stream, position, body) for body in parts)
                if len(found) >= limit:
                    break
        return found

    def settle(self, waiting: Sequence[Waiting]) -> None:
        """Forget bodies that lie in the log, and ids that cannot come back."""
        if not waiting:
            return
        if any(one.stream != self._stream for one in waiting):
            raise ValueError("these bodies are another inbox's")
        last = max(one.position for one in waiting)
        with self._memory.transaction() as connection:
            connection.execute("DELETE FROM waiting WHERE position <= ?", (last,))
        self._memory.forget_old()

    def counts(self) -> Mapping[str, int]:
        """What became of all events that ever arrived; see `EventInbox.counts`."""
        return self._memory.counts()

    def close(self) -> None:
        """Close the file; what waits is there when it is opened again."""
        self._memory.close()

    def _identity(self) -> str:
        with self._memory.transaction() as connection:
            row = connection.execute("SELECT stream FROM identity").fetchone()
            if row is None:
                row = (f"sqlite-{uuid.uuid4().hex}",)
                connection.execute("INSERT INTO identity VALUES (?)", row)
        return str(row[0])
