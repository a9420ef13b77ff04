from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from handbill.engine import connect
from handbill.placement.pairs import view_events
from handbill.placement.response.habit import recency_frequency_spend
from handbill.placement.strategy.send_time import (
    quiet_hours,
    read_habits,
    send_times,
    shrunk,
)
from handbill.workspace import Workspace

MONDAY = date(2026, 3, 2)
Log = Callable[[list[dict[str, object]]], None]


def basket(person: str, moment: datetime, value: int = 1) -> dict[str, object]:
    return {
        "event": "purchase",
        "person": person,
        "occurred_at": moment,
        "transaction_id": f"{person}{moment}",
        "item_id": "i",
        "quantity": 1,
        "value_micros": value,
    }


def often(person: str, days: list[int], hour: int) -> list[dict[str, object]]:
    midnight = datetime(MONDAY.year, MONDAY.month, MONDAY.day, tzinfo=UTC)
    return [basket(person, midnight + timedelta(days=day, hours=hour)) for day in days]


def test_people_with_habits_keep_theirs_and_others_get_their_segments(
    workspace: Workspace, log: Log
) -> None:
    saturdays, tuesdays = [5 + 7 * week for week in range(30)], [1 + 7 * week for week in range(40)]
    log(
        often("often", saturdays, 2)  # 10:00 in Shanghai
        + often("mate", tuesdays, 9)  # 17:00
        + often("rare", [0], 3)
        + often("bot", [0], 3)
        + often("often", [400 + day for day in range(60)], 5)  # after the plan's day
    )
    con = connect(threads=1).con
    assert view_events(workspace, con)
    people = pd.DataFrame(
        {"person": ["rare", "often", "mate", "silent"], "segment_id": ["b", "a", "b", "c"]}
    )
    habits = read_habits(con, people, before=MONDAY + timedelta(days=390), zone="Asia/Shanghai")
    found = send_times(habits, min_baskets=8, quiet=(21, 8)).set_index("person")
    assert found.loc["often", ["weekday", "hour", "baskets", "source"]].tolist() == [
        5, 10, 30, "person",
    ]  # fmt: skip
    assert found.loc["mate", ["weekday", "hour"]].tolist() == [1, 17]
    assert found.loc["rare", ["weekday", "hour", "baskets", "source"]].tolist() == [
        1, 17, 1, "segment",
    ]  # fmt: skip
    assert found.loc["silent", ["weekday", "hour", "source"]].tolist() == [1, 17, "shop"]
    assert "bot" not in found.index


def test_quiet_hours_are_kept_also_by_people_of_the_night(workspace: Workspace, log: Log) -> None:
    log(often("owl", list(range(40)), 23) + often("owl", list(range(5)), 20))
    con = connect(threads=1).con
    view_events(workspace, con)
    people = pd.DataFrame({"person": ["owl"], "segment_id": ["a"]})
    habits = read_habits(con, people, before=date(2027, 1, 1), zone="UTC")
    found = send_times(habits, min_baskets=8, quiet=(21, 8))
    assert found["hour"].tolist() == [20]


@given(start=st.integers(0, 23), end=st.integers(0, 23))
def test_quiet_and_loud_hours_make_a_day(start: int, end: int) -> None:
    hours = quiet_hours(start, end)
    assert len(hours) == len(set(hours)) == (end - start) % 24
    assert end not in hours


@given(st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=1, max_size=6))
def test_shrunk_habits_are_distributions_between_own_and_segment(rows: list[list[int]]) -> None:
    counts = np.array(rows, dtype=float)
    habit = shrunk(counts, np.zeros(len(rows), dtype=np.int64), 1)
    np.testing.assert_allclose(habit.sum(axis=1), 1)
    assert (habit > 0).all()


def test_recency_frequency_and_spend_are_ranks_of_the_day(workspace: Workspace, log: Log) -> None:
    day = datetime(2026, 3, 2, 10, tzinfo=UTC)
    log(
        [basket("best", day + timedelta(days=step), 9) for step in range(3)]
        + [basket("some", day, 5), basket("some", day + timedelta(days=1), 5)]
        + [basket("least", day - timedelta(days=9), 1)]
        + [basket("least", day + timedelta(days=90), 1_000)]
    )
    con = connect(threads=1).con
    view_events(workspace, con)
    scores = recency_frequency_spend(con, [date(2026, 3, 10), date(2026, 2, 1)])
    assert scores["day"].unique().tolist() == ["2026-03-10"]
    found = scores.set_index("person")["score"]
    np.testing.assert_allclose(found[["least", "some", "best"]], [1 / 3, 2 / 3, 1])
    assert recency_frequency_spend(con, []).empty
