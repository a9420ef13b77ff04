"""Both steps together: learn from what people did last, then say what each will want next.

With fewer people than the trees can learn from, or where they do not beat the best single source
on people they have not seen, that source's own order stands, and the result says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from handbill.audience.recommend.candidates import Candidates, Pairs
from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.diversity import rearrange
from handbill.audience.recommend.histories import MOST_EVENTS, Floats, Histories, Ints
from handbill.audience.recommend.neighbours import CHOICES, TOGETHER, Alike
from handbill.audience.recommend.pairs import look_up
from handbill.audience.recommend.ranker import Ranker, counted, fit_ranker, fused, gather, order
from handbill.audience.recommend.ranking import Quality, Source, best_of, lists, quality
from handbill.audience.recommend.sources import AlikeText, Habit, Popular

LEAST_PEOPLE = 200
"""With two occasions or more; fewer teach a ranker little but noise."""
LEAST_FOUND = 50
"""People for whom some source had called for what they did; without as many, nothing orders."""
REPEATS_FROM = 0.02
"""Share of last events that repeat an earlier item, from which on repeats are recommended."""
DEPTH = 5
"""Times the list's length that diversity and novelty choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to recommend.

    Attributes:
        each: Candidates that each source may name for a person.
        training_people: Most people that the ranker learns from.
        diversity: See `diversity.rearrange`.
        novelty: See `diversity.rearrange`.
        learn: Whether the ranker may be learned; without, counting sources are joined by place.
        seed: Of folds, trees and samples.
    """

    each: int = 60
    training_people: int = 25_000
    diversity: float = 0.0
    novelty: float = 0.0
    learn: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommended:
    """Lists of some people.

    Attributes:
        items: (P, k) index into the catalogue, best first, -1 where a list ends.
        sources: (P, k) index of the source that ranked the item highest; -1 beside -1.
    """

    items: Ints
    sources: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommender:
    """What `fit` learned.

    Attributes:
        candidates: The first step, fitted on everything.
        ranker: The second; None where counting stands in.
        method: `ranker`, `counting`, or the name of the best single source.
        held_out: Quality by method, on people and events it did not learn from.
        options: As fitted with.
    """

    candidates: Candidates
    ranker: Ranker | None
    method: str
    held_out: dict[str, Quality]
    options: Options

    def recommend(self, histories: Histories, k: int) -> Recommended:
        """The best k items for each person.

        Args:
            histories: (P) may be empty for new people.
            k: Length.
        """
        depth = k * DEPTH if self.options.diversity or self.options.novelty else k
        items = np.full((len(histories), k), -1, np.int64)
        sources = np.full((len(histories), k), -1, np.int64)
        for people, some in histories.batches():
            pairs = self.candidates.pairs(some)
            longer = order(pairs.rows, pairs.items, self.scores(pairs), len(some), depth)
            chosen = rearrange(
                longer, self.candidates.catalogue.vectors, self.candidates.popularity, k,
                diversity=self.options.diversity, novelty=self.options.novelty,
            )  # fmt: skip
            items[people, : chosen.shape[1]] = chosen
            sources[people, : chosen.shape[1]] = self._origins(pairs, chosen)
        return Recommended(items=items, sources=sources)

    def scores(self, pairs: Pairs) -> Floats:
        """(M,) what the second step makes of candidates."""
        if self.ranker is not None:
            return self.ranker.scores(pairs)
        names = [source.name for source in self.candidates.sources]
        if self.method in names:
            return fused(pairs, self.method, names)
        return counted(self.candidates, pairs)

    def _origins(self, pairs: Pairs, chosen: Ints) -> Ints:
        """Which source ranked each chosen item highest; popularity only where no other did."""
        names = [source.name for source in self.candidates.sources]
        width = len(self.candidates.catalogue)
        keys = pairs.rows.astype(np.int64) * width + pairs.items
        columns = [pairs.names.index(f"{name}_rank") for name in names]
        places = pairs.features[:, columns].copy()
        for number, name in enumerate(names):
            places[pairs.features[:, pairs.names.index(name)] == 0, number] = np.inf
            places[:, number] += 1e6 if name == "popular" else 0.0
        best = np.argmin(places, axis=1)
        asked = np.arange(len(chosen))[:, None] * width + chosen
        place = np.minimum(np.searchsorted(keys, asked.ravel()), max(len(keys) - 1, 0))
        found = best[place].reshape(chosen.shape) if len(keys) else np.zeros_like(chosen)
        return np.where(chosen >= 0, found, -1)


def fit(
    histories: Histories,
    catalogue: Catalogue,
    options: Options,
    *,
    more: Sequence[Source] = (),
    tell: Callable[[str, float], None] = lambda message, share: None,
) -> Recommender:
    """Learn both steps.

    Args:
        histories: (P) of everyone.
        catalogue: The items.
        options: How.
        more: Further sources, such as the Transformer.
        tell: Told what is being done and how far it all is, 0 to 1.
    """
    histories = histories.newest(MOST_EVENTS)
    repeats = repeating(histories) >= REPEATS_FROM
    learners = int((histories.last_occasions >= 1).sum())
    if learners < LEAST_PEOPLE or not options.learn:
        sources = [one.fit(histories) for one in _counting(repeats)]
        return Recommender(
            candidates=_sellable(sources, catalogue, histories, options, repeats),
            ranker=None, method="counting", held_out={}, options=options,
        )  # fmt: skip
    tell("what follows what", 0.0)
    # Where people buy the same again, habit decides, and the choice is not worth its time.
    follows = CHOICES[0] if repeats else best_of(CHOICES, histories, repeats=False)
    unfitted: list[Source] = [
        follows, *_counting(repeats)[1:], TOGETHER, Alike(), AlikeText(catalogue=catalogue), *more
    ]  # fmt: skip
    tell("sources", 0.2)
    before = histories.without_last()
    early = [one.fit(before) for one in unfitted]
    candidates = Candidates.of(early, catalogue, before, each=options.each, repeats=repeats)
    ranker, held_out = _learn(candidates, histories, options, tell)
    method = max(held_out, key=lambda name: held_out[name].ndcg)
    tell("sources, with the last events", 0.9)
    late = [one.fit(histories) for one in early]
    return Recommender(
        candidates=_sellable(late, catalogue, histories, options, repeats),
        ranker=ranker if method == "ranker" else None,
        method=method,
        held_out=held_out,
        options=options,
    )  # fmt: skip


def _sellable(
    sources: Sequence[Source], catalogue: Catalogue, histories: Histories, options: Options,
    repeats: bool,
) -> Candidates:  # fmt: skip
    """Candidates of what can be sold now."""
    found = Candidates.of(sources, catalogue, histories, each=options.each, repeats=repeats)
    return found if catalogue.in_stock.all() else replace(found, allowed=catalogue.in_stock)


def _learn(
    candidates: Candidates,
    histories: Histories,
    options: Options,
    tell: Callable[[str, float], None],
) -> tuple[Ranker | None, dict[str, Quality]]:
    """A ranker, and how good it and each source alone are at what people did last.

    Args:
        candidates: Fitted on what was before that.
        histories: Whole.
        options: How many learn.
        tell: Told how far it is.
    """
    before, wanted = histories.without_last(), histories.last()
    some = np.flatnonzero(before.lengths > 0)
    if len(some) > options.training_people:
        rng = np.random.default_rng(options.seed)
        some = np.sort(rng.choice(some, options.training_people, replace=False))
    asked, wanted = before.take(some), wanted[some]
    examples, by_counting = gather(
        candidates, asked, wanted, lambda share: tell("candidates", 0.3 + 0.3 * share)
    )
    tell("ranking", 0.6)
    held_out = {
        source.name: quality(lists(source, asked, 10, repeats=candidates.repeats), wanted)
        for source in candidates.sources
    }
    held_out = {"counting": quality(by_counting, wanted), **held_out}
    if len(examples.people) < LEAST_FOUND:
        return None, held_out
    ranker = fit_ranker(examples, wanted, options.seed)
    return ranker, {"ranker": ranker.held_out, **held_out}


def repeating(histories: Histories) -> float:
    """Share of what people did last that they had had to do with before."""
    last, before = histories.last(), histories.without_last().counts()
    rows, items = last.nonzero()
    known = before.getnnz(axis=1)[rows] > 0
    if not known.any():
        return 0.0
    return float((look_up(before, rows[known], items[known]) > 0).mean())


def _counting(repeats: bool) -> list[Source]:
    return [CHOICES[0], Popular(), *([Habit()] if repeats else [])]
