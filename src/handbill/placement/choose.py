"""Who gets a message: the budget goes where it earns most, a share of it to people drawn by lot.

Every message costs the same, so taking the most valuable ones first is the exact solution of the
budget's linear program, and the value of the first one left out, over its cost, is its dual price.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil

import numpy as np
import numpy.typing as npt

from handbill.placement.pairs import Floats
from handbill.placement.schedule import first_free

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a plan must keep.

    Attributes:
        messages: Most messages that the budget pays for.
        cost: Of one message; a pair is chosen on merit only when its value is higher.
        cap: Most messages to one person in any 7 days.
        exploration: Least share of messages whose people are drawn at random.
    """

    messages: int
    cost: float
    cap: int
    exploration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The pairs that get a message.

    Attributes:
        pairs: (M,) numbers of the pairs, those on merit first.
        days: (M,) day of each message.
        propensity: (M,) probability with which the pair was selected.
        explored: (M,) whether it was drawn at random.
        next_value: Value of the best pair that only the budget kept out, 0 when there is none.
        capped: Pairs worth their cost that the frequency cap kept out.
        worthless: Pairs not worth their cost.
        pool: People among whom the exploration drew.
    """

    pairs: Ints
    days: tuple[date, ...]
    propensity: Floats
    explored: npt.NDArray[np.bool_]
    next_value: float
    capped: int
    worthless: int
    pool: int


@dataclass(slots=True)
class _Taken:
    """Days on which each person gets a message, while a plan is being made."""

    cap: int
    options: Callable[[int], Sequence[date]]
    person: Ints
    days: dict[int, list[date]] = field(default_factory=dict)

    def free(self, pair: int) -> date | None:
        return first_free(self.options(pair), self.days.get(int(self.person[pair]), ()), self.cap)

    def take(self, pair: int, day: date) -> None:
        self.days.setdefault(int(self.person[pair]), []).append(day)


def choose(
    person: Ints,
    value: Floats,
    options: Callable[[int], Sequence[date]],
    limits: Limits,
    rng: np.random.Generator,
) -> Chosen:
    """Choose pairs of a person and a campaign.

    On merit the selection is certain, its propensity 1. For the exploration, people are drawn
    without replacement, each with the same probability, from those who still have a pair that can
    be sent; one of these pairs is drawn evenly. So every propensity is known before the draw.

    Args:
        person: (N,) who, as numbers.
        value: (N,) expected value of a message, in the unit of `limits.cost`.
        options: Days on which a pair can be sent, in order of preference.
        limits: What must be kept.
        rng: Draws, and breaks ties.

    Returns:
        The choice.
    """
    explore = ceil(limits.exploration * limits.messages)
    order = rng.permutation(len(value))
    order = order[np.argsort(-value[order], kind="stable")]
    worth = order[value[order] > limits.cost]
    taken = _Taken(limits.cap, options, person)
    merit: list[tuple[int, date]] = []
    capped = 0
    next_value = 0.0
    for pair in worth:
        day = taken.free(int(pair))
        if day is None:
            capped += 1
            continue
        if len(merit) == limits.messages - explore:
            next_value = float(value[pair])
            break
        taken.take(int(pair), day)
        merit.append((int(pair), day))
    if next_value == 0.0 and limits.exploration < 1:  # value ran out before the budget did
        explore = min(explore, ceil(len(merit) * limits.exploration / (1 - limits.exploration)))
    drawn, pool = _explore(taken, {pair for pair, _ in merit}, explore, rng)
    return Chosen(
        pairs=np.array([one[0] for one in merit] + [one[0] for one in drawn], dtype=np.int64),
        days=(*(one[1] for one in merit), *(one[1] for one in drawn)),
        propensity=np.array([1.0] * len(merit) + [one[2] for one in drawn]),
        explored=np.array([False] * len(merit) + [True] * len(drawn), dtype=np.bool_),
        next_value=next_value,
        capped=capped,
        worthless=len(order) - len(worth),
        pool=pool,
    )


def _explore(
    taken: _Taken, merit: set[int], count: int, rng: np.random.Generator
) -> tuple[list[tuple[int, date, float]], int]:
    """Draw people, then one pair of each: (pair, day, propensity), and how many could be drawn."""
    if count == 0:
        return [], 0
    open_pairs: dict[int, list[tuple[int, date]]] = {}
    for pair in range(len(taken.person)):
        day = None if pair in merit else taken.free(pair)
        if day is not None:
            open_pairs.setdefault(int(taken.person[pair]), []).append((pair, day))
    people = sorted(open_pairs)
    count = min(count, len(people))
    drawn = []
    for place in sorted(rng.choice(len(people), count, replace=False)) if count else ():
        some = open_pairs[people[place]]
        pair, day = some[int(rng.integers(len(some)))]
        drawn.append((pair, day, count / len(people) / len(some)))
    return drawn, len(people)
