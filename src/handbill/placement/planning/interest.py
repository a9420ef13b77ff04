"""How much each person wants each offer, held as a sparse matrix: most pairs have no evidence."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from handbill.placement.arrays import Floats


@dataclass(frozen=True, slots=True)
class Interest:
    """Scores of people for offers.

    Attributes:
        people: (P,) pseudonyms.
        offers: (O,) ids.
        scores: (P, O) sparse; a pair that is absent scores 0.
    """

    people: pd.Index
    offers: pd.Index
    scores: Any

    @classmethod
    def from_rows(
        cls, person: Iterable[str], offer: Iterable[str], score: Iterable[float]
    ) -> "Interest":
        """From one row per pair; a pair occurs once."""
        rows, people = pd.factorize(pd.Series(list(person), dtype="str"))
        columns, offers = pd.factorize(pd.Series(list(offer), dtype="str"))
        values = np.array(list(score), dtype=np.float64)
        scores = csr_array((values, (rows, columns)), shape=(len(people), len(offers)))
        return cls(pd.Index(people), pd.Index(offers), scores)

    def of(self, people: Sequence[str], offers: Sequence[str]) -> Floats:
        """(N, O) scores of some people for some offers."""
        rows = self.people.get_indexer(pd.Index(pd.Series(list(people), dtype="str")))
        columns = self.offers.get_indexer(pd.Index(pd.Series(list(offers), dtype="str")))
        found = np.zeros((len(rows), len(columns)))
        known, held = np.flatnonzero(rows >= 0), np.flatnonzero(columns >= 0)
        if len(known) and len(held):
            some = self.scores[rows[known]][:, columns[held]].toarray()
            found[np.ix_(known, held)] = some
        return found
