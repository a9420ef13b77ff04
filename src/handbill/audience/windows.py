"""Sums over the last 30, 90 and 365 days that move on by a day at the cost of a day.

A log is first summed per day and key (`by_day`); a day's sums never change once it is over.
Windows are sums of those (`over`), and `advance` carries windows to a later day by adding the days
that come in and taking off those that drop out: it reads the days at the edges, never those
between. All sums are integers, so both ways agree to the last digit.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
from ibis import Table, _
from ibis.expr.types import IntegerColumn, IntegerScalar, IntegerValue

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
    return _summed(past.select(*keys, "first", "last", **signed), keys, list(signed))


def advance(
    state: Table,
    days: Table,
    keys: Sequence[str],
    before: date,
    as_of: date,
    windows: Windows = WINDOWS,
) -> Table:
    """Windows of an earlier day carried to a later one; equal to `over` as of that day.

    Args:
        state: From `over` or `advance`, as of `before`.
        days: From `by_day`; of them only the days in `edges` are read.
        keys: Its keys.
        before: The earlier day.
        as_of: The later day.
        windows: Lengths in days, those of `state`.
    """
    start, end = second_of(before) // DAY, second_of(as_of) // DAY
    signed: dict[str, IntegerColumn] = {}
    chosen = _sums(days, keys, windows)
    for name, length in chosen:
        comes = (days.day >= start) & (days.day < end)
        drops = (days.day >= start - length) & (days.day < end - length)
        value = days[name]
        signed[f"{name}_{length}"] = ibis.cases((comes, value), else_=0) - ibis.cases(
            (drops, value), else_=0
        )
    lengths = sorted({length for _name, length in chosen})
    wanted = [days.day.between(low, high - 1) for low, high in edges(start, end, lengths)]
    moved = days.select(*keys, "day", "first", "last", **signed).filter(ibis.or_(*wanted))
    columns = [*keys, "first", "last", *signed]
    return _summed(ibis.union(state.select(columns), moved.select(columns)), keys, list(signed))


def edges(start: int, end: int, windows: Sequence[int]) -> list[tuple[int, int]]:
    """The spans of days that `advance` reads: those that come in and those that drop out.

    Example:
        >>> edges(400, 401, (30, 365))
        [(400, 401), (370, 371), (35, 36)]
    """
    return [(start - length, end - length) for length in (0, *windows)]


def _sums(days: Table, keys: Sequence[str], windows: Windows) -> list[tuple[str, int]]:
    """Each sum with each of its windows."""
    names = [name for name in days.columns if name not in (*keys, "day", "first", "last")]
    if isinstance(windows, Mapping):
        return [(name, length) for name in names for length in windows[name]]
    return [(name, length) for name in names for length in windows]


def _summed(rows: Table, keys: Sequence[str], names: Sequence[str]) -> Table:
    return rows.group_by(*keys).aggregate(
        first=rows["first"].min(),
        last=rows["last"].max(),
        **{name: rows[name].sum().cast("int64") for name in names},
    )
