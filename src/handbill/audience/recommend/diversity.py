"""The last step: a list that does not say the same thing ten times, nor only what all know.

Source: maximal marginal relevance (Carbonell & Goldstein 1998); novelty as self-information
(Castells, Vargas & Wang 2011).
"""

import numpy as np

from handbill.audience.recommend.encoder import Matrix
from handbill.audience.recommend.histories import Floats, Ints


def rearrange(
    items: Ints, vectors: Matrix, popularity: Floats, k: int, *, diversity: float, novelty: float
) -> Ints:
    """Choose k of longer lists, one after the other.

    Each step takes the item with the most of: its relevance, which falls with its place in the
    list it came in, plus `novelty` times how few people know it, less `diversity` times its
    likeness to the nearest item chosen already.

    Args:
        items: (P, n) best first, -1 where a list ends.
        vectors: (I, d) rows of length one.
        popularity: (I,) people of each item.
        k: Length wanted.
        diversity: 0 leaves the order, 1 weighs likeness as much as relevance.
        novelty: 0 leaves the order, 1 weighs rarity as much as relevance.

    Returns:
        (P, k)
    """
    if (diversity == 0 and novelty == 0) or items.shape[1] < 2:
        return items[:, :k]
    people, length = items.shape
    safe = np.maximum(items, 0)
    value = np.broadcast_to(1 / np.log2(np.arange(length) + 2), items.shape).astype(np.float32)
    value = value + novelty * rarity(popularity)[safe]
    value = np.where(items >= 0, value, -np.inf)
    candidates = vectors[safe]  # (P, n, d)
    likeness = np.zeros(items.shape, np.float32)
    chosen = np.full((people, min(k, length)), -1, np.int64)
    everyone = np.arange(people)
    for step in range(chosen.shape[1]):
        pick = np.argmax(value - diversity * likeness, axis=1)
        there = np.isfinite(value[everyone, pick])
        chosen[:, step] = np.where(there, items[everyone, pick], -1)
        value[everyone, pick] = -np.inf
        near = np.einsum("pnd,pd->pn", candidates, candidates[everyone, pick])
        likeness = np.maximum(likeness, near)
    return chosen


def rarity(popularity: Floats) -> Floats:
    """(I,) 0 for what most people know, 1 for what one knows; by the logarithm of people.

    Example:
        >>> rarity(np.array([100.0, 10.0, 1.0])).round(2).tolist()
        [0.0, 0.5, 1.0]
    """
    people = np.log(np.maximum(popularity, 1.0))
    most = people.max(initial=0.0)
    return np.asarray(1 - people / most if most > 0 else np.ones_like(people), np.float32)


def spread(items: Ints, vectors: Matrix) -> float:
    """Mean distance (1 - cosine) between two items of one list; 0 is all the same."""
    found = []
    for row in items:
        some = vectors[row[row >= 0]]
        if len(some) >= 2:
            near = some @ some.T
            found.append(1 - (near.sum() - np.trace(near)) / (len(some) * (len(some) - 1)))
    return float(np.mean(found)) if found else 0.0
