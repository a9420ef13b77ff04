"""The checks: an ad says what its facts say, within law and the channel's limits, or it falls."""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from handbill.creative.goods import Field, Product
from handbill.creative.packs import HOME, rules_for
from handbill.creative.policy import Rule, read_policy
from handbill.creative.prompt import EVERYONE, Draft
from handbill.creative.proof import bears, proofread
from handbill.creative.text import BLANK, blanked, columns, normal, plain
from handbill.types import SLOT, Brief, Finding, fill

REQUIRED = ("offer_ends",)
"""Facts that an ad must carry when its brief has them: a condition kept back misleads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Columns a channel shows; wide characters take two.

    Attributes:
        headline: At most.
        body: At most.
        call_to_action: At most.
    """

    headline: int
    body: int
    call_to_action: int


CHANNELS = {"email": Limits(headline=60, body=200, call_to_action=25)}
"""Limits by channel."""

_NUMBERS = {
    "en": re.compile(
        r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twenty|thirty|fifty|hundreds?"
        r"|thousands?|dozens?|half|double|triple)[ -](?:percent|dollars?|cents?|bucks|kinds"
        r"|varieties|flavou?rs|days?|hours?|minutes?|weeks?|years?|times|products|options|choices"
        r"|off|pounds?|ounces?)\b"
        r"|\b(?:percent|dollars?|cents)\b"
        r"|\b(?:buy|get|take|choose|pick|only|just) (?:two|three|four|five|six|seven|eight|ten)\b"
    ),
    "zh": re.compile(
        r"[一二三四五六七八九十百千万亿两半零]+(?:元|块[钱九八七六五四三二一半]|折|款|种|倍|成|天内|小时|分钟|年|毫升|公斤|斤)|百分之"
    ),
}
_DATES = {
    "en": re.compile(
        r"\b(?:january|february|april|june|july|august|september|october|november|december)\b"
        r"|\b(?:until|till|by|through|this|next|ends?|ending) "
        r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|tonight|midnight|week|weekend|month|year)\b"
    ),
    "zh": re.compile(
        r"(?:至|到|截止|截至)(?:本|下|这)?(?:周[一二三四五六日末]|星期.|今晚|今天|明天|月底|年底)"
        r"|(?:今天|今晚|明天|本周|月底)(?:截止|结束|到期)|[一二三四五六七八九十]+月"
    ),
}
_MARKUP = re.compile(r"https?:|www\.|\.(?:com|cn|net|org)\b|[<>\[\]{}|\\`*_#@~^=]|&\w+;", re.I)
_SENTENCE = re.compile(r"[.!?。！？…]+")
_ENDS = (".", "!", "?", "。", "！", "？", "…")
_NAME = re.compile(
    # a capital within a sentence is a name: a brand, a place, a person
    r"[\w§,;'’] +(?!I\b|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?\b)([A-Z][\w'’]+)"
)
_BY_LANGUAGE = {"en": "LATIN", "zh": "CJK"}
_KINDS = {
    "absolute-claim": "absolute",
    "discount": "price-cut",
    "freshness": "natural",
    "personal-attribute": "personal",
}
"""Kinds of claim that these rules go by another name."""


def check(draft: Draft, brief: Brief, records: Sequence[Field] = ()) -> tuple[Finding, ...]:
    """Everything that is wrong with a draft; nothing found means it may be shown.

    Args:
        draft: The ad as a template.
        brief: The facts it may rest on, its language and channel.
        records: Evidence that people added; a claim that rests on one is a finding that passes.

    Returns:
        Findings, in the order of the checks; the same rule is reported once per span.
    """
    if missing := tuple(_slots(draft, brief)):
        return missing  # without its facts in place, the text cannot be read as a reader would
    checks: tuple[Callable[[Draft, Brief], Iterable[Finding]], ...] = (
        _limits, _marks, _form, _script, _wordless, _typed, _standing, _offer, _audience, _repeats,
    )  # fmt: skip
    found = [finding for one in checks for finding in one(draft, brief)]
    found += _claims(draft, brief, records)
    found += _proof(draft, brief, records)
    return (*dict.fromkeys(found), *gate(brief))


