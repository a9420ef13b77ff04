"""Briefs: for which audience an ad is written, on which offer, and the facts it may use."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from handbill.creative.check import gate
from handbill.creative.prompt import COUPON, EVERYONE, prompt_for
from handbill.creative.text import columns
from handbill.engine import connect
from handbill.errors import SourceError
from handbill.types import Brief, Fact, Language, Segment, ShopProfile, Text
from handbill.workspace import Workspace, read_json

MAX_LABEL = 40
"""Columns of an offer's label; a longer one leaves no room for an ad."""

MIXED = 0.8
"""An offer whose label covers less of its products than this is called "... and more"."""

_EVERYONE: dict[Language, str] = {"en": "everyone", "zh": "全部顾客"}
_MORE: dict[Language, str] = {"en": "{} and more", "zh": "{}等商品"}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_PROPER = {"hispanic", "asian", "mexican", "italian", "kosher", "american", "english", "french"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A coupon of a campaign that begins soon.

    Attributes:
        id: Of the offer.
        label: What most of its products are, by language; empty when the catalogue has no name.
        products: How many products it covers.
        label_share: Share of them that the label names.
        last_day: Last day it can be used, on the shop's clock.
    """

    id: str
    label: dict[Language, str]
    products: int
    label_share: float
    last_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be written.

    Attributes:
        briefs: For the model, the most wanted first; several may share a prompt.
        plain: For the template only.
        notes: What was left out, and why.
    """

    briefs: tuple[Brief, ...]
    plain: tuple[Brief, ...]
    notes: tuple[Text, ...]


def read_offers(workspace: Workspace, shop: ShopProfile, horizon_days: int) -> tuple[Offer, ...]:
    """The offers of campaigns that begin within the horizon; none when the shop has none."""
    paths = (workspace.catalog / "offers.parquet", workspace.catalog / "campaigns.parquet")
    if not all(path.is_file() for path in paths):
        return ()
    offers = _rows(
        "SELECT id, campaign_id, label, label_zh, products, label_share FROM read_parquet(?) "
        "ORDER BY id",
        paths[0],
    )
    campaigns = _rows("SELECT id, starts_at, ends_at FROM read_parquet(?)", paths[1])
    zone = ZoneInfo(shop.timezone)
    until = shop.as_of + timedelta(days=horizon_days)
    last_days = {
        row["id"]: _last_day(row["ends_at"], zone)
        for row in campaigns
        if shop.as_of <= row["starts_at"].astimezone(zone).date() < until
    }
    return tuple(
        Offer(
            id=row["id"],
            label={"en": clean(row["label"]), "zh": clean(row["label_zh"])},
            products=int(row["products"]),
            label_share=float(row["label_share"]),
            last_day=last_days[row["campaign_id"]],
        )
        for row in offers
        if row["campaign_id"] in last_days
    )


def _rows(query: str, *paths: Path) -> list[dict[str, Any]]:
    """Rows of Parquet files.

    Raises:
        SourceError: A file is damaged or has other columns than `docs/tables.md` says.
    """
    con = connect(threads=1).con
    try:
        table = con.sql(query, params=[str(path) for path in paths]).to_arrow_table()
    except duckdb.Error as error:
        named = " and ".join(str(path) for path in paths)
        reason = str(error).splitlines()[0]
        raise SourceError(f"cannot read {named}; run the stage before again: {reason}") from error
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _last_day(ends_at: datetime, zone: ZoneInfo) -> date:
    """`ends_at` is exclusive: midnight after the last day."""
    return (ends_at.astimezone(zone) - timedelta(microseconds=1)).date()


def clean(value: str | None) -> str:
    """A value of the catalogue as one line of plain text, without braces that look like slots."""
    text = unicodedata.normalize("NFKC", value or "")
    text = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text)
    return re.sub(r"\s+", " ", re.sub(r"[{}<>]", "", text)).strip()


def read_segments(workspace: Workspace) -> tuple[Segment, ...]:
    """The segments as audience described them; none when there are none."""
    path = workspace.tables / "segments.json"
    if not path.is_file():
        return ()
    return tuple(
        Segment(
            id=row["id"],
            name=Text(en=row["name"]["en"], zh=row["name"]["zh"]),
            size=int(row["size"]),
            facts=tuple(Text(en=fact["en"], zh=fact["zh"]) for fact in row.get("facts", ())),
        )
        for row in read_json(path)
    )


def read_interest(workspace: Workspace, segments: Sequence[Segment]) -> dict[str, dict[str, float]]:
    """Mean interest of each segment in each offer, those without a row counted as 0.

    Returns:
        Segment id (and `all`) to offer id to mean score, 0 to 1.
    """
    interest, people = (
        workspace.tables / name for name in ("offer_interest.parquet", "segments.parquet")
    )
    if not (interest.is_file() and people.is_file()):
        return {}
    sizes = {segment.id: segment.size for segment in segments}
    rows = _rows(
        "SELECT segment_id, offer_id, sum(score) AS total FROM read_parquet(?) "
        "JOIN read_parquet(?) USING (person) GROUP BY ALL ORDER BY segment_id, offer_id",
        interest,
        people,
    )
    means: dict[str, dict[str, float]] = {}
    everyone = max(1, sum(sizes.values()))
    for row in rows:
        segment_id, offer_id, total = row["segment_id"], row["offer_id"], row["total"]
        means.setdefault(segment_id, {})[offer_id] = total / max(1, sizes.get(segment_id, 1))
        general = means.setdefault(EVERYONE, {})
        general[offer_id] = general.get(offer_id, 0.0) + total / everyone
    return means


