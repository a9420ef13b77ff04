from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.placement.pairs import Campaign
from handbill.placement.planning.chances import Chances
from handbill.placement.planning.interest import Interest
from handbill.placement.planning.plan import SCHEMA, horizon, make_plan
from handbill.placement.response.calibration import Calibration
from handbill.placement.settings import Settings
from handbill.placement.strategy.attention import attention
from handbill.placement.strategy.positions import Position
from handbill.types import Interval, ShopProfile, Text

AS_OF = date(2026, 11, 2)
SHOP = ShopProfile(
    name="Shop", currency="CNY", timezone="Asia/Shanghai", language="zh", as_of=AS_OF
)


def campaign(name: str, start: int, days: int) -> Campaign:
    starts = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(days=start)
    return Campaign(
        id=name, kind="", starts_at=starts, ends_at=starts + timedelta(days=days),
        offers=3, products=9,
    )  # fmt: skip


def chances(people: int, seed: int, *, equal: bool = False, creatives: bool = True) -> Chances:
    rng = np.random.default_rng(seed)
    campaigns = (campaign("x", 0, 20), campaign("y", 5, 3), campaign("z", 9, 40))
    names = [f"p{rank}" for rank in range(people)]
    about = pd.DataFrame(
        {
            "person": names,
            "segment_id": rng.choice(["a", "b"], people),
            "weekday": rng.integers(0, 7, people).astype(np.int32),
            "hour": rng.integers(8, 21, people).astype(np.int32),
        }
    )
    score = np.full((people, 3), -1.0) if equal else rng.normal(-2, 1, (people, 3))
    offers = {name: {f"{name}-{rank}": f"label {rank}" for rank in range(3)} for name in "xyz"}
    approved = {
        "x-0": {"all": ("c1", "c2"), "a": ("c3",)}, "x-1": {"all": ("c4",)}, "x-2": {"b": ("c5",)},
        "y-0": {"a": ("c6", "c7")}, "z-1": {"all": ("c8",)}, "z-2": {"all": ("c9",)},
    }  # fmt: skip
    index = pd.MultiIndex.from_product([names, ["x-0", "x-1", "z-2"]])
    return Chances(
        campaigns=campaigns,
        offers=offers,
        creatives=approved if creatives else {},
        people=about,
        score=score,
        probability=1 / (1 + np.exp(-score)),
        interest=Interest.from_rows(*zip(*index, strict=True), rng.random(len(index)))
        if people
        else Interest.from_rows([], [], []),
        attention=(1.0, 0.5, 0.5, 0.5, 0.5),
        calibration=Calibration(),
        response_model=None,
    )


@settings(max_examples=60, deadline=None)
@given(
    people=st.integers(0, 12),
    seed=st.integers(0, 10_000),
    budget=st.integers(0, 40),
    cost=st.sampled_from([0.3, 1.0, 2.5]),
    cap=st.integers(1, 3),
    exploration=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    slots=st.integers(1, 5),
    equal=st.booleans(),
    daily=st.integers(0, 3),
    fairness=st.sampled_from([0.0, 0.8, 1.0]),
    stock=st.sampled_from([0.0, 0.5, 3.0]),
)
def test_every_plan_keeps_budget_cap_and_propensities(
    people: int, seed: int, budget: int, cost: float, cap: int, exploration: float, slots: int,
    equal: bool, daily: int, fairness: float, stock: float,
) -> None:  # fmt: skip
    chosen = Settings(
        budget=float(budget), cost_per_message=cost, margin_per_redemption=9, frequency_cap=cap,
        exploration=exploration, slots=slots, seed=seed, daily_budget=daily * cost,
        fairness=fairness, stock_per_campaign=stock,
    )  # fmt: skip
    given_ = chances(people, seed, equal=equal)
    plan = make_plan(given_, SHOP, chosen)
    assert plan.table.schema.equals(SCHEMA)
    rows = plan.table.to_pandas()
    assert rows["cost_micros"].sum() == plan.summary["spend_micros"] <= chosen.budget_micros
    assert (rows[rows["slot"] > 0]["cost_micros"] == 0).all()
    assert set(rows["person"]) <= set(given_.people["person"])
    _keeps_cap(rows, cap)
    _keeps_windows(rows, given_)
    _keeps_bounds(rows, given_, chosen)
    _keeps_propensities(rows, given_)
    assert make_plan(given_, SHOP, chosen).table.equals(plan.table)


def _keeps_cap(rows: pd.DataFrame, cap: int) -> None:
    zone = ZoneInfo(SHOP.timezone)
    sent: dict[str, list[date]] = {}
    for row in rows[rows["slot"] == 0].itertuples():
        sent.setdefault(row.person, []).append(row.send_at.astimezone(zone).date())
    for days in sent.values():
        for day in days:
            assert sum(day <= one < day + timedelta(days=7) for one in days) <= cap


