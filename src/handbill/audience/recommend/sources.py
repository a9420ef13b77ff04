"""Sources of candidates beside the neighbours and the Transformer: text, habit, popularity."""

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.encoder import unit
from handbill.audience.recommend.histories import Floats, Histories, Sparse

MOST_POPULAR = 1_000
"""Items that popularity alone can recommend."""
RECENT_SHARE = 0.1
"""The newest part of the log in which popularity is counted, where times are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlikeText:
    """Items whose text is near that of what a person looked at or bought last; exact search.

    Attributes:
        catalogue: The items.
        memory: Weight of a person's event one occasion older, 0 to 1.
    """

    catalogue: Catalogue
    memory: float = 0.6

    @property
    def name(self) -> str:
        """For columns and cards."""
        return "text"

    def fit(self, histories: Histories) -> "AlikeText":
        """Nothing to learn: the vectors know the texts."""
        return self

    def scores(self, histories: Histories) -> Floats:
        """(P, I) cosine of each item with the person's recent texts; -inf for people without."""
        weights = self.memory ** histories.ages.astype(np.float32)
        asked = unit(np.asarray(histories.weighted(weights) @ self.catalogue.vectors, np.float32))
        found = asked @ self.catalogue.vectors.T
        found[~asked.any(axis=1)] = -np.inf
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What a person bought before, the more the oftener and the more recently.

    Attributes:
        memory: Weight of an event one occasion older, 0 to 1.
    """

    memory: float = 0.97

    @property
    def name(self) -> str:
        """For columns and cards."""
        return "habit"

    def fit(self, histories: Histories) -> "Habit":
        """Nothing to learn: a habit is a person's own."""
        return self

    def scores(self, histories: Histories) -> Sparse:
        """(P, I) decayed counts."""
        return histories.weighted(self.memory ** histories.ages.astype(np.float32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Popular:
    """What many people had to do with lately; the same for everyone."""

    people: Floats | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """For columns and cards."""
        return "popular"

    def fit(self, histories: Histories) -> "Popular":
        """Count people."""
        return Popular(people=recent_popularity(histories))

    def scores(self, histories: Histories) -> Sparse:
        """(P, I) equal rows, with the most popular items only."""
        assert self.people is not None  # noqa: S101  fitted before it is asked
        best = np.lexsort((np.arange(len(self.people)), -self.people))[:MOST_POPULAR]
        best = np.sort(best[self.people[best] > 0])
        indptr = np.arange(len(histories) + 1) * len(best)
        values, columns = (np.tile(one, len(histories)) for one in (self.people[best], best))
        return sp.csr_matrix((values, columns, indptr), shape=(len(histories), histories.size))


def recent_popularity(histories: Histories) -> Floats:
    """(I,) people of each item in the newest part of the log; over all of it without times."""
    if not len(histories.seconds) or int(histories.seconds.max()) == 0:
        return histories.popularity
    since = np.quantile(histories.seconds, 1 - RECENT_SHARE)
    return histories.keep(histories.seconds >= since).popularity
