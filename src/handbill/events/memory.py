"""Which event ids were taken already, and how many events became what: SQLite, synced."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from handbill.errors import WorkspaceError
from handbill.ports import Arrived

REMEMBERED_DAYS = 32
"""Days with events whose ids stay known; the collector refuses events older than 30 days, so an id
that is forgotten cannot come back."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS seen (id BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
"""
IDS_PER_STATEMENT = 500
SWEEP_SLICES = 256
BEYOND_ANY_ID = b"\xff" * 16


class Memory:
    """A SQLite file in which a commit is on disk when it returns.

    One thread may write while another reads or writes; writers wait for each other.

    Args:
        path: Made when absent.
        schema: Further tables.
        remembered_days: Days with events whose ids stay known.

    Raises:
        WorkspaceError: The file cannot be opened, or is something else.
    """

    def __init__(self, path: Path, schema: str, remembered_days: int = REMEMBERED_DAYS) -> None:
        self.path = path
        self._remembered_days = remembered_days
        self._slice = 0
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._writer = _connect(path)
            self._writer.executescript(SCHEMA + schema)
            self._reader = _connect(path)
        except sqlite3.Error as error:
            raise WorkspaceError(
                f"cannot open the inbox {path}: {error}; check the disk and the permissions"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything that is written in the block, or nothing of it.

        Raises:
            WorkspaceError: The disk is full or does not answer; nothing was written.
        """
        with self._writing:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                raise WorkspaceError(f"cannot write to {self.path}: {error}") from error
            finally:
                if self._writer.in_transaction:  # the block failed, or its COMMIT did
                    with suppress(sqlite3.Error):  # the first error is the one to tell
                        self._writer.execute("ROLLBACK")

    def read(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        """Rows as they were committed last.

        Raises:
            WorkspaceError: The file cannot be read.
        """
        try:
            return self._reader.execute(query, values)
        except sqlite3.Error as error:
            raise WorkspaceError(f"cannot read {self.path}: {error}") from error

    def remember(self, ids: Sequence[bytes], day: int) -> set[bytes]:
        """Enter ids, within a transaction.

        Args:
            ids: 12 bytes each.
            day: Days since 1970.

        Returns:
            Those that were not known.
        """
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

    def known(self, ids: Sequence[bytes]) -> set[bytes]:
        """Those of the ids that were remembered."""
        found: set[bytes] = set()
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            part = ids[start : start + IDS_PER_STATEMENT]
            marks = ",".join("?" * len(part))
            found.update(
                row[0] for row in self.read(f"SELECT id FROM seen WHERE id IN ({marks})", part)
            )
        return found

    def forget_old(self) -> None:
        """Sweep one slice of the ids, so that no commit waits long for it.

        Days are counted, not subtracted, so a clock that jumps ahead does not empty the memory.
        """
        oldest = self.read(
            "SELECT day FROM days ORDER BY day DESC LIMIT 1 OFFSET ?", (self._remembered_days - 1,)
        ).fetchone()
        if oldest is None:
            return
        low = bytes([self._slice])
        self._slice = (self._slice + 1) % SWEEP_SLICES
        old = self.read(
            "SELECT id FROM seen WHERE id >= ? AND id < ? AND day < ?",
            (low, low + BEYOND_ANY_ID, oldest[0]),
        ).fetchall()
        for start in range(0, len(old), IDS_PER_STATEMENT):
            with self.transaction() as connection:
                part = old[start : start + IDS_PER_STATEMENT]
                connection.executemany("DELETE FROM seen WHERE id = ?", part)

    def count(self, counts: Mapping[str, int]) -> None:
        """Add to the counts, within a transaction."""
        self._writer.executemany(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            counts.items(),
        )

    def counts(self) -> Mapping[str, int]:
        """What became of all events that ever arrived; see `EventInbox.counts`."""
        found = self.read("SELECT name, n FROM counts ORDER BY name").fetchall()
        return {"received": 0, "kept": 0, "duplicate": 0} | dict(found)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()


def judge_repeats(events: Sequence[Arrived], new: set[bytes]) -> list[bool]:
    """Which events go on: refused ones, and the first of each new id.

    Args:
        events: In the order they came.
        new: Ids that were not known before them.

    Example:
        >>> judge_repeats([Arrived(b"1", b""), Arrived(b"1", b""), Arrived(b"2", b"")], {b"1"})
        [True, False, False]
    """
    left = set(new)
    fresh = []
    for one in events:
        fresh.append(bool(one.refused) or one.id in left)
        if not one.refused:
            left.discard(one.id)
    return fresh


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


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
