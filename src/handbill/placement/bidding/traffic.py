"""Simulated days of bursty traffic, to try pacing on; every number follows from the seed."""

import numpy as np

from handbill.placement.arrays import Floats
from handbill.placement.bidding.replay import RecordedTick


def bursty_day(
    rng: np.random.Generator, *, ticks: int = 1440, mean: float = 20.0
) -> list[RecordedTick]:
    """A day whose traffic comes in waves, bursts and lulls, at prices that drift.

    Args:
        rng: Chance.
        ticks: Of the day, minutes by default.
        mean: Opportunities per tick on a usual day.

    Returns:
        One record per tick; values are click rates around 1 in 500, prices are in thousandths.
    """
    hour = np.arange(ticks) / ticks
    shape = 1 + 0.6 * np.sin(2 * np.pi * (hour - 0.4)) + 0.2 * np.sin(4 * np.pi * hour)
    level = np.exp(rng.normal(0, 0.2))
    flutter = rng.gamma(2.0, 0.5, ticks)  # over-dispersed from minute to minute
    rate = mean * level * shape / shape.mean() * flutter
    burst = np.ones(ticks)
    for _ in range(rng.poisson(4)):  # something goes around: up to ten times the traffic
        span = _span(rng, ticks, 5, 40)
        burst[span] = np.maximum(burst[span], rng.uniform(2, 10))
    rate *= burst
    if rng.random() < 0.2:  # an outage
        rate[_span(rng, ticks, 10, 60)] = 0
    drift = np.exp(np.cumsum(rng.normal(0, 0.1 / np.sqrt(ticks), ticks)) + rng.normal(0, 0.15))
    return [_tick(rng, int(rng.poisson(rate[at])), float(drift[at])) for at in range(ticks)]


def _span(rng: np.random.Generator, ticks: int, shortest: int, longest: int) -> slice:
    """A stretch of the day, its bounds in minutes."""
    start = int(rng.integers(ticks))
    return slice(start, start + max(1, int(rng.integers(shortest, longest)) * ticks // 1440))


def _tick(rng: np.random.Generator, count: int, dear: float) -> RecordedTick:
    value: Floats = 0.002 * np.exp(rng.normal(-0.32, 0.8, count))
    price = 50 * dear * np.exp(rng.normal(-0.4, 0.9, count)) * (value / 0.002) ** 0.3
    return RecordedTick(
        value=value,
        value_sd=0.3 * value,
        price=price,
        conversion=(rng.random(count) < value).astype(np.float64),
    )
