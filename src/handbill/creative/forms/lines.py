"""Lines: what a model writes of product copy, one short text at a time.

A small model writes one line well and five fields badly, so every form is put together from lines,
each of which was checked alone.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Literal

from handbill.creative.author import Author, Lesson
from handbill.creative.check import check_line
from handbill.creative.example import read_examples
from handbill.creative.pairs import Pair
from handbill.creative.template import has_terms, without_terms
from handbill.creative.text import columns, shingles
from handbill.creative.voice import Voice
from handbill.errors import SourceError
from handbill.ports import Progress
from handbill.types import SLOT, Brief, Finding, Language, fill

Role = Literal["headline", "sentence"]
ROLES: tuple[Role, ...] = ("headline", "sentence")

PROMPT = "line-1"
"""Version of the wire format."""

MAX_NEW_TOKENS = 40
"""Room for the longest sentence that the examples have."""

SHOWN = 24
"""Examples that a model behind a server sees."""

HEADLINE = 44
"""Columns of a headline, facts filled in, up to which an ad's headline is an example of a line."""

_ASK: dict[Language, dict[Role, str]] = {
    "en": {
        "headline": "Headline: {subject}. Slots: {{product}}",
        "sentence": "Sentence: {subject}. Slots: {{product}}",
    },
    "zh": {
        "headline": "标题：{subject}。槽位：{{product}}",
        "sentence": "句子：{subject}。槽位：{{product}}",
    },
}
_INSTRUCTION: dict[Language, str] = {
    "en": (
        "You write single lines of copy for a shop's products. Answer with one line only: a "
        "headline of at most 30 characters without a full stop, or a sentence of at most 90 "
        "characters. It has to stand on its own. Write {{product}} where the product is named. "
        "State no price, number, date, discount, quality, origin or health effect of your own, no "
        "superlatives, no urgency, nothing about the reader.\n\n"
        "Examples, request above, answer below:\n\n{examples}"
    ),
    "zh": (
        "你为一家商店的商品写单句文案。只回答一行：标题不超过 15 个汉字，不加句号；句子不超过 45 个"
        "汉字。每一行都要能单独使用。提到商品时照原样写 {{product}}。不要"
        "自己写价格、数字、日期、折扣、品质、产地或功效，不用极限词，不催促，也不要提读者属于哪类人。"
        "\n\n例子，上面是要求，下面是回答：\n\n{examples}"
    ),
}
_LEANS: dict[Language, re.Pattern[str]] = {
    # words that point at something said elsewhere: such a line cannot stand beside any other
    "en": re.compile(
        r"^(?:and|but|so|or|because|which|then|it|its|they|them|that|those|he|she|also|too|plus)\b"
        r"|\b(?:it|its|it's|they|them|their|theirs|these|those)\b",
        re.I,
    ),
    "zh": re.compile(r"^(?:也|而且|但|所以|因此|并且|然后|还有|以及|其)|它|这款|该产品"),
}
_LEADS: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"^(?:and|but|so|or|because|which|then|also|too|plus)\b", re.I),
    "zh": re.compile(r"^(?:也|而且|但|所以|因此|并且|然后|还有|以及|其)"),
}
_TERMS = re.compile(r"\b(?:coupon|voucher)s?\b|优惠券|用券|领券|优惠", re.I)
_ARTICLE = re.compile(r"\b(an?) \{([a-z_]+)\}", re.I)
_ENDS = re.compile(r"[.!?。！？…]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of copy as a template, checked.

    Attributes:
        role: What it can be used as.
        text: With `{slots}`.
        filled: As a reader sees it.
        rank: How well it reads, higher is better; lines from facts have 0.
        written: Whether a model wrote it.
        findings: What the checks found, nothing that blocks it.
    """

    role: Role
    text: str
    filled: str
    rank: float
    written: bool
    findings: tuple[Finding, ...] = ()

    def pieces(self, language: Language) -> frozenset[str]:
        """Its word pairs, to tell how like another it is."""
        return shingles(self.text, language)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """A line that may not be used.

    Attributes:
        text: As the model wrote it.
        findings: Why.
    """

    text: str
    findings: tuple[Finding, ...]


def prompt_for(subject: str, role: Role, language: Language) -> str:
    """What the model is asked: the name of the product is all it sees, and the only slot it has.

    What the product is made of, where it comes from and what it costs is said by the catalogue, in
    lines of its own; see `handbill.creative.forms.plain`.
    """
    return _ASK[language][role].format(subject=subject)


def ask(
    brief: Brief,
    author: Author,
    voice: Voice,
    roles: Sequence[Role],
    *,
    samples: int,
    seed: int,
    progress: Progress,
) -> tuple[list[Line], list[Fallen]]:
    """Let a model write lines, and keep those that pass.

    Returns:
        Lines, best first in each role, and those that fell with the reason.
    """
    language = brief.language
    subject = next(fact.value for fact in brief.facts if fact.name == "product")
    asked = {role: prompt_for(subject, role, language) for role in roles}
    answers = author.answer(
        list(asked.values()),
        language,
        samples=samples,
        max_new_tokens=MAX_NEW_TOKENS,
        seed=seed,
        progress=progress,
    )
    lines: dict[str, Line] = {}
    fallen: dict[str, Fallen] = {}
    for role, prompt in asked.items():
        for place, answer in enumerate(answers[prompt]):
            text = tidy(answer, role)
            if text in lines or text in fallen:
                continue
            found = read(text, brief, role, voice)
            if isinstance(found, Line):
                # the likeliest answers come first
                lines[text] = replace(found, rank=found.rank - place / len(answers[prompt]))
            else:
                fallen[text] = found
    ranked = sorted(lines.values(), key=lambda one: (-one.rank, one.text))
    return ranked, list(fallen.values())


def tidy(answer: str, role: Role) -> str:
    """The first line of an answer, its full stop as its role has it."""
    text = next(iter(answer.strip().splitlines()), "").strip()
    return text.rstrip(".。") if role == "headline" else text


def read(text: str, brief: Brief, role: Role, voice: Voice | None = None) -> Line | Fallen:
    """Check one line.

    Args:
        text: As a template.
        brief: Facts it may rest on.
        role: As what it is to be used.
        voice: Whose words the model is held to; None for lines that people wrote.
    """
    findings = [*_form(text, brief, role), *check_line(text, brief)]
    if voice is not None:
        findings += voice.check(text, brief)
    if any(one.outcome == "block" for one in findings):
        return Fallen(text=text, findings=tuple(findings))
    values = {fact.name: fact.value for fact in brief.facts}
    rank = 0.0
    if voice is not None:
        rank = 2 + voice.nearness(text)
    return Line(
        role=role,
        text=text,
        filled=fill(text, values),
        rank=rank,
        written=voice is not None,
        findings=tuple(findings),
    )


def _form(text: str, brief: Brief, role: Role) -> Iterator[Finding]:
    """What check_line cannot know: whether a line stands alone, and as what."""
    if not text or not any(sign.isalpha() for sign in SLOT.sub("", text)):
        yield _block("unparsed", text[:60], "There are no words in the answer.")
        return
    leans = _LEADS if "{product}" in text else _LEANS
    if match := leans[brief.language].search(text):
        yield _block("leans", match.group(), "It rests on words that may not stand beside it.")
    if match := _TERMS.search(text):
        yield _block("offer", match.group(), "The brief has no offer.")
    if (role == "sentence") != bool(_ENDS.search(text)):
        yield _block("form", text[-8:], f"A {role} does not end like this.")
    values = {fact.name: fact.value for fact in brief.facts}
    for article, name in _ARTICLE.findall(text) if brief.language == "en" else ():
        value = values.get(name, "")
        if value.endswith("s") or (value[:1].lower() in "aeiou") != (article.lower() == "an"):
            yield _block("slot-context", f"{article} {{{name}}}", "The article does not fit.")


def _block(rule: str, span: str, reason: str) -> Finding:
    return Finding(rule=rule, span=span, outcome="block", reason=reason)


def lesson(language: Language) -> Lesson:
    """What a model learns of writing lines."""
    pairs = line_pairs(language)
    own = pairs[: len(pairs) - len(_from_ads(language))]
    step = max(1, len(own) // SHOWN)
    shown = "\n\n".join(f"{one.request}\n---\n{one.completion}" for one in own[::step][:SHOWN])
    return Lesson(
        prompt=PROMPT,
        lines=1,
        pairs=pairs,
        instruction=_INSTRUCTION[language].format(examples=shown),
        structured=False,
    )


def line_pairs(language: Language) -> tuple[Pair, ...]:
    """The example lines, and the lines of the example ads that can stand alone."""
    return (*_own(language), *_from_ads(language))


def voice_of(language: Language) -> Voice:
    """The words that people used in lines and ads."""
    texts = [text for one in line_pairs(language) for text in (one.completion, one.product)]
    return Voice.of_texts(texts, language)


def _own(language: Language) -> tuple[Pair, ...]:
    name = f"lines_{language}.jsonl"
    text = files("handbill.creative").joinpath("examples", name).read_text(encoding="utf-8")
    pairs: list[Pair] = []
    for number, row in enumerate(text.splitlines(), start=1):
        try:
            example = json.loads(row)
            for role in ROLES:
                for line in example[f"{role}s"]:
                    pairs.append(_pair(language, role, example["product"], line))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{name}, line {number} is no example: {error!r}") from error
    return tuple(pairs)


def _from_ads(language: Language) -> tuple[Pair, ...]:
    pairs: list[Pair] = []
    for one in read_examples(language):
        values = {fact.name: fact.value for fact in one.brief.facts}
        if not has_terms(one.brief) or "product" in values:
            continue
        draft = without_terms(one.draft, one.brief)
        texts: tuple[tuple[Role, str], ...] = (
            ("headline", draft.headline),
            ("sentence", draft.body),
        )
        for role, text in texts:
            line = text.replace("{category}", "{product}")
            used = set(SLOT.findall(line))
            wide = columns(fill(text, values)) > (HEADLINE if role == "headline" else 90)
            leans = (_LEADS if "product" in used else _LEANS)[language]
            alone = not leans.search(line) and not _TERMS.search(line)
            if line and used <= {"product"} and not wide and alone:
                pairs.append(_pair(language, role, values["category"], line))
    return tuple(pairs)


def _pair(language: Language, role: Role, subject: str, line: str) -> Pair:
    return Pair(prompt=prompt_for(subject, role, language), completion=line, product=subject)


def borrowed(brief: Brief, role: Role) -> list[Line]:
    """Example lines that a person wrote for the same kind of thing: `wool blanket` for `blanket`.

    What a thing is stands at the end of its name, so a milk chocolate borrows nothing from milk.
    """
    name = next(fact.value for fact in brief.facts if fact.name == "product").casefold()
    lines = [
        read(one.completion, brief, role)
        for one in _own(brief.language)
        if one.prompt == prompt_for(one.product, role, brief.language)
        and _same_kind(one.product, name, brief.language)
    ]
    return [replace(one, rank=2.5) for one in lines if isinstance(one, Line)]


def _same_kind(kind: str, name: str, language: Language) -> bool:
    """Whether a name ends in another.

    Example:
        >>> _same_kind("milk", "chocolate milk", "en"), _same_kind("milk", "milk chocolate", "en")
        (True, False)
    """
    if language == "zh":
        return name.endswith(kind)
    return f" {name}".endswith(f" {kind.casefold()}")
