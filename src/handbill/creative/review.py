"""Review: a person approves or rejects ads, with a name and a reason, of exactly what they saw."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from handbill.creative.dossier import dossiers
from handbill.errors import PolicyError
from handbill.state import approvals, creatives

DECISIONS = ("approved", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An ad that no one has decided on.

    Attributes:
        id: Of the creative.
        language: `en` or `zh`.
        headline: As a reader would see it.
        body: As a reader would see it.
        call_to_action: As a reader would see it.
        findings: Rules that ask for a person's evidence; empty when all passed.
        claims: What each fact in it rests on, and each claim that a person proved.
        signed: Who approved it so far, where more than one has to.
    """

    id: str
    language: str
    headline: str
    body: str
    call_to_action: str
    findings: tuple[str, ...]
    claims: tuple[str, ...] = ()
    signed: tuple[str, ...] = ()


def waiting(engine: Engine, signatures: int = 1) -> tuple[Waiting, ...]:
    """Ads that may run once people have signed, and for which not enough of them have.

    Args:
        engine: The state.
        signatures: People who have to approve an ad.
    """
    return tuple(
        Waiting(
            id=one.id,
            language=one.language,
            headline=one.filled(one.draft.headline),
            body=one.filled(one.draft.body),
            call_to_action=one.filled(one.draft.call_to_action),
            findings=tuple(found.rule for found in one.findings if found.outcome == "evidence"),
            claims=one.claims,
            signed=one.signed,
        )
        for one in dossiers(engine, signatures)
        if one.state == "waiting"
    )


def decide(
    engine: Engine, ids: Sequence[str], *, decision: str, by: str, reason: str, now: datetime
) -> int:
    """Record one decision on each of some ads; decisions are added, never changed.

    Args:
        engine: The state.
        ids: Creatives.
        decision: `approved` or `rejected`.
        by: Who decides; a person's name, since rules sign as `policy:`.
        reason: Why, a few words; needed to reject.
        now: When.

    Returns:
        Number of decisions recorded.

    Raises:
        PolicyError: An ad is unknown or fell at a check, nobody signs, or a reason is missing.
    """
    if decision not in DECISIONS:
        raise PolicyError(f"no decision {decision!r}; one of {', '.join(DECISIONS)}")
    if not by.strip() or by.startswith("policy:"):
        raise PolicyError("say who decides: --by NAME")
    if decision == "rejected" and not reason.strip():
        raise PolicyError("say why it is rejected: --reason TEXT")
    chosen = list(dict.fromkeys(ids))
    with engine.begin() as connection:
        wanted = select(
            creatives.c.id, creatives.c.digest, creatives.c.status, creatives.c.model
        ).where(creatives.c.id.in_(chosen))
        rows = {row.id: row for row in connection.execute(wanted)}
        for one in chosen:
            if one not in rows:
                raise PolicyError(f"no ad {one}; list them with: handbill creative list DIR")
            if rows[one].status != "passed":
                raise PolicyError(f"the ad {one} is {rows[one].status}; it cannot be {decision}")
            if decision == "approved" and rows[one].model == f"person:{by.strip()}":
                raise PolicyError(f"{by.strip()} wrote the ad {one}; someone else approves it")
        for one in chosen:
            connection.execute(
                approvals.insert().values(
                    id="a_" + uuid.uuid4().hex[:26],
                    creative_id=one,
                    digest=rows[one].digest,
                    decision=decision,
                    decided_by=by.strip(),
                    reason=reason.strip(),
                    decided_at=now,
                )
            )
    return len(chosen)
