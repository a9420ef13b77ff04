"""Policy packs: what a market's law or a platform makes of a claim, as data with sources."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from handbill.errors import ConfigError
from handbill.types import Text

MARKETS = ("cn", "eu", "uk", "us")
PLATFORMS = ("google", "meta")
HOME = {"zh": "cn", "en": "us"}
"""Market of a text when none is asked for, by its language."""

GROUND = "facts"
"""The pack that judges what no other pack does: a claim rests on a field or on a record."""

Outcome = Literal["block", "evidence", "pass"]
SEVERITY = {"pass": 0, "evidence": 1, "block": 2}

_LEAVE = Text(en="Leave it out.", zh="删去。")
_UNPROVEN = Text(en="Nothing on record supports this.", zh="没有依据支持这一说法。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one pack makes of some kinds of claims.

    Attributes:
        pack: Its name.
        outcome: When nothing supports the claim.
        article: Of law or guide.
        why: What is wrong.
        way: The way out.
        fields: Catalogue fields that can support it; `*` for every field.
        reference: Field with the price that a reduction counts from; empty for other kinds.
    """

    pack: str
    outcome: Outcome
    article: str
    why: Text
    way: Text
    fields: tuple[str, ...]
    reference: str

    @property
    def provable(self) -> bool:
        """Whether a record of evidence lets the claim run."""
        return self.outcome == "evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What may not be advertised like bread.

    Attributes:
        pack: Its name.
        name: Of the kind of goods.
        outcome: For any ad on them.
        article: Of law or guide.
        words: Know the goods by their title, category or the ad.
        unless: Names that only sound like it.
        says: Words that the ad has to carry; None when there are none.
        why: What is to be seen to.
    """

    pack: str
    name: str
    outcome: Outcome
    article: str
    words: re.Pattern[str]
    unless: re.Pattern[str] | None
    says: re.Pattern[str] | None
    why: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The rules of one market or platform.

    Attributes:
        name: As settings and options name it.
        title: As people read it.
        version: Of the data.
        platform: Whether it is a platform's, beside a market's.
        sources: Each with a name, a date and an address.
        rules: By kind of claim.
        gates: On what is advertised.
    """

    name: str
    title: Text
    version: str
    platform: bool
    sources: tuple[dict[str, str], ...]
    rules: dict[str, Rule]
    gates: tuple[Gate, ...]


@cache
def read_pack(name: str) -> Pack:
    """A pack that comes with Handbill.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in (*MARKETS, *PLATFORMS, GROUND):
        known = f"markets {', '.join(MARKETS)}; platforms {', '.join(PLATFORMS)}"
        raise ConfigError(f"no policy pack {name!r}; {known}")
    text = files("handbill.creative").joinpath("packs", f"{name}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return Pack(
        name=data["name"],
        title=Text(**data["title"]),
        version=data["version"],
        platform=data.get("platform", False),
        sources=tuple(data["sources"]),
        rules={kind: _rule(name, row) for row in data["rule"] for kind in row["kinds"]},
        gates=tuple(_gate(name, row) for row in data.get("gate", ())),
    )


def _rule(pack: str, row: dict[str, Any]) -> Rule:
    return Rule(
        pack=pack,
        outcome=row["outcome"],
        article=row["article"],
        why=Text(**row["why"]) if "why" in row else _UNPROVEN,
        way=Text(**row["way"]) if "way" in row else _LEAVE,
        fields=tuple(row.get("fields", ())),
        reference=row.get("reference", ""),
    )


def _gate(pack: str, row: dict[str, Any]) -> Gate:
    return Gate(
        pack=pack,
        name=row["name"],
        outcome=row["outcome"],
        article=row["article"],
        words=_words(row["words"]),
        unless=_words(row["unless"]) if "unless" in row else None,
        says=_words(row["says"]) if "says" in row else None,
        why=Text(**row["why"]),
    )


def _words(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(
        "|".join(rf"(?<![a-z0-9]){one}(?![a-z0-9])" if one[0].isascii() else one for one in words)
    )


def rules_for(kind: str, packs: Sequence[str]) -> tuple[Rule, ...]:
    """The rules that judge a kind of claim: each pack's own; the ground where a market has none."""
    found = [read_pack(name).rules[kind] for name in packs if kind in read_pack(name).rules]
    if not any(not read_pack(one.pack).platform for one in found):
        ground = read_pack(GROUND).rules.get(kind)
        found += [ground] if ground else []
    return tuple(found)
