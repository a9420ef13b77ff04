"""A repeated auction: many bidders with budgets and targets, sparse conversions, 48 ticks a day.

Made to compare bidders, not to look like any one exchange. What a day brings (supply by the hour,
taste, who else is there and how eagerly they bid) differs from the last; every number follows from
the seed. Whatever a bidder answers, the auction never lets it spend more than its budget.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from handbill.placement.arrays import Floats
from handbill.placement.bidding.baselines import PidBidder
from handbill.placement.bidding.bidder import Bidder, CampaignGoal, Pricing, TickRecord, TickView
from handbill.placement.bidding.replay import DayResult, affordable, checked_bids, day_result, paid


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSettings:
    """How large and how restless a market is.

    Attributes:
        bidders: Seats, B.
        ticks: Of a day.
        opportunities: Mean per tick.
        conversions: A seat's day would bring this many if it won all that is on offer, times 10.
        supply_spread: Of the logarithm of a day's number of opportunities.
        eager_spread: Of the logarithm of how eagerly a competitor bids on a day.
        season_spread: Of the logarithm of what conversions are worth to all on a day.
        drift: Of the same within the day, per square root of a day.
        noise: Relative standard deviation of a predicted conversion around the true one.
        floor: Least price accepted, as a share of the mean value times target.
        pricing: What a winner pays.
    """

    bidders: int = 48
    ticks: int = 48
    opportunities: int = 300
    conversions: float = 20.0
    supply_spread: float = 0.2
    eager_spread: float = 0.3
    season_spread: float = 0.15
    drift: float = 0.15
    noise: float = 0.2
    floor: float = 0.1
    pricing: Pricing = "second"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketTick:
    """One tick of all seats: `value` (B, N), `truth` (B, N), `luck` (N,) uniform."""

    value: Floats
    truth: Floats
    luck: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDay:
    """A day before anyone has bid.

    Attributes:
        ticks: What is on offer.
        eager: (B,) how eagerly each competitor bids today, around 1.
        season: (T,) what all competitors' bids are multiplied with.
    """

    ticks: tuple[MarketTick, ...]
    eager: Floats
    season: Floats


class Market:
    """A market whose days follow from its seed.

    Args:
        settings: Its size.
        seed: Same seed, same seats and same days.
    """

    def __init__(self, settings: MarketSettings, *, seed: int) -> None:
        self.settings = settings
        self._seed = seed
        rng = np.random.default_rng([seed, 0])
        count = settings.bidders
        self._taste = rng.normal(0, 0.7, (count, 4))  # what each seat's customers care for
        target = np.exp(rng.normal(4.0, 0.4, count))
        self._rate = np.exp(rng.normal(0, 0.3, count)) * (
            settings.conversions * 10 / (settings.ticks * settings.opportunities)
        )
        share = np.exp(rng.normal(-2.4, 0.5, count))  # of its demand that a seat can pay
        worth = self._rate * settings.ticks * settings.opportunities * target
        self.goals = tuple(
            CampaignGoal(
                budget=float(share[at] * worth[at]),
                cpa_target=float(target[at]),
                ticks=settings.ticks,
                pricing=settings.pricing,
            )
            for at in range(count)
        )
        self.floor = float(settings.floor * np.mean(self._rate * target))

    def day(self, number: int) -> MarketDay:
        """What day `number` has on offer, whoever bids."""
        s = self.settings
        rng = np.random.default_rng([self._seed, 1, number])
        hour = np.arange(s.ticks) / s.ticks
        shape = 1 + 0.5 * np.sin(2 * np.pi * (hour - 0.35)) + 0.25 * np.sin(4 * np.pi * hour)
        level = np.exp(rng.normal(0, s.supply_spread))
        counts = rng.poisson(s.opportunities * level * shape / shape.mean())
        mood = np.asarray(
            rng.normal(0, 0.3, self._taste.shape[1])
        )  # what today's visitors care for
        walk = np.cumsum(rng.normal(0, s.drift / np.sqrt(s.ticks), s.ticks))
        return MarketDay(
            ticks=tuple(self._tick(int(count), mood, rng) for count in counts),
            eager=np.exp(rng.normal(0, s.eager_spread, s.bidders)),
            season=np.exp(rng.normal(0, s.season_spread) + walk),
        )

    def _tick(self, count: int, mood: Floats, rng: np.random.Generator) -> MarketTick:
        visitor = rng.normal(mood, 1.0, (count, len(mood)))
        log_rate = self._taste @ visitor.T + rng.normal(0, 0.5, (len(self._taste), count))
        usual = (self._taste**2).sum(axis=1, keepdims=True) / 2 + 0.125
        value = np.minimum(self._rate[:, None] * np.exp(log_rate - usual), 0.5)
        truth = np.clip(value * (1 + self.settings.noise * rng.normal(size=value.shape)), 0, 1)
        return MarketTick(value=value, truth=truth, luck=rng.random(count))

    def field(self) -> tuple[Bidder, ...]:
        """A competitor for each seat: feedback controllers of differing temper."""
        rng = np.random.default_rng([self._seed, 2])
        gains = np.exp(rng.normal(0, 0.5, (self.settings.bidders, 2)))
        return tuple(
            PidBidder(goal.cpa_target * 0.8, (float(p), 2 * float(i), 0.0))
            for goal, (p, i) in zip(self.goals, gains, strict=True)
        )


def play(
    market: Market, day: MarketDay, players: Mapping[int, Bidder], field: Sequence[Bidder]
) -> dict[int, DayResult]:
    """Let everyone bid through a day.

    Args:
        market: Whose goals the seats have.
        day: One of its days.
        players: Seat to the bidder under test; today's eagerness does not touch it.
        field: (B,) who sits in the other seats.

    Returns:
        The result of each player's seat.
    """
    seats = [players.get(at, one) for at, one in enumerate(field)]
    for bidder, goal in zip(seats, market.goals, strict=True):
        bidder.reset(goal)
    left = np.array([goal.budget for goal in market.goals])
    conversions = np.zeros(len(seats))
    histories: list[list[TickRecord]] = [[] for _ in seats]
    for number, tick in enumerate(day.ticks):
        bids = np.stack(
            [
                _ask(
                    bidder,
                    market,
                    tick,
                    at,
                    (float(left[at]), float(conversions[at])),
                    histories[at],
                )
                for at, bidder in enumerate(seats)
            ]
        )  # (B, N)
        own = np.isin(np.arange(len(seats)), list(players))
        bids[~own] *= (day.eager * day.season[number])[~own, None]
        for at, record in enumerate(_settle(market, number, tick, bids, left)):
            histories[at].append(record)
            left[at] = max(0.0, left[at] - float(record.cost.sum()))
            conversions[at] += record.conversion.sum()
    return {at: day_result(market.goals[at], histories[at]) for at in players}


def _ask(
    bidder: Bidder,
    market: Market,
    tick: MarketTick,
    at: int,
    so_far: tuple[float, float],
    history: Sequence[TickRecord],
) -> Floats:
    """The bids of one seat, whose budget left and conversions are `so_far`."""
    value = tick.value[at]
    view = TickView(
        tick=len(history),
        goal=market.goals[at],
        budget_left=so_far[0],
        conversions=so_far[1],
        value=value,
        value_sd=market.settings.noise * value,
        floor=np.full(len(value), market.floor),
        history=history,
    )
    return checked_bids(bidder.bid(view), len(value))


def _settle(
    market: Market,
    number: int,
    tick: MarketTick,
    bids: Floats,
    left: Floats,
) -> Iterator[TickRecord]:
    """Sell a tick: who cannot pay for a win loses it to the next, until all can pay."""
    pricing = market.settings.pricing
    live = bids.copy()
    while True:
        winner, price = _auction(live, market.floor)
        over = False
        for at in np.unique(winner[winner >= 0]):
            won = winner == at
            cost = paid(bids[at], price, pricing)
            kept = affordable(won, cost, float(left[at]))
            if not np.array_equal(kept, won):
                live[at, won & ~kept] = 0.0
                over = True
        if not over:
            break
    top = _two_highest(live)
    for at in range(len(live)):
        won = winner == at
        others = np.where(live[at] >= top[1], top[0], top[1])
        least = np.maximum(others, market.floor)
        cost = np.where(won, paid(bids[at], price, pricing), 0.0)
        yield TickRecord(
            tick=number,
            value=tick.value[at],
            bid=bids[at],
            won=won,
            cost=cost,
            conversion=(won & (tick.luck < tick.truth[at])).astype(np.float64),
            least_winning_price=least,
        )


def _auction(bids: Floats, floor: float) -> tuple[npt.NDArray[np.intp], Floats]:
    """Winners (N,), -1 where no bid reaches the floor, and second prices (N,); first of equals."""
    second, best = _two_highest(bids)
    winner = np.where((best >= floor) & (best > 0), bids.argmax(axis=0), -1)
    return winner, np.maximum(second, floor)


def _two_highest(bids: Floats) -> Floats:
    """(2, N) second highest and highest bids of (B, N); one bidder's second is 0."""
    if len(bids) == 1:
        return np.vstack([np.zeros_like(bids), bids])
    return np.partition(bids, -2, axis=0)[-2:]
