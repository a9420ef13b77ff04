"""Who gets a message: the budget goes where it earns most, a share of it to people drawn by lot.

Every message costs the same. Where only the budget and the cap bind, taking the most valuable ones
first solves the budget's linear program, and the value of the first one left out, over its cost, is
its dual price. Where daily budgets, stock or fairness bind too, `allocate` finds their prices on
groups of people; here they order the pairs and days, and every bound is kept pair by pair.
"""

from dataclasses import dataclass, field
from math import ceil, floor

import numpy as np

from handbill.placement.arrays import Bools, Floats, Ints
from handbill.placement.planning.allocate import Field, Limits, Prices, allocate, people_by_segment
from handbill.placement.planning.explore import explore
from handbill.placement.planning.room import Room
from handbill.placement.planning.schedule import Days

BLOCK = 1 << 17
"""Pairs that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The pairs that get a message.

    Attributes:
        person: (M,) numbers of people, those on merit first.
        campaign: (M,) numbers of campaigns.
        day: (M,) day of each message, from the plan's first.
        propensity: (M,) probability with which the pair was selected.
        explored: (M,) whether it was drawn at random.
        next_value: Value of the best pair that only the budget kept out, 0 when there is none.
        prices: Of the bounds other than budget and cap; None when there are no such bounds.
        kept_out: Pairs worth their cost that `cap`, `day` or `stock` kept out.
        worthless: Pairs not worth their cost.
        pool: People among whom the exploration drew.
        reached: Whether the wanted redemptions are expected; None when none were asked for.
    """

    person: Ints
    campaign: Ints
    day: Ints
    propensity: Floats
    explored: Bools
    next_value: float
    prices: Prices | None
    kept_out: dict[str, int]
    worthless: int
    pool: int
    reached: bool | None


@dataclass(slots=True)
class _Merit:
    """Pairs taken on merit so far, best first, and why others were not."""

    pairs: list[Ints] = field(default_factory=list)
    days: list[Days] = field(default_factory=list)
    next_value: float = 0.0
    kept_out: dict[str, int] = field(default_factory=lambda: {"cap": 0, "day": 0, "stock": 0})

    def gathered(self) -> tuple[Ints, Days]:
        pairs = np.concatenate([np.zeros(0, np.int64), *self.pairs])
        return pairs, np.concatenate([np.zeros(0, np.int16), *self.days])


def choose(field_: Field, limits: Limits, rng: np.random.Generator) -> Chosen:
    """Choose pairs of a person and a campaign.

    On merit the selection is certain, its propensity 1. For the exploration, people are drawn with
    known probabilities from those who still have a pair that can be sent.

    Args:
        field_: What could be sent.
        limits: What must be kept.
        rng: Draws, and breaks ties.

    Returns:
        The choice.
    """
    lots = ceil(limits.exploration * limits.messages)
    prices = allocate(field_, limits, limits.messages - lots) if limits.many else None
    room, merit = _on_merit(field_, limits, prices, limits.messages - lots, rng)
    pairs, days = merit.gathered()
    reached = None
    if limits.wanted is not None:
        enough, reached = _enough(field_, pairs, limits, limits.wanted)
        room.add(pairs[enough:], days[enough:], -1)
        pairs, days = pairs[:enough], days[:enough]
    ran_out = merit.next_value == 0.0 or bool(reached)
    if ran_out and limits.exploration < 1:  # value ran out before the budget did
        lots = min(lots, ceil(len(pairs) * limits.exploration / (1 - limits.exploration)))
    drawn = explore(field_, room, pairs, lots, rng)
    campaigns = field_.value.shape[1]
    chosen = np.concatenate([pairs, drawn.pairs])
    return Chosen(
        person=chosen // campaigns if campaigns else chosen,
        campaign=chosen % campaigns if campaigns else chosen,
        day=np.concatenate([days, drawn.days]).astype(np.int64),
        propensity=np.concatenate([np.ones(len(pairs)), drawn.propensity]),
        explored=np.arange(len(chosen)) >= len(pairs),
        next_value=0.0 if reached else merit.next_value,
        prices=prices,
        kept_out=merit.kept_out,
        worthless=int(np.count_nonzero(field_.sendable & (field_.value <= limits.cost))),
        pool=drawn.pool,
        reached=reached,
    )


