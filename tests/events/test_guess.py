"""A table that nobody knows: what it is taken for, and that nothing happens before it is shown."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handbill.cli import app
from handbill.events.guess import guess, guess_file
from handbill.events.mapping import read_map
from handbill.shop import Shop

from .conftest import SHOP

FOREIGN = [
    "Kunde;Bestellnr;sku;Datum;Anzahl;Summe;Geschenk;Lieferadresse",
    "anna@x.de;o1;p1;01.05.2026 10:00;1;1.009,90 €;ja;Hauptstr. 1",
    "ben@x.de;o2;p1;22.05.2026 10:00;2;20,00;;",
]


def table(*lines: str, sign: str = ",") -> list[dict[str, str]]:
    header, *rows = (line.split(sign) for line in lines)
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_names_first_then_what_values_can_only_be() -> None:
    found = guess(table(*FOREIGN, sign=";"), SHOP.timezone)
    assert (found.relation, found.time_format, found.decimal) == ("orders", "%d.%m.%Y %H:%M", ",")
    assert [(c.ours, c.theirs, c.because, c.before, c.after) for c in found.columns] == [
        ("customer_id", "Kunde", "its values: e-mail addresses", "anna@x.de", "a keyed hash"),
        ("product_id", "sku", "its name", "p1", "p1"),
        ("ordered_at", "Datum", "its values: times", "01.05.2026 10:00", "2026-05-01 08:00:00+00"),
        ("quantity", "Anzahl", "its values: small whole numbers", "1", "1"),
        ("paid", "Summe", "its values: amounts of money", "1.009,90 €", "1009.90"),
    ]
    assert found.missing == ["order_id"]
    assert (found.kept, found.left_out) == (["Bestellnr", "Geschenk"], ["Lieferadresse"])


@pytest.mark.parametrize(
    ("lines", "relation", "columns"),
    [
        (["user_id,item_id,category_id,behavior,timestamp", "1,2,3,pv,1511544070"], "events",
         {"customer_id", "event", "occurred_at", "product_id"}),
        (["id,title,vendor", "1,Tea,Uji"], "products", {"product_id", "title", "brand"}),
        (["campaign_id,start_date,end_date", "1,2026-05-01,2026-05-31"], "campaigns",
         {"campaign_id", "starts_at", "ends_at"}),
        (["订单编号,买家会员名,买家实际支付金额,订单创建时间,商品编码,数量",
          "1,a,9.90,2026-05-01 10:00,P,1"], "orders",
         {"order_id", "customer_id", "paid", "ordered_at", "product_id", "quantity"}),
        (["customer_id,campaign_id,sent_at", "1,2,2026-05-01"], "mailings",
         {"customer_id", "campaign_id", "mailed_at"}),
    ],
)  # fmt: skip
def test_what_a_table_is(lines: list[str], relation: str, columns: set[str]) -> None:
    found = guess(table(*lines), SHOP.timezone)
    assert (found.relation, found.missing) == (relation, [])
    assert {one.ours for one in found.columns} == columns


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["2026-05-01 10:00", "2026/5/2"], ""),
        (["01.05.2026", "22.05.2026"], "%d.%m.%Y"),
        (["05/22/2026 10:00", "05/01/2026 11:00"], "%m/%d/%Y %H:%M"),
        (["05/01/2026 1:30 PM"], "%m/%d/%Y %I:%M %p"),
        (["2026年5月1日 10:00"], "%Y年%m月%d日 %H:%M"),
        (["20260501"], "%Y%m%d"),
        (["1767225600000"], "epoch_ms"),
        (["1767225600000000"], "epoch_us"),
        (["tomorrow"], None),
    ],
)
def test_the_form_of_times(texts: list[str], form: str | None) -> None:
    found = guess([{"user_id": "1", "event": "pv", "date": text} for text in texts], SHOP.timezone)
    assert found.time_format == form


def test_a_day_that_may_be_a_month_is_said_to_be_a_guess() -> None:
    rows = [{"user_id": "1", "event": "pv", "date": "05/01/2026"}]
    (column,) = (one for one in guess(rows, SHOP.timezone).columns if one.ours == "occurred_at")
    assert column.because == "day before month is a guess"


def test_names_of_events_are_proposed() -> None:
    rows = table("user_id,behavior,time", "1,pv,2026-05-01", "1,view_item,2026-05-01")
    assert guess(rows, SHOP.timezone).event_names == {"pv": "view_item"}


def test_two_columns_that_fit_are_not_guessed_between() -> None:
    names = ("customer_id", "order", "sku", "date", "line_number", "product_name", "a", "b")
    found = guess([dict.fromkeys(names, "1") | {"date": "2026-05-01"}], SHOP.timezone)
    assert found.missing == ["quantity", "paid (or unit_price)"]


def test_nested_fields_have_dotted_names(tmp_path: Path) -> None:
    record = {
        "customer": {"id": 7, "email": "a@x.de"}, "order_id": "o1", "sku": "p1", "qty": 1,
        "total_paid": 9.9, "created_at": "2026-05-01T10:00:00Z",
    }  # fmt: skip
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    found = guess_file(tmp_path / "a.jsonl", SHOP.timezone)
    assert {one.ours: one.theirs for one in found.columns}["customer_id"] == "customer.id"
    assert found.missing == []


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop.create(tmp_path / "shop", source="imports")


def said(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["events", "import", *map(str, words)])
    return done.exit_code, done.stdout or str(done.exception)


def test_from_the_guess_to_the_log(shop: Shop, tmp_path: Path) -> None:
    path, map_ = tmp_path / "file.csv", tmp_path / "map.toml"
    path.write_text("\n".join(FOREIGN))
    root = shop.workspace.root

    code, text = said(root, path, "--guess")
    assert (code, map_.exists(), shop.workspace.imports.exists()) == (0, False, False)
    assert "looks like orders" in text
    assert "1009.90" in text
    assert "needed, but not found: order_id" in text
    assert json.loads(said(root, path, "--guess", "--json")[1])["decimal"] == ","

    code, _ = said(root, path, "--guess", "--write", map_)
    assert (code, shop.workspace.imports.exists()) == (0, False)
    code, text = said(root, path, "--guess", "--write", map_)
    assert code != 0
    assert "is there already" in text

    assert "orders needs order_id" in said(root, path, "--map", map_)[1]
    corrected = map_.read_text().replace('# order_id = ""  # needed', 'order_id = "Bestellnr"')
    map_.write_text(corrected)
    assert read_map(map_).decimal == ","
    code, text = said(root, path, "--map", map_)
    assert (code, "2 records read as map: 2 orders" in text) == (0, True)
    (record,) = json.loads(said(root, path, "--map", map_, "--json")[1])
    assert (record["already"], record["rows"]) == (True, {"orders": 2})
    assert "nothing was added" in said(root, path, "--map", map_)[1]

    runs = list(shop.run(until="events"))
    assert runs[0].result.figures["purchase_lines"] == 2
    assert next(iter(shop.run(until="events"))).skipped
    more = tmp_path / "more.csv"
    more.write_text("\n".join([FOREIGN[0], FOREIGN[1].replace("o1", "o3")]))
    assert said(root, more, "--map", map_)[0] == 0
    (again,) = shop.run(until="events")
    assert (again.skipped, again.result.figures["purchase_lines"]) == (False, 3)
    done = CliRunner().invoke(app, ["events", "status", str(root)])
    assert "0001-map (file.csv): 2 received = 2 kept" in done.stdout


def test_a_known_format_needs_no_guess(shop: Shop) -> None:
    sample = Path(__file__).parent / "samples" / "ga4.jsonl"
    assert "in the format ga4, which needs no mapping" in said(
        shop.workspace.root, sample, "--guess"
    )[1].replace("\n", " ")


@pytest.mark.parametrize(
    "words",
    [["--guess", "--format", "ga4"], ["--map", "m.toml", "--guess"], ["--write", "m.toml"]],
)
def test_options_that_do_not_go_together(shop: Shop, words: list[str]) -> None:
    code, text = said(shop.workspace.root, "file.csv", *words)
    assert code != 0
    assert "give one of --map, --guess and --format" in text


def test_two_files_are_not_guessed_at_once(shop: Shop) -> None:
    assert "one file at a time" in said(shop.workspace.root, "a", "b", "--guess")[1]


def test_nothing_but_imports_and_no_order_says_what_to_do(shop: Shop) -> None:
    with pytest.raises(Exception, match="handbill events import"):
        list(shop.run(until="events"))


def test_the_manual_has_the_options(manual: str) -> None:
    for words in ("handbill events import", "--map", "--guess", "--write", "--format", "--json"):
        assert words in manual, words
