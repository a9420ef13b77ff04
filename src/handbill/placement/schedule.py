"""When a message may go out: in the campaign, at the person's hour, no oftener than the cap."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from handbill.placement.pairs import Campaign

WEEK = 7


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
        self.options = cache(self._options)

    def moment(self, day: date, hour: int) -> datetime:
        """The hour of the shop's clock on a day, in UTC; one that the clock skips is the next."""
        local = datetime(day.year, day.month, day.day, hour, tzinfo=self._zone)
        return local.astimezone(UTC)

    def _options(self, campaign_id: str, weekday: int, hour: int) -> tuple[date, ...]:
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


def first_free(options: Iterable[date], taken: Sequence[date], cap: int) -> date | None:
    """The first day on which one more message keeps the cap.

    Args:
        options: Days in order of preference.
        taken: Days of the person's other messages.
        cap: Most messages in any 7 days that follow each other.

    Returns:
        A day, or None when every option would break the cap.

    Example:
        >>> days = [date(2026, 11, 2), date(2026, 11, 9)]
        >>> first_free(days, [date(2026, 11, 2)], cap=1)
        datetime.date(2026, 11, 9)
    """
    for day in options:
        if all(_in_week(taken, day - timedelta(days=back)) < cap for back in range(WEEK)):
            return day
    return None


def _in_week(taken: Sequence[date], start: date) -> int:
    return sum(start <= one < start + timedelta(days=WEEK) for one in taken)
