"""The report's charts: small pure functions from figures to a drawn sheet.

Each takes the width it is drawn for, so that a phone gets a chart of its own, not a shrunken one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from handbill.console.svg import Canvas, Label, Point, Scale, ticks
from handbill.types import Interval, Text

Kind = Literal["accent", "ink", "muted", "faint"]
Format = Callable[[float], Label]

NARROW = 480
"""Below this width labels stand above their rows instead of beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a chart.

    Attributes:
        low: First value shown.
        high: Last value shown.
        show: How a tick is written.
        label: What is measured, with its unit.
    """

    low: float
    high: float
    show: Format
    label: Label = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line of a line chart.

    Attributes:
        name: Written beside a sample of the line; empty for a single one.
        points: Values in data units, x ascending.
        kind: Colour.
        band: Lower and upper values at the same x, or nothing.
    """

    name: Label
    points: tuple[Point, ...]
    kind: Kind = "ink"
    band: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a dot-and-interval chart.

    Attributes:
        label: What it is.
        value: Estimate and interval; None draws "not enough data" in grey.
        shown: The estimate as written at the right.
        kind: Colour.
        actual: A value to compare with, drawn as an open diamond.
        beside: A second estimate of the same thing, drawn thin and open under the first.
    """

    label: Label
    value: Interval | None
    shown: Label
    kind: Kind = "accent"
    actual: float | None = None
    beside: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of a bar chart.

    Attributes:
        label: What it is.
        value: Length, zero or more.
        shown: The value as written behind the bar.
        kind: Colour.
    """

    label: Label
    value: float
    shown: Label
    kind: Kind = "ink"


def line_chart(
    width: int,
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    mark: tuple[float, Label] | None = None,
) -> Canvas:
    """Lines over a common axis, with bands where there are intervals.

    The names stand at the lower right, where gain curves leave room, or below on a phone.

    Args:
        width: In pixels.
        series: Drawn in order, so the one that matters comes last.
        x: Horizontal axis.
        y: Vertical axis.
        mark: An x worth pointing at, and what to write there.
    """
    narrow = width < NARROW
    height = 300 if narrow else 340
    legend = 20 * sum(bool(one.name) for one in series) if narrow else 0
    canvas = Canvas(width, height + legend)
    right = 16
    across = Scale(low=x.low, high=x.high, start=44, end=width - right)
    up = Scale(low=y.low, high=y.high, start=height - 44, end=34)
    for value in ticks(y.low, y.high, 4):
        canvas.line((across.start, up(value)), (across.end, up(value)), "grid")
        canvas.text((across.start - 8, up(value) + 4), y.show(value), anchor="end")
    for value in ticks(x.low, x.high, 4 if narrow else 6):
        canvas.text((across(value), height - 24), x.show(value), anchor="middle")
    canvas.text((across.start, 16), y.label, "axis-label")
    canvas.text((across.end, height - 5), x.label, "axis-label", "end")
    if mark:
        canvas.line((across(mark[0]), up.start), (across(mark[0]), up.end - 4), "mark")
        near_end = across(mark[0]) > (across.start + across.end) / 2
        side, anchor = (-6, "end") if near_end else (6, "start")
        canvas.text((across(mark[0]) + side, up.end + 2), mark[1], "note", anchor)
    for one in series:
        places = [(across(px), up(py)) for px, py in one.points]
        if one.band:
            lower = [(p[0], up(low)) for p, (low, _) in zip(places, one.band, strict=True)]
            upper = [(p[0], up(high)) for p, (_, high) in zip(places, one.band, strict=True)]
            canvas.path(lower + upper[::-1], f"band {one.kind}", closed=True)
        canvas.path(places, f"line {one.kind}")
    # On a phone the lines need the room: their names stand under the chart.
    _name_lines(canvas, series, (across.end - 6, height + legend - 8 if narrow else up.start - 14))
    return canvas


def _name_lines(canvas: Canvas, series: Sequence[Series], corner: Point) -> None:
    right, bottom = corner
    named = [one for one in series if one.name]
    for index, one in enumerate(named):  # the last drawn, which matters most, stands on top
        y = bottom - 20 * index
        canvas.line((right - 26, y - 4), (right, y - 4), f"line {one.kind}")
        canvas.text((right - 34, y), one.name, f"name {one.kind}", "end")


