from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from handbill.placement.pairs import Campaign
from handbill.placement.schedule import WEEK, Calendar, first_free


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
    wanted=st.lists(st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True), max_size=25),
    cap=st.integers(0, 4),
)
def test_no_seven_days_hold_more_than_the_cap(wanted: list[list[int]], cap: int) -> None:
    start = date(2026, 11, 1)
    taken: list[date] = []
    for options in wanted:
        days = [start + timedelta(days=step) for step in options]
        day = first_free(days, taken, cap)
        if day is not None:
            assert day in days
            taken.append(day)
    for step in range(-WEEK, 50):
        first = start + timedelta(days=step)
        assert sum(first <= one < first + timedelta(days=WEEK) for one in taken) <= cap
