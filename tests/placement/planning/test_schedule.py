from datetime import UTC, date, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from handbill.placement.pairs import Campaign
from handbill.placement.planning.schedule import WEEK, Calendar, Contacts


def one_campaign(starts: datetime, days: int) -> Campaign:
    return Campaign(
        id="k", kind="", starts_at=starts, ends_at=starts + timedelta(days=days),
        offers=1, products=1,
    )  # fmt: skip


def test_days_lie_in_the_campaign_and_not_before_the_plan() -> None:
    starts = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday
    calendar = Calendar([one_campaign(starts, 21)], datetime(2026, 11, 5, tzinfo=UTC), "UTC")
    assert calendar.options("k", 0, 9) == (date(2026, 11, 9), date(2026, 11, 16))
    assert calendar.options("k", 4, 9) == tuple(
        date(2026, 11, 6) + timedelta(days=7 * week) for week in range(3)
    )


def test_a_short_campaign_without_the_weekday_uses_any_of_its_days() -> None:
    starts = datetime(2026, 11, 3, tzinfo=UTC)
    calendar = Calendar([one_campaign(starts, 2)], starts, "UTC")
    assert calendar.options("k", 0, 9) == (date(2026, 11, 3), date(2026, 11, 4))
    gone = Calendar([one_campaign(starts, 2)], starts + timedelta(days=9), "UTC")
    assert gone.options("k", 0, 9) == ()


def test_hours_are_the_shops_also_when_the_clock_is_put_back() -> None:
    starts = datetime(2026, 10, 30, tzinfo=UTC)
    calendar = Calendar([one_campaign(starts, 9)], starts, "America/New_York")
    saturday, sunday = date(2026, 10, 31), date(2026, 11, 1)
    assert calendar.moment(saturday, 9) == datetime(2026, 10, 31, 13, tzinfo=UTC)
    assert calendar.moment(sunday, 9) == datetime(2026, 11, 1, 14, tzinfo=UTC)


@given(
    wanted=st.lists(
        st.tuples(st.integers(0, 1), st.lists(st.integers(0, 40), min_size=1, max_size=6)),
        max_size=25,
    ),
    cap=st.integers(0, 4),
)
def test_a_day_is_free_as_long_as_no_seven_days_hold_more_than_the_cap(
    wanted: list[tuple[int, list[int]]], cap: int
) -> None:
    contacts = Contacts(2, 41, cap)
    taken: dict[int, list[int]] = {0: [], 1: []}
    for person, days in wanted:
        free = contacts.free(np.array([person]), np.array([[*days, -1]]))[0]
        for day, is_free in zip(days, free, strict=False):
            assert is_free == (_most([*taken[person], day], day) <= cap)
        assert not free[-1]
        if free.any():
            day = days[int(free.argmax())]
            contacts.add(np.array([person]), np.array([day]))
            taken[person].append(day)


@given(days=st.lists(st.integers(0, 20), max_size=9), cap=st.integers(1, 3))
def test_what_is_taken_back_was_never_there(days: list[int], cap: int) -> None:
    contacts, fresh = Contacts(1, 21, cap), Contacts(1, 21, cap)
    one, every = np.array([0]), np.arange(21)[None, :]
    for count in (1, -1):
        for day in days:
            contacts.add(one, np.array([day]), count)
    assert (contacts.free(one, every) == fresh.free(one, every)).all()


def _most(days: list[int], near: int) -> int:
    """Most messages in any seven days that hold a day."""
    starts = range(near - WEEK + 1, near + 1)
    return max(sum(start <= one < start + WEEK for one in days) for start in starts)


def test_the_grid_holds_the_options_of_each_habit() -> None:
    starts = datetime(2026, 11, 2, tzinfo=UTC)
    calendar = Calendar([one_campaign(starts, 21)], datetime(2026, 11, 5, tzinfo=UTC), "UTC")
    grid = calendar.grid(np.array([9, 4 * 24 + 9]))
    assert grid.shape == (168, 1, 3)
    assert grid[9, 0].tolist() == [4, 11, -1]
    assert grid[4 * 24 + 9, 0].tolist() == [1, 8, 15]
    assert (grid[10] == -1).all()
