"""One person's page: what it says is in the facts, in both languages, and what to do next fits."""

import json
import re
import shutil
from copy import copy
from dataclasses import asdict, replace
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.audience.conftest import Corner

from handbill.audience import Settings
from handbill.audience.next_action import Signals, next_action
from handbill.console.person import Planned, Portrait, read_person
from handbill.console.portrait import plain, tell, write_portrait
from handbill.console.reading import reading
from handbill.types import Text
from handbill.workspace import Workspace

AS_OF = "2026-03-31"


def life(corner):
    """Ann buys milk every other day; Bob came once; Cy complained; Dee left the letters."""
    events = [
        corner.buys("ann", f"2026-0{month}-{day:02d}T18:30", "milk", 4.0, affiliation="North")
        for month in (1, 2, 3)
        for day in range(2, 29, 2)
    ]
    events += [
        corner.buys("ann", "2026-03-03T09:00", "tea", 2.0, affiliation="South"),
        corner.told("ann", "2026-02-01T05:00", "c1"),
        corner.redeems("ann", "2026-02-05T05:00", "c1", "x"),
        corner.told("ann", "2026-03-01T05:00", "c2"),
        corner.buys("bob", "2026-03-20T12:00", "tea", 3.0),
        corner.buys("cy", "2026-03-10T12:00", "tea", 3.0),
        {**corner.told("cy", "2026-03-25T12:00", "c1"), "event": "complaint", "promotion_id": None},
        {**corner.told("dee", "2026-03-01T12:00", "c1"), "event": "unsubscribe"},
        {**corner.buys("ann", "2026-03-05T11:00", "soap", 99.0), "is_human": False},
        corner.buys("ann", "2026-04-02T11:00", "soap", 99.0),
    ]
    # Enough people who come back for a model of value.
    for number in range(40):
        for day in range(1 + number % 5, 28, 3 + number % 6):
            when = f"2026-0{1 + number % 3}-{day:02d}T10:00"
            events.append(corner.buys(f"p{number:02d}", when, "tea", 1.0 + day % 4))
    corner.write(
        events,
        campaigns=[corner.campaign("c1", "2026-02-01T05:00", "2026-03-01"),
                   corner.campaign("c2", "2026-03-01T05:00", "2026-05-01")],
        offers={"c1-x": ["milk"], "c2-y": ["milk"]},
    )  # fmt: skip
    corner.run(AS_OF, Settings(recommendations=0, min_segment=10, max_segments=3))


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    corner = Corner(tmp_path_factory.mktemp("lived") / "corner")
    life(corner)
    return corner


def portrait(corner, person):
    shop = corner.profile(AS_OF)
    with reading(corner.workspace, "UTC") as reader:
        return read_person(reader, shop, person, 28)


def numbers(text):
    return set(re.findall(r"\d+(?:[.,:]\d+)*", text))


def allowed(facts):
    """Every number that the facts can be written as."""
    found = set()
    for value in flat(asdict(facts)):
        if isinstance(value, date):
            found |= {str(value.year), str(value.month), str(value.day)}
        elif isinstance(value, int | float) and not isinstance(value, bool):
            for scale in (1, 100, 1e-6):
                for digits in (0, 1, 2):
                    found.add(f"{value * scale:,.{digits}f}")
            if 0.99 < value < 1 or 0 < value < 0.01:
                found.add("99" if value > 0.5 else "1")  # none is called certain or impossible
        elif isinstance(value, str):
            found |= numbers(value)
    return found | {"30", "28", "5", "90", "365", f"{getattr(facts.moment, 'hour', 0)}:00"}


def flat(value):
    if isinstance(value, dict):
        return [one for pair in value.items() for half in pair for one in flat(half)]
    if isinstance(value, list | tuple):
        return [len(value), *(one for some in value for one in flat(some))]
    return [value]


