"""Which chart shows what: figures of a chapter in, a picture with its table out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from handbill.console import charts
from handbill.console.chapters.collected import Collected
from handbill.console.chapters.moments import Moments, Position
from handbill.console.chapters.plan import Plan
from handbill.console.chapters.proof import OURS, USUAL, Followed, Proof
from handbill.console.svg import Canvas, Label
from handbill.console.words import (
    count,
    day,
    decimal,
    known,
    number_range,
    percent,
    percent_range,
    say,
    short_day,
)  # fmt: skip
from handbill.types import Interval, Text

WIDE, PHONE = 720, 340


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart, as large and as small, and the same figures as a table.

    Attributes:
        name: Its sentences stand under `chart.<name>` in the words.
        wide: For a desk.
        narrow: For a phone.
        head: The table's columns.
        rows: The table's rows.
    """

    name: str
    wide: Markup
    narrow: Markup
    head: tuple[Text, ...]
    rows: tuple[tuple[Label, ...], ...]


def draw(
    name: str,
    make: Callable[[int], Canvas],
    head: tuple[str, ...],
    rows: Sequence[tuple[Label, ...]],
) -> Drawing:
    """Draw a chart at both widths.

    Args:
        name: Key of its sentences.
        make: Draws it at a width.
        head: Keys of the table's columns, under `column`.
        rows: The table.
    """
    title, summary = say(f"chart.{name}.title"), say(f"chart.{name}.read")
    return Drawing(
        name=name,
        wide=make(WIDE).render(name=f"{name}-wide", title=title, summary=summary),
        narrow=make(PHONE).render(name=f"{name}-phone", title=title, summary=summary),
        head=tuple(say(f"column.{key}") for key in head),
        rows=tuple(rows),
    )


def reach(proof: Proof) -> Drawing | None:
    """The headline as a picture: redeemers reached by the best fifth of each ranking."""
    rows, table = [], []
    for ranking in proof.rankings:
        cut = ranking.cut()
        if cut is None or cut.captured is None:
            continue
        kind: charts.Kind = "accent" if ranking.name == OURS else "ink"
        if ranking.name == "random":
            kind = "muted"
        shown = percent(cut.captured.estimate)
        rows.append(charts.Row(label=ranking.label, value=cut.captured, shown=shown, kind=kind))
        table.append((ranking.label, shown, percent_range(cut.captured)))
    if not rows:
        return None
    top = max(row.value.high for row in rows if row.value)
    axis = charts.Axis(
        low=0, high=min(1.0, top * 1.08), show=percent, label=say("axis.redeemers_reached")
    )
    return draw(
        "reach", lambda width: charts.dot_interval_chart(width, rows, axis),
        ("ranking", "reached", "interval"), table,
    )  # fmt: skip


def gain(proof: Proof) -> Drawing | None:
    """Redeemers reached against the share mailed, for every ranking with a curve."""
    kinds: dict[str, charts.Kind] = {OURS: "accent", USUAL: "ink", "random": "faint"}
    series = [
        charts.Series(
            name=ranking.label,
            points=tuple((share, reached) for share, reached, _, _ in ranking.gain),
            kind=kinds.get(ranking.name, "muted"),
            band=tuple((low, high) for _, _, low, high in ranking.gain)
            if ranking.name == OURS
            else (),
        )
        for ranking in reversed(proof.rankings)
        if len(ranking.gain) > 1 and ranking.name != "retailer"
    ]
    if not series:
        return None
    shares = (0.1, 0.2, 0.3, 0.5)
    table: list[tuple[Label, ...]] = []
    for one in reversed(series):
        reached = (_at(one.points, share) for share in shares)
        table.append((one.name, *(percent(value) for value in reached)))
    x = charts.Axis(low=0, high=1, show=percent, label=say("axis.share_mailed"))
    y = charts.Axis(low=0, high=1, show=percent, label=say("axis.redeemers_reached"))
    mark = (0.2, say("note.one_in_five"))
    return draw(
        "gain", lambda width: charts.line_chart(width, series, x, y, mark=mark),
        ("ranking", "at_10", "at_20", "at_30", "at_50"), table,
    )  # fmt: skip


def calibration(proof: Proof) -> Drawing | None:
    """Promised against observed."""
    if len(proof.calibration) < 2:
        return None
    points = [(one.expected, one.actual) for one in proof.calibration]
    limit = max(max(guess, seen.high) for guess, seen in points) * 1.05
    table: list[tuple[Label, ...]] = [
        (count(b.pairs), percent(b.expected), percent(b.actual.estimate), percent_range(b.actual))
        for b in proof.calibration
    ]
    words = (say("axis.promised"), say("axis.happened"), say("note.ideal"))
    return draw(
        "calibration",
        lambda width: charts.calibration_chart(width, points, limit, percent, *words),
        ("pairs", "promised", "happened", "interval"),
        table,
    )


