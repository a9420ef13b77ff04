"""Review: a person approves or rejects ads, with a name and a reason, of exactly what they saw."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from handbill.errors import PolicyError
from handbill.state import approvals, creatives
from handbill.types import fill

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
    """

    id: str
    language: str
    headline: str
    body: str
    call_to_action: str
    findings: tuple[str, ...]


def waiting(engine: Engine) -> tuple[Waiting, ...]:
    """Ads that passed the checks, or ask for evidence, and whose digest nobody has decided on."""
    decided = select(approvals.c.creative_id).where(
        approvals.c.creative_id == creatives.c.id, approvals.c.digest == creatives.c.digest
    )
    open_ads = (
        select(creatives)
        .where(creatives.c.status == "passed", ~decided.exists())
        .order_by(creatives.c.language, creatives.c.offer_id, creatives.c.id)
    )
    with engine.connect() as connection:
        rows = connection.execute(open_ads).all()
    found = []
    for row in rows:
        values = {fact["name"]: fact["value"] for fact in row.brief["facts"]}
        found.append(
            Waiting(
                id=row.id,
                language=row.language,
                headline=fill(row.headline, values),
                body=fill(row.body, values),
                call_to_action=fill(row.call_to_action, values),
                findings=tuple(one["rule"] for one in row.findings if one["outcome"] == "evidence"),
            )
        )
    return tuple(found)


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
        wanted = select(creatives.c.id, creatives.c.digest, creatives.c.status).where(
            creatives.c.id.in_(chosen)
        )
        rows = {row.id: row for row in connection.execute(wanted)}
        for one in chosen:
            if one not in rows:
                raise PolicyError(f"no ad {one}; list them with: handbill creative list DIR")
            if rows[one].status != "passed":
                raise PolicyError(f"the ad {one} is {rows[one].status}; it cannot be {decision}")
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
