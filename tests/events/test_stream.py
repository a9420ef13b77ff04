"""However a file falls into batches, the same rows reach the log under the same ids."""

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.events import csv_files
from handbill.events.fill import filled

from .conftest import ORDERS, Importing

LOG = "SELECT * REPLACE (epoch_us(occurred_at) AS occurred_at) FROM {log} ORDER BY event_id"


def rows(count: int) -> list[str]:
    """Orders in no order of time, some twice, some refused, some unsplittable."""
    rng = random.Random(11)
    lines = []
    for number in range(count):
        buyer = ["anna", "ben", "", "cleo"][number // 3 % 4]
        who = buyer if number % 3 == 0 else rng.choice(["", buyer])
        day, hour = rng.randint(1, 28), rng.randint(0, 23)
        paid = rng.choice(["9.90", "1", "no", "-3"])
        line = f"{who},o{number // 3},p{rng.randint(0, 9)},2026-04-{day:02} {hour:02}:00,1,{paid}"
        lines += [line] * rng.choice([1, 1, 1, 2])
        if rng.random() < 0.02:
            lines.append("broken")
    return lines


def test_small_batches_import_what_one_batch_does(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{ORDERS},gift wrap", *(f"{line},red" for line in rows(400))]
    whole = importing(lines)
    receipt, reasons, log = whole.receipt, whole.reasons, whole.ask(LOG)
    monkeypatch.setattr(csv_files, "BLOCK", 700)
    pieces = importing(lines)

    assert pieces.receipt == receipt
    assert pieces.receipt["orders"]["duplicate"] > 20
    assert pieces.receipt["orders"]["reasons"]["unreadable"] > 2
    assert pieces.reasons == reasons
    assert pieces.ask(LOG) == log


@pytest.mark.parametrize("block", [1 << 20, 300])
def test_an_order_of_ten_thousand_lines_has_one_customer(
    importing: Importing, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(csv_files, "BLOCK", block)
    many = [f",o1,p{number},,1,1.00" for number in range(1, 10_000 if block > 1000 else 300)]
    done = importing([ORDERS, "anna,o1,p0,2026-05-01 10:00,1,1.00", *many, ",o2,p1,,1,1.00"])

    assert done.reasons == [(len(many) + 1, "missing_customer")]
    assert done.ask("SELECT count(*), count(DISTINCT person) FROM {log}") == [(len(many) + 1, 1)]


def batched(lines: list[tuple[str, str]], sizes: list[int]) -> list[pa.RecordBatch]:
    batches, start = [], 0
    for size in [*sizes, len(lines)]:
        some, start = lines[start : start + size], start + size
        columns = [pa.array(one, pa.string()) for one in zip(*some, strict=True)]
        if columns:
            encoded = [column.dictionary_encode() for column in columns]
            batches.append(pa.RecordBatch.from_arrays(encoded, names=["order", "who"]))
    return batches


@given(
    orders=st.lists(st.tuples(st.sampled_from(["a", "b", " "]), st.integers(1, 6)), max_size=8),
    sizes=st.lists(st.integers(1, 5), max_size=20),
)
def test_a_group_gets_its_first_lines_value_wherever_batches_end(
    orders: list[tuple[str, int]], sizes: list[int]
) -> None:
    lines = [
        (f"{name}{number}" if name.strip() else " ", f"who{number}" if not line else "  ")
        for number, (name, count) in enumerate(orders)
        for line in range(count)
    ]
    found = [
        tuple(row.values())
        for batch in filled(batched(lines, sizes), "order", ("who", "when"))
        for row in batch.to_pylist()
    ]
    owner = {order: who for order, who in reversed(lines) if who.strip()}
    assert found == [
        (order, who if who.strip() or not order.strip() else owner[order]) for order, who in lines
    ]
