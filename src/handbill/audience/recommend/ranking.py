"""How good an order is: what a person did next, and how far up it stood.

Source: normalised discounted cumulative gain (Järvelin & Kekäläinen 2002).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from handbill.audience.recommend.histories import Histories, Ints, Sparse
from handbill.audience.recommend.pairs import Scores, best_items

TRIED_EVENTS = 300_000
"""Of so many events, of people drawn evenly, a choice between settings is made."""
TRIED_PEOPLE = 4_000
"""Most of them whose lists are judged."""


class Source(Protocol):
    """Something that scores every item for a person, learned from histories."""

    @property
    def name(self) -> str:
        """For columns and cards."""

    def fit(self, histories: Histories) -> "Source":
        """Learn, and return what has learned; one that has learned before learns again or on."""

    def scores(self, histories: Histories) -> Scores:
        """(P, I) higher is likelier next."""


Fitting = TypeVar("Fitting", bound=Source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Means over people who did something next.

    Attributes:
        ndcg: Of the first k.
        recall: Share of what they did that is among the first k.
        people: They are.
    """

    ndcg: float
    recall: float
    people: int


def quality(chosen: Ints, wanted: Sparse, k: int = 10) -> Quality:
    """Judge lists against what came next, over all items, none sampled.

    Args:
        chosen: (P, at least k) items, best first; -1 fills a short list.
        wanted: (P, I) nonzero where the item came next; a row without any is left out.
        k: Length judged.
    """
    wanted = wanted.tocsr()
    wanted.sort_indices()
    total = np.diff(wanted.indptr)
    keys = np.repeat(np.arange(len(total)), total).astype(np.int64) * wanted.shape[1]
    keys = keys + wanted.indices
    lists = chosen[:, :k].astype(np.int64)
    asked = np.arange(len(lists))[:, None] * wanted.shape[1] + lists
    hits = np.isin(asked, keys) & (lists >= 0)
    discount = 1 / np.log2(np.arange(k) + 2)
    ideal = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(total, k)]
    some = total > 0
    if not some.any():
        return Quality(ndcg=0.0, recall=0.0, people=0)
    gained = (hits @ discount[: lists.shape[1]])[some] / ideal[some]
    return Quality(
        ndcg=float(gained.mean()),
        recall=float((hits.sum(1)[some] / total[some]).mean()),
        people=int(some.sum()),
    )


def lists(source: Source, histories: Histories, k: int, *, repeats: bool) -> Ints:
    """(P, k) the best items of a source for each person, -1 where it has no more.

    Args:
        source: Fitted.
        histories: Of whom.
        k: Length.
        repeats: Whether what a person had already may come again.
    """
    found = np.full((len(histories), k), -1, np.int64)
    for people, some in histories.batches():
        rows, items, _ = best_items(source.scores(some), k, without=None if repeats else some)
        place = np.arange(len(rows)) - np.searchsorted(rows, rows)
        found[people[rows], place] = items
    return found


def best_of(choices: Sequence[Fitting], histories: Histories, *, repeats: bool) -> Fitting:
    """The choice whose lists are best for what people did last, fitted on what was before.

    Args:
        choices: Not fitted.
        histories: The last occasion of each is what is to be found.
        repeats: Whether what a person had already may come again.
    """
    share = max(1, -(-len(histories.items) // TRIED_EVENTS))
    histories = histories.take(np.arange(0, len(histories), share))
    before = histories.without_last()
    some = np.flatnonzero(before.lengths > 0)
    some = some[:: max(1, len(some) // TRIED_PEOPLE)]
    wanted = histories.last()[some]
    asked = before.take(some)

    def found(choice: Fitting) -> float:
        return quality(lists(choice.fit(before), asked, 10, repeats=repeats), wanted).ndcg

    return max(choices, key=found)
