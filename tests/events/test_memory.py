"""Ids are remembered for as many days with events as promised; a transaction is all or nothing."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from handbill.errors import WorkspaceError
from handbill.events.memory import SWEEP_SLICES, Memory


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    opened = Memory(tmp_path / "memory.sqlite", "", remembered_days=3)
    yield opened
    opened.close()


def ids(prefix: int, count: int = 3) -> list[bytes]:
    """Ids over all slices of the sweep."""
    return [bytes([first, prefix, n]) + bytes(9) for first in (0, 127, 255) for n in range(count)]


def remember(memory: Memory, names: list[bytes], day: int) -> set[bytes]:
    with memory.transaction():
        return memory.remember(names, day)


def sweep(memory: Memory) -> None:
    for _ in range(SWEEP_SLICES):
        memory.forget_old()


def test_an_id_is_new_once(memory: Memory) -> None:
    assert remember(memory, [b"a", b"b", b"a"], 1) == {b"a", b"b"}
    assert remember(memory, [b"b", b"c"], 1) == {b"c"}
    assert memory.known([b"a", b"z"]) == {b"a"}


def test_more_ids_than_one_statement_takes(memory: Memory) -> None:
    many = [n.to_bytes(12) for n in range(2_345)]
    assert len(remember(memory, many, 1)) == 2_345
    assert memory.known(many) == set(many)


def test_ids_are_kept_for_the_days_promised(memory: Memory) -> None:
    for day in (10, 11, 12):
        remember(memory, ids(day), day)
    sweep(memory)
    assert memory.known(ids(10)) == set(ids(10))
    remember(memory, ids(13), 13)
    sweep(memory)
    assert memory.known(ids(10)) == set()
    assert memory.known(ids(11)) == set(ids(11))


def test_a_clock_that_jumps_ahead_costs_one_day_of_memory(memory: Memory) -> None:
    for day in (10, 11, 12, 9_999):
        remember(memory, ids(day % 250), day)
    sweep(memory)
    assert memory.known(ids(10)) == set()
    assert memory.known(ids(11) + ids(12)) == set(ids(11) + ids(12))


def test_a_failed_transaction_leaves_nothing(memory: Memory) -> None:
    with pytest.raises(KeyError), memory.transaction():
        memory.remember([b"a"], 1)
        memory.count({"received": 1})
        raise KeyError
    assert memory.known([b"a"]) == set()
    assert memory.counts()["received"] == 0
    assert remember(memory, [b"a"], 1) == {b"a"}


def test_a_full_disk_is_a_workspace_error_and_passes(memory: Memory) -> None:
    with memory.transaction() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    many = [n.to_bytes(12) for n in range(5_000)]
    with pytest.raises(WorkspaceError, match=r"memory\.sqlite.*full"):
        remember(memory, many, 1)
    assert memory.known(many) == set()
    with memory.transaction() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    assert len(remember(memory, many, 1)) == 5_000


def test_a_commit_is_synced(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "m.sqlite", "")
    with memory.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    memory.close()
    with sqlite3.connect(tmp_path / "m.sqlite") as plain:
        assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    plain.close()
