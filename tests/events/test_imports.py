"""A file that is brought in joins the log: once, whole, and judged like everything else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.errors import ConfigError, SourceError
from handbill.events import collected
from handbill.events.imported import imported_files
from handbill.events.imports import import_files
from handbill.events.mapping import FileMap, read_map
from handbill.workspace import Workspace, read_json

from .conftest import ORDERS, SHOP, Bringing, Importing

MAP = {
    "customer_id": "Kunde", "order_id": "Bestellung", "product_id": "Artikel", "ordered_at": "Zeit",
    "quantity": "Menge", "paid": "Bezahlt",
}  # fmt: skip
HEADER = "Kunde;Bestellung;Artikel;Zeit;Menge;Bezahlt;Geschenk;Lieferadresse"
LINES = [
    HEADER,
    "anna;o1;p1;01.05.2026 10:00;1;1.009,90 €;ja;Hauptstr. 1",
    "ben;o2;p1;02.05.2026 10:00;2;20,00;;",
    "ben;o2;p2;02.05.2026 10:00;1;4,50;schreib an ben@x.de;",
    "ben;o2;p2;03.05.2026 11:00;-1;-4,50;;",
]
GERMAN = FileMap(
    relation="orders", columns=MAP, time_format="%d.%m.%Y %H:%M", decimal=",",
    timezone="Europe/Berlin",
)  # fmt: skip

OWN = [ORDERS, "anna,o0,p0,2026-04-01 10:00,1,1.00"]


def test_a_mapped_file_joins_the_log(bringing: Bringing, importing: Importing) -> None:
    there = bringing(LINES, GERMAN)
    assert (there.records, there.rows, there.folder) == (4, {"orders": 4}, "0001-map")
    done = importing(OWN)
    assert done.ask(
        "SELECT event, occurred_at::VARCHAR, transaction_id, quantity, value_micros, source "
        "FROM {log} WHERE source = 'map/1' ORDER BY 2, 4"
    ) == [
        ("purchase", "2026-05-01 08:00:00+00", "o1", 1, 1_009_900_000, "map/1"),
        ("purchase", "2026-05-02 08:00:00+00", "o2", 1, 4_500_000, "map/1"),
        ("purchase", "2026-05-02 08:00:00+00", "o2", 2, 20_000_000, "map/1"),
        ("refund", "2026-05-03 09:00:00+00", "o2", -1, -4_500_000, "map/1"),
    ]
    assert done.ask("SELECT count(DISTINCT person) FROM {log}") == [(2,)]  # anna is one person
    assert done.result.figures["imported_files"] == 1


def test_fields_without_a_column_are_kept_and_people_are_not(
    bringing: Bringing, importing: Importing
) -> None:
    bringing(LINES, GERMAN)
    done = importing(OWN)
    found = done.ask("SELECT context FROM {log} WHERE context IS NOT NULL ORDER BY value_micros")
    assert [json.loads(context) for (context,) in found] == [
        {"Geschenk": "schreib an [e-mail]"}, {"Geschenk": "ja"},
    ]  # fmt: skip


def test_the_receipt_is_one_per_file_and_adds_up(bringing: Bringing, importing: Importing) -> None:
    bringing([*LINES, "ben;o3;p1;someday;1;1,00;;", "ben;o3;p1;02.05.2026 10:00;1;1.00;;",
              LINES[1], "too;few"], GERMAN)  # fmt: skip
    done = importing(OWN)
    assert read_json(done.workspace.quarantine / "imports.json") == {
        "0001-map": {
            "file": "file.csv", "received": 8, "kept": 4, "duplicate": 1, "quarantined": 3,
            "reasons": {"unreadable_time": 1, "unreadable_number": 1, "unreadable": 1},
        }
    }  # fmt: skip
    refused = done.ask("SELECT source, row, reason FROM '{quarantine}/imports.parquet' ORDER BY 2")
    assert refused == [
        ("0001-map", 4, "unreadable_time"), ("0001-map", 5, "unreadable_number"),
        ("0001-map", 7, "unreadable"),
    ]  # fmt: skip
    assert done.receipt["orders"]["received"] == 1


def test_importing_a_file_twice_adds_nothing(
    bringing: Bringing, workspace: Workspace, tmp_path: Path
) -> None:
    bringing(LINES, GERMAN)
    before = collected(workspace)
    (again,) = import_files(
        workspace, SHOP, [tmp_path / "file.csv"], mapping=GERMAN, progress=lambda *_: None
    )
    assert again.already
    assert (collected(workspace), len(imported_files(workspace))) == (before, 1)
    bringing([*LINES, "ben;o9;p1;02.05.2026 10:00;1;1,00;;"], GERMAN, name="more.csv")
    assert collected(workspace) != before


def test_an_overlapping_file_counts_what_is_new(bringing: Bringing, importing: Importing) -> None:
    bringing(LINES[:3], GERMAN, name="may.csv")
    bringing(LINES, GERMAN, name="june.csv")
    done = importing(OWN)
    receipts = read_json(done.workspace.quarantine / "imports.json")
    assert [(one["kept"], one["duplicate"]) for one in receipts.values()] == [(2, 0), (2, 2)]


def test_an_order_counts_once_from_whom_is_believed_most(
    bringing: Bringing, importing: Importing
) -> None:
    bringing(LINES, GERMAN)
    done = importing([ORDERS, "ben,o2,p1,2026-05-02 10:00:07,3,24.50"])  # the folder ranks first
    assert done.ask(
        "SELECT event, quantity, source FROM {log} WHERE transaction_id = 'o2' ORDER BY 2"
    ) == [("refund", -1, "map/1"), ("purchase", 3, "csv/1")]
    (receipt,) = read_json(done.workspace.quarantine / "imports.json").values()
    assert (receipt["kept"], receipt["duplicate"]) == (2, 2)


def test_a_refund_that_names_nobody_is_the_buyers(bringing: Bringing, importing: Importing) -> None:
    bringing([HEADER, ";o0;p0;03.04.2026 11:00;-1;-1,00;;"], GERMAN)
    done = importing(OWN)
    assert done.ask("SELECT count(*), count(DISTINCT person) FROM {log}") == [(2, 1)]


def test_the_newest_list_of_products_is_believed(bringing: Bringing, importing: Importing) -> None:
    mapping = FileMap(relation="products", columns={"product_id": "nr", "title": "was"})
    bringing(["nr,was,farbe", "p0,Tea,green", "p1,Cups,"], mapping, name="old.csv")
    bringing(["nr,was,farbe", "p0,Green tea,jade"], mapping, name="new.csv")
    done = importing(OWN, products=["product_id,title", "p0,Leaves"])
    assert done.ask("SELECT id, title, context FROM '{catalog}/products.parquet' ORDER BY id") == [
        ("p0", "Green tea", '{"farbe":"jade"}'), ("p1", "Cups", None),
    ]  # fmt: skip


def test_an_interrupted_import_leaves_nothing(bringing: Bringing, workspace: Workspace) -> None:
    stale = workspace.imports / ".0001.part"
    stale.mkdir(parents=True)
    (stale / "orders-0000.parquet").write_bytes(b"half")
    assert imported_files(workspace) == []
    with pytest.raises(SourceError, match="has no column Kunde"):
        bringing(["a,b", "1,2"], GERMAN)
    assert list(workspace.imports.iterdir()) == []


def test_numbers_go_on_after_damaged_folders_and_ten_thousand_files(
    bringing: Bringing, workspace: Workspace
) -> None:
    for name in ("0001-gone", "10000-ga4"):
        (workspace.imports / name).mkdir(parents=True)
    assert bringing(LINES, GERMAN).folder == "10001-map"
    assert bringing(LINES[:2], GERMAN).folder == "10002-map"
    assert len(imported_files(workspace)) == 2


def test_deleting_the_folder_takes_the_file_back_out(
    bringing: Bringing, importing: Importing
) -> None:
    import shutil

    done = bringing(LINES, GERMAN)
    there = importing(OWN).workspace
    shutil.rmtree(there.imports / done.folder)
    again = importing(OWN)
    assert again.ask("SELECT count(*) FROM {log}") == [(1,)]
    assert read_json(there.quarantine / "imports.json") == {}


def test_nothing_in_imports_says_who_someone_is(bringing: Bringing, workspace: Workspace) -> None:
    bringing(LINES, GERMAN)
    bringing([{"Kunde": "ben@x.de", "Bestellung": "o7", "Artikel": "p1", "Menge": 1,
               "Zeit": "01.05.2026 10:00", "Bezahlt": "1,00", "note": {"to": "ben@x.de"}}],
             GERMAN, name="one.jsonl")  # fmt: skip
    for path in workspace.imports.rglob("*"):
        if path.is_file():
            raw = path.read_bytes()
            shown = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else ""
            assert b"ben@x.de" not in raw
            assert "ben@x.de" not in shown
            assert "Hauptstr" not in shown


@pytest.mark.parametrize(
    ("written", "instant", "mark"),
    [
        ("2026-10-25 01:30", "2026-10-24 23:30:00+00", None),
        ("2026-10-25 02:30", "2026-10-25 01:30:00+00", "ambiguous_hour"),
        ("2026-10-25 02:30+02:00", "2026-10-25 00:30:00+00", None),
        ("2026-10-25 03:00", "2026-10-25 02:00:00+00", None),
        ("2026-03-29 02:30", "2026-03-29 01:30:00+00", "skipped_hour"),
        ("2026-03-29 03:30", "2026-03-29 01:30:00+00", None),
    ],
)
def test_a_clock_that_is_put_forward_or_back(
    bringing: Bringing, importing: Importing, written: str, instant: str, mark: str | None
) -> None:
    mapping = replace(GERMAN, time_format="")
    there = bringing([HEADER, f"ben;o2;p1;{written};1;1,00;;"], mapping)
    done = importing(OWN)
    assert done.ask(
        "SELECT occurred_at::VARCHAR, context ->> '$.clock' FROM {log} WHERE source = 'map/1'"
    ) == [(instant, mark)]
    assert there.marks == ({mark: 1} if mark else {})


def test_parquet_and_json_lines_read_as_csv_does(
    bringing: Bringing, importing: Importing, tmp_path: Path
) -> None:
    rows = [dict(zip(HEADER.split(";"), line.split(";"), strict=True)) for line in LINES[1:]]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    bringing(path.read_bytes(), GERMAN, name="rows.parquet")
    bringing(rows, GERMAN, name="rows.jsonl")
    bringing(LINES, GERMAN)
    done = importing(OWN)
    receipts = read_json(done.workspace.quarantine / "imports.json")
    assert [(one["kept"], one["duplicate"]) for one in receipts.values()] == [
        (4, 0), (0, 4), (0, 4),
    ]  # fmt: skip


def test_typed_parquet_columns_are_read_as_they_are(
    bringing: Bringing, importing: Importing, tmp_path: Path
) -> None:
    from datetime import UTC, datetime

    path = tmp_path / "typed.parquet"
    when = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
    table = pa.table(
        {
            "Kunde": [7.0], "Bestellung": [12], "Artikel": ["p1"], "Menge": [0.75],
            "Zeit": pa.array([when], pa.timestamp("us", tz="America/New_York")), "Bezahlt": [9.9],
            "tags": [["a", "b"]],
        }
    )  # fmt: skip
    pq.write_table(table, path)
    bringing(path.read_bytes(), FileMap(relation="orders", columns=MAP), name="typed.parquet")
    done = importing([ORDERS, "7,o0,p0,2026-04-01 10:00,1,1.00"])
    assert done.ask(
        "SELECT occurred_at::VARCHAR, quantity, value_micros, context ->> '$.measured' FROM {log} "
        "WHERE source = 'map/1'"
    ) == [("2026-05-01 08:00:00+00", 1, 9_900_000, "750")]
    assert done.ask("SELECT count(DISTINCT person) FROM {log}") == [(1,)]


EVENTS = "customer_id,device_id,event,occurred_at,product_id,order_id,paid,colour"


def test_events_csv_goes_to_the_log(importing: Importing) -> None:
    done = importing(
        OWN,
        events=[
            EVENTS,
            ",d1,view_item,2026-05-01 10:00:00,p0,,9.90,red",
            "anna,d1,Add to cart,2026-05-01 10:01:00,p0,,,",
            ",d1,view_item,2026-05-01 10:00:00,p0,,9.90,red",
            ",,view_item,2026-05-01 10:00:00,p0,,,",
            ",d1,,2026-05-01 10:00:00,p0,,,",
            "anna,,purchase,2026-05-01 10:02:00,p0,o0,1.00,",  # the folder's orders have it
            "anna,,purchase,2026-05-01 10:02:00,p0,o5,2.00,",
            "anna,,refund,2026-05-02 10:02:00,p0,o5,2.00,",
            "anna,,purchase,2026-05-01 10:02:00,p0,,2.00,",
        ],
    )
    assert done.ask(
        "SELECT event, value_micros, source, context ->> '$.value', context ->> '$.colour' "
        "FROM {log} WHERE source <> 'csv/1' ORDER BY occurred_at"
    ) == [
        ("view_item", None, "csv-events/1", "9.9", "red"),
        ("add_to_cart", None, "csv-events/1", None, None),
        ("purchase", 2_000_000, "csv-events/1", None, None),
        ("refund", -2_000_000, "csv-events/1", None, None),
    ]
    assert done.receipt["events"] == {
        "received": 9, "kept": 4, "duplicate": 2, "quarantined": 3,
        "reasons": {"missing_customer": 1, "missing_event": 1, "missing_order": 1},
    }  # fmt: skip
    assert done.result.figures["devices_merged"] == 1  # anna signed in on d1
    assert done.result.figures["event_rows"] == 4


def test_event_names_are_mapped(bringing: Bringing, importing: Importing) -> None:
    mapping = FileMap(
        relation="events", time_format="epoch", event_names={"pv": "view_item", "fav": "like"},
        columns={"customer_id": "u", "event": "b", "occurred_at": "t", "product_id": "i"},
    )  # fmt: skip
    bringing(["u,i,c,b,t", "1,2,3,pv,1767225600", "1,2,3,fav,1767225601"], mapping)
    done = importing(OWN)
    assert done.ask(
        "SELECT event, occurred_at::VARCHAR, context FROM {log} WHERE source = 'map-events/1' "
        "ORDER BY 2"
    ) == [
        ("view_item", "2026-01-01 00:00:00+00", '{"c":"3"}'),
        ("like", "2026-01-01 00:00:01+00", '{"c":"3"}'),
    ]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"relation": "people"}, "no relation 'people'"),
        ({"columns": {**MAP, "colour": "x"}}, "orders has no column colour"),
        ({"columns": {"order_id": "x"}}, "needs customer_id, product_id"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        replace(GERMAN, **change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"timezone": "Berlin"}, "timezone is 'Berlin'"), ({"time_format": "%Q"}, "format is '%Q'")],
)
def test_a_zone_or_format_that_is_none_is_refused(
    bringing: Bringing, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        bringing(LINES, replace(GERMAN, **change))


def test_a_mapping_is_read_as_it_is_written(tmp_path: Path) -> None:
    mapping = replace(
        GERMAN, columns={**MAP, "store": 'say "hi" \\ 店铺'}, event_names={"看 了": "view_item"}
    )
    (tmp_path / "map.toml").write_text(mapping.toml(), encoding="utf-8")
    assert read_map(tmp_path / "map.toml") == mapping
    (tmp_path / "map.toml").write_text(mapping.toml() + "colour = 1\n[zone]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown setting zone"):
        read_map(tmp_path / "map.toml")
