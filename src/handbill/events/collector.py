"""What the shop may set of the collector: section `[collector]` of handbill.toml."""

from dataclasses import dataclass

from handbill.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Bounds of the collector.

    Attributes:
        max_body_kb: Largest request, in KiB, also after unpacking gzip.
        max_batch: Most events in one request.
        max_items: Most products of one event.
        max_text: Longest id, name or code, in characters.
        max_context_kb: Most that one event may hold beyond its columns, in KiB.
        max_age_days: Events that happened earlier are refused; ids are remembered a little longer.
        max_ahead_hours: Events dated further ahead of the collector's clock are refused.
        max_units: More units than this on one line are a mistake.
        max_money: More money than this on one line, in units of the currency, is a mistake.
        max_waiting: Events in memory that wait for the disk; beyond it the reply is 503.
        compact_seconds: The log is at most about this far behind.
        compact_events: So many waiting events go to the log without waiting for the time.
    """

    max_body_kb: int = 1_024
    max_batch: int = 1_000
    max_items: int = 10_000
    max_text: int = 256
    max_context_kb: int = 16
    max_age_days: int = 30
    max_ahead_hours: int = 24
    max_units: int = 10_000
    max_money: float = 1_000_000.0
    max_waiting: int = 50_000
    compact_seconds: float = 60.0
    compact_events: int = 50_000

    def __post_init__(self) -> None:
        _within("max_body_kb", self.max_body_kb, 1, 65_536)
        _within("max_batch", self.max_batch, 1, 100_000)
        _within("max_items", self.max_items, 1, 100_000)
        _within("max_text", self.max_text, 64, 4_096)
        _within("max_context_kb", self.max_context_kb, 1, 1_024)
        _within("max_age_days", self.max_age_days, 1, 30)
        _within("max_ahead_hours", self.max_ahead_hours, 1, 168)
        _within("max_units", self.max_units, 1, 2**31 - 1)
        _within("max_money", self.max_money, 0.01, 1e12)
        _within("max_waiting", self.max_waiting, 1, 10_000_000)
        _within("compact_seconds", self.compact_seconds, 0.01, 86_400)
        _within("compact_events", self.compact_events, 1, 10_000_000)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"collector.{name} is {value}; it must be from {low} to {high}")