def check_line(line: str, brief: Brief, records: Sequence[Field] = ()) -> tuple[Finding, ...]:
    """What is wrong with one line of copy, wherever it will stand.

    Where it will stand decides its length and what else has to be said beside it; see
    `handbill.creative.forms`.

    Args:
        line: As a template.
        brief: The facts it may rest on, and its language.
        records: Evidence that people added.
    """
    draft = Draft(headline=line, body="", call_to_action="")
    known = {fact.name for fact in brief.facts}
    if unknown := tuple(_unknown(draft, known)):
        return unknown
    checks: tuple[Callable[[Draft, Brief], Iterable[Finding]], ...] = (
        _marks, _script, _typed, _standing, _audience, _repeats,
    )  # fmt: skip
    found = [finding for one in checks for finding in one(draft, brief)]
    found += _claims(draft, brief, records)
    found += _proof(draft, brief, records)
    return tuple(dict.fromkeys(found))


def gate(brief: Brief) -> tuple[Finding, ...]:
    """Whether what is offered may be advertised at all, or needs a person to look."""
    values = "\n".join(
        plain(fact.value).casefold() for fact in brief.facts if fact.name in ("category", "product")
    )
    return tuple(
        Finding(
            rule=rule.name,
            span=match.group(),
            outcome=rule.outcome,
            reason=f"What is offered needs {_need(rule)}: {rule.source}.",
        )
        for rule in read_policy(brief.language).gates
        if (match := _first(rule, values)) is not None
    )


def _need(rule: Rule) -> str:
    return "a person's look" if rule.outcome == "evidence" else "to stay out of ads"


def _block(rule: str, span: str, reason: str) -> Finding:
    return Finding(rule=rule, span=span, outcome="block", reason=reason)


def _slots(draft: Draft, brief: Brief) -> Iterator[Finding]:
    known = {fact.name for fact in brief.facts}
    used = SLOT.findall(draft.text)
    yield from _unknown(draft, known)
    for name in REQUIRED:
        if name in known and name not in used:
            reason = "The brief has this fact and the ad keeps it back."
            yield _block("missing-slot", f"{{{name}}}", reason)
    subjects = [name for name in ("category", "product") if name in known]
    if subjects and not any(name in used for name in subjects):
        yield _block("missing-slot", f"{{{subjects[0]}}}", "The ad does not name what is offered.")


def _unknown(draft: Draft, known: Collection[str]) -> Iterator[Finding]:
    for name in dict.fromkeys(SLOT.findall(draft.text)):
        if name not in known:
            yield _block("unknown-slot", f"{{{name}}}", "No fact of the brief fills this slot.")


def _limits(draft: Draft, brief: Brief) -> Iterator[Finding]:
    limits = CHANNELS[brief.channel]
    values = {fact.name: fact.value for fact in brief.facts}
    for name in ("headline", "body", "call_to_action"):
        width = columns(fill(getattr(draft, name), values))
        bound = getattr(limits, name)
        if width > bound:
            reason = f"The {name} takes {width} columns; {brief.channel} shows {bound}."
            yield _block("length", name, reason)
    if columns(fill(draft.body, values)) < 20:
        yield _block("length", "body", "The body is too short to say anything.")


def _marks(draft: Draft, brief: Brief) -> Iterator[Finding]:
    """Marks that have no place in an ad."""
    text = plain(blanked(draft.text))
    if match := _MARKUP.search(text):
        yield _block("markup", match.group(), "Markup, addresses and stray braces are not text.")
    if text.count("!") > 1:
        yield _block("shouting", "!", "More than one exclamation mark.")
    if match := re.search(r"\b[A-Z]{4,}\b", text):
        yield _block("shouting", match.group(), "A word in capitals.")
    if match := re.search(r"([^\w\s])\1{1,}", text.replace(BLANK, "x")):
        yield _block("shouting", match.group(), "A mark repeated.")
    if any(text.count(pair[0]) != text.count(pair[1]) for pair in ("()", "“”", "「」", "《》")):
        yield _block("form", "brackets", "A bracket or quotation mark is left open.")


