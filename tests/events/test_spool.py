"""Rows reach the log once, in order of time, under ids that follow from what they say."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbill.events.compact import EVENTS
from handbill.events.keys import Keys, key_rows
from handbill.events.spool import ROWS, Spool

DAY = 86_400_000_000


def keys(*columns: list[object], kind: str = "csv/1") -> list[str]:
    return key_rows(kind, [pa.array(one) for one in columns]).ids().to_pylist()


def rows(times: list[int], items: list[str]) -> pa.Table:
    columns: dict[str, pa.Array] = {name: pa.nulls(len(times)) for name in ROWS.names}
    columns |= {
        "event": pa.array(["view_item"] * len(times)),
        "person": pa.array(["p_a"] * len(times)),
        "occurred_at": pa.array(times, pa.int64()).cast(pa.timestamp("us", "UTC")),
        "item_id": pa.array(items, pa.string()),
        "is_human": pa.array([True] * len(times)),
        "source": pa.array(["csv/1"] * len(times)),
    }
    return pa.table(columns)


def keyed(table: pa.Table) -> Keys:
    columns = [table[name].combine_chunks() for name in ("occurred_at", "item_id")]
    return key_rows("csv/1", columns)


def test_an_id_stays_what_it_is() -> None:
    # These stand in every log there is: a change here gives every event of every shop a new id.
    assert keys(["anna", "ben"], [1, -1], ["x", None]) == [
        "7e8e3dccfe5f8f8549a32331",
        "49149d01cfcea3dfee93357c",
    ]


def test_every_column_its_place_and_the_kind_make_the_id() -> None:
    seen = [
        *keys(["a", "b"], ["b", "a"]),
        *keys(["a", "a"], ["a", ""]),
        *keys(["a", "a"], [None, "null"]),
        *keys(["a", "a"], [0, 1]),
        *keys(["a", "b"], ["b", "a"], kind="csv/2"),
    ]
    assert len(set(seen)) == len(seen)
    assert all(len(one) == 24 and int(one, 16) >= 0 for one in seen)


def test_an_id_rests_on_the_row_not_on_its_neighbours_or_their_encoding() -> None:
    together = keys(["a", "b", "a"], [1, 2, 1])
    assert together == [
        keys([text], [number])[0] for text, number in zip("aba", (1, 2, 1), strict=True)
    ]
    texts = pa.array(["b", None, "a", "x" * 1000, "a"])
    plain = key_rows("k", [texts]).ids()
    assert plain == key_rows("k", [texts.dictionary_encode()]).ids()
    assert plain.slice(1) == key_rows("k", [texts.slice(1)]).ids()
    assert plain[2] == plain[4]


def test_a_million_rows_have_a_million_ids() -> None:
    count = 1_000_000
    numbers = np.arange(count)
    texts = pa.array(numbers % 1000).cast(pa.string())
    for columns in ([pa.array(numbers // 1000), texts], [pa.array(numbers).cast(pa.string())]):
        found = key_rows("k", columns)
        assert len(np.unique(found.high)) == count
        low_bits = found.high[:, None] >> np.arange(0, 64, 8, dtype=np.uint64) & np.uint64(1)
        assert low_bits.mean(axis=0) == pytest.approx(0.5, abs=0.005)


def test_days_are_written_in_order_of_time_with_every_documented_column(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    table = rows([2 * DAY + 5, DAY + 7, 2 * DAY + 1, DAY + 7], ["late", "x", "early", "y"])
    spool.add(0, 0, table, keyed(table))
    assert spool.write(tmp_path / "log", threads=2) == {}

    files = sorted((tmp_path / "log").rglob("*.parquet"))
    assert [path.parent.name for path in files] == ["date=1970-01-02", "date=1970-01-03"]
    assert [pq.ParquetFile(path).read()["item_id"].to_pylist() for path in files] == [
        ["x", "y"], ["early", "late"],
    ]  # fmt: skip
    assert pq.read_schema(files[0]).equals(EVENTS)
    assert not (tmp_path / "spool").exists()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc")), min_size=1, max_size=8),
        ),
        max_size=8,
    ),
    threads=st.sampled_from([1, 2]),
)
def test_each_different_row_is_written_once_and_every_repetition_counted(
    tmp_path: Path, batches: list[tuple[int, list[tuple[int, str]]]], threads: int
) -> None:
    spool = Spool(tmp_path / "spool")
    log = tmp_path / f"log{sum(1 for _ in tmp_path.iterdir())}"
    for number, (part, some) in enumerate(batches):
        table = rows([time * DAY // 2 for time, _ in some], [item for _, item in some])
        spool.add(part, number, table, keyed(table))
    repeated = spool.write(log, threads)

    sent = Counter((time, item) for _, some in batches for time, item in some)
    written = [
        (row["occurred_at"].timestamp() * 2 // 86_400, row["item_id"])
        for path in sorted(log.rglob("*.parquet"))
        for row in pq.ParquetFile(path).read().to_pylist()
    ]
    assert Counter(written) == Counter(dict.fromkeys(sent, 1))
    assert sum(repeated.values()) == sent.total() - len(sent)
    assert [time for time, _ in written] == sorted(time for time, _ in written)


def test_of_equal_rows_the_lower_part_counts(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    table = rows([1, 2], ["a", "b"])
    for part, batch in ((2, 0), (1, 1), (1, 0)):
        spool.add(part, batch, table, keyed(table))
    assert spool.write(tmp_path / "log", threads=1) == {1: 2, 2: 2}


def test_what_an_interrupted_run_left_is_not_taken_for_rows(tmp_path: Path) -> None:
    table = rows([1], ["old"])
    Spool(tmp_path / "spool").add(0, 0, table, keyed(table))
    spool = Spool(tmp_path / "spool")
    table = rows([1], ["new"])
    spool.add(0, 0, table, keyed(table))
    spool.write(tmp_path / "log", threads=1)
    (path,) = (tmp_path / "log").rglob("*.parquet")
    assert pq.ParquetFile(path).read()["item_id"].to_pylist() == ["new"]
