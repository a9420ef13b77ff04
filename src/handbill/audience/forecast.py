"""What people will buy and pay: draws from BG/NBD and Gamma-Gamma, parameters and fate together.

Each draw takes parameters that the data leave possible, then lives a person's future under them:
whether they still buy, at what rate, after which purchase they stop, what they pay. So an interval
holds both what is unknown of the shop and what chance does to one person. Expected values are
averaged over the rate and the purchases analytically, so that few draws suffice.

Source: Fader, Hardie & Lee (2005); where the chance p to stop and the rate are known, the expected
number of purchases in t days is (1 - exp(-p rate t)) / p.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handbill.audience.bgnbd import BgNbd, Matrix, alive
from handbill.audience.gamma_gamma import GammaGamma
from handbill.audience.purchases import History

LEVEL = 0.9
DRAWS = 256
CELLS = 1_000_000
"""Draws of people that are in memory at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """A quantity per person: what to expect, and the interval it falls in with `LEVEL`.

    Attributes:
        mean: (n,).
        low: (n,).
        high: (n,).
    """

    mean: Matrix
    low: Matrix
    high: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is ahead of each person.

    Attributes:
        alive: (n,) chance that they still buy.
        active: Horizon in days -> (n,) chance of a purchase in it.
        purchases: Horizon -> days with a purchase.
        spend: Horizon -> paid, micros; empty where there is no model of spend.
    """

    alive: Matrix
    active: dict[int, Matrix]
    purchases: dict[int, Ahead]
    spend: dict[int, Ahead]


def forecast(
    timing: BgNbd,
    money: GammaGamma | None,
    history: History,
    horizons: Sequence[int],
    *,
    seed: int,
    draws: int = DRAWS,
    drift: float = 0.0,
) -> Forecast:
    """Look ahead.

    Args:
        timing: When people buy, days.
        money: What they pay, micros; None where that is unknown.
        history: (n,) people.
        horizons: In days, ascending.
        seed: Of the draws.
        draws: Futures for each person.
        drift: Variance that a rate's relative change gains each day; see `drift.drift_of`.
    """
    rng = np.random.default_rng(seed)
    possible = timing.draws(draws, rng)
    prices = money.draws(draws, rng) if money else None
    size = len(history.rows)
    step = max(1, CELLS // draws)
    parts = [
        _part(history.take(slice(start, start + step)), possible, prices, horizons, drift, rng)
        for start in range(0, size, step)
    ]

    def joined(name: str) -> Matrix:
        return np.concatenate([part[name] for part in parts]) if parts else np.empty(0)

    def ahead(kind: str, days: int, mean: Matrix) -> Ahead:
        return Ahead(
            mean=mean, low=joined(f"{kind} low {days}"), high=joined(f"{kind} high {days}")
        )

    visits = {days: joined(f"purchases {days}") for days in horizons}
    worth = money.mean(history.visits * (history.spend > 0), history.spend) if money else None
    return Forecast(
        alive=joined("alive"),
        active={days: joined(f"active {days}") for days in horizons},
        purchases={days: ahead("purchases", days, visits[days]) for days in horizons},
        spend={}
        if worth is None
        else {days: ahead("spend", days, visits[days] * worth) for days in horizons},
    )


def _part(
    history: History,
    possible: Matrix,
    prices: Matrix | None,
    horizons: Sequence[int],
    drift: float,
    rng: np.random.Generator,
) -> dict[str, Matrix]:
    """The draws of some people, summed up: (n, draws) in between, (n,) in the end."""
    r, alpha, a, b = possible.T
    shape = r + history.timing.repeats[:, None]
    scale = alpha + history.timing.observed[:, None]
    chance = alive(history.timing, possible)
    stop = rng.beta(a, b + history.timing.repeats[:, None]).clip(1e-12, 1.0)
    rate = rng.gamma(shape) / scale
    lives = rng.random(chance.shape) < chance
    until = np.where(lives, rng.geometric(stop), 0)
    found = {"alive": chance.mean(axis=1)}
    count = np.zeros(chance.shape, dtype=np.int64)
    bought = np.zeros(chance.shape, dtype=np.int64)
    paid = np.zeros(chance.shape)
    pace = _pace(history, prices, rng) if prices is not None else None
    before = 0
    for days in horizons:
        if drift:
            change = drift * (days - before)  # the mean stays, the draws part
            rate = rate * rng.gamma(1 / change, change, rate.shape)
        count = count + rng.poisson(rate * (days - before))
        now = np.minimum(count, until)
        none_yet = np.exp(-shape * np.log1p(days / scale))
        kept = -np.expm1(-shape * np.log1p(stop * days / scale)) / stop
        found[f"active {days}"] = (chance * (1.0 - none_yet)).mean(axis=1)
        found[f"purchases {days}"] = (chance * kept).mean(axis=1)
        _bounds(found, "purchases", days, now)
        if prices is not None and pace is not None:
            paid = paid + _gamma(prices[:, 0] * (now - bought), rng) / pace
            _bounds(found, "spend", days, paid)
        bought, before = now, days
    return found


def _bounds(found: dict[str, Matrix], kind: str, days: int, values: Matrix) -> None:
    tails = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(values, tails, axis=1, method="inverted_cdf")
    found[f"{kind} low {days}"] = low.astype(np.float64)
    found[f"{kind} high {days}"] = high.astype(np.float64)


def _pace(history: History, prices: Matrix, rng: np.random.Generator) -> Matrix:
    """A person's scale of spend given what they paid, (n, draws)."""
    p, q, gamma = prices.T
    told = (history.visits * (history.spend > 0))[:, None]
    return np.asarray(rng.gamma(p * told + q) / (gamma + history.spend[:, None])).clip(min=1e-300)


def _gamma(shape: Matrix, rng: np.random.Generator) -> Matrix:
    """Gamma draws; a shape of 0 is 0."""
    drawn = np.zeros(shape.shape)
    some = shape > 0
    drawn[some] = rng.gamma(shape[some])
    return drawn


def ahead_columns(kind: str, days: int, some: Ahead) -> dict[str, Matrix]:
    """The columns of `tables/value.parquet` that a quantity makes.

    Args:
        kind: `purchases` or `spend`.
        days: The horizon.
        some: The quantity.
    """
    unit = "_micros" if kind == "spend" else ""
    return {
        f"{kind}_{days}{unit}": some.mean,
        f"{kind}_{days}_low{unit}": some.low,
        f"{kind}_{days}_high{unit}": some.high,
    }
