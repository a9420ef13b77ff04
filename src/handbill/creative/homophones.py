"""Homophones: a forbidden Chinese word written with other characters, or in Latin letters."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from handbill.creative.disguise import HAN, Reading, ordinary_words

_PIECE = re.compile(rf"[{HAN}]|[a-z]+")
_TONELESS = re.compile(r"[^aeiouüv]*[aeiouüv]+(?:ng|n|r)?")


def sounds_like(reading: Reading, words: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    """Where a text says one of some words aloud without writing it.

    A stretch that is made of ordinary words (in pypinyin's dictionary of phrases) says only what it
    says: `地衣` is lichen and not `第一`.

    Args:
        reading: Of the text, simplified, marks between characters taken out.
        words: The words, of two characters or more.

    Yields:
        The word, and where in the reading it is sounded.
    """
    pieces = [(one.group(), one.start(), one.end()) for one in _PIECE.finditer(reading.text)]
    spoken = [_syllables(piece) for piece, _, _ in pieces]
    if not spoken:
        return
    index = _index(tuple(words))
    at = 0
    while at < len(pieces):
        step = 1
        for word, sound in index.get_all(spoken[at]):
            length = _runs(sound, spoken, pieces, at)
            if length is None:
                continue
            start, end = pieces[at][1], pieces[at + length - 1][2]
            written = reading.text[start:end]
            if _half_written(written, word) and not _ordinary(reading.text, start, end, word):
                yield word, start, end
                step = length
                break
        at += step


class _Index(dict[str, list[tuple[str, tuple[str, ...]]]]):
    """Words by their first syllable."""

    def get_all(self, syllables: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        for one in syllables:
            yield from self.get(one, ())


@cache
def _index(words: tuple[str, ...]) -> _Index:
    index = _Index()
    for word in sorted(words, key=lambda one: (-len(one), one)):
        sound = tuple(_syllables(sign)[0] for sign in word)
        index.setdefault(sound[0], []).append((word, sound))
    return index


def _runs(
    sound: tuple[str, ...],
    spoken: list[tuple[str, ...]],
    pieces: list[tuple[str, int, int]],
    at: int,
) -> int | None:
    """How many pieces from `at` on say the sound, side by side; None when they do not."""
    said = 0
    for place in range(at, len(pieces)):
        if place > at and pieces[place][1] != pieces[place - 1][2]:
            return None
        if pieces[place][0].isascii():
            parts = spoken[place]
            if sound[said : said + len(parts)] != parts or not parts:
                return None
            said += len(parts)
        elif sound[said] in spoken[place]:
            said += 1
        else:
            return None
        if said == len(sound):
            return place - at + 1
        if said > len(sound):
            return None
    return None


@cache
def _syllables(piece: str) -> tuple[str, ...]:
    """How a character sounds by itself, or the syllables that a run of Latin letters spells."""
    if piece.isascii():
        parts = tuple(_TONELESS.findall(piece))
        return parts if "".join(parts) == piece else ()
    from pypinyin import Style, pinyin

    return tuple(pinyin(piece, style=Style.NORMAL)[0])


def _half_written(written: str, word: str) -> bool:
    """Whether it is the word but for some characters, or spelled in Latin letters.

    With every character another one, chance is likelier than disguise: `闲适` is no `限时`.
    """
    if written == word:
        return False
    return any(one.isascii() for one in written) or any(
        one == other for one, other in zip(written, word, strict=False)
    )


def _ordinary(text: str, start: int, end: int, word: str) -> bool:
    """Whether each character that differs from the word belongs to a word of the dictionary."""
    from pypinyin.phrases_dict import phrases_dict

    if end - start != len(word):
        return False
    if any(one in text[max(0, start - 2) : end + 2] for one in ordinary_words()):
        return True
    return all(
        any(
            text[left:right] in phrases_dict
            for left in range(max(0, at - 3), at + 1)
            for right in range(max(at + 1, left + 2), min(len(text), left + 4) + 1)
        )
        for at in range(start, end)
        if text[at] != word[at - start]
    )
