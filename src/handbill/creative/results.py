"""Results: what became of every ad that was decided on, read from the ledger and the log.

Nobody redeems what they were not sent, so a row is a decision: the ad, the person, the chance that
it stood there, and the furthest that the person went with it in the fortnight that followed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from handbill.creative.edit import brief_of
from handbill.creative.prompt import Draft, completion_for, prompt_for
from handbill.creative.shown import Shown
from handbill.engine import connect
from handbill.errors import SourceError
from handbill.state import closing_state, creatives
from handbill.trust.reading import view_log
from handbill.types import Brief
from handbill.workspace import Workspace

DAYS = 14
"""After a message in which what people do is put down to it; sooner nobody counts it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Label = Literal["none", "view", "click", "buy", "bot"]
LABELS: tuple[Label, ...] = get_args(Label)
"""How far it went; `bot` when only machines touched it."""

RESPONSES: tuple[Label, ...] = ("click", "buy")
"""What an ad is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One decision whose window is over.

    Attributes:
        person: Pseudonym.
        at: When the message went out.
        brief: What was asked.
        text: The ad as a template.
        segment: Of the person.
        slot: Place in the message.
        weight: That makes every ad of the brief count as if each had been as likely.
        label: How far it went.
        complained: Whether the person complained or left the list in the window.
    """

    person: str
    at: datetime
    brief: Brief
    text: str
    segment: str
    slot: int
    weight: float
    label: Label
    complained: bool


def read_results(workspace: Workspace) -> tuple[Result, ...]:
    """Decisions that were sent and whose window is over, oldest first.

    Raises:
        SourceError: There is no ledger, or no log.
    """
    if next(workspace.decisions.rglob("*.parquet"), None) is None:
        raise SourceError(f"no decisions in {workspace.decisions}; run: handbill run DIR")
    con = connect(memory_gb=2.0, threads=2).con
    view_log(con, workspace, "log")
    path = str(workspace.decisions / "**" / "*.parquet").replace("'", "''")
    con.execute(_FOLLOWED.format(ledger=path, days=DAYS))
    rows = con.execute("SELECT * FROM followed").fetchall()
    ads = _ads(workspace)
    found = []
    for person, at, creative, segment, slot, candidates, chances, bot, *steps, complained in rows:
        if creative not in ads:
            continue
        brief, text = ads[creative]
        viewed, clicked, bought = steps
        label: Label = (
            "buy" if bought else "click" if clicked else "view" if viewed else
            "bot" if bot else "none"
        )  # fmt: skip
        found.append(
            Result(
                person=person, at=EPOCH + timedelta(microseconds=at), brief=brief, text=text,
                segment=segment, slot=slot,
                weight=_weight(creative, dict(zip(candidates, chances, strict=True)), ads),
                label=label, complained=complained,
            )
        )  # fmt: skip
    return tuple(found)


def shown_of(results: Sequence[Result]) -> tuple[Shown, ...]:
    """Texts with their counts, people only; a text that was the likelier one counts for less.

    Counts of weighted decisions are brought down to what they are worth: the square of their sum
    over the sum of their squares.
    """
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for one in results:
        if one.label != "bot":
            key = (one.brief.id, prompt_for(one.brief), one.text)
            groups.setdefault(key, []).append(one)
    found = []
    for (test, prompt, text), some in groups.items():
        worth = sum(one.weight for one in some) / sum(one.weight**2 for one in some)
        found.append(
            Shown(
                test=test,
                prompt=prompt,
                text=text,
                views=worth * math.fsum(one.weight for one in some),
                clicks=worth * math.fsum(
                    one.weight for one in some if one.label in RESPONSES
                ),
                complaints=worth * math.fsum(one.weight for one in some if one.complained),
            )
        )  # fmt: skip
    return tuple(found)


def _ads(workspace: Workspace) -> dict[str, tuple[Brief, str]]:
    """Every ad of the state by id: its brief and its text."""
    with closing_state(workspace.state_url) as engine, engine.connect() as connection:
        rows = connection.execute(creatives.select()).all()
    return {
        row.id: (
            brief_of(row),
            completion_for(
                Draft(headline=row.headline, body=row.body, call_to_action=row.call_to_action)
            ),
        )
        for row in rows
    }


def _weight(
    creative: str, chances: Mapping[str, float], ads: Mapping[str, tuple[Brief, str]]
) -> float:
    """One over how much likelier this ad was than the others of its brief."""
    brief = ads[creative][0].id
    own = [chance for one, chance in chances.items() if one in ads and ads[one][0].id == brief]
    return sum(own) / len(own) / chances[creative]


_FOLLOWED = """
CREATE TEMP TABLE followed AS
    WITH sent AS (
        SELECT decision_id, person, send_at, creative_id, segment_id, slot, candidates,
            propensities, campaign_id, offer_id
        FROM read_parquet('{ledger}', hive_partitioning = false)
        WHERE consent_basis != 'replay'
            AND send_at + INTERVAL {days} DAY <= (SELECT max(occurred_at) FROM log)),
    after AS (
        SELECT s.decision_id, e.is_human,
            CASE WHEN e.event IN ('complaint', 'unsubscribe') THEN 'complained'
                WHEN e.promotion_id IS DISTINCT FROM s.campaign_id
                    OR (e.coupon IS NOT NULL AND e.promotion_id || '-' || e.coupon != s.offer_id)
                THEN 'other'
                ELSE e.event END AS step
        FROM sent s JOIN log e ON e.person = s.person AND e.occurred_at >= s.send_at
            AND e.occurred_at < s.send_at + INTERVAL {days} DAY
            AND e.event IN ('view_promotion', 'select_promotion', 'purchase', 'complaint',
                'unsubscribe')),
    steps AS (
        SELECT decision_id,
            bool_or(NOT is_human AND step != 'complained' AND step != 'other') AS bot,
            bool_or(is_human AND step = 'view_promotion') AS viewed,
            bool_or(is_human AND step = 'select_promotion') AS clicked,
            bool_or(is_human AND step = 'purchase') AS bought,
            bool_or(is_human AND step = 'complained') AS complained
        FROM after GROUP BY ALL)
    SELECT person, epoch_us(send_at), creative_id, segment_id, slot, candidates, propensities,
        coalesce(bot, false) AS bot, coalesce(viewed, false) AS viewed,
        coalesce(clicked, false) AS clicked, coalesce(bought, false) AS bought,
        coalesce(complained, false) AS complained
    FROM sent LEFT JOIN steps USING (decision_id) ORDER BY send_at, decision_id
"""