def campaigns(proof: Proof) -> Drawing | None:
    """Expected redeemers with the room chance leaves, and how many there were."""
    rows, table = [], []
    for one in proof.campaigns:
        key = "proof.campaign" if one.ended else "proof.campaign_unfinished"
        name = say(key, id=one.id, day=short_day(one.starts))
        shown = say("proof.of_expected", actual=one.redeemers, expected=_whole(one.expected))
        rows.append(
            charts.Row(
                label=name,
                value=one.expected,
                shown=shown,
                kind="ink" if one.ended else "muted",
                actual=float(one.redeemers),
            )
        )
        between = number_range(one.expected, 0) if one.expected else "–"
        table.append(
            (name, count(one.pairs), _whole(one.expected), between, count(one.redeemers),
             decimal(one.auc.estimate) if one.auc else one.why or say("common.not_enough"))
        )  # fmt: skip
    if not rows:
        return None
    top = max(max(row.actual or 0, row.value.high if row.value else 0) for row in rows)
    axis = charts.Axis(low=0, high=top * 1.05, show=count, label=say("axis.redeemers"))
    return draw(
        "campaigns", lambda width: charts.dot_interval_chart(width, rows, axis),
        ("campaign", "mailed", "expected", "interval", "actual", "auc"), table,
    )  # fmt: skip


def followed(story: Followed) -> Drawing | None:
    """Redemption rates of those the plan chose, and of those it left out."""
    groups = [group for group in story.groups if group.pairs]
    if not any(group.rate for group in groups):
        return None
    rows = [
        charts.Row(
            label=group.label,
            value=group.rate,
            shown=percent(group.rate.estimate) if group.rate else say("common.not_enough"),
            kind="accent" if group.name == "chosen" else "ink",
        )
        for group in groups
    ]
    table: list[tuple[Label, ...]] = [
        (group.label, count(group.pairs), count(group.redeemers), _share(group.rate),
         percent_range(group.rate) if group.rate else "–", _whole(group.expected))
        for group in groups
    ]  # fmt: skip
    top = max(row.value.high for row in rows if row.value)
    axis = charts.Axis(low=0, high=top * 1.08, show=percent, label=say("axis.rate"))
    return draw(
        "followed", lambda width: charts.dot_interval_chart(width, rows, axis),
        ("group", "mailed", "actual", "rate", "interval", "expected"), table,
    )  # fmt: skip


def weeks(collected: Collected, as_of: date) -> Drawing | None:
    """Baskets a week, with the day after which nothing was looked at."""
    if len(collected.weeks) < 3:
        return None
    first = collected.weeks[0].start
    points = tuple(((one.start - first).days / 7, float(one.baskets)) for one in collected.weeks)
    top = max(height for _, height in points)
    x = charts.Axis(
        low=0, high=points[-1][0], show=lambda week: short_day(first + timedelta(weeks=week))
    )
    y = charts.Axis(low=0, high=top * 1.12, show=count, label=say("axis.baskets"))
    series = [charts.Series(name="", points=points, kind="accent")]
    at = (as_of - first).days / 7
    mark = (at, say("note.plan_day")) if 0 <= at <= points[-1][0] else None
    table: list[tuple[Label, ...]] = [
        (day(one.start), count(one.baskets)) for one in collected.weeks
    ]
    return draw(
        "weeks", lambda width: charts.line_chart(width, series, x, y, mark=mark),
        ("week", "baskets"), table,
    )  # fmt: skip


def positions(moments: Moments, place: str) -> Drawing | None:
    """Sales multiples by place, with intervals; grey where there is not enough data."""
    found = moments.placed(place)
    if not found:
        return None
    measured = [value for one in found for value in (one.uplift, one.at_price) if value]
    axis = _ratio_axis(measured, "axis.sales_ratio")
    rows = [_position_row(one) for one in found]
    table: list[tuple[Label, ...]] = [
        (
            one.name,
            row.shown,
            number_range(one.uplift) if one.uplift else "–",
            f"{_times(one.at_price.estimate)} ({number_range(one.at_price)})"
            if one.at_price
            else "–",
            count(one.cells),
        )
        for one, row in zip(found, rows, strict=True)
    ]
    reference = (1.0, say("note.no_effect"))
    return draw(
        place, lambda width: charts.dot_interval_chart(width, rows, axis, reference=reference),
        ("place", "ratio", "interval", "at_price", "cells"), table,
    )  # fmt: skip