def _keeps_bounds(rows: pd.DataFrame, given_: Chances, chosen: Settings) -> None:
    lead = rows[rows["slot"] == 0]
    days = lead["send_at"].dt.tz_convert(SHOP.timezone).dt.date
    if chosen.daily_messages is not None:
        assert days.value_counts().max() <= chosen.daily_messages or lead.empty
    if chosen.stock_per_campaign:
        expected = lead.groupby("campaign_id")["probability"].sum()
        assert (expected <= chosen.stock_per_campaign + 1e-9).all()
    merit = lead[~lead["explored"]]
    shares = given_.people["segment_id"].value_counts(normalize=True)
    if chosen.fairness and len(merit):
        for segment, share in shares.items():
            got = (merit["segment_id"] == segment).sum()
            assert got >= np.floor(chosen.fairness * share * len(merit) + 1e-9)


def _keeps_windows(rows: pd.DataFrame, given_: Chances) -> None:
    windows = {one.id: one for one in given_.campaigns}
    for row in rows.itertuples():
        one = windows[row.campaign_id]
        assert one.starts_at <= row.send_at < one.ends_at
        assert 8 <= row.send_at.astimezone(ZoneInfo(SHOP.timezone)).hour < 21


def _keeps_propensities(rows: pd.DataFrame, given_: Chances) -> None:
    owner = {
        creative: (offer, segment)
        for offer, segments in given_.creatives.items()
        for segment, some in segments.items()
        for creative in some
    }
    for row in rows.itertuples():
        assert sum(row.propensities) == pytest.approx(1)
        place = list(row.candidates).index(row.creative_id)
        assert 0 < row.propensity <= row.propensities[place] + 1e-12
        if not row.explored:
            assert row.propensity == pytest.approx(row.propensities[place])
        for creative in row.candidates:
            offer, segment = owner[creative]
            assert offer.startswith(row.campaign_id)
            assert segment in (row.segment_id, "all")
            if segment == "all":
                assert row.segment_id not in given_.creatives[offer]
    for _, message in rows.groupby("contact_id"):
        assert message["slot"].tolist() == list(range(len(message)))
        assert message["offer_id"].is_unique
        value = message["probability"].iloc[0] * 9_000_000
        assert abs(message["expected_value_micros"].sum() - value) <= len(message)


def test_an_empty_plan_says_why() -> None:
    plain = Settings(margin_per_redemption=9)
    zero = make_plan(chances(5, 0), SHOP, Settings(budget=0))
    assert "budget is 0" in zero.summary["why"]["en"]
    bare = make_plan(chances(5, 0, creatives=False), SHOP, plain)
    assert "No creative" in bare.summary["why"]["en"]
    poor = make_plan(chances(5, 0), SHOP, Settings(margin_per_redemption=0))
    assert "earn its cost" in poor.summary["why"]["en"]
    for plan in (zero, bare, poor):
        assert plan.table.num_rows == 0
        assert plan.summary["messages"] == plan.summary["spend_micros"] == 0
        assert plan.summary["campaigns"] == []


def test_a_plan_is_named_by_its_content() -> None:
    plain = Settings(margin_per_redemption=9)
    plan = make_plan(chances(9, 0), SHOP, plain)
    assert set(plan.table["plan_id"].to_pylist()) == {plan.id}
    other = make_plan(chances(9, 0), SHOP, Settings(margin_per_redemption=9, seed=1))
    assert other.id != plan.id


def test_variants_are_drawn_evenly_and_liked_offers_lead() -> None:
    given_ = chances(900, 1, equal=True)
    wide = Settings(budget=1e6, cost_per_message=0.01, margin_per_redemption=9, exploration=0)
    rows = make_plan(given_, SHOP, wide).table.to_pandas()
    shown = Counter(rows[rows["campaign_id"] == "y"]["creative_id"])
    assert set(shown) == {"c6", "c7"}
    assert abs(shown["c6"] - shown["c7"]) < 4 * np.sqrt(sum(shown.values()))
    lead = rows[(rows["campaign_id"] == "z") & (rows["slot"] == 0)]
    scores = given_.interest.of(given_.people["person"], ["z-1", "z-2"])
    place = (lead["person"].str[1:].astype(int), (lead["offer_id"] == "z-2").astype(int))
    assert (
        scores[place].mean() > 0.45
    )  # of the two offers one is liked by 0.5 on average, the other by 0


def test_the_horizon_is_half_open() -> None:
    campaigns = [campaign(str(start), start, 9) for start in (-1, 0, 27, 28)]
    assert [one.id for one in horizon(campaigns, AS_OF, 28)] == ["0", "27"]


def place(code: str, uplift: float | None) -> Position:
    found = uplift and Interval(estimate=uplift, low=uplift - 0.1, high=uplift + 0.1)
    return Position(
        place="mailer", code=code, name=Text(en=code, zh=code), uplift=found or None,
        at_price=None, cells=1, units=1,
    )  # fmt: skip


def test_slots_are_weighed_by_the_measured_places_and_never_rise() -> None:
    found = attention([place("D", 2.0), place("A", 1.6), place("C", 1.9)], 4)
    assert found == pytest.approx((1.0, 0.6, 0.6, 0.6))
    assert attention([], 3) == (1.0, 0.6, 0.4)
    assert attention([place("D", None), place("A", 3.0)], 2) == (1.0, 0.6)
    assert attention([place("D", 1.05)], 1) == (1.0,)
