"""What a paid model may cost: a month's cap that holds under threads, processes and crashes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from handbill.errors import ModelError

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """Money for one server, in micros of the currency that its prices are in.

    Money is set aside before it is spent: a request that could cost more than is left is not sent,
    and one whose reply never came stays counted at the most that it can have cost.

    Attributes:
        path: SQLite file; it outlives the process.
        budget: For a month, micros.
        price_in: Micros for a million tokens read.
        price_out: Micros for a million tokens written.
    """

    path: Path
    budget: int
    price_in: int
    price_out: int

    def cost(self, read: int, written: int) -> int:
        """Micros for so many tokens, rounded up."""
        return -(-(read * self.price_in + written * self.price_out) // MILLION)

    def reserve(self, most: int, at: datetime) -> int:
        """Set the most that a request can cost aside.

        Returns:
            What to settle it by.

        Raises:
            ModelError: Too little is left this month.
        """
        month = f"{at.astimezone(UTC):%Y-%m}"
        with self._open() as connection:
            spent = self._spent(connection, month)
            if spent + most > self.budget:
                raise ModelError(
                    f"the model server's budget for {month} is used up: {spent / MILLION:.4f} of "
                    f"{self.budget / MILLION:.2f} spent, and the next request can cost "
                    f"{most / MILLION:.4f}; raise creative.server_budget or wait"
                )
            cursor = connection.execute("INSERT INTO spent VALUES (?, ?)", (month, most))
            return int(cursor.lastrowid or 0)

    def settle(self, reserved: int, cost: int) -> None:
        """Put what a request did cost in the place of what was set aside for it."""
        with self._open() as connection:
            connection.execute("UPDATE spent SET micros = ? WHERE rowid = ?", (cost, reserved))

    def spent(self, at: datetime) -> int:
        """Micros of this month, what is set aside included."""
        with self._open() as connection:
            return self._spent(connection, f"{at.astimezone(UTC):%Y-%m}")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes in."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS spent (month TEXT NOT NULL, micros INTEGER NOT NULL)"
            )
            yield connection
            connection.execute("COMMIT")
        finally:
            connection.close()  # without a COMMIT nothing of it counts

    @staticmethod
    def _spent(connection: sqlite3.Connection, month: str) -> int:
        row = connection.execute("SELECT sum(micros) FROM spent WHERE month = ?", (month,))
        return int(row.fetchone()[0] or 0)
