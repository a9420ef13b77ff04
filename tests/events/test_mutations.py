"""Whatever a file holds, no record breaks an import, and every row is accounted for."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handbill.events import Settings, run
from handbill.events.files import records
from handbill.events.formats import FORMATS, Format
from handbill.events.headers import HEADERS
from handbill.events.imports import import_files
from handbill.events.mapping import FileMap
from handbill.events.rows import TEXTS, Reading, written
from handbill.workspace import Workspace, read_json

from .conftest import ORDERS, SHOP
from .test_formats import KNOWN, SAMPLES

BY_NAME = {one.name: one for one in FORMATS}
RECORDS = [
    (name, one.fields)
    for sample, name in KNOWN.items()
    for one in records(SAMPLES / sample, sample)
    if one.fields
]

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["", "0", "-1", "1e400", "2026-05-01", "2026-13-45", "9" * 40, "a@b.de"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each place in a record: what holds it, and its key."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, one in inside:
        found.append((value, key))
        if isinstance(one, dict | list):
            found += places(one)
    return found


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Format, Mapping[str, Any]]:
    """A record of a sample in which up to three values are something else."""
    name, fields = draw(st.sampled_from(RECORDS))
    record = copy.deepcopy(fields)
    for _ in range(draw(st.integers(1, 3))):
        if there := places(record):
            holder, key = draw(st.sampled_from(there))
            holder[key] = draw(anything)
    return BY_NAME[name], record


@settings(max_examples=400, deadline=None)
@given(case=mutated())
def test_no_record_breaks_a_format(case: tuple[Format, Mapping[str, Any]]) -> None:
    format_, record = case
    ((_, gathered),) = format_.gather([(0, record)])
    rows = list(format_.rows(gathered, Reading(currency="EUR")))
    assert rows
    for row in rows:
        assert row.values.keys() <= set(TEXTS[row.relation])
        assert all(isinstance(written(one), str | None) for one in row.values.values())


ORDER = {
    "customer_id": "c", "order_id": "o", "product_id": "p", "ordered_at": "t", "quantity": "q",
    "paid": "m", "discount": "d",
}  # fmt: skip
cells = st.tuples(
    st.sampled_from(["anna", "ben", "", "a@b.de"]),
    st.sampled_from(["o1", "o2", ""]),
    st.sampled_from(["p1", "p2", ""]),
    st.sampled_from(["2026-05-01 10:00", "2026-05-02", "someday", "", "1926-05-02", "2036-05-02"]),
    st.sampled_from(["1", "2", "-1", "0", "0.5", "x", "", "99999999999999999999"]),
    st.sampled_from(["9.90", "-9.90", "9,90", "", "1e9", "1,000.50"]),
    st.sampled_from(["", "1", "-1"]),
)
lines = st.one_of(
    cells.map(lambda row: "|".join(row).replace(",", "").replace("|", ",")),
    st.sampled_from(["too,few", "too,many,fields,for,this,header,line,by,far"]),
)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=st.lists(lines, min_size=1, max_size=30),
    messages=st.lists(
        st.one_of(
            mutated().filter(lambda case: case[0].name == "segment").map(lambda case: case[1]),
            st.just("nonsense"),
        ),
        min_size=1,
        max_size=15,
    ),
)
def test_every_mix_of_rows_reconciles(table: list[str], messages: list[Any]) -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        workspace = Workspace.create(folder / "shop", "")
        (folder / "table.csv").write_text("\n".join(["c,o,p,t,q,m,d", *table]))
        texts = [
            one if isinstance(one, str) else json.dumps(one, default=float) for one in messages
        ]
        first = json.dumps({"type": "page", "userId": "x", "timestamp": "2026-05-01"})
        (folder / "messages.jsonl").write_text("\n".join([first, *texts]))
        (folder / "own").mkdir()
        own = [ORDERS, "anna,o1,p1,2026-05-01 10:00,1,9.90"]
        (folder / "own" / "orders.csv").write_text("\n".join(own))
        mapping = FileMap(relation="orders", columns=ORDER)
        (by_map,) = import_files(
            workspace, SHOP, [folder / "table.csv"], mapping=mapping, progress=lambda *_: None
        )
        (by_name,) = import_files(
            workspace, SHOP, [folder / "messages.jsonl"], format_name="segment",
            progress=lambda *_: None,
        )  # fmt: skip
        assert by_map.imported.records == len(table)
        assert by_name.imported.records == 1 + len(messages)
        own_settings = Settings(source=str(folder / "own"))
        result = run(workspace, SHOP, own_settings, lambda message, fraction=None: None)
        receipts = read_json(workspace.quarantine / "imports.json")
        for outcome in (by_map, by_name):
            one = receipts[outcome.imported.folder]
            assert one["received"] == sum(outcome.imported.rows.values())
            assert one["received"] == one["kept"] + one["duplicate"] + one["quarantined"]
            assert sum(one["reasons"].values()) == one["quarantined"]
        assert by_map.imported.rows == {"orders": len(table)}
        total = sum(result.figures[f"rows_{what}"] for what in ("kept", "duplicate", "quarantined"))  # type: ignore[misc]
        assert result.figures["rows_received"] == total


@pytest.mark.parametrize("relation", HEADERS)
def test_a_bare_mapping_of_any_relation_can_be_read(relation: str, tmp_path: Path) -> None:
    """Every relation a mapping may name goes all the way, even with nothing readable in it."""
    workspace = Workspace.create(tmp_path / "shop", "")
    columns = {name: name for name in HEADERS[relation]}
    (tmp_path / "file.csv").write_text(",".join(columns) + "\n" + ",".join("x" for _ in columns))
    (done,) = import_files(
        workspace, SHOP, [tmp_path / "file.csv"],
        mapping=FileMap(relation=relation, columns=columns), progress=lambda *_: None,
    )  # fmt: skip
    assert done.imported.rows == {relation: 1}
