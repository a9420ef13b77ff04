"""Preference: of two texts that answered one brief, the one that people preferred.

Results propose, constraints decide: a text that says what it cannot prove, breaks a rule or drew
more complaints is never what a writer learns to prefer, however often it was clicked.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from handbill.creative.shown import Shown, beats, by_test

SURE = 0.9
"""A pair whose better text is less certain than this teaches nothing."""

MOST = 2.0
"""Weight of a pair at most, of an average one: no single landslide leads the training."""

PAIRS, TESTS = 100, 30
"""Pairs, and tests that they come from, below which no writer is trained on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What a text may not do.

    Attributes:
        unsupported: Claims in it that its brief does not bear.
        blocked: Rules of law, platform or channel that it breaks.
    """

    unsupported: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.unsupported or self.blocked)


Check = Callable[[str, str], Fault]
"""A prompt and a text that answers it, to what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A pair to learn from.

    Attributes:
        test: It comes from.
        prompt: What both texts answered.
        chosen: The better one.
        rejected: The other.
        sure: Probability that it is the better one, above a half; 1 where a rule decided.
        weight: By how much it is better, 1 on average.
    """

    test: str
    prompt: str
    chosen: str
    rejected: str
    sure: float
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What outcomes taught, and what they did not.

    Attributes:
        pairs: To learn from.
        counts: Of all pairs of a test: `kept`, `turned` (a rule turned them round), `unsure`,
            `at_fault` (both texts are), `complaints` (the winner drew more).
    """

    pairs: tuple[Preference, ...]
    counts: Mapping[str, int]

    @property
    def enough(self) -> bool:
        """Whether a writer can be trained on them."""
        return len(self.pairs) >= PAIRS and len({one.test for one in self.pairs}) >= TESTS


def prefer(shown: Sequence[Shown], check: Check, sure: float = SURE) -> Preferences:
    """Pairs of the same test and brief, weighted by gain and confidence.

    Args:
        shown: Outcomes.
        check: Finds faults; the texts of undecided pairs are not put to it.
        sure: Posterior probability that a pair's winner has to have.
    """
    counts: Counter[str] = Counter()
    found: list[tuple[Shown, Shown, float, float]] = []
    faults: dict[tuple[str, str], Fault] = {}

    def fault(one: Shown) -> Fault:
        key = one.prompt, one.text
        if key not in faults:
            faults[key] = check(*key)
        return faults[key]

    for texts in by_test(shown):
        for one, other in combinations(texts, 2):
            chance = beats(one.clicks, one.views, other.clicks, other.views)
            winner, loser = (one, other) if chance >= 0.5 else (other, one)
            certain = max(chance, 1 - chance)
            if certain < sure:
                counts["unsure"] += 1
            elif fault(winner) and fault(loser):
                counts["at_fault"] += 1
            elif fault(winner):
                counts["turned"] += 1
                found.append((loser, winner, 1.0, gain(winner, loser)))
            elif complains(winner, loser):
                counts["complaints"] += 1
            else:
                counts["kept"] += 1
                found.append((winner, loser, certain, gain(winner, loser)))
    mean = math.fsum(pair[3] for pair in found) / max(1, len(found))
    pairs = tuple(
        Preference(
            test=better.test,
            prompt=better.prompt,
            chosen=better.text,
            rejected=worse.text,
            sure=certain,
            weight=min(MOST, by / mean) if mean > 0 else 1.0,
        )
        for better, worse, certain, by in found
    )
    return Preferences(pairs=pairs, counts=dict(counts))


def gain(winner: Shown, loser: Shown) -> float:
    """Log-odds by which the winner is clicked more, from counts with half a click added."""
    return abs(_odds(winner) - _odds(loser))


def complains(winner: Shown, loser: Shown) -> bool:
    """Whether a winner drew complaints at a higher rate than the text it beat."""
    rates = (winner.complaints / max(1.0, winner.views), loser.complaints / max(1.0, loser.views))
    return winner.complaints > 0 and rates[0] > rates[1]


def _odds(one: Shown) -> float:
    return math.log((one.clicks + 0.5) / (one.views - one.clicks + 0.5))
