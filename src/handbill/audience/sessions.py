"""Runs of a person's events: what was done in one go.

A session ends after half an hour without an event, and at midnight UTC, so that a day that is over
never changes: a new day adds its own sessions and touches no other.

Source: the half hour is that of web analytics (Catledge & Pitkow 1995 measured 25.5 minutes).
"""

from datetime import date

import ibis
from ibis import Table, _

from handbill.audience.lines import DAY, PURCHASE, REDEEMED, second_of

GAP_SECONDS = 1800

MEANINGS = {
    "person": "pseudonym",
    "started": "epoch second of its first event",
    "ended": "epoch second of its last event",
    "events": "events, or lines of a basket",
    "baskets": "baskets bought",
    "products": "different products seen or bought",
    "spend_micros": "paid, micros",
    "redeemed": "whether a campaign's coupon was used",
}
"""Every column and what it means."""


def sessions(lines: Table, as_of: date) -> Table:
    """The sessions of every person before a day.

    Args:
        lines: From `enrich`, any part of it that holds whole days (UTC).
        as_of: Nothing from this day's midnight (UTC) on is looked at.

    Returns:
        One row per session, the columns of `MEANINGS`; `person` and `started` name it.
    """
    past = lines.filter(_.second < second_of(as_of)).mutate(day=_.second // DAY)
    # Each second once: which of two events at one time comes first must not matter.
    moments = past.select("person", "day", "second").distinct()
    person_day = ibis.window(group_by=["person", "day"], order_by="second")
    pause = moments.second - moments.second.lag().over(person_day)
    marked = moments.mutate(opens=ibis.cases((pause <= GAP_SECONDS, 0), else_=1))
    numbered = marked.mutate(
        number=marked.opens.sum().over(
            ibis.cumulative_window(group_by=["person", "day"], order_by="second")
        )
    )
    events = past.inner_join(numbered.select("person", "second", "number"), ["person", "second"])
    bought = events.event == PURCHASE
    return (
        events.group_by("person", "day", "number")
        .aggregate(
            started=events.second.min(),
            ended=events.second.max(),
            events=events.count(),
            baskets=events.basket.nunique(where=bought),
            products=events.item_id.nunique(),
            spend_micros=events.value.sum(where=bought).fill_null(0).cast("int64"),
            redeemed=(events.event == REDEEMED).any(),
        )
        .select(*MEANINGS)
    )
