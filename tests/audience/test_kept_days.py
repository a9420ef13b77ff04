"""Sums kept by day against all made anew, after any sequence of changes to a shop's log."""

import json
import shutil
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.audience.conftest import PRODUCTS, Corner, at

from handbill.audience.copurchase import copurchase_days
from handbill.audience.customer_category import customer_category_days
from handbill.audience.customer_days import CustomerDays, customer_days
from handbill.audience.kept_days import END, keep_days
from handbill.audience.lines import DAY, enrich
from handbill.audience.products import product_days
from handbill.audience.sessions import sessions
from handbill.engine import collect, connect, read_parquet
from handbill.trust.reading import LINKS, REPEATS, ROBOTS, links_path, read_log, repeats_path
from handbill.trust.reading import robots_path as robots

FIRST = date(2026, 1, 29)


class Changing:
    """A shop whose log, people and catalogue change."""

    def __init__(self, corner):
        self.corner, self.workspace = corner, corner.workspace
        self.engine = connect(threads=1)
        self.events = [
            self.buys(number % 3, number % 4, item)
            for number, item in enumerate(["milk", "tea", "soap", "own-tea", "new"] * 3)
        ]
        self.events += [corner.told("p1", f"{FIRST}T05:00", "c0")]
        self.products = list(PRODUCTS)
        self.zone = "UTC"
        self.write()

    def buys(self, person, day, item):
        when = f"{FIRST + timedelta(days=day)}T{10 + person % 10}:59"
        return self.corner.buys(f"p{person}", when, item, 1.0 + day)

    def write(self):
        self.corner.write(self.events, products=self.products)

    def new_day(self, one, other):
        last = max(event["occurred_at"].date() for event in self.events)
        day = (last - FIRST).days + 1
        self.events += [self.buys(one, day, "milk"), self.buys(one, day, "tea")]

    def late(self, one, other):
        self.events.append(self.buys(one, other, "soap"))

    def erase(self, one, other):
        left = [event for event in self.events if event["person"] != f"p{one % 3}"]
        self.events = left or self.events

    def link(self, one, other):
        row = {"device": f"p{one}", "person": f"p{other}", "valid_from": at("2026-01-01"),
               "valid_to": at(f"{FIRST + timedelta(days=other)}T12:00")}  # fmt: skip
        pq.write_table(pa.Table.from_pylist([row], LINKS), links_path(self.workspace))

    def unlink(self, one, other):
        links_path(self.workspace).unlink(missing_ok=True)

    def flag(self, one, other):
        day = FIRST + timedelta(days=other)
        row = {"person": f"p{one}", "first_at": at(f"{day}T00:00"), "last_at": at(f"{day}T23:00"),
               "reason": "rate"}  # fmt: skip
        self.dated(robots(self.workspace) / f"date={day}" / "robots.parquet", row, ROBOTS)
        self.events.append(
            {**self.buys(one, other, "milk"), "event": "view_item", "transaction_id": None}
        )

    def repeat(self, one, other):
        number = (7 * one + other) % len(self.events)
        day = self.events[number]["occurred_at"].date()
        row = {"event_id": f"e{number}", "transaction_id": "t", "event": "purchase",
               "said_micros": 1, "counts_micros": 1}  # fmt: skip
        self.dated(repeats_path(self.workspace) / f"date={day}" / "repeats.parquet", row, REPEATS)

    def move(self, one, other):
        product = self.products[one % len(self.products)]
        self.products[one % len(self.products)] = {**product, "category": f"Shelf {other}"}

    def found(self, one, other):
        self.products.append({"id": "new", "department": "Care", "category": f"New {other}"})
        self.products = list({product["id"]: product for product in self.products}.values())

    def rezone(self, one, other):
        self.zone = ["UTC", "America/New_York"][one % 2]

    def dated(self, path: Path, row, schema):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist([row], schema), path)

    def kept(self):
        """The tables that are kept, brought up to date, and the days that were read for it."""
        kept = keep_days(self.engine, self.workspace, self.zone)
        tables = {one.name: getattr(kept.customers, one.name) for one in fields(CustomerDays)}
        tables |= {"product_days": kept.products, "category_days": kept.categories}
        tables |= {"pairs": kept.pairs, "sessions": kept.sessions}
        return {name: self.rows(table) for name, table in tables.items()}, kept.read

    def anew(self):
        """The same straight from the log."""
        products = read_parquet(self.engine, self.workspace.catalog / "products.parquet")
        lines = enrich(read_log(self.engine, self.workspace), products, self.zone)
        customers, visits = customer_days(lines), sessions(lines, END)
        tables = {one.name: getattr(customers, one.name) for one in fields(CustomerDays)}
        tables["products"] = tables["products"].distinct()
        tables["categories"] = tables["categories"].distinct()
        tables |= {"product_days": product_days(lines)}
        tables |= {"category_days": customer_category_days(lines)}
        tables |= {"pairs": copurchase_days(lines)}
        tables |= {"sessions": visits.mutate(day=(visits.started // DAY).cast("int64"))}
        return {name: self.rows(table) for name, table in tables.items()}

    def rows(self, table):
        table = collect(self.engine, table)
        return sorted(table.select(sorted(table.column_names)).to_pylist(), key=repr)


CHANGES = ("new_day", "late", "erase", "link", "unlink", "flag", "repeat", "move", "found",
           "rezone")  # fmt: skip


@settings(max_examples=5, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(CHANGES), st.integers(0, 3), st.integers(0, 3)),
        min_size=2,
        max_size=5,
    )
)
def test_whatever_changes_what_is_kept_is_what_the_log_gives(changes):
    with TemporaryDirectory() as folder:
        shop = Changing(Corner(Path(folder) / "corner"))
        shop.kept()
        for change, one, other in changes:
            getattr(shop, change)(one, other)
            shop.write()
            keep_days(shop.engine, shop.workspace, shop.zone)
        tables, read = shop.kept()
        assert read == () and tables == shop.anew()
        shop.engine.disconnect()


@pytest.fixture
def shop(corner):
    shop = Changing(corner)
    yield shop
    shop.engine.disconnect()


def test_only_days_that_changed_are_read(shop):
    day = [FIRST + timedelta(days=number) for number in range(5)]
    assert shop.kept()[1] == tuple(day[:4])
    assert shop.kept()[1] == ()
    shop.events.append(shop.buys(5, 4, "milk"))
    shop.write()
    assert shop.kept()[1] == (day[4],)
    shop.link(5, 3)  # a device that was used on one day only
    assert shop.kept()[1] == (day[4],)
    shop.link(5, 2)  # and is another's
    assert shop.kept()[1] == (day[4],)
    shop.products.append({"id": "never-sold", "department": "Care"})
    shop.products[0] = {**shop.products[0], "title": "Another title"}
    shop.write()
    assert shop.kept()[1] == ()
    shop.products[0] = {**shop.products[0], "category": "Moved"}
    shop.write()
    sold = {event["occurred_at"].date() for event in shop.events if event.get("item_id") == "milk"}
    assert set(shop.kept()[1]) == sold != set(day)


@pytest.mark.parametrize("text", ["", "[]", '{"rules": 1}', '{"rules": "another", "days": {}}'])
def test_without_a_record_that_can_be_trusted_all_is_made_anew(shop, text):
    before, read = shop.kept()
    (shop.workspace.root / ".handbill" / "sums" / "days.json").write_text(text)
    assert shop.kept() == (before, read)


def test_killed_half_way_the_next_run_makes_all_anew(shop, monkeypatch):
    shop.kept()
    shop.late(1, 2)
    shop.write()
    written = []

    def interrupted(path, rows):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)

    with monkeypatch.context() as patch:
        patch.setattr("handbill.audience.kept_days.write_parquet", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shop.kept()
    shop.engine.disconnect()
    shop.engine = connect(threads=1)
    tables, read = shop.kept()
    assert tables == shop.anew() and len(read) == 4


def test_a_day_that_left_the_log_leaves_the_sums(shop):
    shop.kept()
    gone = FIRST + timedelta(days=2)
    shutil.rmtree(shop.workspace.events / f"date={gone}")
    tables, read = shop.kept()
    assert read == () and tables == shop.anew()
    days = json.loads((shop.workspace.root / ".handbill" / "sums" / "days.json").read_text())
    assert str(gone) not in days["days"]