def curve(moments: Moments, name: str, axis_label: str) -> Drawing | None:
    """A response curve's ratios, with intervals; None when nothing could be told."""
    found = moments.curve(name)
    if found is None or found.why is not None:
        return None
    axis = _ratio_axis([value for _, value, _ in found.points if value], axis_label)
    rows = [_ratio_row(label, value) for label, value, _ in found.points]
    table: list[tuple[Label, ...]] = [
        (label, row.shown, number_range(value) if value else "–", count(number))
        for (label, value, number), row in zip(found.points, rows, strict=True)
    ]
    reference = (1.0, say("note.no_effect"))
    return draw(
        name, lambda width: charts.dot_interval_chart(width, rows, axis, reference=reference),
        ("point", "ratio", "interval", "rests_on"), table,
    )  # fmt: skip


def send_times(moments: Moments) -> Drawing | None:
    """When people shop, by weekday and hour; the hours nobody shops are left out."""
    if moments.peak is None:
        return None
    busy = [hour for hour in range(24) if any(row[hour] for row in moments.people)]
    hours = range(busy[0], busy[-1] + 1)
    days = [say(f"weekday.{index}") for index in range(7)]
    short = [say(f"weekday_short.{index}") for index in range(7)]
    values = [[float(row[hour]) for hour in hours] for row in moments.people]
    columns = [str(hour) for hour in hours]
    table: list[tuple[Label, ...]] = [
        (name, *(count(value) for value in row)) for name, row in zip(days, values, strict=True)
    ]
    made = draw(
        "times",
        lambda width: charts.heat_map(
            width, short if width < charts.NARROW else days, columns, values
        ),
        ("weekday",),
        table,
    )
    heads = (*made.head, *(Text(en=f"{hour}:00", zh=f"{hour}点") for hour in hours))
    return Drawing(name=made.name, wide=made.wide, narrow=made.narrow, head=heads, rows=made.rows)


def messages(plan: Plan) -> Drawing | None:
    """Messages a day."""
    if len(plan.days) < 2:
        return None
    columns: list[tuple[Label, float]] = [(short_day(d), float(n)) for d, n in plan.days]
    top = max(height for _, height in columns)
    y = charts.Axis(low=0, high=top * 1.05, show=count, label=say("axis.messages"))
    table: list[tuple[Label, ...]] = [(day(d), count(n)) for d, n in plan.days]

    def make(width: int) -> Canvas:
        room = 5 if width < charts.NARROW else 12
        return charts.column_chart(width, columns, y, every=max(1, -(-len(columns) // room)))

    return draw("messages", make, ("day", "messages"), table)


def rules(stopped: tuple[tuple[str, int], ...]) -> Drawing | None:
    """What the checks caught, by rule."""
    if not stopped:
        return None
    bars = [
        charts.Bar(label=rule_name(rule), value=float(number), shown=count(number))
        for rule, number in stopped
    ]
    table: list[tuple[Label, ...]] = [(rule_name(rule), count(number)) for rule, number in stopped]
    return draw("rules", lambda width: charts.bar_chart(width, bars), ("rule", "refused"), table)


def rule_name(rule: str) -> Text:
    """A rule's readable name; its key when it has none."""
    key = f"rule.{rule.replace('-', '_')}"
    return say(key) if known(key) else Text(en=rule, zh=rule)


def _ratio_axis(measured: Sequence[Interval], label: str) -> charts.Axis:
    """An axis of ratios around 1; endless intervals end where they would squeeze all others."""
    low = min([0.9, *(one.low for one in measured)])
    most = max((one.estimate for one in measured), default=1.5)
    high = min(max([1.5, *(one.high for one in measured)]) * 1.03, max(1.5, most * 1.25))
    return charts.Axis(low=max(low - 0.05, 0), high=high, show=_times, label=say(label))


def _position_row(one: Position) -> charts.Row:
    return _ratio_row(one.name, one.uplift, one.at_price)


def _ratio_row(label: Text, value: Interval | None, beside: Interval | None = None) -> charts.Row:
    if value is None:
        return charts.Row(label=label, value=None, shown=say("common.not_enough"))
    clear = value.low > 1 or value.high < 1
    return charts.Row(
        label=label,
        value=value,
        shown=_times(value.estimate),
        kind="accent" if clear else "muted",
        beside=beside,
    )


def _times(value: float) -> str:
    return f"{value:.2f}×"


def _whole(value: Interval | None) -> str:
    return count(value.estimate) if value else "–"


def _share(value: Interval | None) -> Label:
    return percent(value.estimate) if value else say("common.not_enough")


def _at(points: tuple[tuple[float, float], ...], share: float) -> float:
    """The curve's height at a share, between its two nearest points."""
    before = max((point for point in points if point[0] <= share), default=points[0])
    after = min((point for point in points if point[0] >= share), default=points[-1])
    room = after[0] - before[0]
    weight = (share - before[0]) / room if room else 0.0
    return before[1] + weight * (after[1] - before[1])
