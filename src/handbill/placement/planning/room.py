"""What is still free while a plan is made: people's weeks, the days' budgets, the stock."""

import numpy as np
import numpy.typing as npt

from handbill.placement.arrays import Bools, Floats, Ints
from handbill.placement.planning.allocate import Field, Limits
from handbill.placement.planning.schedule import Contacts, Days, occurrence

WHY_CAP, WHY_DAY, WHY_STOCK = 1, 2, 3
"""Why a pair found no place."""

Codes = npt.NDArray[np.int8]


class Room:
    """Finds days for pairs and keeps every bound while it does.

    Args:
        field: What could be sent.
        limits: What must be kept.
        day_price: (D,) what a message on each day costs others; cheaper days come first.
    """

    def __init__(self, field: Field, limits: Limits, day_price: Floats | None) -> None:
        self._field = field
        self._campaigns = field.value.shape[1]
        self._contacts = Contacts(len(field.value), field.days, limits.cap)
        self.value = field.value.ravel()
        self._probability = field.probability.ravel()
        self._options = field.options
        if day_price is not None:
            cost = np.where(field.options < 0, np.inf, day_price[field.options])
            rank = np.argsort(cost, axis=2, kind="stable")
            self._options = np.take_along_axis(field.options, rank, axis=2)
        held = 1 - limits.exploration  # the exploration keeps its share of days and stock
        self.day_left: Ints | None = None
        self.stock_left: Floats | None = None
        self._day_lots: Ints | None = None
        self._stock_lots: Floats | None = None
        if limits.daily is not None:
            merit = np.floor(limits.daily * held + 1e-9)
            self.day_left = np.full(field.days, merit, dtype=np.int64)
            self._day_lots = np.full(field.days, limits.daily - merit, dtype=np.int64)
        if limits.stock is not None:
            self.stock_left = limits.stock * held
            self._stock_lots = limits.stock - self.stock_left

    @property
    def bounded(self) -> bool:
        """Whether days or stock have bounds."""
        return self.day_left is not None or self.stock_left is not None

    def open_lots(self) -> None:
        """Let the exploration have what was held back for it and what merit left."""
        if self.day_left is not None and self._day_lots is not None:
            self.day_left += self._day_lots
        if self.stock_left is not None and self._stock_lots is not None:
            self.stock_left += self._stock_lots

    def free_day(self, pairs: Ints) -> Days:
        """The first free day of each pair, -1 for none; nothing is taken."""
        person, options = self._split(pairs)
        free = self._contacts.free(person, options)
        if self.day_left is not None:
            free &= self.day_left[options] > 0
        first = options[np.arange(len(pairs)), free.argmax(axis=1)]
        return np.asarray(np.where(free.any(axis=1), first, -1), dtype=np.int16)

    def place(self, pairs: Ints) -> tuple[Days, Codes]:
        """Take a day for each pair that finds one, better pairs first.

        Returns:
            (K,) days, -1 for none, and (K,) why not.
        """
        days = np.full(len(pairs), -1, dtype=np.int16)
        why = np.zeros(len(pairs), dtype=np.int8)
        turn = occurrence(pairs // self._campaigns)
        for rank in range(int(turn.max(initial=-1)) + 1):
            rows = np.flatnonzero(turn == rank)
            days[rows], why[rows] = self._place_different(pairs[rows])
        return days, why

    def add(self, pairs: Ints, days: Days, count: int) -> None:
        """Put messages down (1) or take them back (-1)."""
        turn = occurrence(pairs // self._campaigns) if len(pairs) else pairs
        for rank in range(int(turn.max(initial=-1)) + 1):
            rows = np.flatnonzero(turn == rank)
            self._add_different(pairs[rows], days[rows], count)

    def _split(self, pairs: Ints) -> tuple[Ints, Days]:
        person, campaign = pairs // self._campaigns, pairs % self._campaigns
        return person, self._options[self._field.habit[person], campaign]

    def _place_different(self, pairs: Ints) -> tuple[Days, Codes]:
        """Pairs of different people."""
        days = np.full(len(pairs), -1, dtype=np.int16)
        why = np.full(len(pairs), WHY_CAP, dtype=np.int8)
        stocked = self._within_stock(pairs)
        why[~stocked] = WHY_STOCK
        rows = np.flatnonzero(stocked)
        person, options = self._split(pairs[rows])
        by_cap = self._contacts.free(person, options)
        while len(rows):
            free = by_cap if self.day_left is None else by_cap & (self.day_left[options] > 0)
            has = free.any(axis=1)
            why[rows[~has & by_cap.any(axis=1)]] = WHY_DAY
            rows, by_cap, options, free = rows[has], by_cap[has], options[has], free[has]
            found = options[np.arange(len(rows)), free.argmax(axis=1)]
            fits = np.ones(len(rows), dtype=np.bool_)
            if self.day_left is not None and len(rows):
                fits = occurrence(found.astype(np.int64)) < self.day_left[found]
            taken = rows[fits]
            days[taken], why[taken] = found[fits], 0
            self._add_different(pairs[taken], found[fits], 1)
            rows, by_cap, options = rows[~fits], by_cap[~fits], options[~fits]
        return days, why

    def _within_stock(self, pairs: Ints) -> Bools:
        """Whether each pair's campaign still has stock when those before it got theirs."""
        fits = np.ones(len(pairs), dtype=np.bool_)
        if self.stock_left is not None:
            campaign = pairs % self._campaigns
            for one in np.unique(campaign):
                rows = np.flatnonzero(campaign == one)
                heap = np.cumsum(self._probability[pairs[rows]])
                fits[rows] = heap <= self.stock_left[one] + 1e-12
        return fits

    def _add_different(self, pairs: Ints, days: Days, count: int) -> None:
        self._contacts.add(pairs // self._campaigns, days, count)
        if self.day_left is not None:
            self.day_left -= count * np.bincount(days, minlength=len(self.day_left))
        if self.stock_left is not None:
            campaign = pairs % self._campaigns
            used = np.bincount(campaign, self._probability[pairs], len(self.stock_left))
            self.stock_left -= count * used