def dot_interval_chart(
    width: int, rows: Sequence[Row], x: Axis, *, reference: tuple[float, Label] | None = None
) -> Canvas:
    """Estimates as dots on their intervals, one row each.

    Args:
        width: In pixels.
        rows: Top to bottom.
        x: Horizontal axis.
        reference: The value that means "no difference", and its name.
    """
    narrow = width < NARROW
    step, top = (46 if narrow else 30), (26 if reference else 8)
    canvas = Canvas(width, top + step * len(rows) + 44)
    left, right = (8, 64) if narrow else (232, 84)
    across = Scale(low=x.low, high=x.high, start=left, end=width - right)
    floor = top + step * len(rows) + 4
    for value in ticks(x.low, x.high, 4 if narrow else 6):
        canvas.line((across(value), top - 6), (across(value), floor), "grid")
        canvas.text((across(value), floor + 17), x.show(value), anchor="middle")
    canvas.text((across.end, floor + 36), x.label, "axis-label", "end")
    if reference:
        canvas.line((across(reference[0]), top - 6), (across(reference[0]), floor), "mark")
        canvas.text((across(reference[0]), top - 12), reference[1], "note", "middle")
    for index, row in enumerate(rows):
        middle = top + step * index + (32 if narrow else 15)
        label_at = (0, middle - 15) if narrow else (0, middle + 4)
        canvas.text(label_at, row.label, "label" if row.value else "label faint")
        shown_at = (width - 4, middle + 4)
        canvas.text(shown_at, row.shown, "shown" if row.value else "shown faint", "end")
        if row.beside:
            _interval(canvas, row.beside, across, middle + 8, f"open {row.kind}")
        if row.value:
            _interval(canvas, row.value, across, middle - (3 if row.beside else 0), row.kind)
        if row.actual is not None:
            _diamond(canvas, (across(row.actual), middle))
    return canvas


def _interval(canvas: Canvas, value: Interval, across: Scale, y: float, kind: str) -> None:
    canvas.line((across(value.low), y), (across(value.high), y), f"interval {kind}")
    canvas.dot((across(value.estimate), y), 3.5 if kind.startswith("open") else 5, f"fill {kind}")
    if value.high > across.high:  # the line goes on beyond the edge
        canvas.text((across.end + 1, y + 4), "›", f"beyond {kind}")


def _diamond(canvas: Canvas, at: Point) -> None:
    x, y = at
    canvas.path([(x - 6, y), (x, y - 6), (x + 6, y), (x, y + 6)], "diamond", closed=True)


def bar_chart(width: int, bars: Sequence[Bar], *, label_width: int = 220) -> Canvas:
    """Horizontal bars from zero, each with its value.

    Args:
        width: In pixels.
        bars: Top to bottom.
        label_width: Room for the labels where they stand beside the bars.
    """
    narrow = width < NARROW
    step = 42 if narrow else 27
    canvas = Canvas(width, step * len(bars) + 8)
    left = 0 if narrow else label_width
    longest = max((bar.value for bar in bars), default=0.0) or 1.0
    across = Scale(low=0.0, high=longest, start=left, end=width - 92)
    for index, bar in enumerate(bars):
        middle = step * index + (28 if narrow else 16)
        canvas.text((0, middle - 12) if narrow else (0, middle + 4), bar.label, "label")
        end = across(bar.value)
        canvas.rect((left, middle - 7), max(end - left, 1.0), 14, f"fill {bar.kind}")
        canvas.text((end + 8, middle + 4), bar.shown, "shown")
    return canvas


