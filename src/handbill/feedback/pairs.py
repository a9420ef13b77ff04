"""The pairs of the backtest: people mailed in a campaign, each ranking's score, and the outcome."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handbill.feedback.metrics import Array, Indices
from handbill.feedback.outcomes import Outcomes, numbered

_PAIRS = """
WITH habit AS (
    SELECT person, campaign_id, rank() OVER (PARTITION BY person ORDER BY starts_at) - 1 AS before
    FROM mailed JOIN campaign ON campaign.id = campaign_id
)
SELECT walk.person, walk.campaign_id, walk.probability, walk.score_rf,
    coalesce(habit.before, 0)::DOUBLE AS habit,
    coalesce(redeemed.human, false)::DOUBLE AS outcome,
    (redeemed.person IS NOT NULL)::DOUBLE AS raw, campaign.ended
FROM walk_forward AS walk
JOIN mailed USING (person, campaign_id)
JOIN campaign ON campaign.id = walk.campaign_id
LEFT JOIN habit USING (person, campaign_id)
LEFT JOIN redeemed USING (person, campaign_id)
ORDER BY campaign.starts_at, walk.campaign_id, walk.person
"""

_CAMPAIGNS = """
SELECT id, any_value(kind) AS kind, any_value(ended) AS ended,
    strftime(any_value(starts_at), '%Y-%m-%dT%H:%M:%SZ') AS starts_at,
    strftime(any_value(ends_at), '%Y-%m-%dT%H:%M:%SZ') AS ends_at,
    max(trained_on)::BIGINT AS trained_on, max(trained_pairs)::BIGINT AS trained_pairs
FROM campaign JOIN walk_forward ON campaign.id = campaign_id
GROUP BY id ORDER BY any_value(campaign.starts_at), id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign that was scored.

    Attributes:
        id: The shop's.
        kind: As the shop names it.
        starts_at: ISO 8601.
        ends_at: ISO 8601, exclusive.
        ended: Whether the log reaches its end, so that its outcomes are final.
        trained_on: Earlier campaigns that the model had seen.
        trained_pairs: Their pairs.
    """

    id: str
    kind: str
    starts_at: str
    ends_at: str
    ended: bool
    trained_on: int
    trained_pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Pairs in columns, (n,) each; in order of campaign start.

    Attributes:
        person: Number of the person.
        campaign: Campaign's id.
        probability: Handbill's, from a model that saw only what had happened.
        score_rf: Recency-frequency score.
        habit: Earlier campaigns in which the retailer mailed the person.
        outcome: 1 where a person redeemed within the window.
        raw: The same, counting redemptions that are not human.
        ended: Whether the log reaches the end of the campaign, so that the outcome is final.
    """

    person: Indices
    campaign: NDArray[Any]
    probability: Array
    score_rf: Array
    habit: Array
    outcome: Array
    raw: Array
    ended: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.person)

    def where(self, rows: NDArray[np.bool_]) -> "Pairs":
        """Some of the pairs; people are numbered anew."""
        kept = {name: getattr(self, name)[rows] for name in self.__slots__}
        return Pairs(**{**kept, "person": numbered(kept["person"])})


def read_pairs(outcomes: Outcomes) -> tuple[Pairs, tuple[Campaign, ...]]:
    """Join the walk-forward scores with what happened.

    Returns:
        The pairs, and the campaigns that were scored, both in order of start.

    Raises:
        SourceError: A table is not as docs/tables.md says.
    """
    rows = outcomes.ask(_PAIRS)
    scored = outcomes.ask(_CAMPAIGNS)
    campaigns = tuple(
        Campaign(
            id=str(scored["id"][i]),
            kind=str(scored["kind"][i]),
            starts_at=str(scored["starts_at"][i]),
            ends_at=str(scored["ends_at"][i]),
            ended=bool(scored["ended"][i]),
            trained_on=int(scored["trained_on"][i]),
            trained_pairs=int(scored["trained_pairs"][i]),
        )
        for i in range(len(scored["id"]))
    )
    pairs = Pairs(
        person=numbered(rows["person"]),
        campaign=rows["campaign_id"],
        ended=np.asarray(rows["ended"], dtype=np.bool_),
        **{
            name: np.asarray(rows[name], dtype=np.float64)
            for name in ("probability", "score_rf", "habit", "outcome", "raw")
        },
    )
    return pairs, campaigns