def plan_briefs(
    offers: Sequence[Offer],
    segments: Sequence[Segment],
    interest: dict[str, dict[str, float]],
    shop: ShopProfile,
    language: Language,
    max_briefs: int,
    channel: str,
) -> Work:
    """Choose what is written: every segment's most wanted offers, then every other offer.

    Segments take turns: each one's first choice (with a general ad on the same offer), each one's
    second, and so on, until the model has `max_briefs` different prompts; a kind of product that
    one has taken is left to it, so that the ads cover many kinds. Offers that read alike share a
    prompt and so cost nothing more. What is left gets the plain template.
    """
    named = [one for one in offers if 0 < columns(one.label[language]) <= MAX_LABEL]
    wanted = _in_turns(named, segments, interest)
    briefs: dict[str, Brief] = {}
    prompts: set[str] = set()
    plain: dict[str, Brief] = {}
    barred: dict[str, str] = {}
    for segment, offer in wanted:
        brief = make_brief(offer, segment, shop, language, channel)
        if any(finding.outcome == "block" for finding in gate(brief)):
            barred[offer.id] = offer.label[language]
            continue
        prompt = prompt_for(brief)
        if prompt in prompts or len(prompts) < max_briefs:
            prompts.add(prompt)
            briefs[brief.id] = brief
        elif segment is None:
            plain[brief.id] = brief
    return Work(
        briefs=tuple(briefs.values()),
        plain=tuple(plain.values()),
        notes=tuple(_notes(len(offers) - len(named), barred, language)),
    )


def _in_turns(
    offers: Sequence[Offer], segments: Sequence[Segment], interest: dict[str, dict[str, float]]
) -> Iterator[tuple[Segment | None, Offer]]:
    everyone = interest.get(EVERYONE, {})
    choices: list[tuple[Segment, list[Offer]]] = []
    for segment in segments:
        scores = {
            # mean interest times its ratio to everyone's: wanted, and wanted here more than there
            offer_id: score * score / everyone[offer_id]
            for offer_id, score in interest.get(segment.id, {}).items()
            if score > 0
        }
        wanted = [offer for offer in offers if offer.id in scores]
        choices.append((segment, _one_per_label(_ranked(wanted, scores))))
    taken: set[str] = set()
    while any(ranked for _, ranked in choices):
        for segment, ranked in choices:
            while ranked:
                offer = ranked.pop(0)
                if offer.label["en"] not in taken:
                    taken.add(offer.label["en"])
                    yield segment, offer
                    yield None, offer
                    break
    for offer in _ranked(offers, everyone):
        yield None, offer


def _ranked(offers: Sequence[Offer], scores: dict[str, float]) -> list[Offer]:
    return sorted(offers, key=lambda offer: (-scores.get(offer.id, 0.0), offer.id))


def _one_per_label(offers: Iterable[Offer]) -> list[Offer]:
    first: dict[str, Offer] = {}
    for offer in offers:
        first.setdefault(offer.label["en"], offer)
    return list(first.values())


def make_brief(
    offer: Offer, segment: Segment | None, shop: ShopProfile, language: Language, channel: str
) -> Brief:
    """The facts of one offer for one audience.

    There is no price: the catalogue's is a median of past sales, and a price in an ad is a promise.
    """
    label = mid_sentence(offer.label[language]) if language == "en" else offer.label[language]
    whole = offer.label_share >= MIXED
    facts = [
        Fact(name="offer", value=COUPON[language], source="catalog/offers"),
        Fact(
            name="category",
            value=label if whole else _MORE[language].format(label),
            source="catalog/offers#label",
        ),
        Fact(name="shop", value=clean(shop.name), source="handbill.toml#shop.name"),
        Fact(
            name="offer_ends",
            value=_day(offer.last_day, language),
            source="catalog/campaigns#ends_at",
        ),
    ]
    if whole and offer.products >= 5:
        facts.append(
            Fact(name="products", value=str(offer.products), source="catalog/offers#products")
        )
    audience = getattr(segment.name, language) if segment else _EVERYONE[language]
    content = [
        segment.id if segment else EVERYONE,
        offer.id,
        language,
        channel,
        audience,
        [[fact.name, fact.value, fact.source] for fact in facts],
    ]
    return Brief(
        id=hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32],
        segment_id=segment.id if segment else EVERYONE,
        offer_id=offer.id,
        language=language,
        channel=channel,
        facts=tuple(facts),
        audience=audience,
    )


def mid_sentence(label: str) -> str:
    """As it reads within a sentence: `Frozen pizza` becomes `frozen pizza`, `BBQ sauce` stays."""
    first = re.split(r"[\s/&,-]", label, maxsplit=1)[0]
    if first != first.capitalize() or first.lower() in _PROPER:
        return label
    return label[:1].lower() + label[1:]


def _day(day: date, language: Language) -> str:
    if language == "zh":
        return f"{day.month}月{day.day}日"
    return f"{_MONTHS[day.month - 1]} {day.day}"


def _notes(unnamed: int, barred: dict[str, str], language: Language) -> Iterator[Text]:
    english, chinese = {"en": ("English", "英文"), "zh": ("Chinese", "中文")}[language]
    if barred:
        names = sorted(set(barred.values()))
        yield Text(
            en=f"Policy: no {english} ad is written for {len(barred)} offers: {', '.join(names)}.",
            zh=f"按广告规则，{len(barred)} 个优惠不写{chinese}广告：{'、'.join(names)}。",
        )
    if unnamed:
        yield Text(
            en=f"{unnamed} offers have no usable {english} name in the catalogue and get no ad.",
            zh=f"{unnamed} 个优惠在目录里没有可用的{chinese}名称，没有写广告。",
        )
