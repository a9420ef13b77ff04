"""What a day was made from decides whether it is made again; the result is the same either way."""

from datetime import date
from hashlib import sha256

import pytest

from handbill.audience import Settings
from handbill.audience.carried import read_record, sources_of
from handbill.trust.reading import robots_path

AS_OF, NEXT = "2026-03-31", "2026-04-01"
DAY = date(2026, 2, 1)
QUICK = Settings(recommendations=0, min_segment=10, max_segments=4)


def shop(corner, *more, campaigns=("2026-02-01T05:00", "2026-03-01T05:00"), products=None):
    events = [
        corner.buys(f"p{n % 7}", f"2026-0{1 + n % 3}-{1 + n % 27:02d}T10:00", "milk", 1.0 + n % 11)
        for n in range(60)
    ]
    extra = {} if products is None else {"products": products}
    corner.write(
        [*events, corner.told("p1", "2026-02-01T05:00", "c0"), *more],
        campaigns=[
            corner.campaign(f"c{n}", start, "2026-06-01") for n, start in enumerate(campaigns)
        ],
        offers={f"c{n}-x": ["milk"] for n in range(len(campaigns))},
        **extra,
    )


def tables(corner):
    root = corner.workspace.tables
    return {
        str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest()
        for kind in ("customers", "affinity")
        for path in sorted((root / kind).rglob("*.parquet"))
    }


def test_a_new_day_computes_that_day_only_and_gives_what_a_run_from_nothing_gives(corner):
    shop(corner)
    assert corner.run(AS_OF, QUICK).figures["dates_computed"] == 3
    shop(corner, corner.buys("p1", "2026-03-31T12:00", "tea"))
    done = corner.run(NEXT, QUICK)
    assert (done.figures["dates"], done.figures["dates_computed"]) == (3, 1)
    carried = tables(corner)
    (corner.workspace.root / ".handbill" / "days.json").unlink()
    assert corner.run(NEXT, QUICK).figures["dates_computed"] == 3
    assert tables(corner) == carried
    assert set(read_record(corner.workspace)) == {"2026-02-01", "2026-03-01", NEXT}


def test_a_past_that_changed_is_computed_again(corner):
    shop(corner)
    corner.run(AS_OF, QUICK)
    # A late event between the campaigns: the first one's day is what it was, the others are not.
    shop(corner, corner.buys("p2", "2026-02-10T12:30", "tea"))
    assert corner.run(AS_OF, QUICK).figures["dates_computed"] == 2
    # Taken away again, as an erased person's events are.
    shop(corner)
    assert corner.run(AS_OF, QUICK).figures["dates_computed"] == 2
    # A day whose files are gone is made again whatever the record says.
    (corner.workspace.tables / "affinity" / "as_of=2026-02-01" / "affinity.parquet").unlink()
    assert corner.run(AS_OF, QUICK).figures["dates_computed"] == 1


def test_sources_differ_where_anything_read_differs(corner):
    workspace = corner.workspace

    def now(settings=""):
        return sources_of(workspace, [DAY], settings)[DAY]

    shop(corner)
    before = now()
    assert now() == before != now("another zone")
    shop(corner, corner.buys("p2", "2026-02-01T00:00", "soap"))
    assert now() == before  # the day itself is not looked at
    product = {"id": "milk", "title": "A new name", "department": "Food", "category": "Milk"}
    shop(corner, products=[product])
    moved = now()
    shop(corner, products=[{**product, "title": "Another", "category_zh": "奶"}])
    assert now() == moved != before  # a title is not read, the category is
    shop(corner, products=[{**product, "category": "Tea"}])
    assert now() != moved
    shop(corner)
    flagged = robots_path(workspace) / "date=2026-01-05" / "robots.parquet"
    flagged.parent.mkdir(parents=True)
    flagged.write_bytes(b"someone")
    assert now() != before
    flagged.rename(flagged.parent.parent / "robots.parquet")
    assert now() != before
    (flagged.parent.parent / "robots.parquet").unlink()
    assert now() == before
    links = workspace.events.parent / "links.parquet"
    links.write_bytes(b"someone's")
    assert now() != before


@pytest.mark.parametrize("damage", ["", "[1]", '{"2026-02-01"'])
def test_a_damaged_record_costs_time_and_nothing_else(corner, damage):
    record = corner.workspace.root / ".handbill" / "days.json"
    record.parent.mkdir(exist_ok=True)
    record.write_text(damage)
    assert read_record(corner.workspace) == {}
