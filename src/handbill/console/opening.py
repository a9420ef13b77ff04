"""The first sentence and the figures under it: the strongest thing the tables can carry."""

from dataclasses import dataclass

from handbill.console.chapters.ads import Ads
from handbill.console.chapters.collected import Collected
from handbill.console.chapters.customers import Customers
from handbill.console.chapters.plan import Plan
from handbill.console.chapters.proof import HEADLINE_SHARE, OURS, USUAL, Proof
from handbill.console.words import (
    Spoken,
    count,
    day,
    decimal,
    money,
    number_range,
    percent,
    percent_range,
    prose,
    say,
    spoken,
)  # fmt: skip
from handbill.types import ShopProfile, Text

KeyFigure = tuple[Text | str, Spoken]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The report in one breath.

    Attributes:
        kicker: Whose report it is, and when.
        sentence: The finding, as HTML in both languages.
        detail: The same with intervals and what it is compared with.
    """

    kicker: Text
    sentence: Spoken
    detail: Spoken


def headline(
    proof: Proof | None, plan: Plan | None, customers: Customers | None,
    collected: Collected | None, shop: ShopProfile,
) -> Headline:  # fmt: skip
    """The strongest sentence that the tables carry."""
    kicker = say("headline.kicker", day=day(shop.as_of))
    found = _proved(proof) if proof and proof.enough else None
    if found:
        sentence, detail = found
    elif plan and plan.messages:
        sentence = spoken("headline.planned", messages=plan.messages, people=plan.people)
        detail = spoken("headline.planned_detail")
    elif customers and len(customers.segments) > 1:
        share, spend = (percent(one) for one in customers.top)
        sentence = spoken("headline.customers", share=share, spend=spend)
        detail = spoken("headline.no_proof")
    elif collected:
        sentence = spoken("headline.data", people=collected.people, baskets=collected.baskets)
        detail = spoken("headline.no_proof")
    else:
        sentence, detail = spoken("headline.nothing"), spoken("headline.nothing_detail")
    return Headline(kicker=kicker, sentence=sentence, detail=detail)


def _proved(proof: Proof) -> tuple[Spoken, Spoken] | None:
    ours, usual = proof.ranking(OURS), proof.ranking(USUAL)
    cut = ours.cut() if ours else None
    if cut is None or cut.captured is None:
        return None
    reached = cut.captured
    better = reached.low > HEADLINE_SHARE
    sentence = spoken(
        "headline.reach" if better else "headline.chance", reached=percent(reached.estimate)
    )
    detail = spoken(
        "headline.replayed", campaigns=len(proof.campaigns), pairs=proof.pairs,
        redeemers=proof.redeemers, reached=percent(reached.estimate), range=percent_range(reached),
        level=percent(reached.level),
    )  # fmt: skip
    theirs = usual.cut() if usual else None
    if theirs is None or theirs.captured is None:
        return sentence, prose(detail, spoken("headline.random"))
    compared = spoken(
        "headline.compared",
        usual=percent(theirs.captured.estimate), range=percent_range(theirs.captured),
    )  # fmt: skip
    difference = proof.difference(USUAL, "lift_20")
    caveat = spoken("headline.not_apart") if difference and not difference.apart else None
    return sentence, prose(detail, compared, caveat)


def key_figures(
    proof: Proof | None, plan: Plan | None, ads: Ads | None, collected: Collected | None,
    shop: ShopProfile,
) -> list[KeyFigure]:  # fmt: skip
    """Four or five figures, each with its meaning in a sentence."""
    found = _proof_figures(proof, shop) if proof and proof.enough else []
    if plan and plan.messages and plan.redemptions:
        between = number_range(plan.redemptions, 0)
        found.append(
            (count(plan.messages),
             spoken("key.plan", expected=count(plan.redemptions.estimate), range=between))
        )  # fmt: skip
    elif plan and plan.messages:
        found.append((count(plan.messages), spoken("key.plan_only", people=plan.people)))
    if ads:
        value = say("key.of", part=ads.passed, whole=ads.written)
        found.append((value, spoken("key.ads")))
    if collected and len(found) < 5:
        found.append((count(collected.people), spoken("key.people", baskets=collected.baskets)))
    if collected and len(found) < 4 and collected.sources:
        found.append((count(collected.received), spoken("key.rows", aside=collected.set_aside)))
    return found[:5]


def _proof_figures(proof: Proof, shop: ShopProfile) -> list[KeyFigure]:
    found: list[KeyFigure] = []
    ours, everyone = proof.ranking(OURS), proof.ranking("retailer")
    cut = ours.cut() if ours else None
    if cut and cut.lift:
        range_ = number_range(cut.lift)
        found.append((f"{decimal(cut.lift.estimate)}×", spoken("key.lift", range=range_)))
    if ours and ours.auc:
        hits = decimal(100 * ours.auc.estimate, 0)
        sentence = spoken("key.auc", hits=hits, range=number_range(ours.auc))
        found.append((decimal(ours.auc.estimate), sentence))
    all_cost = everyone.cut(1.0) if everyone else None
    if cut and cut.cost_micros and all_cost and all_cost.cost_micros:
        paid = money(cut.cost_micros.estimate, shop.currency)
        before = money(all_cost.cost_micros.estimate, shop.currency)
        found.append((paid, spoken("key.cost", before=before)))
    elif proof.expected:
        value = say("key.of", part=proof.redeemers, whole=round(proof.expected.estimate))
        found.append((value, spoken("key.expected", range=number_range(proof.expected, 0))))
    return found
