"""The `[feedback]` section of handbill.toml."""

from dataclasses import dataclass

from handbill.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much data an answer needs, and how its interval is found.

    Attributes:
        resamples: Bootstrap resamples behind every interval, 200 to 20,000.
        min_pairs: Pairs below which a comparison is not made at all, at least 20.
        min_each: Redeemers, and others, that a campaign needs for an AUC of its own, at least 5.
        bins: Calibration bins of equal size, 2 to 50.
        seed: Of the resampling; the same seed gives the same intervals.
    """

    resamples: int = 1_000
    min_pairs: int = 20
    min_each: int = 10
    bins: int = 10
    seed: int = 20_171_030

    def __post_init__(self) -> None:
        _within("resamples", self.resamples, 200, 20_000)
        _within("min_pairs", self.min_pairs, 20, 1_000_000)
        _within("min_each", self.min_each, 5, 1_000_000)
        _within("bins", self.bins, 2, 50)
        _within("seed", self.seed, 0, 2**63 - 1)


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ConfigError(f"feedback.{name} = {value}: must be from {low} to {high}")
