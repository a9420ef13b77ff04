"""How a budget falls on groups of people and days when more than budget and cap bind.

People are taken together by campaign, segment, the days they can be met on and how much a message
to them is worth. How many messages each group gets on each day is a linear program; HiGHS solves
it, and its dual prices say what one more unit of each bound would earn.

Source: Huangfu & Hall, Parallelizing the dual revised simplex method (2018), through SciPy.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array, vstack

from handbill.errors import PlanError
from handbill.placement.arrays import Bools, Floats, Ints
from handbill.placement.planning.schedule import WEEK, Days

BINS = 12
"""Groups by value within a campaign, finer towards the top: few pairs there decide the prices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What could be sent, to P people in C campaigns.

    Attributes:
        value: (P, C) expected value of a message in micros, -inf where none can be sent.
        probability: (P, C) of a redemption.
        habit: (P,) weekday x 24 + hour at which each person is best met.
        segment: (P,) numbers from 0.
        options: (HABITS, C, L) days by habit, in order of preference, -1 where there are no more.
        days: Days of the plan, D.
    """

    value: Floats
    probability: Floats
    habit: Ints
    segment: Ints
    options: Days
    days: int

    @property
    def sendable(self) -> Bools:
        """(P, C) whether a message could be sent."""
        return np.asarray(self.value > -np.inf, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a plan must keep.

    Attributes:
        messages: Most messages that the budget pays for.
        cost: Of one message; a pair is chosen on merit only when its value is higher.
        cap: Most messages to one person in any 7 days.
        exploration: Least share of messages whose people are drawn at random.
        daily: Most messages on one day, None for no bound.
        stock: (C,) most expected redemptions of each campaign, None for no bound.
        fairness: Least share of the messages on merit that a segment gets, over its share of the
            people who could get one; 0 for no bound.
        wanted: Redemptions to reach with as few messages as will do, None to spend the budget.
    """

    messages: int
    cost: float
    cap: int
    exploration: float
    daily: int | None = None
    stock: Floats | None = None
    fairness: float = 0.0
    wanted: float | None = None

    @property
    def many(self) -> bool:
        """Whether more than budget and cap may bind."""
        return self.daily is not None or self.stock is not None or self.fairness > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What one more unit of each bound would earn, in micros; 0 where it does not bind.

    Attributes:
        budget: Of one more message.
        day: (D,) of one more message on that day.
        stock: (C,) of one more expected redemption.
        segment: (S,) what a message less of a segment's fair share would earn.
        messages: How many the program sends on merit.
        value: What they earn beyond their cost.
    """

    budget: float
    day: Floats
    stock: Floats
    segment: Floats
    messages: int
    value: float


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups of pairs, G of them: numbers of campaign and segment, size, mean value and chance."""

    campaign: Ints
    segment: Ints
    options: Days
    size: Floats
    value: Floats
    probability: Floats


def people_by_segment(field: Field) -> Floats:
    """(S,) share of each segment among the people who could get a message."""
    could = field.sendable.any(axis=1)
    counts = np.bincount(field.segment[could], minlength=int(field.segment.max(initial=-1)) + 1)
    return np.asarray(counts / max(1, counts.sum()), dtype=np.float64)


def allocate(field: Field, limits: Limits, messages: int) -> Prices:
    """Solve the program of the groups.

    Args:
        field: What could be sent.
        limits: What must be kept; the exploration's share of days and stock is held back.
        messages: Most messages on merit.

    Returns:
        Dual prices and how many messages are worth sending.

    Raises:
        PlanError: No plan keeps the bounds.
    """
    groups = _group(field, None if limits.fairness > 0 else limits.cost)
    group, place = np.nonzero(groups.options >= 0)  # a variable: a group's messages on a day
    if not len(group):
        return _nothing(field)
    bounds = _bounds(field, limits, messages, groups, group, groups.options[group, place])
    found = linprog(
        limits.cost - groups.value[group],
        A_ub=vstack([matrix for matrix, _ in bounds.values()], format="csr"),
        b_ub=np.concatenate([bound for _, bound in bounds.values()]),
        method="highs",
    )
    if found.status != 0:
        raise PlanError(f"the plan's bounds contradict each other: {found.message}")
    ends = np.cumsum([len(bound) for _, bound in bounds.values()])
    prices = dict(
        zip(bounds, np.split(np.maximum(0.0, -found.ineqlin.marginals), ends[:-1]), strict=True)
    )
    none = _nothing(field)
    return Prices(
        budget=float(prices["budget"][0]),
        day=prices.get("day", none.day),
        stock=prices.get("stock", none.stock),
        segment=prices.get("segment", none.segment),
        messages=int(np.floor(found.x.sum() + 1e-6)),
        value=-float(found.fun),
    )


