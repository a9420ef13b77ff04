"""Sums over the last 30, 90 and 365 days, from the sums of each day.

A log is first summed per day and key (`by_day`); a day's sums never change once it is over, so
that `kept_days` keeps them. Windows are sums of those (`over`), all of whole numbers: their order
does not matter.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
from ibis import Table, _
from ibis.expr.types import IntegerScalar, IntegerValue

from handbill.audience.lines import DAY, second_of

WINDOWS = (30, 90, 365)
"""Days that a window holds, those before the day it is as of."""

Windows = Sequence[int] | Mapping[str, Sequence[int]]
"""Lengths in days, the same for all sums or by the name of each."""


def by_day(lines: Table, keys: Sequence[str], sums: Mapping[str, IntegerValue]) -> Table:
    """Sum lines per day (UTC) and key.

    Args:
        lines: From `enrich`, any part of it that holds whole days.
        keys: Columns to keep apart.
        sums: Name -> what is summed.

    Returns:
        `day` (days since 1970-01-01), the keys, the sums, `lines`, `baskets` (one that passes
        midnight counts on both days), and `first` and `last` (epoch seconds of the earliest and
        the latest line).
    """
    each = lines.group_by(
        *dict.fromkeys([*keys, "person", "basket"]), day=(lines.second // DAY).cast("int64")
    ).aggregate(
        **{name: value.cast("int64").sum().cast("int64") for name, value in sums.items()},
        lines=lines.count(),
        first=lines.second.min(),
        last=lines.second.max(),
    )
    return each.group_by("day", *keys).aggregate(
        **{name: each[name].sum().cast("int64") for name in (*sums, "lines")},
        baskets=each.count(),
        first=each["first"].min(),
        last=each["last"].max(),
    )


def over(days: Table, keys: Sequence[str], as_of: date, windows: Windows = WINDOWS) -> Table:
    """Windows as of a day, from the sums of all days before it.

    Args:
        days: From `by_day`.
        keys: Its keys.
        as_of: Nothing from this day on is looked at.
        windows: Lengths in days.

    Returns:
        The keys, `<sum>_<days>` for each sum and window, `first` and `last`.
    """
    return over_at(days, keys, second_of(as_of), windows)


def over_at(
    days: Table, keys: Sequence[str], cut: int | IntegerScalar, windows: Windows = WINDOWS
) -> Table:
    """`over` as of an epoch second, a midnight, which may be a parameter of a prepared query."""
    today = cut // DAY
    past = days.filter(_.day < today)
    signed = {
        f"{name}_{length}": ibis.cases((past.day >= today - length, past[name]), else_=0)
        for name, length in _sums(days, keys, windows)
    }
    rows = past.select(*keys, "first", "last", **signed)
    return rows.group_by(*keys).aggregate(
        first=rows["first"].min(),
        last=rows["last"].max(),
        **{name: rows[name].sum().cast("int64") for name in signed},
    )


def _sums(days: Table, keys: Sequence[str], windows: Windows) -> list[tuple[str, int]]:
    """Each sum with each of its windows."""
    names = [name for name in days.columns if name not in (*keys, "day", "first", "last")]
    if isinstance(windows, Mapping):
        return [(name, length) for name in names for length in windows[name]]
    return [(name, length) for name in names for length in windows]
