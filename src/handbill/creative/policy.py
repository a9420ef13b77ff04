"""Policy packs: what the law and the platforms forbid, as data with its sources."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from handbill.types import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Words that claim something, and what would support them.

    Attributes:
        name: As findings carry it.
        outcome: What follows from a match.
        source: The article it rests on.
        words: Matches the words.
        unless: Matches contexts in which they claim nothing.
        facts: Names of facts that support them, or `name:value`.
    """

    name: str
    outcome: Literal["block", "evidence"]
    source: str
    words: re.Pattern[str]
    unless: re.Pattern[str] | None
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All rules of one language.

    Attributes:
        version: Of the pack.
        rules: On the words of an ad.
        gates: On what is advertised.
        slots: Slot name to (how it may stand, source).
        offers: Kind of offer to (what must be said, source).
    """

    version: str
    rules: tuple[Rule, ...]
    gates: tuple[Rule, ...]
    slots: dict[str, tuple[re.Pattern[str], str]]
    offers: dict[str, tuple[re.Pattern[str], str]]


@cache
def read_policy(language: Language) -> Policy:
    """The pack of one language, compiled."""
    text = files("handbill.creative").joinpath("policy", f"{language}.toml").read_text("utf-8")
    pack = tomllib.loads(text)
    whole_words = language == "en"
    return Policy(
        version=pack["version"],
        rules=tuple(_rule(row, whole_words) for row in pack["rule"]),
        gates=tuple(_rule(row, whole_words) for row in pack["gate"]),
        slots={
            row["name"]: (_pattern(row["stands"], False), row["source"]) for row in pack["slot"]
        },
        offers={
            row["value"]: (_pattern(row["says"], whole_words), row["source"])
            for row in pack["offer"]
        },
    )


def _rule(row: dict[str, Any], whole_words: bool) -> Rule:
    unless = row.get("unless", [])
    return Rule(
        name=row["name"],
        outcome=row["outcome"],
        source=row["source"],
        words=_pattern(row["words"], whole_words),
        unless=_pattern(unless, whole_words) if unless else None,
        facts=tuple(row.get("fact", ())),
    )


def _pattern(words: list[str], whole_words: bool) -> re.Pattern[str]:
    any_of = "|".join(words)
    return re.compile(rf"(?<!\w)(?:{any_of})(?!\w)" if whole_words else f"(?:{any_of})")
