"""One page that a merchant would forward: gathers the figures, draws them, writes HTML and JSON."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from handbill.console import drawings, words
from handbill.console.chapters.ads import Ads, read_ads
from handbill.console.chapters.collected import Collected, read_collected
from handbill.console.chapters.customers import Customers, read_customers
from handbill.console.chapters.limits import read_limits
from handbill.console.chapters.making import Making, read_making
from handbill.console.chapters.moments import Moments, read_moments
from handbill.console.chapters.plan import Plan, read_plan
from handbill.console.chapters.proof import Proof, read_proof
from handbill.console.frame import draw
from handbill.console.opening import Headline, headline, key_figures
from handbill.console.reading import reading
from handbill.types import Interval, ShopProfile, StageRun, Text
from handbill.workspace import Workspace, write_json, write_text

CONTENTS = ("data", "customers", "ads", "moments", "plan", "proof", "limits", "making")
"""The chapters, in the order of the story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Every figure of the page; a chapter without tables is None.

    Attributes:
        collected: What came in.
        customers: Who they are.
        ads: What was written.
        moments: Where and when.
        plan: What is planned.
        proof: Whether it worked.
        limits: What cannot be said.
        making: How it was made.
    """

    collected: Collected | None
    customers: Customers | None
    ads: Ads | None
    moments: Moments | None
    plan: Plan | None
    proof: Proof | None
    limits: tuple[Text, ...]
    making: Making


def write_report(workspace: Workspace, shop: ShopProfile, runs: Sequence[StageRun]) -> Path:
    """Write `reports/report.html` and `reports/report.json`.

    Args:
        workspace: The shop's folder; only `reports/` is written.
        shop: Name, currency and the plan's day.
        runs: Manifests of the stages that are done, in order.

    Returns:
        The page.

    Raises:
        WorkspaceError: A table is damaged; what is merely missing is said on the page.
    """
    report = read_report(workspace, shop, runs)
    opening = headline(report.proof, report.plan, report.customers, report.collected, shop)
    page = render(report, opening, shop)
    figures = {
        "shop": _plain(dataclasses.asdict(shop)),
        "headline": _plain(dataclasses.asdict(opening)),
        **_plain(dataclasses.asdict(report)),
    }
    write_json(workspace.reports / "report.json", figures)
    return write_text(workspace.reports / "report.html", page)


def read_report(workspace: Workspace, shop: ShopProfile, runs: Sequence[StageRun]) -> Report:
    """Gather all figures of the page from the workspace's tables."""
    with reading(workspace, shop.timezone) as reader:
        ads, moments, plan = read_ads(reader), read_moments(reader), read_plan(reader)
        proof, making = read_proof(reader), read_making(reader, runs)
        return Report(
            collected=read_collected(reader),
            customers=read_customers(reader, shop.as_of),
            ads=ads,
            moments=moments,
            plan=plan,
            proof=proof,
            limits=read_limits(
                reader, ads=ads, moments=moments, plan=plan, proof=proof, making=making
            ),
            making=making,
        )


def render(report: Report, opening: Headline, shop: ShopProfile) -> str:
    """The page as one self-contained HTML document."""
    tools = {
        "say": words.say,
        "day": words.day,
        "count": words.count,
        "decimal": words.decimal,
        "percent": words.percent,
        "number_range": words.number_range,
        "prose": words.prose,
        "money": partial(words.money, currency=shop.currency),
        "named": _named,
        "estimate": _estimate,
        "number": _number,
        "width": _width,
        "rule_name": drawings.rule_name,
        "rule_reason": rule_reason,
    }
    return draw(
        "report.html",
        shop=shop,
        title=words.say("page.title", shop=shop.name),
        tools=tools,
        report=report,
        headline=opening,
        key_figures=key_figures(report.proof, report.plan, report.ads, report.collected, shop),
        drawings=draw_all(report, shop.as_of),
        limits=[words.both(one) for one in report.limits],
        has_costs=_has_costs(report.proof),
        contents=CONTENTS,
    )


def draw_all(report: Report, as_of: date) -> Mapping[str, drawings.Drawing | None]:
    """Every chart that the figures allow, by name."""
    collected, moments, plan, proof = report.collected, report.moments, report.plan, report.proof
    return {
        "reach": drawings.reach(proof) if proof else None,
        "weeks": drawings.weeks(collected, as_of) if collected else None,
        "rules": drawings.rules(report.ads.rules) if report.ads else None,
        "display": drawings.positions(moments, "display") if moments else None,
        "mailer": drawings.positions(moments, "mailer") if moments else None,
        "times": drawings.send_times(moments) if moments else None,
        "discount": drawings.curve(moments, "discount", "axis.sales_ratio") if moments else None,
        "messages_28": drawings.curve(moments, "messages_28", "axis.answer_ratio")
        if moments
        else None,
        "messages": drawings.messages(plan) if plan else None,
        "gain": drawings.gain(proof) if proof else None,
        "calibration": drawings.calibration(proof) if proof else None,
        "campaigns": drawings.campaigns(proof) if proof else None,
        "followed": drawings.followed(proof.followed) if proof and proof.followed else None,
    }


def _named(kind: str, key: str) -> words.Spoken:
    """A code's readable name, or the code itself with spaces."""
    name = f"{kind}.{key}"
    return words.spoken(name) if words.known(name) else words.both(key.replace("_", " "))


def rule_reason(rule: str, reason: str) -> words.Spoken:
    """Why a rule stopped an ad: the check's own words are English, Chinese has one per rule."""
    key = f"rule_why.{rule.replace('-', '_')}"
    if not words.known(key):
        return words.both(reason)
    return words.both(Text(en=reason, zh=words.say(key).zh))


def _estimate(value: Interval | None) -> Markup:
    if value is None:
        return Markup("–")
    shown = words.decimal(value.estimate)
    if value.low == value.high:
        return Markup("{}").format(shown)
    return Markup('{}<span class="range">{}</span>').format(shown, words.number_range(value))


def _number(value: float) -> str:
    return words.count(value) if value == int(value) else f"{value:,.4g}"


def _width(share: float, customers: Customers) -> str:
    """Bar width in per cent of the longest of all segments' bars."""
    most = max(max(one.share_people, one.share_spend) for one in customers.segments) or 1.0
    return f"{100 * share / most:.1f}"


def _has_costs(proof: Proof | None) -> bool:
    return proof is not None and any(
        cut.cost_micros for ranking in proof.rankings for cut in ranking.at
    )


def _plain(value: Any) -> Any:
    """Figures as JSON holds them: days as text, what is not a number as null."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
