"""Text as the checks read it: normalised, so that a disguise does not help."""

import re
import unicodedata
from collections.abc import Iterable

from handbill.types import SLOT, Language

BLANK = "§"
"""Stands for a slot: what a slot says is a fact and no business of the rules."""

_SPELLED = re.compile(r"(?<!\w)\w(?:[\s.\-_*·]\w){2,}(?!\w)")
_NOISE = re.compile(r"[^\w§\n]+")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "—": " ", "–": "-", "‑": "-"})


def plain(text: str) -> str:
    """NFKC, without marks that cannot be seen."""
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    return "".join(
        sign for sign in text if unicodedata.category(sign) not in ("Cf", "Cc") or sign == "\n"
    )


def blanked(template: str) -> str:
    """The template with its slots blanked out."""
    return SLOT.sub(BLANK, template)


def normal(template: str, language: Language) -> str:
    """What the rules match: small letters, slots blanked, letters put together again.

    Args:
        template: Text with `{slots}`.
        language: Chinese also loses blanks and punctuation, which are put between characters to
            get past a word list.

    Example:
        >>> normal("B.e.s.t of {category}", "en")
        'best of §'
        >>> normal("最 - 佳{category}", "zh")
        '最佳§'
    """
    text = plain(blanked(template)).casefold()
    text = _SPELLED.sub(lambda spelled: re.sub(r"\W|_", "", spelled.group()), text)
    if language == "zh":
        return _NOISE.sub("", text)
    return re.sub(r"[ \t]+", " ", text)


def columns(text: str) -> int:
    """Width as screens show it: wide and full-width characters take two columns."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def shingles(template: str, language: Language) -> frozenset[str]:
    """Overlapping pieces of a text, to tell how alike two are: 2 words, or 2 characters."""
    text = normal(template, language)
    parts = re.findall(r"\w+|§", text) if language == "en" else [one for one in text if one != "\n"]
    return frozenset("\x1f".join(parts[at : at + 2]) for at in range(max(1, len(parts) - 1)))


def likeness(one: frozenset[str], others: Iterable[frozenset[str]]) -> float:
    """Largest Jaccard similarity of one text to others, 0 to 1."""
    return max((len(one & other) / max(1, len(one | other)) for other in others), default=0.0)
