"""What a shop's own files may look like."""

import codecs
from datetime import UTC, datetime
from pathlib import Path

import pytest

from handbill.errors import ConfigError, SourceError
from handbill.events import Settings, csv_files, fingerprint
from handbill.events.canonical import Unparsed
from handbill.events.headers import HEADERS

from .conftest import ORDERS, Importing

ROW = "anna,o1,p1,2026-05-01 10:00,1,9.90"
EXAMPLES = Path(__file__).parents[2] / "examples" / "orders"


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2026, 5, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-05-01 10:00", at(8)),  # Berlin is two hours ahead in May
        ("2026/5/1 9:05", at(7, 5)),
        ("2026-05-01T10:00:00Z", at(10)),
        ("2026-05-01T10:00:00+08:00", at(2)),
        ("2026-05-01 10:00:00 -0500", at(15)),
        ("2026-05-01 10:00:00 UTC", at(10)),
        ("2026-05-02", datetime(2026, 5, 1, 22, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_is_on_the_shops_clock(
    importing: Importing, written: str, instant: datetime
) -> None:
    done = importing([ORDERS, ROW.replace("2026-05-01 10:00", written)])
    assert done.ask("SELECT epoch_us(occurred_at) FROM {log}") == [
        (int(instant.timestamp()) * 1_000_000,)
    ]


@pytest.mark.parametrize(
    ("form", "written"),
    [("%d.%m.%Y %H:%M", "01.05.2026 10:00"), ("%m/%d/%Y %H:%M %z", "05/01/2026 08:00 +0000")],
)
def test_another_way_to_write_times_can_be_set(
    importing: Importing, form: str, written: str
) -> None:
    done = importing(
        [ORDERS, ROW.replace("2026-05-01 10:00", written)], settings={"time_format": form}
    )
    assert done.ask("SELECT occurred_at::VARCHAR FROM {log}") == [("2026-05-01 08:00:00+00",)]


def test_a_time_format_that_is_none_is_refused(importing: Importing) -> None:
    with pytest.raises(ConfigError, match=r"events\.time_format is '%Q'"):
        importing([ORDERS, ROW], settings={"time_format": "%Q"})


@pytest.mark.parametrize(
    ("written", "micros"),
    [
        ("9.90", 9_900_000),
        ("$9.90", 9_900_000),
        ("¥ 1234.5", 1_234_500_000),
        ('"1,234.56"', 1_234_560_000),
        ("0.000001", 1),
        ("9.", None),
        ('"1,23"', None),
    ],
)
def test_money_is_read_exactly_or_not_at_all(
    importing: Importing, written: str, micros: int | None
) -> None:
    done = importing([ORDERS, ROW, ROW.replace("9.90", written).replace("o1", "o2")])
    rows = done.ask("SELECT value_micros FROM {log} WHERE transaction_id = 'o2'")
    assert rows == ([] if micros is None else [(micros,)])


def test_goods_by_weight_are_one_unit_with_their_measure(importing: Importing) -> None:
    done = importing([ORDERS, "anna,o1,cheese,2026-05-01,0.75,12.00"])

    assert done.ask("SELECT quantity, value_micros, context FROM {log}") == [
        (1, 12_000_000, '{{"measured":750}}'.replace("{{", "{").replace("}}", "}"))
    ]
    assert done.ask("SELECT price_micros FROM '{catalog}/products.parquet'") == [(None,)]


def test_a_unit_price_stands_in_for_the_amount_paid(importing: Importing) -> None:
    done = importing(
        [
            "customer,order,sku,date,qty,price,discount,coupon amount",
            "anna,o1,p1,2026-05-01,3,10.00,4.00,1.00",
        ]
    )
    assert done.ask("SELECT value_micros, discount_micros, coupon_micros FROM {log}") == [
        (25_000_000, 4_000_000, 1_000_000)
    ]


def test_an_order_export_of_shopify_is_understood(importing: Importing) -> None:
    done = importing(
        [
            "Name,Email,Financial Status,Created at,Lineitem quantity,Lineitem name,"
            "Lineitem price,Lineitem sku,Lineitem discount,Discount Code,Billing Name",
            "#1001,a@example.com,paid,2026-05-01 10:00:00 +0200,2,Green tea,5.00,T1,1.00,MAY,A B",
            "#1001,,,,1,Oat biscuits,3.00,S1,0.00,,",
        ]
    )
    assert done.ask(
        "SELECT transaction_id, item_id, quantity, value_micros, coupon, occurred_at::VARCHAR "
        "FROM {log} ORDER BY item_id"
    ) == [
        ("#1001", "S1", 1, 3_000_000, None, "2026-05-01 08:00:00+00"),
        ("#1001", "T1", 2, 9_000_000, "MAY", "2026-05-01 08:00:00+00"),
    ]
    assert done.ask("SELECT count(DISTINCT person) FROM {log}") == [(1,)]
    assert done.ask("SELECT title FROM '{catalog}/products.parquet' ORDER BY id") == [
        ("Oat biscuits",),
        ("Green tea",),
    ]


def test_a_chinese_export_in_gb18030_is_read_and_said_so(importing: Importing) -> None:
    lines = [
        "买家会员名,订单编号,商品编码,订单创建时间,购买数量,实付金额,商品标题",
        "小明,001,A1,2026/5/1 10:00,2,¥19.80,龙井茶",
    ]
    done = importing("\n".join(lines).encode("gb18030"), profile={"timezone": "Asia/Shanghai"})

    assert done.ask("SELECT title FROM '{catalog}/products.parquet'") == [("龙井茶",)]
    assert done.ask("SELECT value_micros, occurred_at::VARCHAR FROM {log}") == [
        (19_800_000, "2026-05-01 02:00:00+00")
    ]
    assert any("GB18030" in note.en and "GB18030" in note.zh for note in done.result.notes)


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + f"{ORDERS}\n{ROW}\n".encode(),
        f"{ORDERS}\r\n{ROW}\r\n".encode(),
        f"{ORDERS}\n{ROW}".replace(",", ";").encode(),
        f"{ORDERS}\n{ROW}".replace(",", "\t").encode(),
        f"{ORDERS}\n{ROW}".encode("utf-16"),
        f'{ORDERS},"a note"\n{ROW},"two\nlines, one ""field"""\n'.encode(),
    ],
    ids=["bom", "crlf", "semicolon", "tab", "utf-16", "quotes"],
)
def test_the_usual_dialects_are_read(importing: Importing, data: bytes) -> None:
    done = importing(data)
    assert done.ask("SELECT transaction_id, item_id, value_micros FROM {log}") == [
        ("o1", "p1", 9_900_000)
    ]
    assert not done.result.notes


