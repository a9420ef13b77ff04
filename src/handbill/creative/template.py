"""Sentences that say the facts and nothing else: the terms of every coupon ad, and the plain ad."""

import hashlib
import re

from handbill.creative.prompt import COUPON, Draft
from handbill.types import SLOT, Brief, Language

_TERMS: dict[Language, tuple[str, ...]] = {
    "en": (
        "Your coupon for {category} is good at {shop} through {offer_ends}.",
        "Bring your coupon for {category} to {shop} by {offer_ends}.",
        "Choose from {products} kinds with your coupon for {category}, good through {offer_ends}.",
        "Your coupon is good at {shop} through {offer_ends}.",
        "Your coupon is good through {offer_ends}.",
    ),
    "zh": (
        "{category}优惠券在{shop}可用，有效期至{offer_ends}。",
        "带上{category}优惠券来{shop}，{offer_ends}前都能用。",
        "{products}款可选，{category}优惠券有效期至{offer_ends}。",
        "优惠券在{shop}可用，有效期至{offer_ends}。",
        "优惠券有效期至{offer_ends}。",
    ),
}
_PLAIN: dict[Language, Draft] = {
    "en": Draft(
        headline="Your coupon for {category}",
        body="It is ready for you at {shop} and good through {offer_ends}.",
        call_to_action="Use my coupon",
    ),
    "zh": Draft(
        headline="{category}优惠券，给你备好了",
        body="到{shop}就可以使用，有效期至{offer_ends}。",
        call_to_action="去用券",
    ),
}
_SENTENCE: dict[Language, re.Pattern[str]] = {
    "en": re.compile(r"(?<=[.!?])\s+"),
    "zh": re.compile(r"(?<=[。！？])"),
}


def has_terms(brief: Brief) -> bool:
    """Whether what is offered is a coupon that ends: its terms are rendered, not written."""
    facts = {fact.name: fact.value for fact in brief.facts}
    return "offer_ends" in facts and facts.get("offer") == COUPON[brief.language]


def plain_ad(brief: Brief) -> Draft:
    """The factual template for a coupon."""
    return _PLAIN[brief.language]


def without_terms(draft: Draft, brief: Brief) -> Draft:
    """The part of an ad that a writer writes: all but the sentence with the coupon's terms."""
    if not has_terms(brief):
        return draft
    written = [one for one in sentences(draft.body, brief.language) if "{offer_ends}" not in one]
    return _with_body(draft, _join(written, brief.language))


def with_terms(draft: Draft, brief: Brief) -> Draft:
    """The whole ad: the terms follow what was written, in words that its facts allow.

    Which of the sentences it is depends on the text, so that ads differ and a rerun does not.
    """
    if not has_terms(brief):
        return draft
    facts = {fact.name for fact in brief.facts}
    written = set(SLOT.findall(draft.body))
    fitting = [
        one
        for one in _TERMS[brief.language]
        if (slots := set(SLOT.findall(one))) <= facts and not slots & written
    ]
    most = max((len(SLOT.findall(one)) for one in fitting), default=0)
    fitting = [one for one in fitting if len(SLOT.findall(one)) == most]
    if not fitting:
        return draft
    choice = hashlib.sha256(draft.text.encode()).digest()[0] % len(fitting)
    return _with_body(draft, _join([draft.body, fitting[choice]], brief.language))


def sentences(text: str, language: Language) -> list[str]:
    """The sentences of a text.

    Example:
        >>> sentences("Put the kettle on. {product} is 1.7 l.", "en")
        ['Put the kettle on.', '{product} is 1.7 l.']
    """
    return [one for one in _SENTENCE[language].split(text) if one]


def _join(sentences: list[str], language: Language) -> str:
    return (" " if language == "en" else "").join(sentences)


def _with_body(draft: Draft, body: str) -> Draft:
    return Draft(headline=draft.headline, body=body, call_to_action=draft.call_to_action)
