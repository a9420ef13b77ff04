"""The wire format between a brief and a language model: a request out, three lines back."""

from dataclasses import dataclass

from handbill.types import SLOT, Brief, Language

PROMPT = "lines-3"
"""Version of the format; part of every ad's record and of an adapter's identity."""

EVERYONE = "all"
"""Segment id of an ad for anybody."""

MAX_NEW_TOKENS: dict[Language, int] = {"en": 64, "zh": 72}
"""Room for the longest ad that the e-mail channel takes; an ad cut short is rejected anyway."""

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


def completion_for(draft: Draft) -> str:
    """What the model should have answered."""
    return draft.text


def parse(answer: str) -> Draft | None:
    """Read three lines; anything else is not an ad."""
    lines = [line.strip() for line in answer.strip().splitlines()]
    if len(lines) != 3 or not all(SLOT.sub("", line).strip() for line in lines):
        return None
    return Draft(headline=lines[0], body=lines[1], call_to_action=lines[2])
