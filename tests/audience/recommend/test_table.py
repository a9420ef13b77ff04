import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handbill.audience import Settings
from handbill.audience.recommend.suggestions import read_recommendations
from handbill.audience.recommend.table import write_recommendations
from handbill.engine import connect
from handbill.errors import ConfigError, SourceError

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def quiet(message: str, fraction: float | None = None) -> None:
    """Progress that nobody watches."""


def products(count: int) -> list[dict[str, object]]:
    return [
        {"id": f"p{number:02}", "title": f"Thing {number} 茶 🍵", "category": f"C{number % 4}"}
        for number in range(count)
    ]


def purchases(corner, people: int, each: int, seed: int = 0, first: int = 0):
    """Item i leads to i + 7 of 40, mostly; one item a day."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(first, first + people):
        item = int(rng.integers(40))
        for day in range(each):
            when = (FIRST + timedelta(days=day * 3 + person % 3)).isoformat()[:19]
            rows.append(corner.buys(f"p_{person:04}", when, f"p{item:02}", 2.5))
            item = (item + 7) % 40 if rng.random() < 0.8 else int(rng.integers(40))
    return rows


def written(corner, shelf=None, **settings):
    pq.write_table(
        pa.Table.from_pylist(shelf or products(40)), corner.workspace.catalog / "products.parquet"
    )
    engine = connect(threads=1)
    try:
        return write_recommendations(
            engine, corner.workspace, corner.profile("2026-06-01"), Settings(**settings), quiet
        )
    finally:
        engine.disconnect()


def test_a_planted_habit_of_going_on_is_found(corner) -> None:
    corner.write(purchases(corner, 260, 8))
    done = written(corner)
    assert done.figures["recommender"] == "ranker"
    assert done.figures["next_recall10"] > 0.7
    rows = pq.read_table(corner.workspace.tables / "recommendations.parquet").to_pylist()
    assert len({row["person"] for row in rows}) == 261  # and nobody's
    person = "p_0003"
    log = [row for row in purchases(corner, 260, 8) if row["person"] == person]
    follows = f"p{(int(log[-1]['item_id'][1:]) + 7) % 40:02}"
    found, known = read_recommendations(corner.workspace, person, 5)
    assert known
    assert follows in [one.item_id for one in found[:3]]
    assert found[0].title.startswith("Thing")
    assert [one.rank for one in found] == [1, 2, 3, 4, 5]
    card = json.loads(next(done.outputs[1].glob("card.json")).read_text())
    assert card["method"] == "ranker"
    assert (done.outputs[1] / "trees-0.txt").exists()


def test_the_same_log_gives_the_same_table(corner) -> None:
    corner.write(purchases(corner, 220, 6))
    path = corner.workspace.tables / "recommendations.parquet"
    written(corner)
    first = pq.read_table(path)
    written(corner)
    assert pq.read_table(path).equals(first)


def test_few_people_are_counted_and_told_so(corner) -> None:
    corner.write(purchases(corner, 20, 5))
    done = written(corner)
    assert done.figures == {"recommender": "counting"}
    assert "20 people" in done.notes[0].en
    assert "20 位顾客" in done.notes[0].zh
    found, known = read_recommendations(corner.workspace, "p_0001", 10)
    assert known
    assert len(found) == 10


def test_a_stranger_gets_what_is_popular(corner) -> None:
    often = [corner.buys(f"p_{one}", "2026-05-01", "p07") for one in range(30)]
    corner.write([*purchases(corner, 20, 5), *often])
    written(corner)
    found, known = read_recommendations(corner.workspace, "p_nobody", 5)
    assert not known
    assert found[0].item_id == "p07"
    assert found[0].reason == "popular"


def test_what_is_out_of_stock_is_never_recommended(corner) -> None:
    shelf = [
        {**one, "availability": "out_of_stock" if index % 2 else "in_stock"}
        for index, one in enumerate(products(40))
    ]
    corner.write(purchases(corner, 260, 6))
    written(corner, shelf)
    rows = pq.read_table(corner.workspace.tables / "recommendations.parquet").to_pylist()
    assert rows
    assert all(int(row["item_id"][1:]) % 2 == 0 for row in rows)


@pytest.mark.parametrize("items", [1, 2])
def test_tiny_shops_do_not_break(corner, items: int) -> None:
    """One or two products, one-item histories, all on one day."""
    rows = [corner.buys(f"p_{one}", "2026-05-01", f"p{one % items:02}") for one in range(5)]
    corner.write(rows)
    done = written(corner, products(items))
    assert done.figures["recommender"] == "counting"
    assert read_recommendations(corner.workspace, "p_1", 20)[0]


def test_one_item_histories_only(corner) -> None:
    rows = [corner.buys(f"p_{one}", "2026-05-01", f"p{one % 40:02}") for one in range(400)]
    corner.write(rows)
    done = written(corner)
    assert done.figures["recommender"] == "counting"
    assert "0 people came twice" in done.notes[0].en


def test_a_shop_where_nothing_can_be_foreseen_is_counted(corner) -> None:
    """Everybody buys two products that nobody else has, of which nothing is known."""
    mixed = np.random.default_rng(1).permutation(2_000)
    rows = [
        corner.buys(f"p_{one}", f"2026-05-0{day}", f"p{mixed[2 * one + day]:02}")
        for one in range(210)
        for day in (1, 2)
    ]
    corner.write(rows)
    done = written(corner, [{"id": f"p{number:02}", "title": ""} for number in range(2_000)])
    assert done.figures["recommender"] == "counting"
    assert len(read_recommendations(corner.workspace, "p_3", 5)[0]) == 5


def test_a_person_of_50_000_events_and_empty_titles(corner) -> None:
    rows = purchases(corner, 210, 4)
    start = FIRST.timestamp()
    heavy = {**corner.buys("p_heavy", "2026-01-01", "p00"), "value_micros": None}
    for number in range(50_000):
        when = datetime.fromtimestamp(start + number * 60, UTC)
        rows.append(
            {
                **heavy,
                "occurred_at": when,
                "transaction_id": str(number),
                "item_id": f"p{number % 40:02}",
            }
        )
    blank = [
        {**one, "title": ["", "😀😀", None][index % 3]} for index, one in enumerate(products(40))
    ]
    corner.write(rows)
    done = written(corner, blank)
    assert done.outputs[0].exists()
    assert read_recommendations(corner.workspace, "p_heavy", 3)[1]


def test_none_are_written_when_none_are_wanted(corner) -> None:
    corner.write(purchases(corner, 20, 5))
    done = written(corner, recommendations=0)
    assert pq.read_table(done.outputs[0]).num_rows == 0


def test_asking_before_a_run_says_what_to_do(corner) -> None:
    with pytest.raises(SourceError, match="handbill run"):
        read_recommendations(corner.workspace, "p_1", 3)


def test_a_large_shop_is_counted_unless_it_wants_to_learn() -> None:
    from handbill.audience.recommend.histories import Histories
    from handbill.audience.recommend.table import _learns

    large = Histories.of_sequences([[0, 1]] * 3_000, 50_000)
    small = Histories.of_sequences([[0, 1]] * 300, 500)
    assert not _learns(Settings(), large)
    assert _learns(Settings(), small)
    assert _learns(Settings(recommender="learned"), large)
    assert _learns(Settings(transformer_minutes=5.0), large)
    assert not _learns(Settings(recommender="counted"), small)


@pytest.mark.parametrize(
    "wrong", [{"diversity": 1.5}, {"recommendations": 201}, {"tracker": "x"}, {"recommender": "x"}]
)
def test_settings_out_of_bounds_are_refused_by_name(wrong) -> None:
    with pytest.raises(ConfigError, match=f"audience.{next(iter(wrong))}"):
        Settings(**wrong)


def test_where_nothing_is_to_be_recommended_the_log_is_not_read(corner) -> None:
    corner.write(purchases(corner, 3, 2))
    for path in corner.workspace.events.rglob("*.parquet"):
        path.write_bytes(b"no parquet")
    assert written(corner, recommendations=0).figures == {}
    assert pq.read_table(corner.workspace.tables / "recommendations.parquet").num_rows == 0
