"""What is known of one person, read from the tables: the facts that a portrait is written from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from handbill.audience.next_action import Kind, Signals, next_action
from handbill.console.reading import Reader, text
from handbill.types import Interval, ShopProfile, Text

SHOWN = 5
SHOWN_ITEMS = 3
REQUESTS = ("complaint", "service_request", "refund", "unsubscribe")

LINES = """
    SELECT e.event, CAST(e.occurred_at AS DATE) AS day,
           coalesce(e.transaction_id, CAST(e.occurred_at AS VARCHAR)) AS basket,
           e.promotion_id, e.affiliation, p.title, coalesce(p.category, p.department) AS category
    FROM {events} e LEFT JOIN {products} p ON p.id = e.item_id
    WHERE e.person = ? AND e.is_human AND e.occurred_at < ?
    ORDER BY e.occurred_at, e.event, p.title
"""
INTERESTS = """
    SELECT category, score, purchases, CAST(last_purchase AS DATE) AS last FROM {interests}
    WHERE person = ? ORDER BY score DESC, category LIMIT ?
"""
CHINESE = """
    SELECT category, min(category_zh) AS zh FROM {products}
    WHERE category_zh IS NOT NULL GROUP BY 1
"""
PRICES = """
    SELECT f.share_discounted, f.coupon_share, f.gap_days, f.recency_days,
        (SELECT avg((o.share_discounted < f.share_discounted)::INT) FROM {features} o
         WHERE o.share_discounted IS NOT NULL) AS rank
    FROM {features} f WHERE f.person = ?
"""
PLANNED = """
    SELECT p.campaign_id, CAST(p.send_at AS DATE) AS day, p.probability, o.label, o.label_zh
    FROM {plan} p JOIN {offers} o ON o.id = p.offer_id
    WHERE p.person = ? ORDER BY p.send_at, p.slot LIMIT 1
