"""The inbox as a Kafka topic, for shops whose collectors outgrow one machine's disk.

The producer is idempotent and waits for all replicas. How far the log has come, and which ids it
has, stands beside the log in SQLite, so exactly-once rests on no promise of the broker but order.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from handbill.errors import WorkspaceError
from handbill.events.memory import REMEMBERED_DAYS, Memory, judge_repeats, tally
from handbill.ports import Arrived, Waiting

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS reached (stream TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
"""
DAY_SECONDS = 86_400
REFUSED = "refused"


class KafkaInbox:
    """A topic that exists, and a SQLite file that says how far the log has come in it.

    Ids are the messages' keys, so repeats meet in one partition, in order. One process drains a
    topic; any number may append. The topic must keep messages longer than a drain may be down.

    Args:
        servers: `bootstrap.servers`.
        topic: With one partition or more.
        path: The SQLite file; made when absent.
        timeout: Seconds to wait for the broker.
        clock: Seconds since 1970; only its day counts, for how long ids are remembered.
        remembered_days: Days with events whose ids stay known.
        options: More settings of the client, such as `security.protocol`.

    Raises:
        WorkspaceError: The broker does not answer, has no such topic, or the file cannot be opened.
    """

    def __init__(
        self,
        servers: str,
        topic: str,
        path: Path,
        *,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
        remembered_days: int = REMEMBERED_DAYS,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._topic = topic
        self._timeout = timeout
        self._clock = clock
        common = {"bootstrap.servers": servers, "logger": log, **(options or {})}
        self._producer = Producer(
            common
            | {
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "delivery.timeout.ms": int(timeout * 1_000),
            }
        )
        self._consumer = Consumer(
            common
            | {
                "group.id": "handbill",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,  # a drain reads what is there, it does not wait for more
            }
        )
        try:
            found = self._producer.list_topics(topic, timeout=timeout)
        except KafkaException as error:
            raise WorkspaceError(f"Kafka at {servers} does not answer: {error}") from error
        if found.topics[topic].error is not None:
            raise WorkspaceError(f"Kafka at {servers} has no topic {topic}; create it first")
        self._streams = {
            partition: f"kafka:{found.cluster_id}:{topic}:{partition}"
            for partition in sorted(found.topics[topic].partitions)
        }
        self._memory = Memory(path, SCHEMA, remembered_days)
        self._drained: list[tuple[Arrived, bool]] = []
        self._reached: dict[str, int] = {}

    def append(self, events: Sequence[Arrived]) -> list[bool]:
        """Send events and wait until all replicas have them; see `EventInbox.append`."""
        ids = [one.id for one in events if not one.refused]
        new = set(ids) - self._memory.known(ids)
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)

        try:
            for one in events:
                self._producer.produce(
                    self._topic,
                    key=one.id,
                    value=one.body,
                    headers=[(REFUSED, one.refused.encode())] if one.refused else None,
                    on_delivery=delivered,
                )
            left = self._producer.flush(self._timeout)
        except (BufferError, KafkaException) as error:
            raise WorkspaceError(f"Kafka takes no events: {error}") from error
        if failed or left:
            why = failed[0].str() if failed else "no answer in time"
            raise WorkspaceError(f"Kafka did not confirm {len(failed) + left} events: {why}")
        return judge_repeats(events, new)

    def drain(self, limit: int) -> list[Waiting]:
        """Read on from where the log has come; see `EventInbox.drain`."""
        while messages := self._read(limit):
            events = [_arrived(one) for one in messages]
            ids = [one.id for one in events if not one.refused]
            fresh = judge_repeats(events, set(ids) - self._memory.known(ids))
            self._drained = list(zip(events, fresh, strict=True))
            for one in messages:
                self._reached[self._streams[_partition(one)]] = _offset(one) + 1
            waiting = [
                Waiting(self._streams[_partition(message)], _offset(message), event.body)
                for message, event, is_new in zip(messages, events, fresh, strict=True)
                if is_new
            ]
            if waiting:
                return waiting
            self._settle()  # nothing but repeats: go on behind them
        return []

    def settle(self, waiting: Sequence[Waiting]) -> None:
        """Note how far the log has come, for what the last `drain` gave."""
        if waiting:
            self._settle()
            self._memory.forget_old()

    def counts(self) -> Mapping[str, int]:
        """What became of the events that were drained; see `EventInbox.counts`."""
        return self._memory.counts()

    def close(self) -> None:
        """Let go of the broker and the file; what waits is there when it is opened again."""
        self._producer.flush(self._timeout)
        self._consumer.close()
        self._memory.close()

    def _settle(self) -> None:
        events = [event for event, _ in self._drained]
        fresh = [is_new for _, is_new in self._drained]
        day = int(self._clock() // DAY_SECONDS)
        with self._memory.transaction() as connection:
            self._memory.remember([one.id for one in events if not one.refused], day)
            self._memory.count(tally(events, fresh))
            connection.executemany(
                "INSERT INTO reached VALUES (?, ?) ON CONFLICT DO UPDATE SET next = excluded.next",
                self._reached.items(),
            )
        self._drained, self._reached = [], {}

    def _read(self, limit: int) -> list[Message]:
        """Messages behind what is settled, up to the present end of each partition."""
        reached = dict(self._memory.read("SELECT stream, next FROM reached").fetchall())
        messages: list[Message] = []
        try:
            for partition, stream in self._streams.items():
                start = reached.get(stream, OFFSET_BEGINNING)
                self._consumer.assign([TopicPartition(self._topic, partition, start)])
                while len(messages) < limit and (one := self._next(stream, start)) is not None:
                    messages.append(one)
                self._consumer.unassign()
        except KafkaException as error:
            raise WorkspaceError(f"Kafka does not give the events: {error}") from error
        return messages

    def _next(self, stream: str, start: int) -> Message | None:
        """The next message of the assigned partition; None at its end."""
        message = self._consumer.poll(self._timeout)
        if message is None:
            raise WorkspaceError(f"Kafka gave no answer in {self._timeout} s")
        error = message.error()
        if error is None:
            return message
        if error.code() == KafkaError._PARTITION_EOF:
            return None
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise WorkspaceError(
                f"{stream} has no message {start}, to which the log has come: the topic was made "
                f"anew, or messages expired unread; move {self._memory.path} away to read it anew"
            )
        raise KafkaException(error)


def _arrived(message: Message) -> Arrived:
    refused = dict(message.headers() or []).get(REFUSED) or b""
    reason = refused if isinstance(refused, str) else refused.decode()
    return Arrived(message.key() or b"", message.value() or b"", reason)


def _offset(message: Message) -> int:
    offset = message.offset()
    assert offset is not None  # noqa: S101  a message that was received has one
    return offset


def _partition(message: Message) -> int:
    partition = message.partition()
    assert partition is not None  # noqa: S101  a message that was received has one
    return partition
