"""Edits: an ad that a person rewrote, checked like any other, with a hash of its own."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, Row, select

from handbill.creative.evidence import standing
from handbill.creative.forms.audit import audit
from handbill.creative.prompt import Draft
from handbill.creative.shelf import row_of
from handbill.errors import PolicyError
from handbill.state import creatives
from handbill.types import SLOT, Brief, Creative, Fact, Finding, creative_digest

PERSON = "person:"
"""Before the name of who wrote an ad, where a model's name would stand."""


class UnfitError(PolicyError):
    """A person's text that may not run.

    Attributes:
        findings: What blocks it.
    """

    def __init__(self, message: str, findings: Sequence[Finding]) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a person wants an ad to say; None leaves a text as it is.

    Attributes:
        headline: Template of the subject.
        body: Template of the body.
        call_to_action: Template of the button.
    """

    headline: str | None = None
    body: str | None = None
    call_to_action: str | None = None


def edit(engine: Engine, creative_id: str, change: Change, *, by: str, now: datetime) -> Creative:
    """Put a person's version of an ad beside it, to be approved like any other.

    The ad it came from stays; reject that one to have only this.

    Args:
        engine: The state.
        creative_id: The ad it starts from, one that fell included.
        change: New texts, facts as `{slots}`.
        by: Who wrote them.
        now: When; evidence past its last day does not count.

    Returns:
        The new ad, with what was found.

    Raises:
        PolicyError: The ad is unknown, nobody signs, or nothing changed.
        UnfitError: The text may not run; the message has each finding.
    """
    if not by.strip() or by.startswith("policy:"):
        raise PolicyError("say who edits: --by NAME")
    with engine.connect() as connection:
        row = connection.execute(select(creatives).where(creatives.c.id == creative_id)).first()
    if row is None:
        raise PolicyError(f"no ad {creative_id}; list them with: handbill creative list DIR")
    draft = Draft(
        headline=row.headline if change.headline is None else change.headline.strip(),
        body=row.body if change.body is None else change.body.strip(),
        call_to_action=(
            row.call_to_action if change.call_to_action is None else change.call_to_action.strip()
        ),
    )
    if draft.text == f"{row.headline}\n{row.body}\n{row.call_to_action}":
        raise PolicyError("nothing changed; give --headline, --body or --button")
    one = _checked(engine, brief_of(row), draft, f"{PERSON}{by.strip()}", now.date())
    blocked = [finding for finding in one.findings if finding.outcome == "block"]
    if blocked:
        said = "; ".join(f"{found.span!r} ({found.rule}): {found.reason}" for found in blocked)
        raise UnfitError(f"it may not run: {said}", blocked)
    with engine.begin() as connection:
        known = connection.execute(select(creatives.c.id).where(creatives.c.id == one.id)).first()
        if known is None:
            connection.execute(creatives.insert().values(row_of(one, "passed", now)))
    return one


def edited(
    engine: Engine, briefs: Sequence[Brief], today: date
) -> tuple[tuple[Creative, ...], tuple[Creative, ...]]:
    """The ads that people wrote for these briefs, checked again with what stands today.

    An ad whose brief is gone, or where a fact that it uses has changed, is in neither.

    Returns:
        Those that may run, and those that no longer may.
    """
    asked = {(one.segment_id, one.offer_id, one.language, one.channel): one for one in briefs}
    written = (
        select(creatives)
        .where(creatives.c.origin == "person", creatives.c.status == "passed")
        .order_by(creatives.c.created_at, creatives.c.id)
    )
    with engine.connect() as connection:
        rows = connection.execute(written).all()
    kept: list[Creative] = []
    fallen: list[Creative] = []
    for row in rows:
        brief = asked.get((row.segment_id, row.offer_id, row.language, row.channel))
        if brief is None:
            continue
        draft = Draft(headline=row.headline, body=row.body, call_to_action=row.call_to_action)
        used = set(SLOT.findall(draft.text))
        values = {fact.name: fact.value for fact in brief.facts if fact.name in used}
        if values != {fact.name: fact.value for fact in brief_of(row).facts if fact.name in used}:
            continue
        one = _checked(engine, brief, draft, row.model, today)
        blocked = any(finding.outcome == "block" for finding in one.findings)
        (fallen if blocked else kept).append(one)
    return tuple(kept), tuple(fallen)


def brief_of(row: Row[Any]) -> Brief:
    """The brief of an ad, as the state keeps it."""
    return Brief(
        id=row.brief_id,
        segment_id=row.segment_id,
        offer_id=row.offer_id,
        language=row.language,
        channel=row.channel,
        facts=tuple(Fact(**fact) for fact in row.brief["facts"]),
        audience=row.brief["audience"],
    )


def _checked(engine: Engine, brief: Brief, draft: Draft, author: str, today: date) -> Creative:
    records = [one.field for one in standing(engine) if one.holds(brief.offer_id, today)]
    values = {fact.name: fact.value for fact in brief.facts}
    used = {name: values[name] for name in SLOT.findall(draft.text) if name in values}
    digest = creative_digest(draft.headline, draft.body, draft.call_to_action, used)
    identity = "\x1f".join((brief.segment_id, brief.offer_id, digest, author))
    return Creative(
        id="c_" + hashlib.sha256(identity.encode()).hexdigest()[:26],
        brief=brief,
        headline=draft.headline,
        body=draft.body,
        call_to_action=draft.call_to_action,
        origin="person",
        model=author,
        adapter="",
        prompt="",
        findings=audit(draft, brief, records),
        digest=digest,
    )
