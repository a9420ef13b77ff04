"""Robots are found by what they do; people who hurry, buy or open tabs are left alone."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from handbill.engine import connect
from handbill.errors import ConfigError
from handbill.events import Settings
from handbill.events.bots import REASONS
from handbill.events.robots import is_declared_robot
from handbill.events.sweep import Swept, sweep, sweep_record
from handbill.trust.reading import read_log, robots_path
from handbill.workspace import Workspace, read_json

from .traffic import DAY, Act, people, robots, workspace_at, write


def human_by_id(workspace: Workspace) -> dict[str, bool]:
    backend = connect(threads=1)
    try:
        rows = read_log(backend, workspace).select("event_id", "is_human").to_pyarrow().to_pylist()
    finally:
        backend.disconnect()
    assert len({row["event_id"] for row in rows}) == len(rows)
    return {row["event_id"]: row["is_human"] for row in rows}


def judged(workspace: Workspace, acts: list[Act], **settings: float) -> list[bool]:
    """Whether each act counts as a person's."""
    write(workspace, acts)
    sweep(workspace, Settings(**settings))
    by_id = human_by_id(workspace)
    return [by_id[f"collector-1-{number:06d}"] for number in range(len(acts))]


@pytest.fixture
def shop_folder(tmp_path: Path) -> Workspace:
    return workspace_at(tmp_path / "shop")


def test_planted_robots_are_found_and_people_are_not(shop_folder: Workspace) -> None:
    rng = np.random.default_rng(7)
    acts = [*people(rng, 1_000), *robots(rng, 60)]
    human = judged(shop_folder, acts)
    planted = Counter(act.truth for act in acts)
    found = Counter(act.truth for act, kept in zip(acts, human, strict=True) if not kept)
    recall = {kind: found[kind] / planted[kind] for kind in planted if kind}
    assert set(recall) == set(REASONS)
    assert min(recall.values()) > 0.97, recall
    assert found[""] / planted[""] < 0.002
    flagged = {act.person for act, kept in zip(acts, human, strict=True) if not kept}
    assert sum(one.startswith("human") for one in flagged) <= 3


def test_reasons_are_right(shop_folder: Workspace) -> None:
    rng = np.random.default_rng(8)
    write(shop_folder, [*people(rng, 60), *robots(rng, 5)])
    swept = sweep(shop_folder, Settings())
    assert swept.robots == dict.fromkeys(REASONS, 5)


def test_the_log_itself_is_not_touched(shop_folder: Workspace) -> None:
    write(shop_folder, list(robots(np.random.default_rng(1), 3)))
    before = {path: path.read_bytes() for path in shop_folder.events.rglob("*.parquet")}
    sweep(shop_folder, Settings())
    assert {path: path.read_bytes() for path in shop_folder.events.rglob("*.parquet")} == before


def test_a_reader_keeps_the_click_after_the_gateway(shop_folder: Workspace) -> None:
    acts = [one for one in robots(np.random.default_rng(2), 20) if one.person.startswith("reader")]
    human = judged(shop_folder, acts)
    assert human == [not act.truth for act in acts]


def test_a_click_at_once_after_the_sending_is_the_gateways(shop_folder: Workspace) -> None:
    import pyarrow as pa

    from handbill.workspace import write_parquet

    letter = {"person": "ann", "send_at": DAY, "channel": "email"}
    types = pa.schema(
        [("person", pa.string()), ("send_at", pa.timestamp("us", tz="UTC")),
         ("channel", pa.string())]
    )  # fmt: skip
    write_parquet(
        shop_folder.decisions / "date=2026-05-04" / "p.parquet",
        pa.Table.from_pylist([letter], schema=types),
    )
    click = Act(person="ann", event="select_promotion", at=DAY, promotion_id="spring", url="/l/1")
    acts = [replace(click, at=DAY + timedelta(seconds=second)) for second in (2, 5, 6, 90)]
    acts += [replace(acts[0], person="bob")]
    assert judged(shop_folder, acts) == [False, False, True, True, True]