def _on_merit(
    field_: Field,
    limits: Limits,
    prices: Prices | None,
    messages: int,
    rng: np.random.Generator,
) -> tuple[Room, _Merit]:
    """Each segment's fair share first, then the best of all."""
    room = Room(field_, limits, None if prices is None else prices.day)
    merit = _Merit()
    if prices is None or limits.fairness == 0:
        _take(room, _best(field_, prices, limits.cost, rng), messages, merit)
        return room, merit
    shares = people_by_segment(field_) * limits.fairness
    messages = min(messages, prices.messages)
    order = _best(field_, prices, -np.inf, rng)
    of_pair = field_.segment[order // field_.value.shape[1]]
    while True:
        held = 0
        for segment, share in enumerate(shares):
            own = floor(share * messages + 1e-9)
            before = sum(map(len, merit.pairs))
            _take(room, order[of_pair == segment], own, merit)
            got = sum(map(len, merit.pairs)) - before
            if got < own:  # caps, days or stock leave this segment less: all get less
                messages = floor((got + 1e-9) / share)
                break
            held += got
        else:
            break
        room, merit = Room(field_, limits, prices.day), _Merit()
    merit.next_value, merit.kept_out = 0.0, dict.fromkeys(merit.kept_out, 0)
    taken, _ = merit.gathered()
    rest = order[~np.isin(order, taken) & (field_.value.ravel()[order] > limits.cost)]
    _take(room, rest, messages - held, merit)
    return room, merit


def _best(field_: Field, prices: Prices | None, cost: float, rng: np.random.Generator) -> Ints:
    """Flat numbers of the pairs worth more than a cost, the best first, equals in random order."""
    value = field_.value.ravel()
    pairs = rng.permutation(np.flatnonzero(value > cost))
    key = -value[pairs]
    if prices is not None:
        key += prices.stock[pairs % field_.value.shape[1]] * field_.probability.ravel()[pairs]
    return np.asarray(pairs[np.argsort(key, kind="stable")], dtype=np.int64)


def _take(room: Room, order: Ints, count: int, merit: _Merit) -> None:
    """Take the first `count` pairs of an order that find a day, and note the next one's value.

    Pairs of one person are looked at one after the other, so the outcome is that of a loop over
    single pairs as long as no day and no stock runs out; then, of pairs in a block, each person's
    better one comes first.
    """
    left = count
    for start in range(0, len(order), BLOCK):
        pairs = order[start : start + BLOCK]
        days, why = room.place(pairs)
        good = np.flatnonzero(days >= 0)
        over = good[left:]
        if len(over):
            merit.next_value = float(room.value[pairs[over[0]]])
            room.add(pairs[over], days[over], -1)
            why = why[: over[0]]
        for number, name in enumerate(merit.kept_out, start=1):
            merit.kept_out[name] += int(np.count_nonzero(why == number))
        merit.pairs.append(pairs[good[:left]])
        merit.days.append(days[good[:left]])
        left -= len(good[:left])
        if len(over):
            return


def _enough(field_: Field, pairs: Ints, limits: Limits, wanted: float) -> tuple[int, bool]:
    """How many of the best reach the wanted redemptions, the exploration's share counted too."""
    probability = field_.probability.ravel()
    odds = limits.exploration / (1 - limits.exploration) if limits.exploration < 1 else 0.0
    by_lot = float(np.mean(field_.probability[field_.sendable])) if len(pairs) else 0.0
    heap = np.cumsum(probability[pairs] + odds * by_lot)
    enough = int(np.searchsorted(heap, wanted - 1e-9)) + 1
    return min(enough, len(pairs)), enough <= len(pairs)
