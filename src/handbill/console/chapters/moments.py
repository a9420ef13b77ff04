"""Where and when: what a place in store or mailer does to sales, and when people shop."""

from dataclasses import dataclass

from handbill.console.reading import Reader, Record, interval, text
from handbill.types import Interval, Text

WEEKDAYS, HOURS = 7, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place a product can stand in.

    Attributes:
        place: `display` or `mailer`.
        name: Readable.
        uplift: Ratio of unit sales to the same product without it; None when not enough data.
        at_price: The same among weeks of the same price cut; None when it cannot be told.
        cells: Product-store-weeks it rests on.
    """

    place: str
    name: Text
    uplift: Interval | None
    at_price: Interval | None
    cells: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A measured response of the whole shop.

    Attributes:
        name: As docs/tables.md has it.
        why: It says nothing; None when it does.
        points: Label, ratio (None when not enough data) and what it rests on.
    """

    name: str
    why: Text | None
    points: tuple[tuple[Text, Interval | None, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Places and times.

    Attributes:
        positions: Of both places, the strongest first, unanswered last.
        people: (7, 24) people whose moment this is, by weekday from Monday and hour.
        sources: What the moments rest on (`person`, `segment`, `shop`) and how many people.
        peak: Weekday and hour most people share; None without send times.
        curves: How sales and answers change with price, messages before and time of sending.
    """

    positions: tuple[Position, ...]
    people: tuple[tuple[int, ...], ...]
    sources: tuple[tuple[str, int], ...]
    peak: tuple[int, int] | None
    curves: tuple[Curve, ...]

    def curve(self, name: str) -> Curve | None:
        """The curve of a name."""
        return next((one for one in self.curves if one.name == name), None)

    def placed(self, place: str) -> tuple[Position, ...]:
        """The positions of one place."""
        return tuple(one for one in self.positions if one.place == place)


GRID = "SELECT weekday, hour, count(*) AS people FROM {times} GROUP BY 1, 2"
SOURCES = "SELECT source, count(*) AS people FROM {times} GROUP BY 1 ORDER BY 2 DESC, 1"


def read_moments(reader: Reader) -> Moments | None:
    """Places and times; None when neither was measured."""
    tables = reader.workspace.tables
    entries = reader.json(tables / "positions.json") or []
    times = tables / "send_times.parquet"
    grid = [[0] * HOURS for _ in range(WEEKDAYS)]
    for row in reader.rows(GRID, times=times):
        grid[row["weekday"]][row["hour"]] = row["people"]
    positions = [_position(entry) for entry in entries]
    positions.sort(
        key=lambda one: (one.uplift is None, -(one.uplift.estimate if one.uplift else 0))
    )
    most = max((value for row in grid for value in row), default=0)
    if not positions and not most:
        return None
    cells = [(day, hour) for day in range(WEEKDAYS) for hour in range(HOURS)]
    peak = next((cell for cell in cells if grid[cell[0]][cell[1]] == most), None)
    return Moments(
        positions=tuple(positions),
        people=tuple(tuple(row) for row in grid),
        sources=tuple((row["source"], row["people"]) for row in reader.rows(SOURCES, times=times)),
        peak=peak if most else None,
        curves=tuple(
            _curve(one)
            for one in reader.json(tables / "curves.json") or []
            if one.get("segment_id") is None
        ),
    )


def _curve(entry: Record) -> Curve:
    return Curve(
        name=str(entry["name"]),
        why=text(entry.get("why")),
        points=tuple(
            (_capital(text(one["label"]) or Text(en="", zh="")), interval(one), int(one["count"]))
            for one in entry["points"]
        ),
    )


def _position(entry: Record) -> Position:
    code = str(entry["code"])
    return Position(
        place=str(entry["place"]),
        name=_capital(text(entry.get("name")) or Text(en=code, zh=code)),
        uplift=_uplift(entry),
        at_price=_uplift(entry.get("at_price") or {}),
        cells=int(entry.get("cells") or 0),
    )


def _uplift(entry: Record) -> Interval | None:
    return interval({"estimate": entry.get("uplift"), **{k: entry.get(k) for k in ("low", "high")}})


def _capital(name: Text) -> Text:
    return Text(en=name.en[:1].upper() + name.en[1:], zh=name.zh)
