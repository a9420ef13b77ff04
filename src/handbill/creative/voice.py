"""The shop's vocabulary: what a small model may say is what people have said before it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handbill.creative.example import Example
from handbill.creative.text import normal, shingles
from handbill.types import Brief, Finding, Language

_ENDINGS = ("ies", "ing", "es", "ed", "s", "y", "e")


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """The words of a shop's examples in one language.

    No rule can list every word that a model might make a claim with, or every odd one. So the
    model's own words have to be words that a person has used in an ad, or the product's own name.
    Text that people write is not held to it.

    Attributes:
        language: Of the ads.
        known: Stems of English words, or Chinese characters.
        pairs: Neighbours among them: 2 words, or 2 characters.
    """

    language: Language
    known: frozenset[str]
    pairs: frozenset[str]

    @classmethod
    def of(cls, examples: Iterable[Example], language: Language) -> "Voice":
        """The voice of the examples of one language, product names included."""
        texts = [
            text
            for one in examples
            if one.brief.language == language
            for text in (one.draft.text, *(fact.value for fact in one.brief.facts))
        ]
        return cls.of_texts(texts, language)

    @classmethod
    def of_texts(cls, texts: Sequence[str], language: Language) -> "Voice":
        """The voice of texts, one by one."""
        return cls(
            language=language,
            known=frozenset(_parts("\n".join(texts), language)),
            pairs=frozenset(pair for text in texts for pair in shingles(text, language)),
        )

    def nearness(self, text: str) -> float:
        """Share of a text's neighbouring words that people have put side by side, 0 to 1."""
        pairs = shingles(text, self.language)
        return len(pairs & self.pairs) / max(1, len(pairs))

    def check(self, text: str, brief: Brief) -> tuple[Finding, ...]:
        """The first word of a text that is foreign to the voice, if there is one."""
        own = set(_parts("\n".join(fact.value for fact in brief.facts), self.language))
        for part in _parts(text, self.language):
            if part not in self.known and part not in own:
                reason = "No example ad and no product name of the brief uses this word."
                return (Finding(rule="unfamiliar-word", span=part, outcome="block", reason=reason),)
        return ()


def _parts(text: str, language: Language) -> list[str]:
    text = normal(text, language)
    if language == "zh":
        return [sign for sign in text if sign.isalpha()]
    return [_stem(word) for word in re.findall(r"[a-z']+", text)]


def _stem(word: str) -> str:
    """Enough to know `slice`, `slices` and `sliced` for one word."""
    word = word.removesuffix("'s")
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