def test_bytes_in_no_known_encoding_are_refused(importing: Importing) -> None:
    with pytest.raises(SourceError, match=r"orders\.csv is neither UTF-8 nor GB18030"):
        importing(f"{ORDERS}\n".encode() + b"\xff\xff,o1,p1,2026-05-01,1,1\n")


def test_a_missing_column_names_the_file_the_column_and_what_is_there(
    importing: Importing,
) -> None:
    with pytest.raises(
        SourceError,
        match=r"orders\.csv has no column quantity, paid \(or unit_price\); it has .*day",
    ):
        importing(["customer_id,order_id,product_id,ordered_at,day", "a,o,p,2026-05-01,1"])
    with pytest.raises(SourceError, match=r"campaigns\.csv has no column ends_at; it has"):
        importing([ORDERS, ROW], campaigns=["id,starts_at", "may,2026-05-01"])


@pytest.mark.parametrize("data", [b"", b"\n", codecs.BOM_UTF8])
def test_an_empty_file_is_named(importing: Importing, data: bytes) -> None:
    with pytest.raises(SourceError, match=r"orders\.csv is empty"):
        importing(data)


def test_a_file_of_headers_only_has_no_orders(importing: Importing) -> None:
    with pytest.raises(SourceError, match="no orders"):
        importing([ORDERS])


def test_an_unclosed_quote_does_not_swallow_the_rest_in_silence(importing: Importing) -> None:
    rows = [ROW.replace("o1", f"o{n}") for n in range(60)]
    rows[5] = '"' + rows[5]
    with pytest.raises(SourceError, match="quote"):
        importing([ORDERS, *rows])


def test_the_first_name_listed_wins(importing: Importing) -> None:
    done = importing([f"email,{ORDERS}", f"x@example.com,{ROW}", f"y@example.com,{ROW[:-4]}8.00"])
    assert done.ask("SELECT count(DISTINCT person) FROM {log}") == [(1,)]


def test_a_missing_folder_or_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere is not a folder"):
        fingerprint(Settings(source=str(tmp_path / "nowhere")))
    with pytest.raises(SourceError, match=r"has no orders\.csv"):
        fingerprint(Settings(source=str(tmp_path)))


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    settings = Settings(source=str(tmp_path))
    (tmp_path / "orders.csv").write_text("a")
    (tmp_path / "notes.txt").write_text("not ours")
    first = fingerprint(settings)

    (tmp_path / "notes.txt").write_text("changed")
    assert fingerprint(settings) == first
    (tmp_path / "products.csv").write_text("a")
    second = fingerprint(settings)
    (tmp_path / "orders.csv").write_text("b")
    assert len({first, second, fingerprint(settings)}) == 3


def test_the_example_imports_without_a_refusal(importing: Importing) -> None:
    names = [name for name in HEADERS if (EXAMPLES / f"{name}.csv").exists()]
    content = {name: (EXAMPLES / f"{name}.csv").read_bytes() for name in names}
    done = importing(**content)  # type: ignore[arg-type]

    assert {"orders", "products", "campaigns", "mailings", "redemptions", "offers"} == set(names)
    assert all(one["quarantined"] == one["duplicate"] == 0 for one in done.receipt.values())
    assert done.ask("SELECT DISTINCT event FROM {log} ORDER BY 1") == [
        ("purchase",), ("refund",), ("select_promotion",), ("view_promotion",),
    ]  # fmt: skip


def test_the_manual_lists_every_column(manual: str) -> None:
    for file, columns in HEADERS.items():
        assert f"`{file}.csv`" in manual
        for column in columns:
            assert f"`{column}`" in manual, f"{file}.{column}"


def test_rows_keep_their_numbers_over_many_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "BLOCK", 64)
    kept = [number for number in range(400) if number % 7 and number not in (200, 201, 202)]
    lines = [f"{number},x" if number in kept else "broken" for number in range(400)]
    (tmp_path / "orders.csv").write_text("\n".join(["a,b", *lines]))

    file = csv_files.CsvFile.open(tmp_path / "orders.csv")
    broken: list[Unparsed] = []
    batches = list(file.batches({"a": "a"}, broken))

    assert len(batches) > 10
    numbers = [(int(row["a"]), row["row"]) for one in batches for row in one.to_pylist()]
    assert numbers == [(number, number) for number in kept]
    assert [one.row for one in broken] == [number for number in range(400) if number not in kept]
    table, again = file.read({"a": "a"})
    assert table["row"].to_pylist() == kept
    assert again == broken
