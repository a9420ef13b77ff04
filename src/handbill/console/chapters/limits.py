"""What the figures cannot say: gathered from every stage, said once, in plain words."""

from handbill.console.chapters.ads import Ads
from handbill.console.chapters.making import Making
from handbill.console.chapters.moments import Moments
from handbill.console.chapters.plan import Plan
from handbill.console.chapters.proof import Proof
from handbill.console.reading import Reader
from handbill.console.words import say
from handbill.types import Text

SIMULATED = "complete-journey"
"""The source whose own notice says that it is simulated."""
SOURCES = "SELECT DISTINCT source FROM {events}"
BASES = "SELECT DISTINCT consent_basis FROM {decisions}"


def read_limits(
    reader: Reader, *, ads: Ads | None, moments: Moments | None, plan: Plan | None,
    proof: Proof | None, making: Making,
) -> tuple[Text, ...]:  # fmt: skip
    """All caveats, each once: of the source, of consent, of what was measured, of every stage."""
    found: list[Text] = []
    sources = {row["source"] for row in reader.rows(SOURCES, events=reader.workspace.events)}
    if any(str(source).startswith(SIMULATED) for source in sources):
        found.append(say("limits.simulated"))
    bases = {
        row["consent_basis"] for row in reader.rows(BASES, decisions=reader.workspace.decisions)
    }
    if bases == {"replay"}:
        found.append(say("limits.replay"))
    found.append(say("limits.local"))
    if proof and proof.enough and not proof.unanswered:
        found.append(say("limits.mailed_only"))
    if moments and moments.positions:
        found.append(say("limits.observed"))
        grey = sum(one.uplift is None for one in moments.positions)
        if grey:
            found.append(say("limits.positions", count=grey, all=len(moments.positions)))
    if ads and any(tally.written > tally.waiting + tally.rejected for tally in ads.tallies):
        found.append(say("limits.machine_checks"))
    if plan and plan.messages and plan.redemptions is None:
        found.append(say("limits.no_expectation"))
    if proof:
        found.extend(proof.unanswered)
    for step in making.steps:
        found.extend(step.notes)
    return tuple(dict.fromkeys(found))
