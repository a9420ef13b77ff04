"""Neighbours by counting: what follows what, and what people alike went on to.

Source: session-based neighbours (Ludewig & Jannach 2018; Garg et al. 2019, sequence and time
aware neighbourhoods); item-to-item collaborative filtering (Sarwar et al. 2001).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from handbill.audience.recommend.histories import Floats, Histories, Sparse
from handbill.audience.recommend.pairs import strongest

REACH = 50
"""Events apart at which two of a person still count as following each other."""
NEWEST = 200
"""Events of a person that are paired; what somebody did long ago follows from little."""
MOST_PAIRS = 6_000_000
"""Bounds memory and time: with more events the reach shrinks."""
MOST_FOLLOWERS = 300
"""Items that one item calls for."""
FORGOTTEN = 0.01
"""Weight below which an event is not asked about."""
MOST_HOLDERS = 2_000
"""People who share an item that many have are not alike for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follows:
    """How much one item tells of another, from how soon one came after the other.

    Attributes:
        decay: Weight of a pair one occasion further apart, 0 to 1.
        back: Weight of a pair read against the order of time, 0 to 1.
        source_power: How far an item that many have says less, 0 to 1.
        target_power: How far an item that many have is recommended less, 0 to 1.
        memory: Weight of a person's event one occasion older, 0 to 1.
        shrink: People added to each item's count, so that rare ones do not decide.
        table: (I, I) CSR, what was learned.
        name: For columns and cards.
    """

    decay: float = 0.8
    back: float = 0.3
    source_power: float = 0.4
    target_power: float = 0.1
    memory: float = 0.7
    shrink: float = 3.0
    table: Sparse = field(default=None, repr=False)

    name: str = "follows"

    def fit(self, histories: Histories) -> "Follows":
        """Count pairs."""
        pairs = _pairs(histories, self.decay, self.back)
        people = histories.popularity + self.shrink
        left, right = people**-self.source_power, people**-self.target_power
        table = (sp.diags(left) @ pairs @ sp.diags(right)).tocsr()
        table.setdiag(0)
        table.eliminate_zeros()
        table = strongest(table, MOST_FOLLOWERS)
        return replace(self, table=table)

    def scores(self, histories: Histories) -> Sparse:
        """(P, I) how much each person's history calls for each item."""
        recent = histories.keep(self.memory**histories.ages >= FORGOTTEN)
        return recent.weighted(self.memory ** recent.ages.astype(np.float32)) @ self.table


CHOICES: Sequence[Follows] = tuple(
    Follows(decay=decay, back=back, source_power=source, target_power=target, memory=memory)
    for decay, back, source, target, memory in (
        (0.8, 0.3, 0.4, 0.1, 0.7),
        (0.7, 0.2, 0.3, 0.1, 0.7),
        (0.8, 0.35, 0.5, 0.0, 0.6),
        (0.85, 0.2, 0.6, 0.1, 0.7),
        (0.6, 0.5, 0.5, 0.1, 0.6),
        (0.9, 1.0, 0.5, 0.3, 0.9),
        (1.0, 1.0, 0.5, 0.5, 0.8),
        (0.5, 0.1, 0.3, 0.0, 0.5),
    )
)
"""What `ranking.best_of` tries on what people did last."""

TOGETHER = Follows(
    decay=1.0, back=1.0, source_power=0.5, target_power=0.5, memory=0.9, name="together"
)
"""Bought by the same people, whatever the order: co-purchase."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """What the people most alike have.

    Attributes:
        neighbours: How many people count.
        memory: Weight of a person's event one occasion older, 0 to 1.
        theirs: (P, I) CSR, who has what.
        keys: (I, P) CSR, the same, weighed down for people who have much.
        rarity: (I,) what sharing an item says.
    """

    neighbours: int = 100
    memory: float = 0.8
    theirs: Sparse = field(default=None, repr=False)
    keys: Sparse = field(default=None, repr=False)
    rarity: Floats | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For columns and cards."""
        return "alike"

    def fit(self, histories: Histories) -> "Alike":
        """Remember who has what."""
        theirs = histories.counts()
        theirs.data[:] = 1.0
        holders = histories.popularity
        rarity = np.log1p(len(histories) / np.maximum(holders, 1.0)).astype(np.float32)
        rarity[holders > max(MOST_HOLDERS, 0.2 * len(histories))] = 0.0
        size = np.maximum(np.asarray(theirs.sum(1)).ravel(), 1.0)
        keys = (sp.diags(size**-0.5) @ theirs).T.tocsr().astype(np.float32)
        return replace(self, theirs=theirs, keys=keys, rarity=rarity)

    def scores(self, histories: Histories) -> Sparse:
        """(P, I) how much the people most alike have of each item; themselves included if fitted.

        A person's own items only add to what they have already, which is left out or known.
        """
        asks = histories.weighted(self.memory ** histories.ages.astype(np.float32))
        near = (asks @ sp.diags(self.rarity) @ self.keys).tocsr()
        return strongest(near, self.neighbours) @ self.theirs


def _pairs(histories: Histories, decay: float, back: float) -> Sparse:
    """(I, I) weighted counts of items that came after others, soon."""
    histories = histories.newest(NEWEST)
    events = len(histories.items)
    owners, items = histories.owners, histories.items
    occasions = histories.occasions
    longest = int(histories.lengths.max()) if events else 0
    reach = min(REACH, longest - 1, max(1, MOST_PAIRS // max(events, 1)))
    total = sp.csr_matrix((histories.size, histories.size), dtype=np.float32)
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for step in range(1, reach + 1):
        same = owners[step:] == owners[:-step]
        first, then = items[:-step][same], items[step:][same]
        apart = (occasions[step:] - occasions[:-step])[same]
        weight = decay ** np.maximum(apart - 1, 0).astype(np.float32)
        parts.append((first, then, weight))
        # Of one occasion neither came first.
        parts.append((then, first, weight * np.where(apart == 0, 1.0, back).astype(np.float32)))
        if sum(len(one[0]) for one in parts) > MOST_PAIRS // 4 or step == reach:
            rows, columns, weights = (np.concatenate(side) for side in zip(*parts, strict=True))
            shape = (histories.size, histories.size)
            total = total + sp.csr_matrix((weights, (rows, columns)), shape=shape)
            parts = []
    return total
