"""Claims: what a text asserts, by kind, each with the place where it stands."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from handbill.creative.disguise import HAN, Reading, readings
from handbill.creative.homophones import sounds_like
from handbill.creative.quantity import Quantity, quantities
from handbill.types import LANGUAGES, Language

VALUED = ("material", "ingredient", "content", "origin", "certification", "brand")
"""Kinds whose claim is a value that the product has or has not."""

_HAN = re.compile(f"[{HAN}]")
_LATIN = re.compile(r"[a-z]{2}", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Words that assert something.

    Attributes:
        kind: Of claim, a table of `words/` or a kind of quantity.
        start: Where it begins in the text as it was written.
        end: Where it ends.
        words: As the rules read it: plain, without a disguise.
        value: What it comes to, for kinds with values: the first name of a material, say.
        quantity: The number it states, if it is one.
        disguise: How it was hidden; empty when it was not.
        near: The words around a number.
        loose: Whether only the topic or the sound says so, which is for a person to judge.
    """

    kind: str
    start: int
    end: int
    words: str
    value: str = ""
    quantity: Quantity | None = None
    disguise: str = ""
    near: str = ""
    loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How one kind of claim is put into words in one language.

    Attributes:
        name: Of the kind.
        words: Match it.
        topics: Match what such claims speak of, however they put it.
        unless: Match where the words assert nothing of the kind.
        instead: Kinds that a match takes the place of.
        sounds: Words to know by their sound.
    """

    name: str
    words: re.Pattern[str]
    topics: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    instead: tuple[str, ...]
    sounds: tuple[str, ...]


@cache
def kinds(language: Language) -> tuple[Kind, ...]:
    """The kinds of claim that one language's words are known for."""
    return tuple(
        Kind(
            name=name,
            words=_pattern(row["words"], language),
            topics=_pattern(row["topics"], language) if row.get("topics") else None,
            unless=_pattern(row["unless"], language) if row.get("unless") else None,
            instead=tuple(row.get("instead", ())),
            sounds=tuple(row.get("sounds", ())),
        )
        for name, row in _table(language).items()
        if isinstance(row, dict)
    )


