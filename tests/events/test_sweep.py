"""From the log as the collector leaves it to whose each visit was."""

from datetime import timedelta
from pathlib import Path

import pytest

from handbill.engine import connect
from handbill.events import Settings, collected
from handbill.events.sweep import sweep
from handbill.state import open_state
from handbill.trust.people import decide_link
from handbill.trust.reading import links_path, read_log, view_log
from handbill.workspace import Workspace

from .traffic import DAY, Act, workspace_at, write


@pytest.fixture
def shop_folder(tmp_path: Path) -> Workspace:
    (tmp_path / "shop").mkdir()
    return workspace_at(tmp_path / "shop")


def visits() -> list[Act]:
    """An anonymous visit, a sign-in two days later, an anonymous visit after it."""
    sign_in = Act(person="ann", event="login", at=DAY + timedelta(days=2), device="phone")
    return [
        Act(person="phone", event="page_view", at=DAY),
        sign_in,
        Act(person="phone", event="page_view", at=DAY + timedelta(days=4)),
    ]


def people(workspace: Workspace) -> list[str]:
    backend = connect(threads=1)
    try:
        rows = read_log(backend, workspace).order_by("occurred_at").select("person").to_pyarrow()
    finally:
        backend.disconnect()
    return list(rows["person"].to_pylist())


def test_a_sign_in_merges_days_before_and_after_it(shop_folder: Workspace) -> None:
    write(shop_folder, visits())
    assert people(shop_folder) == ["phone", "ann", "phone"]
    assert sweep(shop_folder, Settings()).devices == 1
    assert people(shop_folder) == ["ann", "ann", "ann"]


def test_a_senders_description_of_a_device_is_nobodys(shop_folder: Workspace) -> None:
    write(shop_folder, [Act(person="ann", event="login", at=DAY, device='{"type":"phone"}')])
    assert sweep(shop_folder, Settings()).devices == 0


def test_a_withdrawal_holds_from_the_next_sweep_and_is_noticed(shop_folder: Workspace) -> None:
    write(shop_folder, visits())
    sweep(shop_folder, Settings())
    before = collected(shop_folder)
    assert collected(shop_folder) == before
    engine = open_state(shop_folder.state_url)
    decide_link(engine, "ann", granted=False, reason="asked", at=DAY)
    engine.dispose()
    assert collected(shop_folder) != before, "the loop runs again"
    assert sweep(shop_folder, Settings()).devices == 0
    assert people(shop_folder) == ["phone", "ann", "phone"]
    assert not links_path(shop_folder).exists()


def test_new_collected_files_are_noticed(shop_folder: Workspace) -> None:
    write(shop_folder, visits())
    before = collected(shop_folder)
    write(shop_folder, visits()[:1], "collector-2")
    assert collected(shop_folder) != before


def test_people_per_device_is_a_setting(shop_folder: Workspace) -> None:
    write(shop_folder, visits())
    assert sweep(shop_folder, Settings(people_per_device=0)).devices == 0
    assert sweep(shop_folder, Settings()).devices == 1


def test_the_view_in_sql_is_the_same_and_leaves_the_clock(shop_folder: Workspace) -> None:
    write(shop_folder, visits())
    sweep(shop_folder, Settings())
    backend = connect(threads=1)
    try:
        backend.con.execute("SET TimeZone = 'Asia/Shanghai'")
        view_log(backend.con, shop_folder, "known")
        rows = backend.con.execute("SELECT person FROM known ORDER BY occurred_at").fetchall()
        zone = backend.con.execute("SELECT current_setting('TimeZone')").fetchall()
    finally:
        backend.disconnect()
    assert [row[0] for row in rows] == people(shop_folder) == ["ann"] * 3
    assert zone == [("Asia/Shanghai",)]
