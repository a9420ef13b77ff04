"""Choosing: of the ads that passed, the ones to show."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handbill.creative.check import CHANNELS, check
from handbill.creative.prompt import EVERYONE, Draft, parse
from handbill.creative.template import plain_ad, with_terms
from handbill.creative.text import columns, likeness, normal, shingles
from handbill.creative.voice import Voice
from handbill.types import SLOT, Brief, Creative, Finding, creative_digest, fill

ALIKE = 0.6
"""Two ads that share more of their word pairs than this are one ad twice."""

OUTRANKED = Finding(
    rule="outranked",
    span="",
    outcome="pass",
    reason="Passed every check; other ads of the same brief rank higher.",
)
NEAR_DUPLICATE = Finding(
    rule="near-duplicate",
    span="",
    outcome="block",
    reason="Reads like another ad of the same brief that ranks higher.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Who wrote a text, as the ledger records it.

    Attributes:
        model: Name and version.
        adapter: Version, empty for none.
        prompt: Version of the prompt.
    """

    model: str
    adapter: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The outcome for one brief.

    Attributes:
        kept: Best first. When no candidate passed: the template for everyone, nothing for a
            segment (which then gets the ad for everyone).
        rejected: The others, each with what was found.
    """

    kept: tuple[Creative, ...]
    rejected: tuple[Creative, ...]


def choose(
    brief: Brief,
    answers: Sequence[str],
    maker: Maker,
    shown: list[frozenset[str]],
    *,
    variants: int,
    voice: Voice | None = None,
    liked: Mapping[str, float] | None = None,
) -> Choice:
    """Check every answer, rank what passes, keep the best that differ.

    Rank: names what is offered beyond the terms, puts words together as people do, uses more of its
    facts, fits the length a phone shows, does not repeat what other ads already say (`shown`),
    which grows by what is kept, and where results tell, is one that people take to.

    Args:
        brief: What was asked.
        answers: The model's texts.
        maker: Who wrote them.
        shown: Shingles of the ads kept so far in this language; appended to.
        variants: Ads to keep at most.
        voice: Whose words the model is held to; any words when None.
        liked: How much better than the others each text may be taken, from results; -1 to 1.
    """
    texts = list(dict.fromkeys(answer.strip() for answer in answers))
    passed: list[tuple[float, Draft, tuple[Finding, ...], frozenset[str]]] = []
    rejected: list[Creative] = []
    for text in texts:
        written = parse(text)
        if written is None:
            rejected.append(_unreadable(text, brief, maker))
            continue
        piece, named = shingles(written.text, brief.language), names_offer(written, brief)
        draft = with_terms(written, brief)
        findings = check(draft, brief) + (voice.check(draft.text, brief) if voice else ())
        if any(finding.outcome == "block" for finding in findings):
            rejected.append(_creative(draft, brief, maker, findings))
        else:
            near = voice.nearness(written.text) if voice else 0.0
            rank = score(draft, brief) + named + near + 1 - likeness(piece, shown)
            rank += liked.get(text, 0.0) if liked else 0.0
            passed.append((rank, draft, findings, piece))
    kept: list[Creative] = []
    pieces: list[frozenset[str]] = []
    for _, draft, findings, piece in sorted(passed, key=lambda one: (-one[0], one[1].text)):
        if likeness(piece, pieces) > ALIKE:
            rejected.append(_creative(draft, brief, maker, (*findings, NEAR_DUPLICATE)))
        elif len(kept) < variants:
            kept.append(_creative(draft, brief, maker, findings))
            pieces.append(piece)
        else:
            rejected.append(_creative(draft, brief, maker, (*findings, OUTRANKED)))
    shown.extend(pieces)
    if not kept and brief.segment_id == EVERYONE:
        kept = plain(brief)  # a segment without an ad of its own gets the general one
    return Choice(kept=tuple(kept), rejected=tuple(rejected))


def plain(brief: Brief) -> list[Creative]:
    """The template as a creative; nothing when even that may not run."""
    draft = plain_ad(brief)
    findings = check(draft, brief)
    if any(finding.outcome == "block" for finding in findings):
        return []
    maker = Maker(model="", adapter="", prompt="")
    return [_creative(draft, brief, maker, findings, template=True)]


def names_offer(draft: Draft, brief: Brief) -> bool:
    """Whether the written part is about what is offered: it has the slot or a word of its name."""
    if "{category}" in draft.text or "{product}" in draft.text:
        return True
    own = "\n".join(fact.value for fact in brief.facts if fact.name in ("category", "product"))
    pieces = normal(own, brief.language)
    words = re.findall(r"\w{4,}", pieces) if brief.language == "en" else re.findall(r"..", pieces)
    text = normal(draft.text, brief.language)
    return any(word.rstrip("s") in text for word in words)


def score(draft: Draft, brief: Brief) -> float:
    """How well a passing ad uses its facts and its room, 0 to 2; higher is better."""
    values = {fact.name: fact.value for fact in brief.facts}
    known = [name for name in values if name != "offer"]
    used = set(SLOT.findall(draft.text))
    facts = len(used) / max(1, len(known))
    limits = CHANNELS[brief.channel]
    body = columns(fill(draft.body, values)) / limits.body
    headline = columns(fill(draft.headline, values)) / limits.headline
    # a phone shows about 40 columns of a subject; a body of half its room is read to the end
    fit = 1 - abs(body - 0.5) - max(0.0, headline - 0.7)
    return facts + fit


def _creative(
    draft: Draft,
    brief: Brief,
    maker: Maker,
    findings: tuple[Finding, ...],
    *,
    template: bool = False,
) -> Creative:
    values = {fact.name: fact.value for fact in brief.facts}
    digest = creative_digest(draft.headline, draft.body, draft.call_to_action, values)
    identity = "\x1f".join((brief.id, digest, maker.model, maker.adapter, maker.prompt))
    return Creative(
        id="c_" + hashlib.sha256(identity.encode()).hexdigest()[:26],
        brief=brief,
        headline=draft.headline,
        body=draft.body,
        call_to_action=draft.call_to_action,
        origin="template" if template else "model",
        model=maker.model,
        adapter=maker.adapter,
        prompt=maker.prompt,
        findings=findings,
        digest=digest,
    )


def _unreadable(text: str, brief: Brief, maker: Maker) -> Creative:
    lines = text.split("\n", 2)
    draft = Draft(
        headline=lines[0][:200],
        body=" ".join(lines[1:2])[:500],
        call_to_action=" ".join(lines[2:])[:200],
    )
    reason = "The answer is not three lines: headline, body, call to action."
    finding = Finding(rule="unparsed", span=text[:60], outcome="block", reason=reason)
    return _creative(draft, brief, maker, (finding,))
