"""The embedded inbox: SQLite that has synced to disk before anyone is told an event is taken."""

import sqlite3
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from handbill.errors import WorkspaceError
from handbill.ports import Arrived, Waiting
from handbill.workspace import Workspace

REMEMBERED_DAYS = 32
"""Days with events whose ids stay known; the collector refuses events older than 30 days, so an id
that is forgotten cannot come back."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (
    id BLOB PRIMARY KEY, day INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS waiting (
    position INTEGER PRIMARY KEY AUTOINCREMENT, events INTEGER NOT NULL, bodies BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (stream TEXT NOT NULL);
"""
IDS_PER_STATEMENT = 500
SWEEP_SLICES = 256
BEYOND_ANY_ID = b"\xff" * 16
DAY_SECONDS = 86_400

_bodies = msgspec.msgpack.Decoder(list[bytes])


class SqliteInbox:
    """One file, `synchronous = FULL`: a commit is on disk when it returns.

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
        self._path = path
        self._clock = clock
        self._remembered_days = remembered_days
        self._slice = 0
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = self._connect()
            self._writer.executescript(SCHEMA)
            self._stream = self._identity()
            self._reader = self._connect()
        except sqlite3.Error as error:
            raise WorkspaceError(
                f"cannot open the inbox {path}: {error}; check the disk and the permissions"
            ) from error

    @classmethod
    def open(cls, workspace: Workspace) -> "SqliteInbox":
        """The workspace's inbox, `log/inbox.sqlite`."""
        return cls(workspace.events.parent / "inbox.sqlite")

    def append(self, events: Sequence[Arrived]) -> list[bool]:
        """Take events in, in one transaction; see `EventInbox.append`."""
        if not events:
            return []
        try:
            with self._writing:
                return self._append(events)
        except sqlite3.Error as error:
            raise WorkspaceError(f"cannot write to {self._path}: {error}") from error

    def drain(self, limit: int) -> list[Waiting]:
        """The oldest bodies that are not settled; see `EventInbox.drain`."""
        found: list[Waiting] = []
        rows = self._read("SELECT position, bodies FROM waiting ORDER BY position")
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
        try:
            with self._writing, self._transaction():
                self._writer.execute("DELETE FROM waiting WHERE position <= ?", (last,))
            self._forget_old_ids()
        except sqlite3.Error as error:
            raise WorkspaceError(f"cannot write to {self._path}: {error}") from error

    def counts(self) -> Mapping[str, int]:
        """What became of all events that ever arrived; see `EventInbox.counts`."""
        found = self._read("SELECT name, n FROM counts ORDER BY name").fetchall()
        return {"received": 0, "kept": 0, "duplicate": 0} | dict(found)

    def waiting(self) -> int:
        """Bodies that are not settled."""
        query = "SELECT coalesce(sum(events), 0) FROM waiting"
        return int(self._read(query).fetchone()[0])

    def close(self) -> None:
        """Close the file; what waits is there when it is opened again."""
        self._reader.close()
        self._writer.close()

    def _read(self, query: str) -> sqlite3.Cursor:
        try:
            return self._reader.execute(query)
        except sqlite3.Error as error:
            raise WorkspaceError(f"cannot read {self._path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=10, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _identity(self) -> str:
        with self._transaction():
            row = self._writer.execute("SELECT stream FROM identity").fetchone()
            if row is None:
                row = (f"sqlite-{uuid.uuid4().hex}",)
                self._writer.execute("INSERT INTO identity VALUES (?)", row)
        return str(row[0])

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._writer)

    def _append(self, events: Sequence[Arrived]) -> list[bool]:
        day = int(self._clock() // DAY_SECONDS)
        with self._transaction():
            new = self._remember([one.id for one in events if not one.refused], day)
            fresh = []
            for one in events:
                fresh.append(bool(one.refused) or one.id in new)
                if not one.refused:
                    new.discard(one.id)  # its next copy in this batch is a duplicate
            bodies = [one.body for one, is_new in zip(events, fresh, strict=True) if is_new]
            if bodies:
                self._writer.execute(
                    "INSERT INTO waiting (events, bodies) VALUES (?, ?)",
                    (len(bodies), msgspec.msgpack.encode(bodies)),
                )
            self._writer.executemany(
                "INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
                tally(events, fresh).items(),
            )
        return fresh

    def _remember(self, ids: list[bytes], day: int) -> set[bytes]:
        """Enter ids; those that were not there."""
        new: set[bytes] = set()
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            part = ids[start : start + IDS_PER_STATEMENT]
            rows = self._writer.execute(
                f"INSERT INTO seen VALUES {','.join(['(?,?)'] * len(part))} "
                "ON CONFLICT DO NOTHING RETURNING id",
                [value for one in part for value in (one, day)],
            )
            new.update(row[0] for row in rows)
        if new:
            self._writer.execute("INSERT OR IGNORE INTO days VALUES (?)", (day,))
        return new

    def _forget_old_ids(self) -> None:
        """Sweep one slice of the ids each time, so that no commit waits long for it.

        Days are counted, not subtracted, so a clock that jumps ahead does not empty the memory.
        """
        oldest = self._reader.execute(
            "SELECT day FROM days ORDER BY day DESC LIMIT 1 OFFSET ?", (self._remembered_days - 1,)
        ).fetchone()
        if oldest is None:
            return
        low = bytes([self._slice])
        self._slice = (self._slice + 1) % SWEEP_SLICES
        old = self._reader.execute(
            "SELECT id FROM seen WHERE id >= ? AND id < ? AND day < ?",
            (low, low + BEYOND_ANY_ID, oldest[0]),
        ).fetchall()
        for start in range(0, len(old), IDS_PER_STATEMENT):
            with self._writing, self._transaction():
                self._writer.executemany(
                    "DELETE FROM seen WHERE id = ?", old[start : start + IDS_PER_STATEMENT]
                )


class _Transaction:
    """`BEGIN IMMEDIATE` to `COMMIT`, or everything undone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:  # it failed, or its COMMIT did, as on a full disk
                self._connection.execute("ROLLBACK")


def tally(events: Sequence[Arrived], fresh: Sequence[bool]) -> Mapping[str, int]:
    """What became of a batch, for the receipt.

    Example:
        >>> dict(tally([Arrived(b"1", b""), Arrived(b"1", b""), Arrived(b"2", b"", "future")],
        ...            [True, False, True]))
        {'received': 3, 'kept': 1, 'duplicate': 1, 'quarantined:future': 1}
    """
    counts: Counter[str] = Counter(received=len(events))
    for one, is_new in zip(events, fresh, strict=True):
        if one.refused:
            counts[f"quarantined:{one.refused}"] += 1
        else:
            counts["kept" if is_new else "duplicate"] += 1
    return counts
