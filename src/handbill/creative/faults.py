"""Faults: what a text says that what was asked does not bear, and the rules that it breaks."""

from collections.abc import Iterable, Sequence

from handbill.creative.claims import languages
from handbill.creative.grounding import Grounds
from handbill.creative.packs import HOME
from handbill.creative.preference import Check, Fault
from handbill.creative.proof import proofread
from handbill.creative.support import bare
from handbill.types import SLOT


def checker(prompts: Iterable[str], market: str = "", platforms: Sequence[str] = ()) -> Check:
    """A check of texts against the requests that they answer.

    A request is all that is known of what is offered: a number, a name or a slot that it does not
    hold is unsupported; a claim that a market or platform forbids is blocked unless the request
    has it in the same words.

    Args:
        prompts: All requests; which words are names is learned from them.
        market: `cn`, `eu`, `uk` or `us`; by the language of each text when empty.
        platforms: Where the texts run beside the market's law.
    """
    grounds = Grounds.of(prompts)

    def check(prompt: str, text: str) -> Fault:
        plain = SLOT.sub(" ", text)
        packs = (market or HOME[languages(plain)[0]], *platforms)
        known = set(SLOT.findall(prompt))
        slots = [f"{{{one}}}" for one in SLOT.findall(text) if one not in known]
        rulings = proofread(plain, packs=packs)
        return Fault(
            unsupported=(*dict.fromkeys(slots), *grounds.unsupported(prompt, plain)),
            blocked=tuple(
                one.kind
                for one in rulings
                if one.outcome == "block" and bare(one.span) not in bare(prompt)
            ),
        )

    return check
