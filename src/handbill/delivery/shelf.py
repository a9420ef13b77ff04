"""Nothing unapproved runs: an ad is taken only when it is, byte for byte, what was approved."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from handbill import state
from handbill.delivery.plan import read_table
from handbill.errors import PolicyError, SourceError
from handbill.types import creative_digest, fill
from handbill.workspace import Workspace

APPROVED = "approved"

_COLUMNS = (
    "id",
    "digest",
    "language",
    "channel",
    "headline",
    "body",
    "call_to_action",
    "slots",
    "status",
    "model",
    "adapter",
    "prompt",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ad:
    """An approved creative with its facts filled in.

    Attributes:
        id: Of the creative.
        digest: What was approved.
        language: `en` or `zh`.
        channel: It was written for.
        headline: As the reader sees it.
        body: As the reader sees it.
        call_to_action: As the reader sees it.
        model: That wrote it.
        adapter: That wrote it, empty for none.
        prompt: Version of the prompt.
    """

    id: str
    digest: str
    language: str
    channel: str
    headline: str
    body: str
    call_to_action: str
    model: str
    adapter: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why a creative may not run: an expected refusal is a value with its reason.

    Attributes:
        creative_id: Which.
        reason: `unknown`, `not-approved`, `changed` or `unfilled`.
    """

    creative_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """The creatives that may run, and why the others may not.

    Attributes:
        entries: By creative id.
    """

    entries: Mapping[str, Ad | Refused]

    @classmethod
    def open(cls, workspace: Workspace) -> "Shelf":
        """Hold every creative against the approvals in the state.

        Raises:
            SourceError: `tables/creatives.parquet` is missing or not as docs/tables.md says.
        """
        path = workspace.tables / "creatives.parquet"
        engine = state.open_state(workspace.state_url)
        try:
            approved = approved_digests(engine)
        finally:
            engine.dispose()
        rows = read_table(path, _COLUMNS).to_pylist()
        return cls({row["id"]: examine(row, approved.get(row["id"], ())) for row in rows})

    def ad(self, creative_id: str) -> Ad | Refused:
        """The ad, or why it may not run."""
        unknown = Refused(creative_id=creative_id, reason="unknown")
        return self.entries.get(creative_id, unknown)


def approved_digests(engine: Engine) -> dict[str, frozenset[str]]:
    """What is approved now, by creative: the digests whose last decision was to approve them.

    Of two decisions at the same moment the one that does not approve holds.
    """
    table = state.approvals
    columns = (table.c.creative_id, table.c.digest, table.c.decision, table.c.decided_at)
    with engine.connect() as connection:
        decisions = connection.execute(select(*columns)).all()
    last: dict[tuple[str, str], bool] = {}
    for one in sorted(decisions, key=lambda one: (one.decided_at, one.decision != APPROVED)):
        last[one.creative_id, one.digest] = one.decision == APPROVED
    approved: dict[str, frozenset[str]] = {}
    for (creative_id, digest), holds in last.items():
        if holds:
            approved[creative_id] = approved.get(creative_id, frozenset()) | {digest}
    return approved


def examine(row: Mapping[str, Any], approved: Collection[str]) -> Ad | Refused:
    """Recompute a creative's digest from its texts and facts, and hold it against the approval.

    Args:
        row: Of `tables/creatives.parquet`.
        approved: Digests of it that are approved now.

    Returns:
        The ad as the reader sees it, or why it may not run.

    Raises:
        SourceError: `slots` is not what docs/tables.md says.
    """
    try:
        values = {name: str(fact["value"]) for name, fact in json.loads(row["slots"]).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SourceError(
            f"creative {row['id']} has slots that are not as docs/tables.md says; "
            "run creative again"
        ) from error
    headline, body, call_to_action = row["headline"], row["body"], row["call_to_action"]
    if not approved or row["status"] != APPROVED:
        return Refused(creative_id=row["id"], reason="not-approved")
    digest = creative_digest(headline, body, call_to_action, values)
    if digest not in approved:
        return Refused(creative_id=row["id"], reason="changed")
    try:
        headline, body, call_to_action = (
            fill(text, values) for text in (headline, body, call_to_action)
        )
    except PolicyError:
        return Refused(creative_id=row["id"], reason="unfilled")
    return Ad(
        id=row["id"],
        digest=digest,
        language=row["language"],
        channel=row["channel"],
        headline=headline,
        body=body,
        call_to_action=call_to_action,
        model=row["model"] or "",
        adapter=row["adapter"] or "",
        prompt=row["prompt"] or "",
    )