def column_chart(
    width: int, columns: Sequence[tuple[Label, float]], y: Axis, *, every: int = 1
) -> Canvas:
    """Upright bars over time.

    Args:
        width: In pixels.
        columns: Left to right; a label and a height.
        y: Vertical axis.
        every: Write one label in so many.
    """
    height = 190
    canvas = Canvas(width, height)
    up = Scale(low=y.low, high=y.high, start=height - 28, end=30)
    left, right = 44.0, float(width - 4)
    for value in ticks(y.low, y.high, 3):
        canvas.line((left, up(value)), (right, up(value)), "grid")
        canvas.text((left - 8, up(value) + 4), y.show(value), anchor="end")
    canvas.text((left, 14), y.label, "axis-label")
    room = (right - left) / max(len(columns), 1)
    for index, (label, value) in enumerate(columns):
        start = left + room * index
        thick = min(room * 0.72, 28.0)
        corner = (start + (room - thick) / 2, up(value))
        canvas.rect(corner, thick, up.start - up(value), "fill accent")
        if index % every == 0:
            canvas.text((start + room / 2, height - 9), label, anchor="middle")
    return canvas


def heat_map(
    width: int, rows: Sequence[Label], columns: Sequence[Label], values: Sequence[Sequence[float]]
) -> Canvas:
    """A grid of cells, darker where there is more.

    Args:
        width: In pixels.
        rows: (R,) names, top to bottom.
        columns: (C,) names, left to right.
        values: (R, C), zero or more.
    """
    narrow = width < NARROW
    left, top, gap = (34 if narrow else 92), 8, 1.5
    cell = (width - left - 4) / len(columns)
    tall = max(min(cell, 30.0), 16.0)
    canvas = Canvas(width, round(top + tall * len(rows) + 30))
    most = max((value for row in values for value in row), default=0.0) or 1.0
    for index, name in enumerate(rows):
        y = top + tall * index
        canvas.text((left - 10, y + tall / 2 + 4), name, "tick", "end")
        for place, value in enumerate(values[index]):
            strength = f"opacity:{0.06 + 0.94 * (value / most):.2f}"
            corner = (left + cell * place + gap / 2, y + gap / 2)
            canvas.rect(corner, cell - gap, tall - gap, "fill accent", strength)
    every = 3 if narrow else 2
    for place, name in enumerate(columns):
        if place % every == 0:
            at = (left + cell * (place + 0.5), top + tall * len(rows) + 18)
            canvas.text(at, name, "tick", "middle")
    return canvas


def _clear_spot(
    points: Sequence[tuple[float, Interval]], limit: float, across: Scale, up: Scale
) -> Point:
    """A place just under the diagonal, as far as can be from every point."""

    def room(share: float) -> float:
        return min((abs(limit * share - guess) for guess, _ in points), default=0.0)

    best = max((0.85, 0.7, 0.55, 0.4), key=room)
    return (across(limit * best) + 8, up(limit * best) + 16)


def calibration_chart(
    width: int, points: Sequence[tuple[float, Interval]], limit: float, show: Format,
    promised: Text, happened: Text, ideal: Text,
) -> Canvas:  # fmt: skip
    """What was promised against what happened, with the diagonal on which both agree.

    Args:
        width: In pixels.
        points: Promised probability and the observed rate with its interval, per bin.
        limit: End of both axes.
        show: How a tick is written.
        promised: Name of the horizontal axis.
        happened: Name of the vertical axis.
        ideal: What the diagonal means.
    """
    side = min(width, 440)
    canvas = Canvas(side, side)
    across = Scale(low=0.0, high=limit, start=48, end=side - 14)
    up = Scale(low=0.0, high=limit, start=side - 48, end=30)
    for value in ticks(0.0, limit, 6):
        canvas.line((across.start, up(value)), (across.end, up(value)), "grid")
        canvas.text((across.start - 8, up(value) + 4), show(value), anchor="end")
        canvas.text((across(value), up.start + 20), show(value), anchor="middle")
    canvas.line((across.start, up.start), (across.end, up.end), "mark")
    canvas.text(_clear_spot(points, limit, across, up), ideal, "note")
    canvas.text((across.start, 15), happened, "axis-label")
    canvas.text((across.end, side - 8), promised, "axis-label", "end")
    for guess, seen in points:
        canvas.line(
            (across(guess), up(seen.low)), (across(guess), up(seen.high)), "interval accent"
        )
        canvas.dot((across(guess), up(seen.estimate)), 5, "fill accent")
    return canvas
