"""What to do next for one person, by the first rule that applies; each says on what it rests."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["answer", "silence", "send", "win_back", "invite", "suggest", "wait"]

OPEN_DAYS = 14
"""A complaint or request of so many days ago may still wait for its answer."""
LIKELY_GONE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What the choice looks at.

    Attributes:
        request_days: Days since the last complaint or service request; None for none.
        unsubscribed: Whether the person asked for no more advertising.
        planned: Whether the plan holds a message for them.
        visits: Days with a purchase.
        churn: Chance of no purchase in 30 days; None where unknown.
        interested: Whether a category is known that they buy.
    """

    request_days: int | None
    unsubscribed: bool
    planned: bool
    visits: int
    churn: float | None
    interested: bool


def next_action(signals: Signals) -> Kind:
    """Choose: people before advertising, what is planned before what could be.

    Example:
        >>> next_action(Signals(request_days=3, unsubscribed=False, planned=True, visits=9,
        ...                     churn=0.1, interested=True))
        'answer'
    """
    if signals.request_days is not None and signals.request_days <= OPEN_DAYS:
        return "answer"
    if signals.unsubscribed:
        return "silence"
    if signals.planned:
        return "send"
    if not signals.interested:
        return "wait"
    if signals.visits == 1:
        return "invite"
    if signals.churn is not None and signals.churn >= LIKELY_GONE:
        return "win_back"
    return "suggest"
