"""The plan: what it spends, whom it reaches, what it expects, and what stops it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from handbill.console.reading import (
    Reader,
    Record,
    interval,
    offer_labels,
    segment_names,
    text,
    texts,
)
from handbill.types import Interval, Text

SHOWN_CANDIDATES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A campaign's or a segment's share of the plan.

    Attributes:
        name: Readable.
        people: Distinct persons.
        messages: Contacts.
        expected: Redemptions; None without probabilities.
        spend_micros: Cost.
    """

    name: Text
    people: int
    messages: int
    expected: float | None
    spend_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision, opened up.

    Attributes:
        person: Pseudonym.
        slot: Position in the message, 0 = lead.
        chosen: What stands there.
        probability: Of a redemption.
        propensity: Probability with which this choice was made.
        policy: The rule that chose.
        among: Offers that could have stood there.
        candidates: The likeliest of them, with the probability of each.
    """

    person: str
    slot: int
    chosen: Text
    probability: float
    propensity: float
    policy: str
    among: int
    candidates: tuple[tuple[Text, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one more unit of a bound would earn.

    Attributes:
        bound: `budget`, `daily_budget`, `stock` or `fairness`.
        of: Day, campaign or group it holds for; None for all.
        unit: `message` or `redemption`.
        micros: Beyond its cost.
    """

    bound: str
    of: Text | None
    unit: str
    micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure or a setting that differs from the plan before.

    Attributes:
        name: Of the figure (`redemptions`, `messages`, `spend_micros`) or the setting.
        before: In the plan before.
        after: In this one.
    """

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan.

    Attributes:
        id: Hash of its content.
        why: Why it is empty.
        budget_micros: To spend.
        spend_micros: Spent.
        cost_micros: Of one message.
        frequency_cap: Messages a person gets in seven days at most.
        horizon_days: Days it looks ahead.
        messages: Contacts.
        people: Distinct persons.
        explored: Contacts chosen by chance, to learn.
        redemptions: Expected.
        value_micros: Expected.
        binds: What stops it from doing more.
        budget_price: Expected value of one more unit of budget.
        prices: Of every bound that binds.
        since: Day of the plan before; None when there is none.
        changed: Figures against the plan before.
        settings: Settings that differ from it.
        campaigns: By campaign.
        segments: By segment.
        days: Day and messages.
        choice: One decision, opened up.
        assumptions: What the expectation rests on.
        refused: Contacts that delivery refused.
        delivered: Messages in the outbox; None before delivery.
    """

    id: str
    why: Text | None
    budget_micros: int | None
    spend_micros: int
    cost_micros: int | None
    frequency_cap: int | None
    horizon_days: int | None
    messages: int
    people: int
    explored: int
    redemptions: Interval | None
    value_micros: Interval | None
    binds: tuple[Text, ...]
    budget_price: float | None
    prices: tuple[Price, ...]
    since: date | None
    changed: tuple[Change, ...]
    settings: tuple[Change, ...]
    campaigns: tuple[Part, ...]
    segments: tuple[Part, ...]
    days: tuple[tuple[date, int], ...]
    choice: Choice | None
    assumptions: tuple[Text, ...]
    refused: int
    delivered: int | None


TOTALS = """
    SELECT count(DISTINCT contact_id) AS messages, count(DISTINCT person) AS people,
           count(DISTINCT contact_id) FILTER (explored) AS explored,
           coalesce(sum(cost_micros), 0)::BIGINT AS spend_micros
    FROM {plan}
"""
PARTS = """
    SELECT {{column}} AS id, count(DISTINCT person) AS people,
           count(DISTINCT contact_id) AS messages, sum(probability) FILTER (slot = 0) AS expected,
           coalesce(sum(cost_micros), 0)::BIGINT AS spend_micros
    FROM {plan} GROUP BY 1 ORDER BY messages DESC, 1
"""
DAYS = """
    SELECT send_at::DATE AS day, count(DISTINCT contact_id) AS messages
    FROM {plan} GROUP BY 1 ORDER BY 1
"""
CHOICE = """
    SELECT person, slot, offer_id, creative_id, probability, propensity, policy,
           candidates, propensities
    FROM {plan} WHERE NOT explored
    ORDER BY len(candidates) > 1 DESC, slot = 0 DESC, probability DESC, contact_id LIMIT 1
"""


