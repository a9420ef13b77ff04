"""Grounding: numbers, names and quotations of a text that its source does not hold."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")
_WITHIN = re.compile(r"(?<=[a-z,;] )[A-Za-z][A-Za-z'’]*")
"""A word inside a sentence, where a capital means a name."""
_QUOTED = re.compile(r"[\"“「『]([^\"”」』]{8,})[\"”」』]")
_CAPITAL = 0.8
"""Share of a word's places within sentences in which a name is written with a capital."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What counts as a name.

    Attributes:
        names: In small letters.
    """

    names: frozenset[str]

    @classmethod
    def of(cls, sources: Iterable[str]) -> "Grounds":
        """Learn from running text which words are names; titles capitalise all of theirs.

        Example:
            >>> sorted(Grounds.of(["We met Ann in Rome, and the Sun shone."]).names)
            ['ann', 'rome', 'sun']
        """
        capital: Counter[str] = Counter()
        known: Counter[str] = Counter()
        for source in sources:
            for word in _WITHIN.findall(source):
                known[bare(word)] += 1
                capital[bare(word)] += word[0].isupper()
        found = (word for word, count in known.items() if capital[word] >= _CAPITAL * count)
        return cls(frozenset(word for word in found if len(word) > 1 and word[:2] != "i'"))

    def unsupported(self, source: str, text: str) -> tuple[str, ...]:
        """What of a text its source does not hold.

        Example:
            >>> Grounds(frozenset({"rome"})).unsupported("A walk of 3 hours", "3 Hours In Rome")
            ('Rome',)
        """
        held = {bare(word) for word in _WORD.findall(source)}
        numbers = set(_NUMBER.findall(source))
        said = [one for one in _NUMBER.findall(text) if one not in numbers]
        said += [
            word
            for word in _WORD.findall(text)
            if word[0].isupper() and bare(word) in self.names and bare(word) not in held
        ]
        words = _joined(_WORD.findall(source))
        said += [
            quoted
            for quoted in _QUOTED.findall(text)
            if _WORD.search(quoted) and _joined(_WORD.findall(quoted)) not in words
        ]
        return tuple(dict.fromkeys(said))


def bare(word: str) -> str:
    """A word in small letters, without its genitive."""
    return re.sub(r"['’]s?$", "", word.casefold()).replace("’", "'")


def _joined(words: Sequence[str]) -> str:
    return f" {' '.join(map(bare, words))} "
