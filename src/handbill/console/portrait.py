"""One page on one person: every sentence is filled from a fact, in English and Chinese."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from handbill.console import words
from handbill.console.frame import draw
from handbill.console.person import Interest, Portrait
from handbill.types import Interval, Language, ShopProfile, Text
from handbill.workspace import write_text

UNLIKELY, LIKELY = 0.2, 0.5
"""Chances of no purchase in 30 days below which churn is said to be unlikely, or likely."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One heading and what is said under it.

    Attributes:
        name: Key of its title.
        sentences: In order.
        bars: Per sentence a share to draw beside it, or None.
    """

    name: str
    sentences: tuple[Text, ...]
    bars: tuple[float | None, ...] = ()


def tell(portrait: Portrait) -> tuple[Section, ...]:
    """What there is to say, section by section; what is not known is said to be so."""
    return (
        _section("action", [_action(portrait)]),
        _section("worth", _worth(portrait)),
        _section("staying", _staying(portrait)),
        Section(
            name="interests",
            sentences=tuple(_interest(one, portrait) for one in portrait.interests)
            or (words.say("portrait.unknown"),),
            bars=tuple(one.score for one in portrait.interests) or (None,),
        ),
        _section("moment", _moment(portrait)),
        _section("price", _price(portrait)),
        _section("promotions", _promotions(portrait)),
        _section("service", _service(portrait)),
    )


def opening(portrait: Portrait) -> Text:
    """The person in one line: the segment, else what little is known."""
    if portrait.segment is not None:
        return portrait.segment
    return words.say("portrait.someone")


def standfirst(portrait: Portrait) -> tuple[Text, ...]:
    """What they did so far."""
    if portrait.first is None or portrait.last is None:
        return (words.say("portrait.never"),)
    said = [
        words.say(
            "portrait.life" if portrait.visits > 1 else "portrait.once",
            visits=portrait.visits,
            first=words.day(portrait.first),
            last=words.day(portrait.last),
        )
    ]
    if portrait.rfm is not None:
        recency, frequency, money, name = portrait.rfm
        said.append(
            words.say("portrait.rfm", recency=recency, frequency=frequency, money=money, name=name)
        )
    return tuple(said)


def plain(portrait: Portrait, language: Language) -> str:
    """The portrait as text for a terminal."""

    def of(text: Text) -> str:
        return text.zh if language == "zh" else text.en

    gap = "" if language == "zh" else " "
    parts = [f"{of(opening(portrait))}\n{portrait.person}", gap.join(map(of, standfirst(portrait)))]
    for section in tell(portrait):
        title = of(words.say(f"portrait.{section.name}"))
        parts.append("\n".join([title, *(f"  {of(one)}" for one in section.sentences)]))
    return "\n\n".join(parts)


def draw_portrait(portrait: Portrait, shop: ShopProfile) -> str:
    """The portrait as one self-contained HTML page."""
    return draw(
        "portrait.html",
        shop=shop,
        title=words.say("portrait.title", shop=shop.name),
        person=portrait.person,
        kicker=words.say("portrait.kicker", day=words.day(portrait.as_of)),
        name=opening(portrait),
        standfirst=words.prose(*map(words.both, standfirst(portrait))),
        stats=_stats(portrait),
        sections=tell(portrait),
    )


def write_portrait(portrait: Portrait, shop: ShopProfile, path: Path) -> Path:
    """Write the page."""
    return write_text(path, draw_portrait(portrait, shop))


def _section(name: str, sentences: list[Text]) -> Section:
    said = tuple(sentences) or (words.say("portrait.unknown"),)
    return Section(name=name, sentences=said, bars=(None,) * len(said))


def _stats(portrait: Portrait) -> list[tuple[Text | str, Text]]:
    """The figures at the top; what is not known is left out."""
    money = partial(words.money, currency=portrait.currency)
    shown: list[tuple[Text | str, Text]] = []
    if 90 in portrait.spend:
        ahead = portrait.spend[90]
        between = _between(ahead, portrait.currency)
        shown.append((money(ahead.estimate), words.say("portrait.stat_spend", between=between)))
    if portrait.churn is not None:
        shown.append((words.chance(portrait.churn), words.say("portrait.stat_churn")))
    if 30 in portrait.purchases:
        ahead = portrait.purchases[30]
        low, high = f"{ahead.low:.0f}", f"{ahead.high:.0f}"
        between = low if low == high else f"{low}–{high}"
        shown.append(
            (f"{ahead.estimate:.1f}", words.say("portrait.stat_purchases", between=between))
        )
    if portrait.received:
        shown.append(
            (
                f"{len(portrait.answered)} / {portrait.received}",
                words.say("portrait.stat_promotions"),
            )
        )
    return shown


def _action(portrait: Portrait) -> Text:
    key = f"portrait.action_{portrait.action}"
    if portrait.action == "answer":
        kind, day = next(
            one for one in portrait.requests if one[0] in ("complaint", "service_request")
        )
        return words.say(key, what=words.say(f"portrait.request_{kind}"), day=words.day(day))
    if portrait.action == "silence":
        day = next(day for kind, day in portrait.requests if kind == "unsubscribe")
        return words.say(key, day=words.day(day))
    if portrait.action == "send" and portrait.planned is not None:
        planned = portrait.planned
        return words.say(
            key,
            offer=planned.offer,
            campaign=planned.campaign,
            day=words.day(planned.day),
            chance=words.chance(planned.probability),
        )
    if portrait.action == "wait":
        return words.say(key)
    first = portrait.interests[0]
    if portrait.action == "win_back" and portrait.churn is not None:
        return words.say(
            key,
            category=first.category,
            purchases=words.counted(first.purchases, "time"),
            churn=words.chance(portrait.churn),
        )
    return words.say(key, category=first.category, purchases=words.counted(first.purchases, "time"))


def _worth(portrait: Portrait) -> list[Text]:
    said = []
    for days, ahead in portrait.spend.items():
        said.append(
            words.say(
                "portrait.spend",
                days=days,
                amount=words.money(ahead.estimate, portrait.currency),
                between=_between(ahead, portrait.currency),
            )
        )
    if said:
        said.append(words.say("portrait.worth_note"))
    return said


def _staying(portrait: Portrait) -> list[Text]:
    if portrait.churn is None:
        return []
    level = "low" if portrait.churn < UNLIKELY else "high" if portrait.churn >= LIKELY else "middle"
    said = [words.say(f"portrait.churn_{level}", churn=words.chance(portrait.churn))]
    if portrait.recency_days is not None:
        gap = round(portrait.gap_days or 0.0)  # two baskets of one day are no rhythm
        said.append(
            words.say(
                "portrait.rhythm" if gap else "portrait.since",
                recency=words.counted(portrait.recency_days, "day"),
                gap=words.counted(gap, "day"),
            )
        )
    return said


def _interest(one: Interest, portrait: Portrait) -> Text:
    items = ", ".join(f"{title} ({count})" for title, count in one.items)
    chinese = "、".join(f"{title}（{count}）" for title, count in one.items)
    return words.say(
        "portrait.interest" if one.items else "portrait.interest_bare",
        category=one.category,
        purchases=words.counted(one.purchases, "basket"),
        last=words.day(one.last),
        days=portrait.horizon_days,
        chance=words.chance(one.score or 0.0),
        items=Text(en=items, zh=chinese),
    )


def _moment(portrait: Portrait) -> list[Text]:
    said = []
    if portrait.moment is not None:
        said.append(
            words.say(
                f"portrait.time_{portrait.moment.source}",
                weekday=words.say(f"portrait.weekday_{portrait.moment.weekday}"),
                hour=f"{portrait.moment.hour}:00",
                baskets=words.counted(portrait.moment.baskets, "basket"),
            )
        )
    if portrait.store is not None:
        store, count = portrait.store
        said.append(
            words.say(
                "portrait.store",
                store=store,
                count=count,
                of=words.counted(portrait.baskets, "basket"),
            )
        )
    if said:
        said.append(words.say("portrait.channel"))
    return said


def _price(portrait: Portrait) -> list[Text]:
    said = []
    if portrait.discounted is not None and portrait.discounted_rank is not None:
        said.append(
            words.say(
                "portrait.discounted",
                share=words.percent(portrait.discounted),
                rank=words.percent(portrait.discounted_rank),
            )
        )
    if portrait.coupon_share is not None:
        said.append(words.say("portrait.coupons", share=words.percent(portrait.coupon_share)))
    return said


def _promotions(portrait: Portrait) -> list[Text]:
    if not portrait.received and not portrait.answered:
        return [words.say("portrait.no_promotions")]
    if not portrait.answered:
        return [
            words.say("portrait.unanswered", received=words.counted(portrait.received, "campaign"))
        ]
    campaign, day = portrait.answered[0]
    return [
        words.say(
            "portrait.answered",
            answered=len(portrait.answered),
            received=words.counted(portrait.received, "campaign"),
            campaign=campaign,
            day=words.day(day),
        )
    ]


def _service(portrait: Portrait) -> list[Text]:
    if not portrait.requests:
        return [words.say("portrait.no_requests")]
    return [
        words.say(
            "portrait.request", what=words.say(f"portrait.request_{kind}"), day=words.day(day)
        )
        for kind, day in portrait.requests
    ]


def _between(ahead: Interval, currency: str) -> str:
    low, high = (words.money(end, currency) for end in (ahead.low, ahead.high))
    return f"{low}–{high}"
