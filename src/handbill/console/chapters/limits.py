"""What the figures cannot say: gathered from every stage, said once, in plain words."""

from sqlalchemy import create_engine, select
from sqlalchemy.exc import DatabaseError

from handbill.console.chapters.ads import Ads
from handbill.console.chapters.making import Making
from handbill.console.chapters.moments import Moments
from handbill.console.chapters.plan import Plan
from handbill.console.chapters.proof import Proof
from handbill.console.reading import Reader
from handbill.console.words import say
from handbill.errors import WorkspaceError
from handbill.state import approvals
from handbill.types import Text

SIMULATED = "complete-journey"
"""The source whose own notice says that it is simulated."""
RULE = "policy:"
"""How the name of a rule that decides begins."""
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
    if ads and _approved_by_rule(reader):
        found.append(say("limits.machine_checks"))
    if plan and plan.messages and plan.redemptions is None:
        found.append(say("limits.no_expectation"))
    if proof:
        found.extend(proof.unanswered)
    for step in making.steps:
        found.extend(step.notes)
    return tuple(dict.fromkeys(found))


def _approved_by_rule(reader: Reader) -> bool:
    """Whether a rule, and not a person, approved any ad."""
    path = reader.workspace.root / "state.sqlite"
    if not path.is_file():
        return False
    engine = create_engine(reader.workspace.state_url)
    try:
        with engine.connect() as connection:
            found = connection.execute(select(approvals.c.decided_by).distinct()).scalars().all()
    except DatabaseError as error:
        raise WorkspaceError(
            f"cannot read {path}: {error.orig}; restore it from your backup"
        ) from error
    finally:
        engine.dispose()
    return any(who.startswith(RULE) for who in found)