def _form(draft: Draft, brief: Brief) -> Iterator[Finding]:
    """Sentences that do not end, too many of them, a button with a full stop."""
    text = plain(blanked(draft.text))
    if not draft.body.endswith(_ENDS):
        yield _block("form", draft.body[-8:], "The body stops in the middle of a sentence.")
    sentences = [one for one in _SENTENCE.split(text.split("\n")[1]) if one.strip()]
    if len(sentences) > 3:
        yield _block("form", "body", "More than three sentences.")
    if re.search(r"[.。,，]$", draft.call_to_action) or "\n" in draft.call_to_action:
        yield _block("form", draft.call_to_action, "A button carries no full stop.")


def _script(draft: Draft, brief: Brief) -> Iterator[Finding]:
    """Letters of another script: the wrong language, or look-alikes that hide a word."""
    expected = _BY_LANGUAGE[brief.language]
    for sign in plain(blanked(draft.text)):
        kind = unicodedata.category(sign)
        if sign == BLANK or sign in "\n°":
            continue
        if kind in ("So", "Cn", "Co", "Cs", "Sk"):
            yield _block("script", sign, "A symbol, an emoji or a broken character.")
        elif kind.startswith("L") and not unicodedata.name(sign, "").startswith(expected):
            yield _block("script", sign, f"A letter that {brief.language} text does not have.")


def _wordless(draft: Draft, brief: Brief) -> Iterator[Finding]:
    letters = [sign for sign in plain(blanked(draft.text)) if sign.isalpha()]
    if len(letters) < 8:
        yield _block("script", "", "Hardly any words beside the facts.")


def _typed(draft: Draft, brief: Brief) -> Iterator[Finding]:
    """Numbers, prices and dates come from slots, or not at all."""
    text = plain(blanked(draft.text)).casefold()
    reason = "Typed by the writer; it has to come from a fact through a slot."
    digits = re.search(r"\d[\d.,:/%]*|[%$€£¥‰]", text)
    if match := digits or _NUMBERS[brief.language].search(text):
        yield _block("typed-number", match.group(), reason)
    if match := _DATES[brief.language].search(text):
        yield _block("typed-date", match.group(), reason)
    if match := _NAME.search(plain(blanked(draft.text))):
        yield _block("typed-name", match.group(1), reason)


def _standing(draft: Draft, brief: Brief) -> Iterator[Finding]:
    """A fact in the wrong place is another claim: an end is no beginning."""
    for name, (stands, source) in read_policy(brief.language).slots.items():
        for line in draft.text.split("\n"):
            if not all(stands.search(seen) for seen in _around(line, name, brief)):
                yield _block(
                    "slot-context", f"{{{name}}}", f"It may not stand like this: {source}."
                )


def _around(line: str, name: str, brief: Brief) -> Iterator[str]:
    """The words around each use of a slot, that slot and its neighbours blanked."""
    for slot in SLOT.finditer(line):
        if slot[1] == name:
            before = SLOT.sub("", line[: slot.start()])[-24:]
            after = blanked(line[slot.end() :])[:24]
            text = plain(f"{before}{BLANK}{after}").casefold()
            yield re.sub(r"\s", "", text) if brief.language == "zh" else text


def _offer(draft: Draft, brief: Brief) -> Iterator[Finding]:
    policy = read_policy(brief.language)
    text = normal(draft.text, brief.language)
    for fact in brief.facts:
        if fact.name == "offer" and fact.value in policy.offers:
            says, source = policy.offers[fact.value]
            if "{offer}" not in draft.text and not says.search(text):
                reason = f"The ad does not say what the offer is: {source}."
                yield _block("offer-unsaid", fact.value, reason)


