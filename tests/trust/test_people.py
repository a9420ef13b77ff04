"""Merging and un-merging: what is known decides, never the order in which it became known."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import ibis
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ibis.backends.duckdb import Backend

from handbill.engine import connect
from handbill.errors import WorkspaceError
from handbill.state import open_state
from handbill.trust.identity import open_key, pseudonym
from handbill.trust.people import (
    CONSENTS,
    SIGN_INS,
    change_link,
    decide_link,
    links,
    read_consents,
    sign_ins_path,
    write_links,
)
from handbill.trust.reading import LINKS, links_path, merge, read_log
from handbill.workspace import Workspace, write_parquet

START = datetime(2026, 3, 1, tzinfo=UTC)


class SignIn(NamedTuple):
    device: str
    person: str
    at: datetime


class Decision(NamedTuple):
    person: str
    granted: bool
    at: datetime


class Event(NamedTuple):
    event_id: str
    person: str
    occurred_at: datetime


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


@pytest.fixture(scope="module")
def backend() -> Backend:
    return connect(threads=1)


def view(
    backend: Backend,
    events: Sequence[Event],
    sign_ins: Sequence[SignIn],
    decisions: Sequence[Decision] = (),
    people_per_device: int = 3,
) -> dict[str, str]:
    """Whose each event is."""
    found = links(table(sign_ins, SIGN_INS), table(decisions, CONSENTS), people_per_device)
    merged = merge(table(events, EVENTS), found)
    rows = backend.to_pyarrow(merged).to_pylist()
    assert len(rows) == len(events)
    return {row["event_id"]: row["person"] for row in rows}


EVENTS = pa.schema(
    [("event_id", pa.string()), ("person", pa.string()), ("occurred_at", LINKS[2].type)]
)


def table(rows: Sequence[NamedTuple], schema: pa.Schema) -> ibis.Table:
    return ibis.memtable(pa.Table.from_pylist([row._asdict() for row in rows], schema=schema))


def on_phone(*hours: float) -> list[Event]:
    return [Event(f"e{number}", "phone", hour(number)) for number in hours]


def test_a_sign_in_merges_backwards_and_forwards(backend: Backend) -> None:
    found = view(backend, on_phone(1, 9), [SignIn("phone", "ann", hour(5))])
    assert found == {"e1": "ann", "e9": "ann"}


def test_a_shared_device_is_each_ones_in_turn(backend: Backend) -> None:
    turns = [SignIn("phone", "ann", hour(5)), SignIn("phone", "bob", hour(8))]
    turns += [SignIn("phone", "ann", hour(12))]
    found = view(backend, on_phone(1, 6, 8, 9, 13), turns)
    assert found == {"e1": "ann", "e6": "ann", "e8": "bob", "e9": "bob", "e13": "ann"}


def test_a_kiosk_is_nobodys(backend: Backend) -> None:
    kiosk = [SignIn("phone", f"p{number}", hour(number)) for number in range(4)]
    assert view(backend, on_phone(1, 9), kiosk) == {"e1": "phone", "e9": "phone"}
    assert view(backend, on_phone(9), kiosk, people_per_device=4) == {"e9": "p3"}
    assert view(backend, on_phone(9), kiosk[:1], people_per_device=0) == {"e9": "phone"}


def test_a_withdrawal_leaves_anonymous_what_was_anonymous(backend: Backend) -> None:
    turns = [SignIn("phone", "ann", hour(5)), SignIn("phone", "bob", hour(8))]
    events = [*on_phone(1, 6, 9), Event("own", "ann", hour(6))]
    gone = [Decision("ann", False, hour(20))]
    assert view(backend, events, turns, gone) == {
        "e1": "phone", "e6": "phone", "e9": "bob", "own": "ann",
    }  # fmt: skip
    back = [*gone, Decision("ann", True, hour(30))]
    assert view(backend, events, turns, back) == view(backend, events, turns)


def test_of_two_decisions_at_one_time_the_withdrawal_holds(backend: Backend) -> None:
    both = [Decision("ann", True, hour(6)), Decision("ann", False, hour(6))]
    turns = [SignIn("phone", "ann", hour(5))]
    assert view(backend, on_phone(1), turns, both) == {"e1": "phone"}


hours = st.integers(0, 12).map(hour)
sign_ins_given = st.lists(
    st.builds(SignIn, st.sampled_from(["d1", "d2"]), st.sampled_from(["ann", "bob", "cy"]), hours),
    max_size=8,
)
decisions_given = st.lists(
    st.builds(Decision, st.sampled_from(["ann", "bob"]), st.booleans(), hours), max_size=4
)
GRID = [
    Event(f"{device}-{half}", device, hour(half / 2))
    for device in ("d1", "d2", "ann")
    for half in range(-1, 27)
]
QUICK = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def whose(event: Event, sign_ins: Sequence[SignIn], decisions: Sequence[Decision]) -> str:
    """The rule in plain words: the last to sign in before, else the first; unless they withdrew."""
    turns = sorted((one.at, one.person) for one in sign_ins if one.device == event.person)
    if not turns:
        return event.person
    before = [person for at, person in turns if at <= event.occurred_at]
    owner = before[-1] if before else turns[0][1]
    decided = sorted((one.at, not one.granted) for one in decisions if one.person == owner)
    return event.person if decided and decided[-1][1] else owner


@QUICK
@given(sign_ins=sign_ins_given, decisions=decisions_given)
def test_the_expression_is_the_rule(
    backend: Backend, sign_ins: list[SignIn], decisions: list[Decision]
) -> None:
    found = view(backend, GRID, sign_ins, decisions)
    assert found == {one.event_id: whose(one, sign_ins, decisions) for one in GRID}


@QUICK
@given(sign_ins=sign_ins_given, decisions=decisions_given, data=st.data())
def test_the_order_of_arrival_does_not_matter(
    backend: Backend, sign_ins: list[SignIn], decisions: list[Decision], data: st.DataObject
) -> None:
    first = view(backend, GRID, sign_ins, decisions)
    shuffled = data.draw(st.permutations([*sign_ins, *sign_ins[:2]]))
    decided = data.draw(st.permutations(decisions))
    assert view(backend, GRID, shuffled, decided) == first


@QUICK
@given(sign_ins=sign_ins_given, decisions=decisions_given)
def test_a_withdrawal_changes_that_person_only_and_can_be_taken_back(
    backend: Backend, sign_ins: list[SignIn], decisions: list[Decision]
) -> None:
    ann_free = [one for one in decisions if one.person != "ann"]
    before = view(backend, GRID, sign_ins, ann_free)
    gone = view(backend, GRID, sign_ins, [*ann_free, Decision("ann", False, hour(100))])
    raw = {one.event_id: one.person for one in GRID}
    for event_id, owner in before.items():
        assert gone[event_id] == (raw[event_id] if owner == "ann" else owner)
    again = [Decision("ann", False, hour(100)), Decision("ann", True, hour(101))]
    assert view(backend, GRID, sign_ins, [*ann_free, *again]) == before


def test_decisions_are_kept_and_read_back_in_utc(workspace: Workspace) -> None:
    assert read_consents(workspace.state_url).num_rows == 0
    assert not (workspace.root / "state.sqlite").exists(), "asking makes nothing"
    engine = open_state(workspace.state_url)
    summer = datetime.fromisoformat("2026-07-01T12:00:00+02:00")
    decide_link(engine, "p_ann", granted=False, reason="asked by e-mail", at=summer)
    with pytest.raises(WorkspaceError, match="has none"):
        decide_link(engine, "p_ann", granted=True, reason="", at=datetime(2026, 7, 1))
    engine.dispose()
    rows = read_consents(workspace.state_url).to_pylist()
    assert rows == [{"person": "p_ann", "granted": False, "at": summer}]


def test_the_log_reads_as_before_once_the_merge_is_taken_back(workspace: Workspace) -> None:
    rows = [one._asdict() | {"event": "page_view", "is_human": True} for one in on_phone(1, 6)]
    day = workspace.events / "date=2026-03-01" / "x.parquet"
    schema = EVENTS.append(pa.field("event", pa.string())).append(pa.field("is_human", pa.bool_()))
    write_parquet(day, pa.Table.from_pylist(rows, schema=schema))

    def read() -> list[dict[str, object]]:
        fresh = connect(threads=1)
        try:
            ordered = read_log(fresh, workspace).order_by("event_id")
            return list(ordered.to_pyarrow().to_pylist())
        finally:
            fresh.disconnect()

    raw = read()
    sign_in = pa.Table.from_pylist([SignIn("phone", "ann", hour(5))._asdict()], schema=SIGN_INS)
    write_parquet(sign_ins_path(workspace) / "date=2026-03-01" / "sign_ins.parquet", sign_in)
    assert write_links(workspace, 3) == 1
    assert [row["person"] for row in read()] == ["ann", "ann"]
    assert [row | {"person": "phone"} for row in read()] == raw
    engine = open_state(workspace.state_url)
    decide_link(engine, "ann", granted=False, reason="asked", at=hour(9))
    engine.dispose()
    assert write_links(workspace, 3) == 0
    assert read() == raw
    assert not links_path(workspace).exists()


def test_no_sign_ins_no_links(tmp_path: Path) -> None:
    assert write_links(Workspace(tmp_path), 3) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_customers_word_holds_at_once(workspace: Workspace) -> None:
    ann = pseudonym(open_key(workspace.keys), "customer", "K-1")
    sign_in = pa.Table.from_pylist([SignIn("phone", ann, hour(5))._asdict()], schema=SIGN_INS)
    write_parquet(sign_ins_path(workspace) / "date=2026-03-01" / "sign_ins.parquet", sign_in)
    assert write_links(workspace, 3) == 1

    def says(granted: bool, at: float) -> int:
        return change_link(
            workspace, " K-1", granted=granted, reason="asked", at=hour(at), people_per_device=3
        )

    assert [says(False, 6), says(True, 7), says(False, 8)] == [0, 1, 0]
    with workspace.lock(), pytest.raises(WorkspaceError, match="another run"):
        says(True, 9)
