"""The first step: a few hundred items per person that some source calls for, and what is known.

Every pair of a person and a candidate gets the features that the ranker reads. All of them are of
the time before what is to be predicted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.histories import Floats, Histories, Items, Sparse
from handbill.audience.recommend.pairs import Scores, best_items, look_up, ranks
from handbill.audience.recommend.ranking import Source
from handbill.audience.recommend.sources import recent_popularity

DAY = 86_400
TEXT_REACH = 5
"""Last events that a candidate's text is compared with one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Candidates of P people.

    Attributes:
        rows: (M,) person, rising.
        items: (M,) candidate, rising within a person.
        features: (M, F)
        names: (F,)
    """

    rows: Items
    items: Items
    features: Floats
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Fitted sources, and what they are asked for.

    Attributes:
        sources: Fitted.
        catalogue: The items.
        each: Candidates that each source may name for a person.
        repeats: Whether what a person had already may come again.
        timed: Whether times are known.
        popularity: (I,) people of each item, all the time.
        recent: (I,) people of each item, lately.
        allowed: (I,) what may be recommended; None is everything. A condition, not a feature: what
            is in stock today was sold lately, so in the past it would tell what came next.
    """

    sources: tuple[Source, ...]
    catalogue: Catalogue
    each: int
    repeats: bool
    timed: bool
    popularity: Floats
    recent: Floats
    allowed: npt.NDArray[np.bool_] | None = None

    @classmethod
    def of(
        cls, sources: Sequence[Source], catalogue: Catalogue, histories: Histories, *,
        each: int, repeats: bool,
    ) -> "Candidates":  # fmt: skip
        """With the popularity that histories show."""
        return cls(
            sources=tuple(sources), catalogue=catalogue, each=each, repeats=repeats,
            timed=bool(histories.seconds.any()),
            popularity=histories.popularity, recent=recent_popularity(histories),
        )  # fmt: skip

    def pairs(self, histories: Histories) -> Pairs:
        """Candidates and features of some people.

        Args:
            histories: (P) of a few hundred people at a time, since dense scores are (P, I).
        """
        scored = [self._allowed(source.scores(histories)) for source in self.sources]
        rows, items = self._union(histories, scored)
        columns: dict[str, npt.NDArray[np.generic]] = {}
        for source, scores in zip(self.sources, scored, strict=True):
            values = look_up(scores, rows, items)
            columns[source.name] = values
            columns[f"{source.name}_rank"] = ranks(rows, values)
            best = np.full(len(histories), -np.inf, np.float32)
            np.maximum.at(best, rows, values)
            columns[f"{source.name}_short"] = values - best[rows]
        if self.repeats:
            columns |= habits(histories, rows, items, timed=self.timed)
        columns |= self._matches(histories, rows, items)
        columns |= self._items(histories, rows, items)
        columns |= {name: values[rows] for name, values in persons(histories).items()}
        features = np.stack([one.astype(np.float32) for one in columns.values()], axis=1)
        return Pairs(rows=rows, items=items, features=features, names=tuple(columns))

    def _allowed(self, scores: Scores) -> Scores:
        if self.allowed is None:
            return scores
        if sp.issparse(scores):
            kept = sp.csr_matrix(scores @ sp.diags(self.allowed.astype(np.float32)))
            kept.eliminate_zeros()
            return kept
        return np.where(self.allowed, scores, -np.inf).astype(np.float32)

    def _union(self, histories: Histories, scored: Sequence[Scores]) -> tuple[Items, Items]:
        without = None if self.repeats else histories
        width = histories.size
        keys = [np.zeros(0, np.int64)]
        for scores in scored:
            rows, items, _ = best_items(scores, self.each, without=without)
            keys.append(rows.astype(np.int64) * width + items)
        found = np.unique(np.concatenate(keys))
        return (found // width).astype(np.int32), (found % width).astype(np.int32)

    def _matches(
        self, histories: Histories, rows: Items, items: Items
    ) -> dict[str, npt.NDArray[np.generic]]:
        """How a candidate agrees with what the person had."""
        columns: dict[str, npt.NDArray[np.generic]] = {}
        decayed = (0.8**histories.ages).astype(np.float32)
        total = np.maximum(np.bincount(histories.owners, decayed, len(histories)), 1e-6)
        latest = _newest_items(histories, TEXT_REACH)  # (P, R), -1 where there is none
        for name, code in (
            ("brand", self.catalogue.brands),
            ("category", self.catalogue.categories),
        ):
            if code.max(initial=-1) < 0:
                continue
            share = _shares(histories, code, decayed)
            had = np.where(code[items] >= 0, look_up(share, rows, np.maximum(code[items], 0)), 0)
            columns[f"{name}_share"] = had / total[rows]
            last = np.where(latest[:, 0] >= 0, code[latest[:, 0]], -2)
            columns[f"{name}_last"] = last[rows] == code[items]
        vectors = self.catalogue.vectors
        near = np.empty((len(rows), TEXT_REACH), np.float32)
        bounds = np.searchsorted(rows, np.arange(len(histories) + 1))
        for person, theirs in enumerate(vectors[np.maximum(latest, 0)]):  # (R, d)
            some = slice(bounds[person], bounds[person + 1])
            near[some] = vectors[items[some]] @ theirs.T
        near[latest[rows] < 0] = -1.0
        columns["text_last"] = near[:, 0]
        columns["text_nearest"] = near.max(1)
        return columns

    def _items(
        self, histories: Histories, rows: Items, items: Items
    ) -> dict[str, npt.NDArray[np.generic]]:
        catalogue = self.catalogue
        columns: dict[str, npt.NDArray[np.generic]] = {
            "people": np.log1p(self.popularity[items]),
            "trend": np.log1p(self.recent[items]) - np.log1p(self.popularity[items]),
        }
        if not np.isnan(catalogue.prices).all():
            price = np.log(np.maximum(catalogue.prices, 0.01))
            usual = _mean_by(histories, price[histories.items])
            columns["price"] = price[items]
            columns["price_than_usual"] = price[items] - usual[rows]
        if not np.isnan(catalogue.margins).all():
            columns["margin"] = catalogue.margins[items]
        return columns


def habits(
    histories: Histories, rows: Items, items: Items, *, timed: bool
) -> dict[str, npt.NDArray[np.generic]]:
    """How often, how lately and how regularly a person had a candidate.

    Args:
        histories: (P)
        rows: (M,)
        items: (M,)
        timed: Whether times are known, so that days are counted beside occasions.
    """
    counts = histories.counts()
    owners, ages = histories.owners, histories.ages.astype(np.float32)
    shape = counts.shape
    newest = _extreme(histories, ages, shape)
    oldest = _extreme(histories, -ages, shape)
    count = look_up(counts, rows, items)
    had = count > 0
    last = np.where(had, look_up(newest, rows, items) - 1, np.nan)  # occasions back
    first = np.where(had, -look_up(oldest, rows, items) - 1, np.nan)
    occasions = np.maximum(histories.last_occasions + 1, 1).astype(np.float32)
    gap = (first - last) / np.maximum(count - 1, 1)
    columns: dict[str, npt.NDArray[np.generic]] = {
        "had": count,
        "had_share": count / occasions[rows],
        "had_since_first": count / (np.maximum(first, 0) + 1),
        "last_age": last,
        "first_age": first,
        "overdue": np.where(count > 1, (last + 1) / np.maximum(gap, 0.5), np.nan),
    }
    if timed:
        end = np.zeros(len(histories), np.int64)
        np.maximum.at(end, owners, histories.seconds)
        days = (end[owners] - histories.seconds) / DAY
        newest_days = _extreme(histories, days.astype(np.float32), shape)
        oldest_days = _extreme(histories, -days.astype(np.float32), shape)
        last_days = np.where(had, look_up(newest_days, rows, items) - 1, np.nan)
        first_days = np.where(had, -look_up(oldest_days, rows, items) - 1, np.nan)
        gap_days = (first_days - last_days) / np.maximum(count - 1, 1)
        columns["last_days"] = last_days
        columns["gap_days"] = np.where(count > 1, gap_days, np.nan)
        columns["overdue_days"] = np.where(
            count > 1, (last_days + 1) / np.maximum(gap_days, 0.5), np.nan
        )
    return columns


def persons(histories: Histories) -> dict[str, Floats]:
    """(P,) what is known of each person alone."""
    lengths = np.maximum(histories.lengths, 1).astype(np.float32)
    distinct = np.diff(histories.counts().indptr).astype(np.float32)
    return {
        "events": lengths,
        "occasions": (histories.last_occasions + 1).astype(np.float32),
        "repeated": 1 - distinct / lengths,
    }


def _extreme(histories: Histories, values: Floats, shape: tuple[int, int]) -> Sparse:
    """(P, I) smallest value of each person's events of an item, plus one so that 0 is stored."""
    keys = histories.owners * shape[1] + histories.items
    order = np.lexsort((values, keys))
    first = np.ones(len(keys), bool)
    first[1:] = keys[order][1:] != keys[order][:-1]
    kept = order[first]
    rows, items = histories.owners[kept], histories.items[kept]
    stored = values[kept] + 1.0
    return sp.csr_matrix((np.where(stored == 0, 1e-6, stored), (rows, items)), shape=shape)


def _shares(histories: Histories, code: Items, weights: Floats) -> Sparse:
    codes = code[histories.items]
    known = codes >= 0
    return sp.csr_matrix(
        (weights[known], (histories.owners[known], codes[known])),
        shape=(len(histories), int(code.max()) + 1),
    )


def _newest_items(histories: Histories, reach: int) -> Items:
    """(P, reach) items of the last events, newest first, -1 where there are fewer."""
    places = histories.offsets[1:, None] - 1 - np.arange(reach)
    there = places >= histories.offsets[:-1, None]
    if not len(histories.items):
        return np.full(there.shape, -1, np.int32)
    return np.where(there, histories.items[np.maximum(places, 0)], -1).astype(np.int32)


def _mean_by(histories: Histories, values: Floats) -> Floats:
    """(P,) mean of known values (N,), NaN for people without any."""
    known = ~np.isnan(values)
    owners = histories.owners[known]
    total = np.bincount(owners, values[known], len(histories))
    count = np.bincount(owners, minlength=len(histories))
    means = np.full(len(histories), np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means.astype(np.float32)
