"""The wire format between a brief and a language model: a request out, three lines back."""

from collections.abc import Sequence
from dataclasses import dataclass

from handbill.types import SLOT, Brief, Language

PROMPT = "lines-3"
"""Version of the format; part of every ad's record and of an adapter's identity."""

EVERYONE = "all"
"""Segment id of an ad for anybody."""

MAX_NEW_TOKENS: dict[Language, int] = {"en": 64, "zh": 72}
"""Room for the longest ad that the e-mail channel takes; an ad cut short is rejected anyway."""

LINES = 3
"""Headline, body, call to action."""

NAMED = ("category", "product", "brand", "material", "color", "origin", "event")
"""Facts whose value the model sees, to know what it writes about; it still writes the slot."""

TERMS = ("shop", "offer_ends", "products")
"""Facts of a coupon's terms, which are rendered and not written."""

COUPON: dict[Language, str] = {"en": "coupon", "zh": "优惠券"}
"""The kind of offer that has terms."""

_ASK: dict[Language, str] = {
    "en": "{offer} ad: {subject}. For {audience}. Slots: {slots}",
    "zh": "{offer}广告：{subject}。写给{audience}。槽位：{slots}",
}


_INSTRUCTION: dict[Language, str] = {
    "en": (
        "You write e-mail ads for a shop. Answer with exactly three lines: a headline of at most "
        "60 characters, a body of one or two sentences, a call to action of two to four words. "
        "Name what is offered. Where you need a fact, write its slot in braces as it is listed, "
        "never its value. State no price, number, date, discount, quality, origin or health effect "
        "of your own, no superlatives, no urgency, and nothing about the reader's group.\n\n"
        "Examples, request above, answer below:\n\n{examples}"
    ),
    "zh": (
        "你为一家商店写邮件广告。只回答三行：标题（不超过 30 个汉字）、正文（一两句话）、"
        "按钮文字（2 到 6 个字）。要点明卖的是什么。需要用到事实时，照原样写出花括号里的槽位，"
        "不要写具体内容。不要自己写价格、数字、日期、"
        "折扣、品质、产地或功效，不用极限词，不催促，也不要提读者属于哪类人。\n\n"
        "例子，上面是要求，下面是回答：\n\n{examples}"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Three texts with `{slots}`, not yet checked.

    Attributes:
        headline: Subject of the e-mail.
        body: One or two sentences.
        call_to_action: What the button says.
    """

    headline: str
    body: str
    call_to_action: str

    @property
    def text(self) -> str:
        """All of it, for rules that do not care where something stands."""
        return f"{self.headline}\n{self.body}\n{self.call_to_action}"


def prompt_for(brief: Brief) -> str:
    """What the model is asked.

    It holds what sets the tone and the names of the facts, and no number or date: what the model
    does not see it cannot get wrong.
    """
    values = {fact.name: fact.value for fact in brief.facts}
    coupon = "offer_ends" in values and values.get("offer") == COUPON[brief.language]
    rendered = (*TERMS, "offer") if coupon else ("offer",)
    return _ASK[brief.language].format(
        offer=values.get("offer", "").capitalize(),
        subject=", ".join(values[name] for name in NAMED if name in values),
        audience=brief.audience,
        slots=" ".join(f"{{{name}}}" for name in values if name not in rendered),
    )


def instruction(language: Language, shown: Sequence[tuple[str, str]]) -> str:
    """What a model that was not tuned is told first: how an ad is written down, by example.

    Args:
        language: Of the ads.
        shown: Requests with the ads that a person wrote for them.
    """
    examples = "\n\n".join(f"{asked}\n---\n{answer}" for asked, answer in shown)
    return _INSTRUCTION[language].format(examples=examples)


def completion_for(draft: Draft) -> str:
    """What the model should have answered."""
    return draft.text


def parse(answer: str) -> Draft | None:
    """Read three lines; anything else is not an ad."""
    lines = [line.strip() for line in answer.strip().splitlines()]
    if len(lines) != LINES or not all(SLOT.sub("", line).strip() for line in lines):
        return None
    return Draft(headline=lines[0], body=lines[1], call_to_action=lines[2])
