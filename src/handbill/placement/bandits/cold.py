"""What to think of a creative before anybody saw it: what similar texts did.

Similarity is the cosine of character runs, so it works for English and Chinese alike, without a
model. An arm starts at the weighted mean of the others' weights, drawn to their overall mean while
little is alike; the bandit then learns it like any other.
"""

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from handbill.errors import SourceError
from handbill.placement.arrays import Floats

RUNS = (2, 4)
"""Characters in a run."""

SHARPNESS = 8
"""Power of the cosine, so that one text that is alike outweighs a hundred that are not."""

DOUBT = 0.05
"""Equal texts, shown as often as usual, that the overall mean counts for."""


def likeness(new: Sequence[str], known: Sequence[str]) -> Floats:
    """Cosines of the texts' character runs, (N, M) from 0 to 1.

    Example:
        >>> likeness(["frozen pizza tonight"], ["frozen pizza tonight", "红酒"]).round(2)
        array([[1., 0.]])
    """
    runs = HashingVectorizer(
        analyzer="char", ngram_range=RUNS, n_features=2**18, alternate_sign=False
    )
    return np.asarray((runs.transform(new) @ runs.transform(known).T).toarray(), dtype=np.float64)


def cold_weights(
    new: Sequence[str], known: Sequence[str], weights: Floats, shown: Floats
) -> Floats:
    """Where the arms of new texts start.

    Args:
        new: N texts that nobody has seen.
        known: M texts that were shown, at least one.
        weights: (M, D) what the bandit has learned of them.
        shown: (M,) how often each was.

    Returns:
        (N, D)

    Raises:
        SourceError: Nothing was ever shown, or the arrays do not fit.
    """
    if not (len(known) == len(weights) == len(shown)) or not shown.sum() > 0:
        raise SourceError(
            "cold creatives need texts, weights and counts of ones that were shown, one each"
        )
    trust = shown / shown.mean()
    mean = trust @ weights / trust.sum()  # (D,)
    alike = likeness(new, known) ** SHARPNESS * trust  # (N, M)
    total = alike.sum(axis=1, keepdims=True) + DOUBT
    return np.asarray((alike @ weights + DOUBT * mean) / total, dtype=np.float64)
