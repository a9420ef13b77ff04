"""The shelf: ads and approvals in the state, and the table that the next stages read."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Engine, select, update

from handbill.creative.settings import Approval
from handbill.state import approvals, creatives
from handbill.types import SLOT, Creative
from handbill.workspace import write_parquet

POLICY = "policy:checks"
"""Who approves when the shop lets the checks decide."""

SCHEMA = pa.schema(
    [
        (name, pa.string())
        for name in (
            "id", "digest", "segment_id", "offer_id", "language", "channel", "headline", "body",
            "call_to_action", "slots", "origin", "status", "findings", "model", "adapter", "prompt",
        )
    ]
)  # fmt: skip
"""Of `tables/creatives.parquet`."""


def put(
    engine: Engine,
    kept: Sequence[Creative],
    rejected: Sequence[Creative],
    approval: Approval,
    now: datetime,
    signatures: int = 1,
    channel: str = "",
) -> dict[str, str]:
    """Record the ads, approve by rule where the shop asked for that, withdraw what is gone.

    One transaction; an ad that is there already is left as it is, with its approvals, so that
    running again changes nothing.

    Args:
        engine: The state.
        kept: Ads to show.
        rejected: Ads that fell, kept with their findings.
        approval: Who approves.
        now: Time of the records.
        signatures: People who have to approve an ad.
        channel: These are all that there are now on it: its other ads are withdrawn. Without one,
            none is.

    Returns:
        Status of every kept ad: `approved`, `waiting` or `rejected` (by a person).
    """
    with engine.begin() as connection:
        rows = connection.execute(select(creatives.c.id, creatives.c.status, creatives.c.channel))
        known = {row.id: row for row in rows}
        statuses = {key: row.status for key, row in known.items()}
        current = {one.id: "passed" for one in kept}
        for one in (*kept, *rejected):
            status = current.get(one.id, "rejected")
            if one.id not in statuses:
                connection.execute(creatives.insert().values(row_of(one, status, now)))
            elif statuses[one.id] != status:
                _mark(connection, one.id, status)
            statuses[one.id] = status
        for key, row in known.items():
            if row.channel == channel and statuses[key] == "passed" and key not in current:
                _mark(connection, key, "withdrawn")
        decided = decisions(connection, signatures)
        for one in kept:
            if approval == "checks" and one.passed and (one.id, one.digest) not in decided:
                connection.execute(approvals.insert().values(_approval(one, now)))
                decided[one.id, one.digest] = "approved"
    words = {"approved": "approved", "rejected": "rejected"}
    return {one.id: words.get(decided.get((one.id, one.digest), ""), "waiting") for one in kept}


def _mark(connection: Connection, creative_id: str, status: str) -> None:
    connection.execute(update(creatives).where(creatives.c.id == creative_id).values(status=status))


def decisions(connection: Connection, signatures: int) -> dict[tuple[str, str], str]:
    """The decision on each ad and digest: `approved`, `rejected`, or `signed` by too few so far.

    A rejection holds at once and clears the approvals before it; a rule approves alone, since the
    shop let it.
    """
    found: dict[tuple[str, str], str] = {}
    for key, people in signed(connection).items():
        if not people:
            found[key] = "rejected"
        else:
            enough = len(people) >= signatures or POLICY in people
            found[key] = "approved" if enough else "signed"
    return found


def signed(connection: Connection) -> dict[tuple[str, str], tuple[str, ...]]:
    """Who approved each ad and digest since it was last rejected; nobody when that was last."""
    columns = (
        approvals.c.creative_id,
        approvals.c.digest,
        approvals.c.decision,
        approvals.c.decided_by,
    )
    rows = connection.execute(select(*columns).order_by(approvals.c.decided_at, approvals.c.id))
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        key = (row.creative_id, row.digest)
        before = found.get(key, ())
        if row.decision != "approved":
            found[key] = ()
        elif row.decided_by not in before:
            found[key] = (*before, row.decided_by)
    return found


def row_of(one: Creative, status: str, now: datetime) -> dict[str, Any]:
    """An ad as the state keeps it."""
    brief = one.brief
    return {
        "id": one.id,
        "brief_id": brief.id,
        "segment_id": brief.segment_id,
        "offer_id": brief.offer_id,
        "language": brief.language,
        "channel": brief.channel,
        "headline": one.headline,
        "body": one.body,
        "call_to_action": one.call_to_action,
        "origin": one.origin,
        "status": status,
        "brief": {
            "audience": brief.audience,
            "facts": [
                {"name": fact.name, "value": fact.value, "source": fact.source}
                for fact in brief.facts
            ],
        },
        "findings": _findings(one),
        "model": one.model,
        "adapter": one.adapter,
        "prompt": one.prompt,
        "digest": one.digest,
        "created_at": now,
    }


def _approval(one: Creative, now: datetime) -> dict[str, Any]:
    identity = f"{one.id}\x1f{one.digest}\x1f{POLICY}"
    return {
        "id": "a_" + hashlib.sha256(identity.encode()).hexdigest()[:26],
        "creative_id": one.id,
        "digest": one.digest,
        "decision": "approved",
        "decided_by": POLICY,
        "reason": "passed every check",
        "decided_at": now,
    }


def _findings(one: Creative) -> list[dict[str, str]]:
    return [
        {
            "rule": finding.rule,
            "span": finding.span,
            "outcome": finding.outcome,
            "reason": finding.reason,
        }
        for finding in one.findings
    ]


def slots_of(one: Creative) -> dict[str, dict[str, str]]:
    """The facts that an ad uses: slot to value and source."""
    used = set(SLOT.findall(f"{one.headline}\n{one.body}\n{one.call_to_action}"))
    return {
        fact.name: {"value": fact.value, "source": fact.source}
        for fact in one.brief.facts
        if fact.name in used
    }


def write_table(
    path: Path,
    kept: Sequence[Creative],
    rejected: Sequence[Creative],
    statuses: Mapping[str, str],
) -> Path:
    """Write `tables/creatives.parquet`."""
    rows = []
    for one in (*kept, *rejected):
        rows.append(
            {
                "id": one.id,
                "digest": one.digest,
                "segment_id": one.brief.segment_id,
                "offer_id": one.brief.offer_id,
                "language": one.brief.language,
                "channel": one.brief.channel,
                "headline": one.headline,
                "body": one.body,
                "call_to_action": one.call_to_action,
                "slots": json.dumps(slots_of(one), ensure_ascii=False),
                "origin": one.origin,
                "status": statuses.get(one.id, "rejected"),
                "findings": json.dumps(_findings(one), ensure_ascii=False),
                "model": one.model,
                "adapter": one.adapter,
                "prompt": one.prompt,
            }
        )
    return write_parquet(path, pa.Table.from_pylist(rows, schema=SCHEMA))
