"""Disguises: the ways a word is hidden from a list, undone, with the way back to the original.

A text is read several times: as it stands, and once for each disguise that could be in it. A match
in any reading is reported where it stands in the text that the person wrote.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
"""Chinese characters, for use within a bracket of a regular expression."""

_MARKS = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "—": "-", "–": "-", "‑": "-", "−": "-"})
_SPACED = re.compile(r"(?<![a-z0-9])[a-z0-9@$](?:[ .\-_*·|/~+,']{1,2}[a-z0-9@$]){2,}(?![a-z0-9])")
_INNER = re.compile(r"(?<=[a-z0-9@$])[._*·|~^+\-'\"]+(?=[a-z])")
_LEET_WORD = re.compile(
    r"(?<![\w@$!])(?=[\w@$!]*[a-z])(?=[\w@$!]*[013457@$!])[a-z0-9@$!]{3,}(?!\w)"
)
_STRETCHED = re.compile(r"([a-z])\1{2,}")
_BETWEEN_HAN = re.compile(
    rf"(?<=[{HAN}a-z0-9])[^\w。！？；，、：,;:!?\n%￥¥$€£§.]+(?=[{HAN}a-z0-9])"
)
_POINTED = re.compile(
    rf"(?<=[{HAN}])[ .·•・‧∙*_|/\\\-~^+=#@&'\"“”‘’()（）\[\]【】{{}}<>《》「」]+(?=[{HAN}])"
)
_EACH_APART = re.compile(rf"(?:[{HAN}][，、。,.;；:：!！?？ ]{{1,2}}){{2,}}[{HAN}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way to read a text.

    Attributes:
        name: Of the disguise that it undoes; `plain` for none.
        text: What is read.
        starts: (n,) where each character of it begins in the original.
        ends: (n,) where it ends there.
    """

    name: str
    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def where(self, start: int, end: int) -> tuple[int, int]:
        """A stretch of the reading, `start < end`, as a stretch of the original."""
        return self.starts[start], self.ends[end - 1]

    def undone(self, name: str, pattern: re.Pattern[str], undo: Callable[[str], str]) -> "Reading":
        """The reading after each match was replaced; its characters keep their places."""
        text: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for match in pattern.finditer(self.text):
            first, end = match.span()
            text.append(self.text[last:first])
            starts += self.starts[last:first]
            ends += self.ends[last:first]
            new = undo(match.group())
            kept = len(new) == end - first
            text.append(new)
            starts += self.starts[first:end] if kept else [self.starts[first]] * len(new)
            ends += self.ends[first:end] if kept else [self.ends[end - 1]] * len(new)
            last = end
        if not last:
            return self
        text.append(self.text[last:])
        starts += self.starts[last:]
        ends += self.ends[last:]
        return Reading(name=name, text="".join(text), starts=tuple(starts), ends=tuple(ends))


def plain(text: str, language: str) -> Reading:
    """Small letters, compatibility forms resolved, simplified characters, nothing invisible.

    Example:
        >>> plain("Ｔhe ＢＥＳＴ", "en").text
        'the best'
        >>> plain("最髙級", "zh").text
        '最高级'
    """
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    pictures: dict[str, str] = _table()["pictures"][language]
    for at, sign in enumerate(text):
        for one in pictures.get(sign) or _folded(sign, language == "zh"):
            letters.append(one)
            starts.append(at)
            ends.append(at + 1)
    return Reading(
        name="plain", text="".join(letters), starts=tuple(starts), ends=tuple(ends)
    ).undone("plain", re.compile(r"[^\S\n]+"), lambda blank: " ")


@cache
def _table() -> dict[str, Any]:
    text = files("handbill.creative").joinpath("words", "disguises.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def ordinary_words() -> tuple[str, ...]:
    """Chinese words that sound like a forbidden one and mean only themselves."""
    return tuple(_table()["ordinary"])


@cache
def _swap(name: str) -> dict[int, int]:
    row = _table()[name]
    return str.maketrans(row["from"], row["to"])


@cache
def _folded(sign: str, simplify: bool) -> str:
    point = ord(sign)
    if 0x1F1E6 <= point <= 0x1F1FF:  # flags are spelled with these
        return chr(point - 0x1F1E6 + ord("a"))
    for first in (0x1F130, 0x1F150, 0x1F170):  # letters in boxes and discs
        if first <= point < first + 26:
            return chr(point - first + ord("a"))
    if simplify:
        sign = sign.translate(_swap("variants"))
    folded = unicodedata.normalize("NFKC", sign).translate(_MARKS)
    folded = folded.translate(_swap("lookalikes")).casefold()
    kept = "".join(
        one
        for one in folded
        if one in "\n\t" or unicodedata.category(one) not in ("Cf", "Cc", "Mn", "Me")
    )
    return "".join(_simplified().get(one, one) for one in kept) if simplify else kept


@cache
def _simplified() -> dict[str, str]:
    """Traditional character to simplified one."""
    import opencc

    points = [chr(at) for at in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
    table = opencc.OpenCC("t2s").convert("\n".join(points)).split("\n")
    pairs = {old: new for old, new in zip(points, table, strict=True) if old != new}
    return pairs | {"髙": "高", "妳": "你", "祂": "他", "鷄": "鸡"}


def readings(text: str, language: str) -> Iterator[Reading]:
    """The text as it stands, then with each disguise undone that is in it.

    Args:
        text: As a person wrote it.
        language: `en` or `zh`: whose disguises.

    Example:
        >>> [one.text for one in readings("The b.e.s.t", "en")]
        ['the b.e.s.t', 'the best']
        >>> [one.text for one in readings("最-佳", "zh")]
        ['最-佳', '最佳']
    """
    first = plain(text, language)
    seen = {first.text}
    yield first
    for one in (_english if language == "en" else _chinese)(first):
        if one.text not in seen:
            seen.add(one.text)
            yield one


def _english(first: Reading) -> Iterator[Reading]:
    spaced = first.undone("spaced", _SPACED, lambda run: re.sub(r"[^a-z0-9@$]", "", run))
    yield spaced
    yield spaced.undone("inner marks", _INNER, lambda mark: "")
    letters = _swap("leet")
    other = letters | str.maketrans(_table()["leet"]["other"])
    yield spaced.undone("digits for letters", _LEET_WORD, lambda word: word.translate(letters))
    yield spaced.undone("digits for letters", _LEET_WORD, lambda word: word.translate(other))
    yield spaced.undone("stretched", _STRETCHED, lambda run: run[:1])
    yield spaced.undone("stretched", _STRETCHED, lambda run: run[:2])


def _chinese(first: Reading) -> Iterator[Reading]:
    joined = first.undone("blanks and marks", _POINTED, lambda mark: "")
    joined = joined.undone("blanks and marks", _BETWEEN_HAN, lambda mark: "")
    yield joined
    yield joined.undone("blanks and marks", _EACH_APART, lambda run: re.sub(rf"[^{HAN}]", "", run))
    whole: dict[str, str] = _table()["split"]
    split = re.compile("|".join(whole))
    yield joined.undone("split characters", split, lambda pair: whole[pair])
