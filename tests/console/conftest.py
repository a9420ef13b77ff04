"""Small shops with real files, as docs/tables.md describes them."""

import json
import random
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from handbill.console.report import write_report
from handbill.types import ShopProfile, StageResult, StageRun, Text
from handbill.workspace import Workspace, write_json, write_parquet

AS_OF = date(2017, 10, 30)
HOSTILE = "<script>alert('x')</script>"
CATEGORIES = ("Frozen pizza", "Cheese", "Soft drinks", "Yogurt")
CHINESE = ("冷冻披萨", "奶酪", "汽水", "酸奶")


def profile(**changes) -> ShopProfile:
    settings = {"name": "Corner & Sons", "currency": "USD", "timezone": "UTC", "language": "en"}
    return ShopProfile(**{**settings, "as_of": AS_OF, **changes})


def at(day: date, hour: int = 10) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def interval(estimate, spread):
    return {
        "estimate": estimate,
        "low": estimate - spread,
        "high": estimate + spread,
        "level": 0.95,
    }


def person(number: int) -> str:
    return f"p_{number:026d}"


def write_orders(workspace: Workspace) -> None:
    """60 people, one order a week each from January to November, spend growing with the number."""
    rng, rows = random.Random(7), []
    for number in range(60):
        for week in range(46):
            day = date(2017, 1, 2) + timedelta(days=7 * week + number % 7)
            rows.append(
                {
                    "event_id": f"e{number}-{week}",
                    "event": "purchase",
                    "person": person(number),
                    "occurred_at": at(day, 9 + number % 10),
                    "transaction_id": f"t{number}-{week}",
                    "item_id": f"i{rng.randrange(8)}",
                    "quantity": 1,
                    "value_micros": 1_000_000 * (1 + number // 20),
                    "discount_micros": 0,
                    "coupon_micros": 0,
                    "affiliation": "1",
                    "promotion_id": None,
                    "coupon": None,
                    "is_human": True,
                    "source": "complete-journey 0.1.0",
                    "context": None,
                }
            )
    mailed = {**rows[0], "event": "view_promotion", "transaction_id": None, "item_id": None}
    for number in range(40):
        rows.append({**mailed, "person": person(number), "promotion_id": "17"})
    for number in range(9):
        rows.append({**rows[-1], "event": "select_promotion", "person": person(number)})
    write_parquet(workspace.events / "date=2017-01-02" / "part.parquet", pa.Table.from_pylist(rows))


def write_catalog(workspace: Workspace) -> None:
    products = [
        {
            "id": f"i{i}",
            "title": HOSTILE,
            "category": CATEGORIES[i % 4],
            "category_zh": CHINESE[i % 4],
            "price_micros": 2_000_000,
        }
        for i in range(8)
    ]
    offers = [
        {"id": f"18-{i}", "campaign_id": "18", "label": label, "label_zh": CHINESE[i]}
        for i, label in enumerate(CATEGORIES)
    ]
    campaigns = [{"id": c, "kind": "Type A", "starts_at": at(AS_OF)} for c in ("17", "18")]
    for name, rows in (("products", products), ("offers", offers), ("campaigns", campaigns)):
        write_parquet(workspace.catalog / f"{name}.parquet", pa.Table.from_pylist(rows))
    receipt = {
        "orders": {
            "received": 2770,
            "kept": 2760,
            "duplicate": 4,
            "quarantined": 6,
            "reasons": {"no_quantity": 5, "odd_new_reason": 1},
        }
    }
    write_json(workspace.quarantine / "receipt.json", receipt)


def write_audience(workspace: Workspace) -> None:
    names = [
        ("s1", "Weekly, small baskets", "每周小额采购"),
        ("s2", HOSTILE, "甜饮料爱好者"),
        ("s3", "Large baskets, frozen food", "大额采购、常买冷冻食品"),
    ]
    segments = [
        {
            "id": key,
            "name": {"en": en, "zh": zh},
            "size": 20,
            "stability": 0.9 - 0.1 * index,
            "facts": [
                {
                    "en": f"Spends {index + 1}.2 times as much per order.",
                    "zh": f"每单消费是平均的 {index + 1}.2 倍。",
                },
                {
                    "en": "Buys on Saturday mornings 1.8 times as often.",
                    "zh": "周六上午购物的比例是全体的 1.8 倍。",
                },
            ],
        }
        for index, (key, en, zh) in enumerate(names)
    ]
    write_json(workspace.tables / "segments.json", segments)
    members = [{"person": person(n), "segment_id": f"s{1 + n // 20}"} for n in range(60)]
    interests = [
        {
            "person": person(n),
            "category": CATEGORIES[c],
            "purchases": 3,
            "last_purchase": at(AS_OF),
            "score": 0.8 if c == n // 20 else 0.2,
        }
        for n in range(60)
        for c in range(4)
    ]
    write_parquet(workspace.tables / "segments.parquet", pa.Table.from_pylist(members))
    write_parquet(workspace.tables / "interests.parquet", pa.Table.from_pylist(interests))


def write_creatives(workspace: Workspace) -> None:
    rows = []
    texts = {
        "en": (
            "A coupon for {category}",
            "Your coupon for {category} waits until {offer_ends}.",
            "See it",
        ),
        "zh": ("{category}优惠券", "{category}优惠券，{offer_ends}前可用。", "查看"),
    }
    for index in range(4):
        for language, (headline, body, call) in texts.items():
            label = (CATEGORIES if language == "en" else CHINESE)[index]
            slots = {
                "category": {"value": label, "source": "catalog/offers#label"},
                "offer_ends": {
                    "value": "24 December" if language == "en" else "12月24日",
                    "source": "catalog/campaigns#ends_at",
                },
            }
            base = {
                "id": f"c{index}{language}",
                "digest": "d",
                "segment_id": "all" if index == 0 else f"s{index}",
                "offer_id": f"18-{index}",
                "language": language,
                "channel": "email",
                "headline": headline,
                "body": body,
                "call_to_action": call,
                "slots": json.dumps(slots, ensure_ascii=False),
                "status": "approved",
                "origin": "model" if index % 2 == 0 else "template",
                "findings": "[]",
                "model": "smollm2-135m",
                "adapter": "abc123",
                "prompt": "1",
            }
            finding = {
                "rule": "absolute-claim",
                "span": HOSTILE,
                "outcome": "block",
                "reason": "An objective superlative needs proof (CAP Code 3.7).",
            }
            bad = {
                "id": base["id"] + "x",
                "status": "rejected",
                "origin": "model",
                "body": f"The best {HOSTILE} ever: {{category}}",
                "findings": json.dumps([finding]),
            }
            rows += [base, {**base, **bad}]
    write_parquet(workspace.tables / "creatives.parquet", pa.Table.from_pylist(rows))


def write_placement(workspace: Workspace) -> None:
    positions = [
        {
            "place": place,
            "code": code,
            "name": {"en": en, "zh": zh},
            "uplift": uplift,
            "low": uplift and uplift - 0.2,
            "high": uplift and uplift + 0.2,
            "at_price": uplift and {"uplift": 1 + (uplift - 1) / 2, "low": 1.0, "high": uplift},
            "cells": cells,
        }
        for place, code, en, zh, uplift, cells in (
            ("display", "1", "Store front", "店门口", 1.9, 4000),
            ("display", "5", "Rear end cap", "后端架", 1.1, 900),
            ("display", "A", "In-shelf", "货架内", None, 3),
            ("mailer", "D", "Front page", "头版", 3.1, 800),
            ("mailer", "A", "Inside page", "内页", 1.6, 9000),
        )
    ]
    write_json(workspace.tables / "positions.json", positions)

    def point(label_en, label_zh, at, value):
        found = interval(value, 0.2) if value else {"estimate": None, "low": None, "high": None}
        return {"at": at, "label": {"en": label_en, "zh": label_zh}, "count": 90, **found}

    few = {"en": "Not enough data: no clock.", "zh": "数据不足：没有时刻。"}
    curves = [
        ("discount", None, [point("5%–15% off", "降价 5%–15%", 0.05, 1.3)], None),
        (
            "messages_28",
            None,
            [point("none before", "此前没有", 0, 1.0), point("1 before", "此前 1 条", 1, None)],
            None,
        ),
        ("sent_hour", None, [], few),
        ("hour", "s1", [point("9:00", "9 时", 9, 1.1)], None),
    ]
    write_json(
        workspace.tables / "curves.json",
        [
            {"name": name, "segment_id": segment, "points": points, "why": why}
            for name, segment, points, why in curves
        ],
    )
    times = [
        {
            "person": person(n),
            "weekday": n % 7,
            "hour": 9 + n % 10,
            "baskets": 40,
            "source": "person" if n < 50 else "shop",
        }
        for n in range(60)
    ]
    write_parquet(workspace.tables / "send_times.parquet", pa.Table.from_pylist(times))
    rows = [
        {
            "plan_id": "plan1",
            "contact_id": f"m{n}",
            "person": person(n),
            "segment_id": f"s{1 + n // 20}",
            "campaign_id": "18",
            "offer_id": f"18-{slot}",
            "creative_id": f"c{slot}en",
            "slot": slot,
            "send_at": at(AS_OF + timedelta(days=n % 9)),
            "probability": 0.2 + 0.01 * n,
            "expected_value_micros": 100_000,
            "cost_micros": 500_000 if slot == 0 else 0,
            "candidates": [f"18-{c}" for c in range(4)],
            "propensities": [0.7, 0.1, 0.1, 0.1],
            "propensity": 0.7,
            "policy": "greedy-1",
            "explored": n == 29,
        }
        for n in range(30)
        for slot in range(2)
    ]
    write_parquet(workspace.tables / "plan.parquet", pa.Table.from_pylist(rows))
    write_json(
        workspace.tables / "plan.json",
        {
            "plan_id": "plan1",
            "budget_micros": 20_000_000,
            "cost_per_message_micros": 500_000,
            "frequency_cap": 2,
            "horizon_days": 28,
            "why": None,
            "budget_price": 1.4,
            "expected": {
                "redemptions": interval(10.4, 4),
                "value_micros": interval(52_000_000, 9_000_000),
            },
            "binds": [{"en": "The budget is spent.", "zh": "预算已用完。"}],
            "prices": [
                {"bound": "budget", "of": None, "unit": "message", "price_micros": 700_000},
                {"bound": "fairness", "of": "s1", "unit": "message", "price_micros": 90_000},
            ],
            "changes": {
                "plan_id": "plan0",
                "as_of": "2017-10-02",
                "figures": [
                    {"name": "redemptions", "before": 8.2, "after": 10.4},
                    {"name": "messages", "before": 22, "after": 30},
                    {"name": "spend_micros", "before": 11_000_000, "after": 15_000_000},
                ],
                "settings": [{"name": "budget", "before": 11.0, "after": 20.0}],
            },
            "assumptions": [{"en": "A redemption is worth $5.", "zh": "每次用券价值 5 美元。"}],
        },
    )
    write_json(
        workspace.tables / "delivery.json",
        {
            "plan_id": "plan1",
            "messages": 29,
            "refused": [{"contact_id": "m1", "reason": "changed"}],
        },
    )
    write_parquet(
        workspace.decisions / "date=2017-10-30" / "plan1.parquet",
        pa.Table.from_pylist([{"decision_id": "d1", "consent_basis": "replay"}]),
    )


def write_backtest(workspace: Workspace, *, apart: bool = True, low: float = 0.51) -> None:
    def ranking(name, en, zh, reached, spread, auc):
        curve = [
            {
                "share": s / 20,
                "captured": (s / 20) ** (1 / (5 * reached)),
                "low": max((s / 20) ** (1 / (5 * reached)) - 0.04, 0),
                "high": min((s / 20) ** (1 / (5 * reached)) + 0.04, 1),
            }
            for s in range(21)
        ]
        cuts = [
            {
                "share": share,
                "mailed": 100,
                "redeemers": 20,
                "lift": interval(reached / 0.2, 0.2),
                "captured": {
                    "estimate": reached,
                    "low": reached - spread,
                    "high": reached + spread,
                    "level": 0.95,
                },
                "cost_per_redeemer_micros": interval(1_500_000, 200_000),
            }
            for share in (0.1, 0.2, 0.3)
        ]
        found = interval(auc, 0.02) if auc != 0.5 else None
        return {
            "name": name,
            "label": {"en": en, "zh": zh},
            "why": None,
            "auc": found,
            "auc_within": found,
            "at": cuts,
            "gain": curve,
        }

    everyone = {
        "name": "retailer",
        "label": {"en": "Retailer: everyone", "zh": "零售商：全部投递"},
        "auc": None,
        "auc_within": None,
        "gain": [],
        "why": {"en": "It mailed everyone.", "zh": "它投递了所有人。"},
        "at": [
            {
                "share": 1.0,
                "mailed": 500,
                "redeemers": 63,
                "lift": None,
                "captured": None,
                "cost_per_redeemer_micros": interval(4_000_000, 300_000),
            }
        ],
    }
    campaigns = [
        {
            "id": str(16 + i),
            "kind": "Type A",
            "starts_at": f"2017-0{5 + i}-01T00:00:00+00:00",
            "ends_at": "2017-12-01",
            "pairs": 250,
            "redeemers": 30 + 4 * i,
            "rate": 0.12,
            "expected": interval(31 + 2 * i, 8),
            "inside": True,
            "auc": interval(0.8, 0.05) if i else None,
            "auc_recency_frequency": None,
            "trained_on": 8,
            "trained_pairs": 900,
            "why": None if i else {"en": "Fewer than 10 redeemers.", "zh": "用券者不足 10 人。"},
        }
        for i in range(3)
    ]
    ours = ranking("handbill", "Handbill", "Handbill", 0.56, 0.56 - low, 0.79)
    value = {
        "enough": True,
        "why": None,
        "as_of": "2017-10-30",
        "pairs": 500,
        "people": 300,
        "redeemers": 63,
        "rankings": [
            ours,
            ranking(
                "recency_frequency",
                "Recency, frequency, spend",
                "最近、频次、金额",
                0.26,
                0.03,
                0.6,
            ),
            ranking("random", "At random", "随机", 0.2, 0.0, 0.5),
            everyone,
        ],
        "differences": [
            {
                "ranking": "handbill",
                "than": "recency_frequency",
                "figure": "lift_20",
                "estimate": 1.5,
                "low": 1.1 if apart else -0.2,
                "high": 1.9,
                "level": 0.95,
                "apart": apart,
            }
        ],
        "calibration": {
            "bins": [
                {
                    "lowest": 0,
                    "highest": 0.1,
                    "pairs": 100,
                    "expected": p,
                    "actual": p * 1.1,
                    "low": p * 0.8,
                    "high": p * 1.4,
                }
                for p in (0.02, 0.05, 0.1, 0.2, 0.4)
            ],
            "slope": interval(0.97, 0.1),
            "error": interval(0.02, 0.01),
            "error_by_chance": 0.015,
        },
        "expected": {"expected": interval(65.0, 12), "actual": 63, "inside": True},
        "campaigns": campaigns,
        "plan": {
            "planned": 30,
            "mailed": 22,
            "not_mailed": 8,
            "why": None,
            "ratio": interval(2.1, 0.5),
            "groups": [
                {
                    "name": "chosen",
                    "label": {"en": "Chosen", "zh": "选中"},
                    "pairs": 20,
                    "redeemers": 6,
                    "rate": interval(0.3, 0.1),
                    "expected": interval(5.5, 3),
                    "inside": True,
                },
                {
                    "name": "left_out",
                    "label": {"en": "Left out", "zh": "未选"},
                    "pairs": 100,
                    "redeemers": 10,
                    "rate": interval(0.1, 0.04),
                    "expected": None,
                    "inside": None,
                },
            ],
        },
        "learned": [{"en": "Mail the best fifth.", "zh": "寄给最前五分之一。"}],
        "unanswered": [{"en": "Campaign 16 has too few redeemers.", "zh": "活动 16 用券者太少。"}],
    }
    write_json(workspace.tables / "backtest.json", value)


def runs_of(*names: str) -> tuple[StageRun, ...]:
    note = Text(en="Three offers had no ad.", zh="三个优惠没有广告。")
    return tuple(
        StageRun(
            name=name,
            key=f"{index}" * 64,
            result=StageResult(figures={"rows_kept": 2760, "auc": 0.79}, outputs=(), notes=(note,)),
            seconds=1.5,
            finished_at=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
            skipped=False,
        )
        for index, name in enumerate(names)
    )


def build_shop(root: Path) -> Workspace:
    """A shop with every table."""
    workspace = Workspace(root)
    for write in (
        write_orders,
        write_catalog,
        write_audience,
        write_creatives,
        write_placement,
        write_backtest,
    ):
        write(workspace)
    write_json(
        workspace.models / "response" / "v1" / "card.json",
        {"kind": "lightgbm", "data": "sha256:feed", "metrics": {"auc": 0.79}},
    )
    return workspace


def written(workspace: Workspace, **changes) -> str:
    """The page as text."""
    runs = runs_of("events", "audience", "creative", "placement", "delivery", "feedback")
    return write_report(workspace, profile(**changes), runs).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def build():
    """The builders of this file."""
    return sys.modules[__name__]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Workspace:
    return build_shop(tmp_path_factory.mktemp("shop"))
