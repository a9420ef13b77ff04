"""When a message may go out: in the campaign, at the person's hour, no oftener than the cap."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from handbill.placement.arrays import Bools, Ints
from handbill.placement.pairs import Campaign

WEEK = 7
HABITS = WEEK * 24
"""A person's best weekday and hour as one number: weekday x 24 + hour."""

Days = npt.NDArray[np.int16]


class Calendar:
    """The days on which each campaign can reach somebody who is best met at some weekday and hour.

    Args:
        campaigns: Those that are planned.
        not_before: First moment of the plan.
        zone: IANA zone of the shop's clock.
    """

    def __init__(self, campaigns: Sequence[Campaign], not_before: datetime, zone: str) -> None:
        self._windows = {one.id: (max(one.starts_at, not_before), one.ends_at) for one in campaigns}
        self._zone = ZoneInfo(zone)
        self.first = not_before.astimezone(self._zone).date()
        self.moment = cache(self._moment)

    def _moment(self, day: date, hour: int) -> datetime:
        """The hour of the shop's clock on a day, in UTC; one that the clock skips is the next."""
        local = datetime(day.year, day.month, day.day, hour, tzinfo=self._zone)
        return local.astimezone(UTC)

    def options(self, campaign_id: str, weekday: int, hour: int) -> tuple[date, ...]:
        """Days of the shop's calendar, earliest first.

        The person's weekday when the campaign has one left, else any day it has.
        """
        start, end = self._windows[campaign_id]
        first, last = start.astimezone(self._zone).date(), end.astimezone(self._zone).date()
        days = [
            day
            for day in (first + timedelta(days=step) for step in range((last - first).days + 1))
            if start <= self.moment(day, hour) < end
        ]
        return tuple(day for day in days if day.weekday() == weekday) or tuple(days)

    def grid(self, habits: Ints) -> Days:
        """The options of every campaign for those habits that occur.

        Args:
            habits: Numbers of habits, any shape.

        Returns:
            (HABITS, C, L) days as numbers from the plan's first, -1 where there are no more.
        """
        wanted = [
            (int(habit), place, self.options(name, *divmod(int(habit), 24)))
            for habit in np.unique(habits)
            for place, name in enumerate(self._windows)
        ]
        longest = max((len(days) for *_, days in wanted), default=0)
        grid = np.full((HABITS, len(self._windows), max(1, longest)), -1, dtype=np.int16)
        for habit, place, days in wanted:
            grid[habit, place, : len(days)] = [(day - self.first).days for day in days]
        return grid


class Contacts:
    """Who is written to on which day, while a plan is made, and where one more breaks the cap.

    Args:
        people: How many.
        days: Days of the plan.
        cap: Most messages to one person in any 7 days that follow each other.
    """

    _REACH = WEEK - 1

    def __init__(self, people: int, days: int, cap: int) -> None:
        self._cap = cap
        # Margins on both sides keep the windows of the first and the last day inside.
        self._sent = np.zeros((people, days + 4 * self._REACH), dtype=np.uint8)
        self._full = np.full((people, days + 2 * self._REACH), cap == 0, dtype=np.bool_)

    def free(self, person: Ints, days: npt.NDArray[np.integer]) -> Bools:
        """Whether one more message keeps the cap: (K,) people and their (K, L) days -> (K, L)."""
        free = ~self._full[person[:, None], days + self._REACH]
        return np.asarray(free & (days >= 0), dtype=np.bool_)

    def add(self, person: Ints, day: npt.NDArray[np.integer], count: int = 1) -> None:
        """Put down one message for each of (K,) different people; -1 takes it back."""
        reach = self._REACH
        self._sent[person, day + 2 * reach] += np.uint8(count % 256)
        around = self._sent[person[:, None], day[:, None] + np.arange(4 * reach + 1)]
        heap = np.cumsum(around, axis=1, dtype=np.int16)
        heap = np.hstack([np.zeros((len(heap), 1), dtype=np.int16), heap])
        full = heap[:, WEEK:] - heap[:, :-WEEK] >= self._cap  # (K, 19) weeks by their first day
        worst = np.lib.stride_tricks.sliding_window_view(full, WEEK, axis=1).any(axis=2)
        self._full[person[:, None], day[:, None] + np.arange(2 * reach + 1)] = worst


def occurrence(numbers: Ints) -> Ints:
    """How many equal numbers stand before each.

    Example:
        >>> occurrence(np.array([4, 7, 4, 4])).tolist()
        [0, 0, 1, 2]
    """
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    runs = np.diff(np.append(first, len(ordered)))
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[order] = np.arange(len(numbers)) - np.repeat(first, runs)
    return rank
