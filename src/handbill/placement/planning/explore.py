"""Messages whose people are drawn by lot, so that the next model also sees whom this one passed."""

from dataclasses import dataclass

import numpy as np

from handbill.placement.arrays import Floats, Ints
from handbill.placement.planning.allocate import Field
from handbill.placement.planning.room import Room
from handbill.placement.planning.schedule import Days

PEOPLE = 1 << 15
"""People who are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """Pairs drawn at random.

    Attributes:
        pairs: (M,) flat numbers.
        days: (M,)
        propensity: (M,) probability of each.
        pool: People among whom was drawn.
    """

    pairs: Ints
    days: Days
    propensity: Floats
    pool: int


def explore(field: Field, room: Room, taken: Ints, count: int, rng: np.random.Generator) -> Drawn:
    """Draw people without replacement, one open pair each.

    Everyone with an open pair first draws one of theirs evenly. Where days or stock are bounded,
    the lots are then shared over the pairs' days and campaigns, so that every bound holds whoever
    is drawn and every propensity is known before the draw.

    Args:
        field: What could be sent.
        room: What is left of days, stock and people's weeks.
        taken: Flat numbers of the pairs that are sent already.
        count: Lots.
        rng: Draws.

    Returns:
        The pairs; fewer than `count` when there is no room for more.
    """
    none = np.zeros(0, dtype=np.int64)
    if count == 0 or field.value.size == 0:
        return Drawn(pairs=none, days=none.astype(np.int16), propensity=np.zeros(0), pool=0)
    room.open_lots()
    pairs, days, ways = _one_each(field, room, taken, rng)
    count = min(count, len(pairs))
    if not count:
        return Drawn(pairs=none, days=none.astype(np.int16), propensity=np.zeros(0), pool=0)
    campaigns = field.value.shape[1]
    stratum = np.zeros(len(pairs), dtype=np.int64)
    if room.bounded:
        stratum = days.astype(np.int64) * campaigns + pairs % campaigns
    own, stratum, size = np.unique(stratum, return_inverse=True, return_counts=True)
    share = np.array([float(count)])
    if room.bounded:
        share = _shares(field, room, pairs, count, np.divmod(own, campaigns), size, stratum)
    # One uniform number rounds all shares: each is met on average, and any run of them to within
    # one, so that a day's sum never passes its bound.
    heap = np.round(np.append(0.0, np.cumsum(share)), 9)
    lots = np.diff(np.floor(heap + rng.random() * (1 - 1e-9))).astype(np.int64)
    rows = np.concatenate(
        [
            np.sort(rng.choice(np.flatnonzero(stratum == one), lots[one], replace=False))
            for one in np.flatnonzero(lots)
        ]
        or [none]
    )
    return Drawn(
        pairs=pairs[rows],
        days=days[rows],
        propensity=(share / size)[stratum[rows]] / ways[rows],
        pool=len(pairs),
    )


def _shares(
    field: Field,
    room: Room,
    pairs: Ints,
    count: int,
    key: tuple[Ints, Ints],
    size: Ints,
    stratum: Ints,
) -> Floats:
    """(T,) lots of each day and campaign.

    The same share of all people, less where there is no room, more on other days instead.
    """
    day, campaign = key
    people = np.bincount(day, size)  # (D,)
    room_for = people if room.day_left is None else np.minimum(people, room.day_left[: len(people)])
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        enough = np.minimum(room_for, middle * people).sum() > count
        low, high = (low, middle) if enough else (middle, high)
    of_day = np.minimum(room_for, low * people)
    share = (of_day / np.maximum(people, 1))[day] * size
    if room.stock_left is not None:
        probability = field.probability.ravel()[pairs]
        for one in np.unique(campaign):
            rows = np.flatnonzero(campaign == one)
            worst = float(probability[np.isin(stratum, rows)].max())
            # each share may be rounded up by less than one, and anybody may be drawn
            most = np.floor(max(0.0, room.stock_left[one]) / max(worst, 1e-12)) - len(rows)
            share[rows] *= min(1.0, max(0.0, most) / max(share[rows].sum(), 1e-12))
    return np.asarray(share, dtype=np.float64)


def _one_each(
    field: Field, room: Room, taken: Ints, rng: np.random.Generator
) -> tuple[Ints, Days, Floats]:
    """An open pair of everyone who has one: pairs, days, and among how many it was drawn."""
    people, campaigns = field.value.shape
    shut = ~field.sendable
    shut.ravel()[taken] = True
    pairs, days, ways = [], [], []
    for start in range(0, people, PEOPLE):
        stop = min(people, start + PEOPLE)
        some = np.flatnonzero(~shut[start:stop]) + start * campaigns
        day = room.free_day(some)
        some, day = some[day >= 0], day[day >= 0]
        own, first, count = np.unique(some // campaigns, return_index=True, return_counts=True)
        pick = first + np.minimum((rng.random(len(own)) * count).astype(np.int64), count - 1)
        pairs.append(some[pick])
        days.append(day[pick])
        ways.append(count)
    return np.concatenate(pairs), np.concatenate(days), np.concatenate(ways).astype(np.float64)
