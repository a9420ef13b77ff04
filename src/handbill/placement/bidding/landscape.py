"""What bids win and what they cost, learned from past days.

Most of it is told in the price of a unit of value: an opportunity with value v and least winning
price p is won by everyone who pays at least p / v per predicted conversion.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handbill.errors import SourceError
from handbill.placement.arrays import Floats
from handbill.placement.bidding.bidder import TickRecord

GRID = 160
"""Prices per conversion that a landscape is tabulated at; neighbours differ by a few percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceCurve:
    """Least winning prices of comparable opportunities.

    Attributes:
        prices: (M,) sorted.
        mean_below: (M + 1,) sum of the m lowest prices over M.
    """

    prices: Floats
    mean_below: Floats

    @classmethod
    def of(cls, prices: Floats) -> "PriceCurve":
        """The curve of prices that were seen, in any order."""
        if len(prices) == 0 or not np.isfinite(prices).all():
            raise SourceError("a price curve needs finite prices that were seen; there are none")
        ordered = np.sort(prices)
        return cls(
            prices=ordered, mean_below=np.concatenate([[0.0], np.cumsum(ordered)]) / len(ordered)
        )

    def win_probability(self, bid: Floats) -> Floats:
        """Share of the prices that bids (N,) meet, (N,)."""
        wins = np.searchsorted(self.prices, bid, side="right")
        return np.asarray(wins / len(self.prices), dtype=np.float64)

    def expected_cost(self, bid: Floats) -> Floats:
        """Expected second-price cost of bids (N,), lost auctions counted as 0, (N,)."""
        return np.asarray(self.mean_below[np.searchsorted(self.prices, bid, side="right")])


def price_per_value(value: Floats, price: Floats) -> Floats:
    """Least price per predicted conversion that wins, infinite where nothing is predicted."""
    return np.divide(price, value, out=np.full_like(price, np.inf), where=value > 0)


def won_by(alpha: Floats, value: Floats, price: Floats) -> tuple[Floats, Floats]:
    """What bidding alpha * value wins and costs at second prices, for each of many alphas.

    Args:
        alpha: (A,) ascending prices per conversion.
        value: (N,) predicted conversions.
        price: (N,) least winning prices.

    Returns:
        Value won (A,) and its cost (A,).
    """
    slot = np.searchsorted(alpha, price_per_value(value, price), side="left")  # first that wins
    size = len(alpha) + 1
    gained = np.bincount(slot, weights=value, minlength=size)[:-1].cumsum()
    cost = np.bincount(slot, weights=price, minlength=size)[:-1].cumsum()
    return gained, cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Value won and cost by tick of the day and price per conversion, over past days.

    Attributes:
        alpha: (A,) prices per conversion, ascending, evenly spaced in logarithm.
        value: (T, A) predicted conversions won, mean of the days.
        cost: (T, A) their second-price cost, mean of the days.
        supply: (T,) predicted conversions on offer, mean of the days.
        day_spread: Standard deviation of the logarithm of a day's value on offer at fixed alpha,
            relative to the mean day's.
        tick_spread: The same for what is left of a tick once its day's level is taken out.
        days: It rests on.
    """

    alpha: Floats
    value: Floats
    cost: Floats
    supply: Floats
    day_spread: float
    tick_spread: float
    days: int

    @classmethod
    def learn(cls, days: Sequence[Sequence[TickRecord]], ticks: int) -> "Landscape":
        """Tabulate past days.

        Args:
            days: Records of past days; ticks may be missing, none may be of the day to be played.
            ticks: Of a day.

        Raises:
            SourceError: No opportunity with a value and a price above 0 was seen.
        """
        records = [(number, one) for number, day in enumerate(days) for one in day]
        ratios = [price_per_value(one.value, one.least_winning_price) for _, one in records]
        seen = np.concatenate(ratios) if ratios else np.empty(0)
        seen = seen[np.isfinite(seen) & (seen > 0)]
        if len(seen) == 0:
            raise SourceError(
                "no past opportunity has a predicted value and a price above 0; "
                "play some days with a constant bidder first"
            )
        alpha = _grid(seen)
        value = np.zeros((len(days), ticks, GRID))
        cost = np.zeros((len(days), ticks, GRID))
        supply = np.zeros((len(days), ticks))
        for number, one in records:
            at = min(max(one.tick, 0), ticks - 1)
            gained, spent = won_by(alpha, one.value, one.least_winning_price)
            value[number, at] += gained
            cost[number, at] += spent
            supply[number, at] += one.value.sum()
        day_spread, tick_spread = _spreads(value)
        return cls(
            alpha=alpha,
            value=value.mean(axis=0),
            cost=cost.mean(axis=0),
            supply=supply.mean(axis=0),
            day_spread=day_spread,
            tick_spread=tick_spread,
            days=len(days),
        )


def _grid(ratios: Floats) -> Floats:
    low, high = np.quantile(ratios, [0.0005, 0.995])
    return np.geomspace(max(low, high * 1e-6) * 0.9, max(high, low * 1.01) * 1.1, GRID)


def _spreads(value: Floats) -> tuple[float, float]:
    """Spread of days and of ticks within a day, from values won (D, T, A) in mid-landscape.

    One day cannot show how days differ: 0.2 is assumed until there are two.
    """
    middle = value[:, :, GRID // 2]  # (D, T)
    usual = middle.mean(axis=0)
    busy = usual > 0
    if len(value) < 2 or not busy.any():
        return 0.2, 0.5
    share = np.maximum(middle[:, busy] / usual[busy], 0.05)
    level = np.log(np.maximum(middle[:, busy].sum(axis=1) / usual[busy].sum(), 0.05))
    rest = np.log(share) - level[:, None]
    return float(max(level.std(ddof=1), 0.02)), float(max(rest.std(), 0.02))