def read_plan(reader: Reader) -> Plan | None:
    """The plan; None when there is none."""
    tables = reader.workspace.tables
    path = tables / "plan.parquet"
    head = reader.json(tables / "plan.json")
    if head is None:
        return None
    totals = next(iter(reader.rows(TOTALS, plan=path)), {})
    expected = head.get("expected") or {}
    delivery = reader.json(tables / "delivery.json") or {}
    changes = head.get("changes") or {}
    return Plan(
        id=str(head.get("plan_id") or ""),
        why=text(head.get("why")),
        budget_micros=head.get("budget_micros"),
        cost_micros=head.get("cost_per_message_micros"),
        frequency_cap=head.get("frequency_cap"),
        horizon_days=head.get("horizon_days"),
        spend_micros=totals.get("spend_micros", 0),
        messages=totals.get("messages", 0),
        people=totals.get("people", 0),
        explored=totals.get("explored", 0),
        redemptions=interval(expected.get("redemptions")),
        value_micros=interval(expected.get("value_micros")),
        binds=texts(head.get("binds")),
        budget_price=head.get("budget_price"),
        prices=_prices(reader, head.get("prices") or ()),
        since=date.fromisoformat(changes["as_of"]) if changes else None,
        changed=tuple(Change(**one) for one in changes.get("figures", ())),
        settings=tuple(Change(**one) for one in changes.get("settings", ())),
        campaigns=_parts(reader, "campaign_id", _campaign_names(reader)),
        segments=_parts(reader, "segment_id", segment_names(reader)),
        days=tuple((row["day"], row["messages"]) for row in reader.rows(DAYS, plan=path)),
        choice=_choice(reader),
        assumptions=texts(head.get("assumptions")),
        refused=len(delivery.get("refused") or ()),
        delivered=delivery.get("messages"),
    )


def _prices(reader: Reader, entries: Sequence[Record]) -> tuple[Price, ...]:
    names = {"stock": _campaign_names(reader), "fairness": segment_names(reader)}

    def of(bound: str, name: str | None) -> Text | None:
        if name is None:
            return None
        return names.get(bound, {}).get(name, Text(en=name, zh=name))

    return tuple(
        Price(
            bound=one["bound"],
            of=of(one["bound"], one["of"]),
            unit=one["unit"],
            micros=one["price_micros"],
        )
        for one in entries
    )


def _parts(reader: Reader, column: str, names: dict[str, Text]) -> tuple[Part, ...]:
    path = reader.workspace.tables / "plan.parquet"
    sql = PARTS.replace("{{column}}", column)
    return tuple(
        Part(
            name=names.get(row["id"], Text(en=str(row["id"]), zh=str(row["id"]))),
            people=row["people"],
            messages=row["messages"],
            expected=row["expected"],
            spend_micros=row["spend_micros"],
        )
        for row in reader.rows(sql, plan=path)
    )


def _choice(reader: Reader) -> Choice | None:
    rows = reader.rows(CHOICE, plan=reader.workspace.tables / "plan.parquet")
    if not rows:
        return None
    row, offers = rows[0], _offers(reader)
    # A candidate is a creative, or the offer itself: people are shown offers, their odds summed.
    odds: Counter[str] = Counter()
    for candidate, share in zip(row["candidates"] or (), row["propensities"] or (), strict=False):
        odds[offers.get(candidate, candidate)] += share
    labels = {
        key: Text(en=f"{label.en} ({key})", zh=f"{label.zh} ({key})")
        for key, label in offer_labels(reader).items()
    }

    def label(offer: str) -> Text:
        return labels.get(offer, Text(en=offer, zh=offer))

    return Choice(
        person=row["person"],
        slot=row["slot"],
        chosen=label(row["offer_id"]),
        probability=row["probability"],
        propensity=row["propensity"],
        policy=row["policy"],
        among=len(odds),
        candidates=tuple((label(one), share) for one, share in odds.most_common(SHOWN_CANDIDATES)),
    )


def _offers(reader: Reader) -> dict[str, str]:
    path = reader.workspace.tables / "creatives.parquet"
    found = reader.rows("SELECT id, offer_id FROM {creatives}", creatives=path)
    return {row["id"]: row["offer_id"] for row in found}


def _campaign_names(reader: Reader) -> dict[str, Text]:
    path = reader.workspace.catalog / "campaigns.parquet"
    return {
        row["id"]: Text(en=f"Campaign {row['id']}", zh=f"活动 {row['id']}")
        for row in reader.rows("SELECT id FROM {campaigns}", campaigns=path)
    }
