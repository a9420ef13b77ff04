"""What people did, in order, as flat arrays: the one shape that every recommender reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

Ints: TypeAlias = npt.NDArray[np.int64]
Items: TypeAlias = npt.NDArray[np.int32]
Floats: TypeAlias = npt.NDArray[np.float32]
Sparse: TypeAlias = Any
"""A scipy CSR matrix."""

KINDS = ("purchase", "view_item", "add_to_cart")
"""Events with a product that say what a person wants; the code of a kind is its place here."""

MOST_BATCH = 512
"""People who are scored at once."""
MOST_SCORES = 2**25
"""People times items that are scored at once, 128 MiB of them: fewer people in large shops."""
MOST_EVENTS = 2_000
"""Of a person, the newest: a reseller's 50,000 say nothing more of what comes next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histories:
    """Events of P people, each person's together and in the order of time.

    Events of one occasion (a basket, a day's tied times) have no order among themselves.

    Attributes:
        people: (P,) pseudonyms.
        offsets: (P + 1,) person p's events are `offsets[p]` up to `offsets[p + 1]`.
        items: (N,) index into the catalogue.
        occasions: (N,) running number from 0 within a person; equal is the same occasion.
        seconds: (N,) epoch seconds of the shop's clock; all 0 where times are unknown.
        kinds: (N,) index into `KINDS`.
        prices: (N,) paid for one unit, in units of currency; NaN where unknown.
        channels: (N,) a small code of store or channel, 0 where unknown.
        size: Items in the catalogue, I.
    """

    people: npt.NDArray[np.str_]
    offsets: Ints
    items: Items
    occasions: Items
    seconds: Ints
    kinds: npt.NDArray[np.int8]
    prices: Floats
    channels: npt.NDArray[np.int16]
    size: int

    @classmethod
    def of_sequences(cls, sequences: Sequence[Sequence[int]], size: int) -> "Histories":
        """Histories of which nothing but the order of items is known.

        Args:
            sequences: (P,) item indices, oldest first.
            size: Items in the catalogue.
        """
        lengths = np.array([len(one) for one in sequences], np.int64)
        total = int(lengths.sum())
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        flat = np.fromiter((item for one in sequences for item in one), np.int32, total)
        return cls(
            people=np.array([str(number) for number in range(len(sequences))]),
            offsets=offsets,
            items=flat,
            occasions=(np.arange(total) - np.repeat(offsets[:-1], lengths)).astype(np.int32),
            seconds=np.zeros(total, np.int64),
            kinds=np.zeros(total, np.int8),
            prices=np.full(total, np.nan, np.float32),
            channels=np.zeros(total, np.int16),
            size=size,
        )

    def __len__(self) -> int:
        """Number of people."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """(P,) events of each person."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Ints:
        """(N,) index of the person of each event."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def last_occasions(self) -> Items:
        """(P,) number of each person's last occasion; -1 without events."""
        last = np.full(len(self), -1, np.int32)
        some = self.lengths > 0
        last[some] = self.occasions[self.offsets[1:][some] - 1]
        return last

    @property
    def ages(self) -> Items:
        """(N,) occasions back from the person's last one; 0 is the last."""
        return self.last_occasions[self.owners] - self.occasions

    @property
    def popularity(self) -> Floats:
        """(I,) people who had to do with each item."""
        return np.asarray((self.counts() > 0).sum(0), np.float32).ravel()

    def counts(self) -> Sparse:
        """(P, I) how many events of each person are of each item."""
        ones = np.ones(len(self.items), np.float32)
        return sp.csr_matrix((ones, (self.owners, self.items)), shape=(len(self), self.size))

    def weighted(self, weights: Floats) -> Sparse:
        """(P, I) sums of weights (N,) by person and item."""
        return sp.csr_matrix(
            (weights.astype(np.float32), (self.owners, self.items)), shape=(len(self), self.size)
        )

    def keep(self, events: npt.NDArray[np.bool_]) -> "Histories":
        """Only some events (N,) of the same people."""
        kept = np.bincount(self.owners[events], minlength=len(self))
        return self._with(np.concatenate([[0], np.cumsum(kept)]), self.people, events)

    def take(self, people: Ints) -> "Histories":
        """Only some people, by index, in the order given."""
        lengths = self.lengths[people]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        events = np.repeat(self.offsets[people], lengths) + within
        return self._with(offsets, self.people[people], events)

    def batches(self) -> Iterator[tuple[Ints, "Histories"]]:
        """People some hundred at a time, as many as can be scored at once, with their indices."""
        most = max(1, min(MOST_BATCH, MOST_SCORES // max(self.size, 1)))
        for start in range(0, len(self), most):
            some = np.arange(start, min(start + most, len(self)))
            yield some, self.take(some)

    def newest(self, most: int) -> "Histories":
        """At most so many events of each person, the newest."""
        if not len(self.items) or int(self.lengths.max()) <= most:
            return self
        left = np.repeat(self.offsets[1:], self.lengths) - np.arange(len(self.items))
        return self.keep(left <= most)

    def without_last(self, occasions: int = 1) -> "Histories":
        """Everybody's history before their last occasions."""
        return self.keep(self.ages >= occasions)

    def last(self) -> Sparse:
        """(P, I) true where an item is in the person's last occasion."""
        there = self.keep(self.ages == 0).counts()
        there.data[:] = 1.0
        return there

    def _with(self, offsets: Ints, people: npt.NDArray[np.str_], events: Any) -> "Histories":
        return Histories(
            people=people,
            offsets=offsets,
            items=self.items[events],
            occasions=self.occasions[events],
            seconds=self.seconds[events],
            kinds=self.kinds[events],
            prices=self.prices[events],
            channels=self.channels[events],
            size=self.size,
        )