def test_money_is_never_flagged_for_behaviour(shop_folder: Workspace) -> None:
    views = [
        Act(person="ann", event="view_item", at=DAY + timedelta(milliseconds=100 * n))
        for n in range(200)
    ]
    bought = Act(person="ann", event="purchase", at=DAY + timedelta(seconds=9))
    assert judged(shop_folder, [*views, bought]) == [False] * 200 + [True]


def test_the_books_are_not_traffic(shop_folder: Workspace) -> None:
    coupons = [
        Act(person="ann", event="select_promotion", at=DAY, url=f"/{n}", source="csv-folder/1")
        for n in range(9)
    ]
    assert all(judged(shop_folder, coupons))


@pytest.mark.parametrize(("others", "flagged"), [(30, True), (5, False)])
def test_missing_views_mean_something_where_views_are_usual(
    shop_folder: Workspace, others: int, flagged: bool
) -> None:
    acts = []
    for number in range(others):
        for event in ("page_view", "add_to_cart"):
            acts.append(Act(person=f"p{number}", event=event, at=DAY + timedelta(hours=number % 9)))
    acts += [
        Act(person="script", event="add_to_cart", at=DAY + timedelta(minutes=n * n), item_id="i")
        for n in range(4)
    ]
    assert judged(shop_folder, acts)[-4:] == [not flagged] * 4


def test_limits_are_settings(shop_folder: Workspace) -> None:
    rng = np.random.default_rng(3)
    views = [
        Act(person="fast", event="view_item", at=DAY + timedelta(seconds=float(rng.uniform(0, 59))))
        for _ in range(40)
    ]
    assert all(judged(shop_folder, views))
    assert not any(judged(shop_folder, views, robot_per_minute=39))
    assert all(judged(shop_folder, views)), "a rule that is taken back lifts its flags"
    with pytest.raises(ConfigError, match=r"events\.robot_per_minute is 1; .* from 2 to 100000"):
        Settings(robot_per_minute=1)


def test_a_new_day_costs_a_day(shop_folder: Workspace) -> None:
    def day(number: int) -> list[Act]:
        acts = robots(np.random.default_rng(number), 2)
        return [replace(act, at=act.at + timedelta(days=number)) for act in acts]

    def swept() -> Swept:
        return sweep(shop_folder, Settings())

    write(shop_folder, day(0) + day(1))
    assert swept().days >= 2
    before = {path: path.stat().st_mtime_ns for path in robots_path(shop_folder).rglob("*.parquet")}
    assert swept().days == 0
    write(shop_folder, [Act(person="x", event="page_view", at=DAY + timedelta(days=9))], "second")
    assert swept().days == 1
    assert {path: path.stat().st_mtime_ns for path in before} == before
    whole = human_by_id(shop_folder)
    sweep_record(shop_folder).unlink()
    assert swept().days >= 3
    assert human_by_id(shop_folder) == whole, "day by day is the same as all at once"


def test_a_day_that_goes_takes_its_flags_along(shop_folder: Workspace) -> None:
    acts = [one for one in robots(np.random.default_rng(4), 2) if one.truth == "declared"]
    write(shop_folder, [*acts, Act(person="x", event="page_view", at=DAY + timedelta(days=5))])
    assert sweep(shop_folder, Settings()).robots == {"declared": 2}
    for path in (shop_folder.events / "date=2026-05-04").iterdir():
        path.unlink()
    (shop_folder.events / "date=2026-05-04").rmdir()
    assert sweep(shop_folder, Settings()).robots == {}
    assert list(read_json(sweep_record(shop_folder))["days"]) == ["2026-05-09"]


@pytest.mark.parametrize(
    ("agent", "robot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (compatible; Baiduspider/2.0)", True),
        ("facebookexternalhit/1.1", True),
        ("python-requests/2.32", True),
        ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0", True),
        ("Mozilla/5.0 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", True),
        ("Mozilla/5.0 (Linux; Android 13; CUBOT NOTE 50) Chrome/140.0 Mobile Safari/537.36", False),
        ("Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Safari/605.1", False),
        ("Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.50 Language/zh_CN", False),
        ("MyShop/3.1 CFNetwork/1498 Darwin/23.6.0", False),
        ("okhttp/4.12.0", False),
        ("", False),
    ],
)  # fmt: skip
def test_declared_robots(agent: str, robot: bool) -> None:
    assert is_declared_robot(agent) is robot
