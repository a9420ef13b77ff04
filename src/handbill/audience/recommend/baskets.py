"""What is bought again and again: a person's own frequency, and that of people alike.

Source: TIFU-KNN (Hu, He, Gao & Zhang 2020), temporal item frequency with nearest neighbours;
personal frequency as Li et al. (2023) show it to be hard to beat.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from handbill.audience.recommend.histories import Histories, Sparse

MOST_NEIGHBOURS = 5_000
"""People among whom those alike are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalFrequency:
    """How many of a person's occasions had an item; recency decides between equals."""

    name: str = "frequency"

    def fit(self, histories: Histories) -> "PersonalFrequency":
        """Nothing to learn: it is a person's own."""
        return self

    def scores(self, histories: Histories) -> Sparse:
        """(P, I) occasions with each item, and a little for a recent one."""
        ages = histories.ages.astype(np.float32)
        recent = histories.weighted(1e-4 / (1 + ages))
        return _once_per_occasion(histories, np.ones(len(ages), np.float32)) + recent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tifu:
    """Frequency that fades within and between groups of occasions, with the nearest people's.

    Attributes:
        group: Occasions in a group, m.
        within: Fading from an occasion to the one before in its group.
        between: Fading from a group to the one before.
        neighbours: People alike that count, k.
        own: Weight of the person's own frequency against theirs, alpha.
        name: For columns and cards.
    """

    group: int = 7
    within: float = 0.9
    between: float = 0.7
    neighbours: int = 300
    own: float = 0.7
    theirs: Sparse = field(default=None, repr=False)
    name: str = "tifu"

    def fit(self, histories: Histories) -> "Tifu":
        """Remember people's frequencies."""
        step = max(1, len(histories) // MOST_NEIGHBOURS)
        some = histories.take(np.arange(0, len(histories), step))
        return replace(self, theirs=self._vectors(some))

    def scores(self, histories: Histories) -> Sparse:
        """(P, I) own frequencies blended with those of the nearest."""
        own = self._vectors(histories)
        # Nearest by Euclidean distance: |a - b|^2 = |a|^2 - 2ab + |b|^2, the first alike for all.
        size = np.asarray(self.theirs.multiply(self.theirs).sum(1)).ravel()
        near = (own @ self.theirs.T).toarray() * 2 - size
        near[near >= 0.999_999 * np.asarray(own.multiply(own).sum(1))] = -np.inf  # oneself
        count = min(self.neighbours, near.shape[1])
        columns = np.argpartition(-near, count - 1, axis=1)[:, :count]
        rows = np.repeat(np.arange(len(columns)), count)
        weights = np.full(rows.shape, 1 / count, np.float32)
        chosen = sp.csr_matrix((weights, (rows, columns.ravel())), shape=near.shape)
        return (self.own * own + (1 - self.own) * (chosen @ self.theirs)).tocsr()

    def _vectors(self, histories: Histories) -> Sparse:
        """(P, I) of the paper's equations 1 and 2: groups counted back from the last occasion."""
        ages = histories.ages.astype(np.int64)
        total = np.maximum(histories.last_occasions + 1, 1)[histories.owners]
        group, place = ages // self.group, ages % self.group
        groups = -(-total // self.group)
        # The oldest group may be smaller.
        size = np.minimum(self.group, total - group * self.group)
        weight = self.within**place / size * self.between**group / groups
        return _once_per_occasion(histories, weight.astype(np.float32))


TIFU_CHOICES = tuple(
    Tifu(group=group, within=0.9, between=between, neighbours=neighbours, own=own)
    for group, between, neighbours, own in (
        (7, 0.7, 300, 0.7),
        (3, 0.7, 300, 0.9),
        (7, 0.9, 100, 0.9),
        (15, 0.9, 300, 0.7),
        (3, 0.9, 900, 0.5),
        (20, 0.9, 100, 0.9),
        (30, 0.9, 100, 0.95),
    )
)
"""The paper's published settings and around them."""


def _once_per_occasion(histories: Histories, weights: np.ndarray) -> Sparse:
    """(P, I) sums of weights, an item's second line in one occasion left out."""
    occasions = int(histories.occasions.max(initial=0)) + 1
    keys = (histories.owners * occasions + histories.occasions) * histories.size + histories.items
    _, first = np.unique(keys, return_index=True)
    once = np.zeros(len(weights), np.float32)
    once[first] = weights[first]
    return histories.weighted(once)