"""
ONE = "SELECT * FROM {table} WHERE person = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """A category that the person buys.

    Attributes:
        category: Its name.
        score: Probability of a basket with it within the horizon; None where unknown.
        purchases: Baskets with it so far.
        last: Day of the last one.
        items: Products bought most within it, with the baskets that held each.
    """

    category: Text
    score: float | None
    purchases: int
    last: date
    items: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When the person shops.

    Attributes:
        weekday: 0 is Monday.
        hour: Of the shop's clock.
        baskets: That it rests on.
        source: `person`, `segment` or `shop`: whose baskets.
    """

    weekday: int
    hour: int
    baskets: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The next message that the plan holds for the person.

    Attributes:
        campaign: Its campaign.
        day: When it goes out.
        offer: What it leads with.
        probability: Of a redemption in the campaign.
    """

    campaign: str
    day: date
    offer: Text
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """One person on one page; None is "not known", never zero.

    Attributes:
        person: Pseudonym.
        as_of: Nothing from this day on was looked at.
        currency: Of the amounts.
        segment: Name of the person's segment.
        rfm: Recency, frequency, money, 1 to 5, and the cell's name.
        visits: Days with a purchase.
        baskets: Baskets.
        first: Day of the first purchase.
        last: Day of the last one.
        gap_days: Mean days between two baskets of the last year.
        recency_days: Whole days since the last basket.
        alive: Chance that they still buy.
        churn: Chance of no purchase in 30 days.
        spend: Horizon in days -> micros expected to be paid.
        purchases: Horizon -> days with a purchase expected.
        interests: Strongest first.
        horizon_days: Of the interests' scores.
        moment: When they shop.
        store: Where they shop most, and with how many of their baskets.
        discounted: Share of spend on reduced goods.
        discounted_rank: Share of people with less of it.
        coupon_share: Coupons over what the baskets would have cost without.
        received: Campaigns that reached them.
        answered: Those of which they used a coupon, the latest first, with its day.
        requests: Complaints, service requests, refunds and unsubscriptions, the latest first.
        planned: What the plan holds for them.
        action: What to do next.
    """

    person: str
    as_of: date
    currency: str
    segment: Text | None
    rfm: tuple[int, int, int, Text] | None
    visits: int
    baskets: int
    first: date | None
    last: date | None
    gap_days: float | None
    recency_days: int | None
    alive: float | None
    churn: float | None
    spend: dict[int, Interval]
    purchases: dict[int, Interval]
    interests: tuple[Interest, ...]
    horizon_days: int
    moment: Moment | None
    store: tuple[str, int] | None
    discounted: float | None
    discounted_rank: float | None
    coupon_share: float | None
    received: int
    answered: tuple[tuple[str, date], ...]
    requests: tuple[tuple[str, date], ...]
    planned: Planned | None
    action: Kind


def read_person(
    reader: Reader, shop: ShopProfile, person: str, horizon_days: int
) -> Portrait | None:
    """Gather what the tables say of a person.

    Args:
        reader: Of the shop.
        shop: Its plan's day and currency.
        person: Pseudonym.
        horizon_days: Of the interests, the `audience` stage's setting.

    Returns:
        The facts; None where the log has no event of the person before the plan's day.
    """
    workspace, tables = reader.workspace, reader.workspace.tables
    products = workspace.catalog / "products.parquet"
    cut = datetime(shop.as_of.year, shop.as_of.month, shop.as_of.day, tzinfo=UTC)
    lines = reader.rows(LINES, person, cut, events=workspace.events, products=products)
    if not lines:
        return None
    bought = [line for line in lines if line["event"] == "purchase"]
    chinese = {row["category"]: row["zh"] for row in reader.rows(CHINESE, products=products)}
    told = reader.rows(INTERESTS, person, SHOWN, interests=tables / "interests.parquet")
    features = tables / "customers" / f"as_of={shop.as_of}" / "features.parquet"
    habits = _one(reader.rows(PRICES, person, features=features))
    value = _one(reader.rows(ONE, person, table=tables / "value.parquet"))
    interests = tuple(_interest(row, bought, chinese) for row in told)
    planned = _planned(reader, person)
    requests = _latest(lines, lambda line: line["event"] in REQUESTS, "event")
    visits = len({line["day"] for line in bought})
    stores = Counter(
        store for store, _basket in {(line["affiliation"], line["basket"]) for line in bought}
        if store
    ).most_common(1)  # fmt: skip
    open_since = [day for kind, day in requests if kind in ("complaint", "service_request")]
    signals = Signals(
        request_days=(shop.as_of - open_since[0]).days if open_since else None,
        unsubscribed=any(kind == "unsubscribe" for kind, _day in requests),
        planned=planned is not None,
        visits=visits,
        churn=value.get("churn_30"),
        interested=bool(interests),
    )
    received = {line["promotion_id"] for line in lines if line["event"] == "view_promotion"}
    return Portrait(
        person=person,
        as_of=shop.as_of,
        currency=shop.currency,
        segment=_segment(reader, person),
        rfm=_rfm(reader, person),
        visits=visits,
        baskets=len({line["basket"] for line in bought}),
        first=bought[0]["day"] if bought else None,
        last=bought[-1]["day"] if bought else None,
        gap_days=habits.get("gap_days"),
        recency_days=habits.get("recency_days"),
        alive=value.get("alive"),
        churn=value.get("churn_30"),
        spend=_ahead(value, "spend", "_micros"),
        purchases=_ahead(value, "purchases", ""),
        interests=interests,
        horizon_days=horizon_days,
        moment=_moment(reader, person),
        store=stores[0] if stores else None,
        discounted=habits.get("share_discounted"),
        discounted_rank=habits.get("rank"),
        coupon_share=habits.get("coupon_share"),
        received=len(received),
        answered=_latest(lines, lambda line: line["event"] == "select_promotion", "promotion_id"),
        requests=requests,
        planned=planned,
        action=next_action(signals),
    )


def _one(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return rows[0] if rows else {}


def _latest(
    lines: Sequence[dict[str, Any]], wanted: Any, name: str
) -> tuple[tuple[str, date], ...]:
    """What was done last of each kind, the latest first."""
    found: dict[str, date] = {}
    for line in lines:
        if wanted(line) and line[name]:
            found[line[name]] = line["day"]
    return tuple(sorted(found.items(), key=lambda one: (-one[1].toordinal(), one[0])))


def _interest(
    row: dict[str, Any], bought: Sequence[dict[str, Any]], chinese: dict[str, str]
) -> Interest:
    name = row["category"]
    held = {(line["title"], line["basket"]) for line in bought if line["category"] == name}
    items = Counter(title for title, _basket in held if title)
    ranked = sorted(items.items(), key=lambda one: (-one[1], one[0]))[:SHOWN_ITEMS]
    return Interest(
        category=Text(en=name, zh=chinese.get(name, name)),
        score=row["score"],
        purchases=row["purchases"],
        last=row["last"],
        items=tuple(ranked),
    )


def _planned(reader: Reader, person: str) -> Planned | None:
    plan = reader.workspace.tables / "plan.parquet"
    offers = reader.workspace.catalog / "offers.parquet"
    row = _one(reader.rows(PLANNED, person, plan=plan, offers=offers))
    if not row:
        return None
    return Planned(
        campaign=row["campaign_id"],
        day=row["day"],
        offer=Text(en=row["label"], zh=row["label_zh"] or row["label"]),
        probability=row["probability"],
    )


def _segment(reader: Reader, person: str) -> Text | None:
    tables = reader.workspace.tables
    member = _one(reader.rows(ONE, person, table=tables / "segments.parquet"))
    named = {one["id"]: one["name"] for one in reader.json(tables / "segments.json") or []}
    return text(named.get(member.get("segment_id")))


def _rfm(reader: Reader, person: str) -> tuple[int, int, int, Text] | None:
    tables = reader.workspace.tables
    row = _one(reader.rows(ONE, person, table=tables / "rfm.parquet"))
    names = {one["cell"]: text(one["name"]) for one in reader.json(tables / "rfm.json") or []}
    name = names.get(row.get("cell"))
    return (row["recency"], row["frequency"], row["money"], name) if name else None


def _moment(reader: Reader, person: str) -> Moment | None:
    row = _one(reader.rows(ONE, person, table=reader.workspace.tables / "send_times.parquet"))
    if not row:
        return None
    return Moment(
        weekday=row["weekday"], hour=row["hour"], baskets=row["baskets"], source=row["source"]
    )


def _ahead(value: dict[str, Any], kind: str, unit: str) -> dict[int, Interval]:
    found = {}
    for days in (30, 90, 365):
        mean = value.get(f"{kind}_{days}{unit}")
        if mean is not None:
            low, high = (value[f"{kind}_{days}_{end}{unit}"] for end in ("low", "high"))
            found[days] = Interval(estimate=mean, low=low, high=high, level=0.9)
    return found