def _nothing(field: Field) -> Prices:
    segments = int(field.segment.max(initial=-1)) + 1
    return Prices(
        budget=0.0,
        day=np.zeros(field.days),
        stock=np.zeros(field.value.shape[1]),
        segment=np.zeros(segments),
        messages=0,
        value=0.0,
    )


def _bounds(
    field: Field, limits: Limits, messages: int, groups: _Groups, group: Ints, day: Days
) -> dict[str, tuple[Any, Floats]]:
    """Rows and right-hand sides of the program by name; the exploration's share is held back."""
    one = np.ones(len(group))
    held = 1 - limits.exploration
    segment = groups.segment[group]
    segments = int(field.segment.max(initial=-1)) + 1

    def rows(of: Ints, weight: Floats, bound: Floats) -> tuple[Any, Floats]:
        which = (of, np.arange(len(of)) % len(group))
        return coo_array((weight, which), shape=(len(bound), len(group))), bound

    zero = np.zeros(len(group), dtype=np.int64)
    bounds = {
        "budget": rows(zero, one, np.array([float(messages)])),
        "group": rows(group, one, groups.size),
    }
    # A person's cap, summed over the segment: a week's messages are at most cap x people.
    weeks = np.concatenate([day.astype(np.int64) + WEEK - back for back in range(WEEK)])
    people = np.bincount(field.segment[field.sendable.any(axis=1)], minlength=segments)
    bounds["cap"] = rows(
        weeks * segments + np.tile(segment, WEEK),
        np.ones(len(weeks)),
        np.tile(people * float(limits.cap), field.days + WEEK),
    )
    if limits.daily is not None:
        bound = np.full(field.days, np.floor(limits.daily * held + 1e-9))
        bounds["day"] = rows(day.astype(np.int64), one, bound)
    if limits.stock is not None:
        chance = groups.probability[group]
        bounds["stock"] = rows(groups.campaign[group], chance, limits.stock * held)
    if limits.fairness > 0:
        share = limits.fairness * people_by_segment(field)
        fair = share[:, None] - (segment == np.arange(segments)[:, None])
        bounds["segment"] = (coo_array(fair), np.zeros(segments))
    return bounds


def _group(field: Field, cost: float | None) -> _Groups:
    """Pairs worth more than a cost (None: all) by campaign, segment, days and value."""
    codes, options = _patterns(field)
    segments = int(field.segment.max(initial=-1)) + 1
    parts = []
    for campaign in range(field.value.shape[1]):
        value = field.value[:, campaign]
        rows = np.flatnonzero(value > (-np.inf if cost is None else cost))
        if not len(rows):
            continue
        edges = np.quantile(value[rows], 1 - np.geomspace(1, 1e-3, BINS + 1)[1:-1])
        bin_ = np.searchsorted(edges, value[rows], side="right")
        pattern = codes[field.habit[rows], campaign]
        code = (pattern * segments + field.segment[rows]) * BINS + bin_
        own, group, size = np.unique(code, return_inverse=True, return_counts=True)
        pattern, segment = np.divmod(own // BINS, segments)
        parts.append(
            _Groups(
                np.full(len(own), campaign),
                segment,
                options[pattern],
                size.astype(np.float64),
                np.bincount(group, value[rows]) / size,
                np.bincount(group, field.probability[rows, campaign]) / size,
            )
        )
    if not parts:
        none = np.zeros(0)
        return _Groups(none.astype(np.int64), none.astype(np.int64), options[:0], none, none, none)
    return _Groups(*(np.concatenate([getattr(one, name) for one in parts]) for name in _FIELDS))


_FIELDS = ("campaign", "segment", "options", "size", "value", "probability")


def _patterns(field: Field) -> tuple[Ints, Days]:
    """(HABITS, C) numbers of the distinct lists of days, and (O, L) the lists."""
    habits, campaigns, length = field.options.shape
    lists, codes = np.unique(field.options.reshape(-1, length), axis=0, return_inverse=True)
    return codes.reshape(habits, campaigns).astype(np.int64), lists
