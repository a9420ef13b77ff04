"""Tics: what a writer does too much of once a model of the reader, not the reader, rewards it.

A judge of texts can be pleased without pleasing anybody: by length, by signs, by capitals, by words
that promise a surprise. So these are counted before and after, and a rise beyond what a reader
would put up with is an alarm.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handbill.creative.claims import languages
from handbill.creative.intervals import mean_interval
from handbill.creative.text import columns, shingles
from handbill.types import Interval

_BAIT = re.compile(
    r"\b(?:you won'?t believe|what happens next|happened next|will (?:shock|blow|make you)|"
    r"mind[- ]?blowing|jaw[- ]?dropping|this (?:one )?(?:weird|simple) trick|the reason why|"
    r"here'?s (?:why|what|how)|find out why|wait (?:till|until|for it)|(?:you )?need to see|"
    r"have to see|can'?t (?:stop|unsee)|goes viral|the internet|secrets?|shocking|insane|epic|"
    r"unbelievable|guess what)\b"
    r"|震惊|惊呆|万万没想到|竟然|居然|不看后悔|速看|疯传|秘密|真相|刷屏|史上",
    re.I,
)
_SHOUT = re.compile(r"\b[A-Z]{2,}\b")


def repeated(texts: Sequence[str]) -> list[float]:
    """Of each text, the share of its word pairs that another text has, too."""
    pieces = [shingles(one, languages(one)[0]) for one in texts]
    known = Counter(piece for some in pieces for piece in some)
    return [sum(known[piece] > 1 for piece in some) / max(1, len(some)) for some in pieces]


TICS: Mapping[str, tuple[Callable[[str], float], float]] = {
    "length": (lambda text: float(columns(text)), 10.0),
    "exclamation_marks": (lambda text: float(sum(text.count(sign) for sign in "!！")), 0.1),
    "question_marks": (lambda text: float(sum(text.count(sign) for sign in "?？")), 0.1),
    "capitals": (lambda text: float(len(_SHOUT.findall(text))), 0.1),
    "clickbait": (lambda text: float(len(_BAIT.findall(text))), 0.1),
}
"""Counted in a text, and how much more of it one may have; repeats are counted beside them."""

REPEATS = 0.1
"""How much more of a text may stand in other texts, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tic:
    """One habit before and after.

    Attributes:
        name: Of it.
        before: Mean of a text of the parent.
        after: Mean of a text of its child.
        rise: With its interval.
        alarm: Whether the rise is beyond what is put up with, and not by chance.
    """

    name: str
    before: float
    after: float
    rise: Interval
    alarm: bool


def tics(before: Sequence[str], after: Sequence[str], briefs: Sequence[str]) -> tuple[Tic, ...]:
    """Compare texts, pair by pair.

    Args:
        before: Of the parent, one or more.
        after: Of the child, on the same briefs in the same order.
        briefs: What each pair answers; they are drawn again whole.
    """
    values = {
        name: (list(map(count, before)), list(map(count, after)), most)
        for name, (count, most) in TICS.items()
    }
    values["repeats"] = (repeated(before), repeated(after), REPEATS)
    return tuple(
        _tic(name, one, other, most, briefs) for name, (one, other, most) in values.items()
    )


def _tic(
    name: str, before: list[float], after: list[float], most: float, briefs: Sequence[str]
) -> Tic:
    rise = mean_interval(np.subtract(after, before), briefs)
    return Tic(
        name=name,
        before=float(np.mean(before)),
        after=float(np.mean(after)),
        rise=rise,
        alarm=rise.low > 0 and rise.estimate > most,
    )
