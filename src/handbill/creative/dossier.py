"""Dossiers: all that a reviewer may ask of an ad: its words, facts, findings, and who decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Engine, Row, select

from handbill.creative.prompt import Draft
from handbill.creative.shelf import decisions, signed
from handbill.state import approvals, creatives
from handbill.types import SLOT, Fact, Finding, fill

State = Literal["waiting", "approved", "rejected", "fallen", "outranked", "withdrawn"]
"""Waiting for people; decided by them, or by the checks in their place; fallen at a check; left
behind by better ads of its brief; gone with the facts or evidence that it rested on."""
_KEPT: Mapping[str, State] = {"approved": "approved", "rejected": "rejected", "signed": "waiting"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What someone decided on exactly these words.

    Attributes:
        creative_id: Of the ad.
        digest: Hash of what was decided on.
        decision: `approved` or `rejected`.
        by: Who.
        reason: Why; may be empty on an approval.
        at: When, UTC.
    """

    creative_id: str
    digest: str
    decision: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """An ad as a reviewer sees it.

    Attributes:
        id: Of the creative.
        segment_id: For whom.
        offer_id: About what.
        language: `en` or `zh`.
        channel: Where it would run.
        origin: `model`, `template` or `person`.
        author: Which model or person.
        digest: Hash of the words and the facts in them.
        state: Where it stands.
        draft: The words, facts as `{slots}`.
        facts: What may fill a slot.
        findings: What the checks found.
        signed: Who approved it so far.
        created_at: When it was written, UTC.
    """

    id: str
    segment_id: str
    offer_id: str
    language: str
    channel: str
    origin: str
    author: str
    digest: str
    state: State
    draft: Draft
    facts: tuple[Fact, ...]
    findings: tuple[Finding, ...]
    signed: tuple[str, ...]
    created_at: datetime

    def filled(self, template: str) -> str:
        """One of its texts as a reader would see it."""
        return fill(template, {fact.name: fact.value for fact in self.facts})

    @property
    def claims(self) -> tuple[str, ...]:
        """What each fact in it rests on, and each claim that a person proved."""
        used = set(SLOT.findall(self.draft.text))
        facts = [f"{one.value} [{one.source}]" for one in self.facts if one.name in used]
        proven = [
            f"{one.span} [{one.reason.rsplit(' ', 1)[-1].rstrip('.')}]"
            for one in self.findings
            if one.outcome == "pass" and " rests on " in one.reason
        ]
        return (*facts, *proven)


def dossiers(
    engine: Engine, signatures: int = 1, *, only: Sequence[str] = ()
) -> tuple[Dossier, ...]:
    """Ads by language, offer and id.

    Args:
        engine: The state.
        signatures: People who have to approve an ad.
        only: These ids; all when empty.
    """
    asked = select(creatives).order_by(creatives.c.language, creatives.c.offer_id, creatives.c.id)
    if only:
        asked = asked.where(creatives.c.id.in_(only))
    with engine.connect() as connection:
        rows = connection.execute(asked).all()
        decided, signers = decisions(connection, signatures), signed(connection)
    return tuple(_dossier(row, decided, signers) for row in rows)


def history(engine: Engine, *, of: str = "", most: int = 200) -> tuple[Decision, ...]:
    """Decisions, the newest first.

    Args:
        engine: The state.
        of: One ad; all of them when empty.
        most: How many at most.
    """
    asked = select(approvals).order_by(approvals.c.decided_at.desc(), approvals.c.id)
    if of:
        asked = asked.where(approvals.c.creative_id == of)
    with engine.connect() as connection:
        rows = connection.execute(asked.limit(most)).all()
    return tuple(
        Decision(
            creative_id=row.creative_id,
            digest=row.digest,
            decision=row.decision,
            by=row.decided_by,
            reason=row.reason,
            at=_utc(row.decided_at),
        )
        for row in rows
    )


def _dossier(
    row: Row[Any],
    decided: Mapping[tuple[str, str], str],
    signers: Mapping[tuple[str, str], tuple[str, ...]],
) -> Dossier:
    key = (row.id, row.digest)
    return Dossier(
        id=row.id,
        segment_id=row.segment_id,
        offer_id=row.offer_id,
        language=row.language,
        channel=row.channel,
        origin=row.origin,
        author=row.model,
        digest=row.digest,
        state=_state(row, decided.get(key, "signed")),
        draft=Draft(headline=row.headline, body=row.body, call_to_action=row.call_to_action),
        facts=tuple(Fact(**fact) for fact in row.brief["facts"]),
        findings=tuple(Finding(**one) for one in row.findings),
        signed=signers.get(key, ()),
        created_at=_utc(row.created_at),
    )


def _state(row: Row[Any], decision: str) -> State:
    if row.status == "rejected":
        passed = all(found["outcome"] == "pass" for found in row.findings)
        return "outranked" if passed else "fallen"
    return "withdrawn" if row.status == "withdrawn" else _KEPT[decision]


def _utc(moment: datetime) -> datetime:
    """SQLite gives back UTC without saying so."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