@cache
def names(kind: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The things of a kind, each with a pattern of all its names, longest names first."""
    found = []
    for row in _table("values")[kind]:
        latin = [one for one in row if not _HAN.search(one)]
        chinese = [one for one in row if _HAN.search(one)]
        parts = [rf"(?<![a-z\d])(?:{'|'.join(latin)})(?![a-z\d])"] if latin else []
        found.append((row[0], re.compile("|".join(parts + chinese))))
    return tuple(found)


@cache
def short_name(kind: str, value: str) -> re.Pattern[str] | None:
    """A name that only a field of the kind may use: `棉` is cotton in a field, not in a text."""
    short = _table("values")["short"].get(kind, {}).get(value)
    return re.compile(short) if short else None


@cache
def _context(which: str, kind: str) -> re.Pattern[str] | None:
    """Where a name stands for something else (`unless`), or what has to be before it (`after`)."""
    words = _table("values")[which].get(kind)
    return re.compile("|".join(words)) if words else None


@cache
def _table(name: str) -> dict[str, Any]:
    text = files("handbill.creative").joinpath("words", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def _pattern(words: list[str], language: str) -> re.Pattern[str]:
    any_of = "|".join(words)
    if language == "zh":
        return re.compile(any_of)
    # a mark at the edge of the words is its own edge
    return re.compile(rf"(?<![a-z0-9])(?:{any_of})(?![a-z0-9])")


def languages(text: str) -> tuple[Language, ...]:
    """The languages whose claims a text can hold."""
    found: list[Language] = []
    if _HAN.search(text):
        found.append("zh")
    if _LATIN.search(text) or not found:
        found.append("en")
    return tuple(found)


def find(text: str) -> tuple[Claim, ...]:
    """Every claim of a text, in the order of their places.

    A claim that several readings show is reported once, as the plainest of them shows it.

    Args:
        text: Copy as a person wrote it, in any language or several.

    Example:
        >>> [(one.kind, one.words) for one in find("20% off 500 g of honey")]
        [('off', '20% off'), ('number', '500 g')]
    """
    found: list[Claim] = []
    for language in languages(text):
        plain, *undone = readings(text, language)
        for reading in (plain, *undone):
            found += _worded(reading, language)
        found += _numbers(plain)
    kept = _settled(found)
    return tuple(sorted(kept, key=lambda one: (one.start, one.end, one.kind)))


def _worded(reading: Reading, language: Language) -> Iterator[Claim]:
    for kind in kinds(language):
        bare = [one.span() for one in kind.unless.finditer(reading.text)] if kind.unless else []
        for pattern, loose in ((kind.words, False), (kind.topics, True)):
            for match in pattern.finditer(reading.text) if pattern else ():
                if match.group() and not _within(match.span(), bare):
                    yield _claim(reading, kind.name, match.start(), match.end(), loose=loose)
        for word, start, end in sounds_like(reading, kind.sounds) if kind.sounds else ():
            if not _within((start, end), bare):
                place = reading.where(start, end)
                yield Claim(
                    kind=kind.name,
                    start=place[0],
                    end=place[1],
                    words=word,
                    disguise="homophone",
                    loose=True,
                )
    for name in VALUED:
        other, after = _context("unless", name), _context("after", name)
        bare = [one.span() for one in other.finditer(reading.text)] if other else []
        for value, pattern in names(name):
            for match in pattern.finditer(reading.text):
                before = reading.text[max(0, match.start() - 40) : match.start()]
                if not _within(match.span(), bare) and (after is None or after.search(before)):
                    yield _claim(reading, name, match.start(), match.end(), value=value)


def _claim(
    reading: Reading, kind: str, start: int, end: int, value: str = "", *, loose: bool = False
) -> Claim:
    first, last = reading.where(start, end)
    return Claim(
        kind=kind,
        start=first,
        end=last,
        words=reading.text[start:end],
        value=value,
        disguise="" if reading.name == "plain" else reading.name,
        loose=loose,
    )


def _within(span: tuple[int, int], others: list[tuple[int, int]]) -> bool:
    return any(start < span[1] and span[0] < end for start, end in others)


def _numbers(reading: Reading) -> Iterator[Claim]:
    for one in quantities(reading.text):
        start, end = reading.where(one.start, one.end)
        near = f"{reading.text[max(0, one.start - 16) : one.start]} {reading.text[one.end :][:16]}"
        yield Claim(
            kind=_kind_of(one),
            start=start,
            end=end,
            words=reading.text[one.start : one.end],
            quantity=one,
            near=near,
        )


def _kind_of(one: Quantity) -> str:
    return one.kind if one.kind in ("price", "percent", "off") else "number"


def _settled(found: list[Claim]) -> list[Claim]:
    """One claim for each kind and place; the longer, then the plainer, stands for the others."""
    replaced = {
        (kind.name, other)
        for language in LANGUAGES
        for kind in kinds(language)
        for other in kind.instead
    }
    order = sorted(found, key=lambda one: (one.loose, bool(one.disguise), one.start - one.end))
    kept: list[Claim] = []
    for one in order:
        same = [
            other
            for other in kept
            if other.start < one.end and one.start < other.end and other.kind == one.kind
        ]
        if not any(one.value == other.value or _inside(one, other) for other in same):
            kept.append(one)
    return [
        one
        for one in kept
        if not any(
            (other.kind, one.kind) in replaced and other.start < one.end and one.start < other.end
            for other in kept
        )
    ]


def _inside(one: Claim, other: Claim) -> bool:
    """`cotton` within `pure cotton` is no second claim."""
    return other.start <= one.start and one.end <= other.end
