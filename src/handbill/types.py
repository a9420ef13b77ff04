"""The words of the field: frozen records that travel between the stages.

Money is integer micros of the shop's currency (1.00 = 1_000_000), time is aware UTC, a person is a
pseudonym. Tables (events, features, plans) stay columnar; their columns are in `docs/tables.md`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from handbill.errors import PolicyError

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

MICROS = 1_000_000
"""Micros in one unit of currency."""

SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
"""A place in a template that a fact fills."""

_OPENS_SENTENCE = re.compile(r"(?:^|[.!?:]\s)\s*$")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put facts into the slots of a template.

    A value in small letters that opens a sentence gets a capital, so one value serves everywhere.
    Values are never expanded themselves: braces in a product's title stay braces.

    Args:
        template: Text with `{slots}`.
        values: Slot name to the value as the reader sees it.

    Returns:
        The text without slots.

    Raises:
        PolicyError: A slot has no fact, so the text would say what nothing supports.

    Example:
        >>> fill("{category} tonight: bring {category} home", {"category": "frozen pizza"})
        'Frozen pizza tonight: bring frozen pizza home'
    """

    def value_of(slot: re.Match[str]) -> str:
        name = slot.group(1)
        if name not in values:
            known = ", ".join(sorted(values)) or "none"
            raise PolicyError(f"no fact fills {{{name}}} in the ad; facts there are: {known}")
        return as_written(values[name], template[: slot.start()])

    return SLOT.sub(value_of, template)


def as_written(value: str, before: str) -> str:
    """A fact's value as it stands after some text: small letters get a capital where they open.

    Example:
        >>> as_written("frozen pizza", ""), as_written("frozen pizza", "bring ")
        ('Frozen pizza', 'frozen pizza')
    """
    opens = _OPENS_SENTENCE.search(before) is not None
    return value[:1].upper() + value[1:] if opens and value == value.lower() else value


def creative_digest(headline: str, body: str, call_to_action: str, slots: Mapping[str, str]) -> str:
    """The digest of what a reader will see: approval is of this, and delivery checks it again.

    Args:
        headline: Template of the subject or headline.
        body: Template of the body.
        call_to_action: Template of the button.
        slots: Slot name to value, whole or only those the texts use; only the used ones count.

    Returns:
        SHA-256, 64 hexadecimal characters.
    """
    used = set(SLOT.findall(headline) + SLOT.findall(body) + SLOT.findall(call_to_action))
    content = [
        headline,
        body,
        call_to_action,
        sorted((k, v) for k, v in slots.items() if k in used),
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One sentence for people, in each language Handbill speaks.

    Attributes:
        en: English.
        zh: Simplified Chinese.
    """

    en: str
    zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopProfile:
    """What every stage knows of the shop.

    Attributes:
        name: As customers see it.
        currency: ISO 4217 code of all money in the workspace.
        timezone: IANA zone whose clock times the habits (hour, weekday) are read in.
        language: Default language of ads when a person's own is unknown.
        as_of: The day the plan is made; no stage before feedback may look at or past its midnight.
    """

    name: str
    currency: str
    timezone: str
    language: Language
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its confidence (or credible) interval.

    Attributes:
        estimate: Point estimate.
        low: Lower bound.
        high: Upper bound.
        level: Coverage, 0 to 1.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A value that text may rest on, and the field it comes from.

    Attributes:
        name: Slot name, as `{name}` in a creative.
        value: Rendered in the creative's language.
        source: Where it stands, such as `catalog/offers#label` or `tables/segments#facts`.
    """

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A group of at least `min_segment` people and what sets it apart.

    Attributes:
        id: Stable within a workspace.
        name: A short name made from `facts`.
        size: Number of people.
        facts: Differences from everyone else, strongest first, one sentence each.
    """

    id: str
    name: Text
    size: int
    facts: tuple[Text, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What the writer is told: one segment, one offer, one language, one channel.

    Attributes:
        id: Content hash of the fields below.
        segment_id: Whom it is for.
        offer_id: What is offered.
        language: Language of the ad.
        channel: Name of the channel, whose limits apply.
        facts: All that may be said; every slot of the ad must name one of them.
        audience: The segment in a few words, for tone; never printed in the ad.
    """

    id: str
    segment_id: str
    offer_id: str
    language: Language
    channel: str
    facts: tuple[Fact, ...]
    audience: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found in a text: an expected refusal is a value with its reason.

    Attributes:
        rule: Name of the rule, such as `absolute-claim`.
        span: The words it concerns.
        outcome: `block` lets nothing through, `evidence` asks a person, `pass` is for the record.
        reason: One sentence, with the article or field it rests on.
    """

    rule: str
    span: str
    outcome: Literal["block", "evidence", "pass"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Creative:
    """An ad as a template: texts with `{slots}` that are filled from facts when it is served.

    Attributes:
        id: Our own id.
        brief: What it answers.
        headline: Subject or headline.
        body: One or two sentences.
        call_to_action: A few words.
        origin: `model`, `template` when no candidate passed, or `person`.
        model: Name of the base model and its version.
        adapter: Version of the adapter, empty for none.
        prompt: Version of the prompt.
        findings: What the checks said.
        digest: SHA-256 of the template's texts and facts; approval is of this digest.
    """

    id: str
    brief: Brief
    headline: str
    body: str
    call_to_action: str
    origin: Literal["model", "template", "person"]
    model: str
    adapter: str
    prompt: str
    findings: tuple[Finding, ...]
    digest: str

    @property
    def passed(self) -> bool:
        """Whether no finding blocks it or asks for evidence."""
        return all(finding.outcome == "pass" for finding in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What a stage reports when it is done.

    Attributes:
        figures: Named numbers for the table and the report; a figure not measured is absent.
        outputs: Files or folders it wrote; their content is the next stage's input.
        notes: Plain sentences, such as where there was not enough data.
    """

    figures: Mapping[str, float | int | str]
    outputs: tuple[Path, ...]
    notes: tuple[Text, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRun:
    """A finished stage as its manifest records it.

    Attributes:
        name: Stage.
        key: Hash of everything it read: settings, code, inputs.
        result: What it reported.
        seconds: Wall time of the run that produced the outputs.
        finished_at: When.
        skipped: Whether this call found it done already.
    """

    name: str
    key: str
    result: StageResult
    seconds: float
    finished_at: datetime
    skipped: bool