def test_a_persons_page_rests_on_what_they_did(lived, tmp_path):
    corner = lived
    ann = portrait(corner, "ann")
    assert (ann.visits, ann.baskets) == (43, 43)  # neither the robot's nor the next day's
    assert (ann.first, ann.last) == (date(2026, 1, 2), date(2026, 3, 28))
    assert ann.store == ("North", 42) and ann.action == "suggest"
    milk = ann.interests[0]
    assert (milk.category, milk.purchases) == (Text(en="Milk", zh="牛奶"), 42)
    assert milk.items == (("Whole milk", 42),)
    assert ann.received == 2 and ann.answered == (("c1", date(2026, 2, 5)),)
    assert 0 < ann.churn < 0.3 and ann.spend[30].low <= ann.spend[30].estimate <= ann.spend[30].high
    assert ann.rfm[:2] == (5, 5) and ann.segment is not None and ann.requests == ()
    for language in ("en", "zh"):
        said = plain(ann, language)
        assert numbers(said) <= allowed(ann), numbers(said) - allowed(ann)
        assert ("牛奶" in said) == (language == "zh")
        assert not re.search(r"[{}]|None|nan", said)
    for section in tell(ann):
        assert all(re.search(r"[\u4e00-\u9fff]", one.zh) for one in section.sentences)

    bob, cy, dee = (portrait(corner, name) for name in ("bob", "cy", "dee"))
    assert (bob.action, bob.visits, bob.gap_days) == ("invite", 1, None)
    assert "only visit" in plain(bob, "en") and "Bought on one day" in plain(bob, "en")
    assert cy.action == "answer" and "Complaint of 25 March 2026" in plain(cy, "en")
    assert dee.action == "silence" and dee.first is None and dee.interests == ()
    assert "Not enough data." in plain(dee, "en") and "数据不足" in plain(dee, "zh")
    assert portrait(corner, "nobody") is None

    page = write_portrait(ann, corner.profile(AS_OF), tmp_path / "ann.html")
    html = page.read_text(encoding="utf-8")
    assert "牛奶" in html and "Milk" in html and "http" not in html.replace("http-equiv", "")
    assert json.dumps(asdict(ann), default=str)


def test_what_the_plan_holds_comes_before_a_suggestion(lived, tmp_path):
    corner = copy(lived)
    corner.workspace = Workspace(shutil.copytree(lived.workspace.root, tmp_path / "corner"))
    offers = corner.workspace.catalog / "offers.parquet"
    table = pq.read_table(offers)
    labels = pa.array(["Milk <all>"] * table.num_rows)
    table = table.append_column("label", labels).append_column("label_zh", labels)
    pq.write_table(table, offers)
    plan = {"person": ["ann"], "campaign_id": ["c2"], "offer_id": ["c2-y"], "slot": [0],
            "send_at": pa.array([1775034000000000], pa.timestamp("us", "UTC")),
            "probability": [0.31]}  # fmt: skip
    pq.write_table(pa.table(plan), corner.workspace.tables / "plan.parquet")
    ann = portrait(corner, "ann")
    assert ann.action == "send"
    assert ann.planned == Planned(
        campaign="c2", day=date(2026, 4, 1), offer=Text(en="Milk <all>", zh="Milk <all>"),
        probability=0.31,
    )  # fmt: skip
    assert "31%" in plain(ann, "zh")
    page = write_portrait(ann, corner.profile(AS_OF), tmp_path / "ann.html")
    assert "Milk &lt;all&gt;" in page.read_text(encoding="utf-8")


def test_a_person_of_whom_nothing_is_known_has_no_invented_word():
    nobody = Portrait(
        person="p_x", as_of=date(2026, 3, 31), currency="EUR", segment=None, rfm=None, visits=0,
        baskets=0, first=None, last=None, gap_days=None, recency_days=None, alive=None, churn=None,
        spend={}, purchases={}, interests=(), horizon_days=28, moment=None, store=None,
        discounted=None, discounted_rank=None, coupon_share=None, received=0, answered=(),
        requests=(), planned=None, action="wait",
    )  # fmt: skip
    said = plain(nobody, "en")
    assert said.count("Not enough data.") == 5 and "Wait" in said
    assert "high" in plain(replace(nobody, churn=0.8), "en")


QUIET = Signals(
    request_days=None, unsubscribed=False, planned=False, visits=5, churn=0.1, interested=True
)


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({}, "suggest"),
        ({"churn": None}, "suggest"),
        ({"churn": 0.5}, "win_back"),
        ({"churn": 0.9, "planned": True}, "send"),
        ({"visits": 1, "churn": 0.9}, "invite"),
        ({"interested": False}, "wait"),
        ({"unsubscribed": True, "planned": True}, "silence"),
        ({"request_days": 14, "unsubscribed": True}, "answer"),
        ({"request_days": 15}, "suggest"),
    ],
)
def test_people_come_before_advertising(change, action):
    assert next_action(replace(QUIET, **change)) == action


def test_no_chance_is_said_to_be_certain_and_one_of_a_thing_is_one(lived):
    ann = portrait(lived, "ann")
    surely = plain(replace(ann, churn=0.9999, recency_days=1, gap_days=0.2), "en")
    assert ">99%" in surely and "100%" not in surely
    assert "was 1 day ago." in surely and "come every" not in surely
    never = plain(replace(ann, churn=0.0001, recency_days=2, gap_days=1.2), "zh")
    assert "<1%" in never and "距上次购物 2 天，平均每 1 天购物一次" in never
    assert "in 1 basket, last" in plain(ann, "en")