def _claims(draft: Draft, brief: Brief, records: Sequence[Field]) -> Iterator[Finding]:
    """Words of the policy pack that no fact of the brief supports, and no record either."""
    text = normal(draft.text, brief.language)
    facts = {fact.name: plain(fact.value).casefold() for fact in brief.facts}
    for rule in read_policy(brief.language).rules:
        if any(_holds(fact, facts) for fact in rule.facts):
            continue
        for match in _matches(rule, text):
            if _quoted(match.group(), facts):
                continue
            record = _record(_KINDS.get(rule.name, rule.name), match.group(), brief, records)
            if record is not None:
                reason = f"A person proved this. It rests on {record.source}."
                yield Finding(rule=rule.name, span=match.group(), outcome="pass", reason=reason)
            else:
                reason = f"No fact of the brief supports this: {rule.source}."
                yield Finding(
                    rule=rule.name, span=match.group(), outcome=rule.outcome, reason=reason
                )


def _record(kind: str, words: str, brief: Brief, records: Sequence[Field]) -> Field | None:
    """The record that bears the words, where the law of the language's market lets one."""
    if not all(rule.provable for rule in rules_for(kind, (HOME[brief.language],))):
        return None
    return next((one for one in records if one.name == kind and bears(one, words)), None)


def _proof(draft: Draft, brief: Brief, records: Sequence[Field]) -> Iterator[Finding]:
    """Claims in disguise, and those that only free copy has; slots are facts already."""
    fields = [Field(name=one.name, value=one.value, source=one.source) for one in brief.facts]
    subject = next((one.value for one in brief.facts if one.name in ("product", "category")), "")
    named = Field(name="title", value=subject, source="brief")
    product = Product(id=brief.offer_id, fields=(*fields, named))
    text = blanked(draft.text)
    held = {_KINDS.get(rule.name, rule.name) for rule in read_policy(brief.language).rules}
    for ruling in proofread(text, product, packs=(HOME[brief.language],), records=records):
        if ruling.outcome == "pass" or ruling.loose or BLANK in ruling.span or not ruling.span:
            continue
        if ruling.kind in held and not ruling.disguise:
            continue  # the rules above know which facts bear it
        reason = f"{ruling.why.en.rstrip('.')}: {ruling.article}."
        yield _block(ruling.kind, ruling.span, reason)


def _holds(fact: str, facts: Mapping[str, str]) -> bool:
    name, _, value = fact.partition(":")
    return name in facts and (not value or facts[name] == value)


def _quoted(words: str, facts: Mapping[str, str]) -> bool:
    """Whether the words are part of the name of what is offered."""
    pattern = re.compile(rf"(?<![a-z]){re.escape(words)}(?![a-z])")
    return any(pattern.search(facts.get(name, "")) for name in ("category", "product", "event"))


def _matches(rule: Rule, text: str) -> Iterator[re.Match[str]]:
    exempt = [match.span() for match in rule.unless.finditer(text)] if rule.unless else []
    for match in rule.words.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in exempt):
            yield match


def _first(rule: Rule, text: str) -> re.Match[str] | None:
    return next(_matches(rule, text), None)


def _audience(draft: Draft, brief: Brief) -> Iterator[Finding]:
    audience = normal(brief.audience, brief.language).strip()
    if (
        brief.segment_id != EVERYONE
        and len(audience) > 3
        and audience in normal(draft.text, brief.language)
    ):
        reason = "It tells the reader which group they were put in."
        yield _block("personal-attribute", brief.audience, reason)


def _repeats(draft: Draft, brief: Brief) -> Iterator[Finding]:
    """Loops: a run of words, or a slot, again and again."""
    text = normal(draft.text, brief.language)
    parts, run = (re.findall(r"\w+|§", text), 5) if brief.language == "en" else (list(text), 7)
    runs = [tuple(parts[at : at + run]) for at in range(len(parts) - run + 1)]
    twice = next((one for one in runs if runs.count(one) > 1), None)
    if twice:
        yield _block("repetition", " ".join(twice), "The same words again.")
    for line in draft.text.split("\n"):
        for name in set(SLOT.findall(line)):
            if line.count(f"{{{name}}}") > 1:
                yield _block("repetition", f"{{{name}}}", "The same fact again in one text.")
    if match := re.search(r"\b(\w+)[ ,]+\1\b", text):
        yield _block("repetition", match.group(), "The same word again.")
