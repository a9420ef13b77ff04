"""From the inbox into the log: dated Parquet that a reader sees whole or not at all.

Exactly once, whenever the process dies: each file says in its footer how far along the inbox's
stream it goes, so what was published but not yet settled is not published again. The newest file of
a day is rewritten with the new rows until it is large, so a quiet shop gets no file a minute.
"""

import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from handbill.errors import WorkspaceError
from handbill.events.received import SOURCE, Kept, Refused, unpack
from handbill.ports import EventInbox, Waiting
from handbill.workspace import Workspace, write_json, write_parquet

DRAIN = 50_000
"""Bodies taken from the inbox at a time; it bounds memory."""
ROWS_PER_FILE = 50_000
"""A day's newest file is rewritten with new rows until it has so many: a quiet shop gets few files,
and a busy one does not write the same rows again and again."""
PREFIX = "collector-"
FOOTER = b"handbill.reaches"
DAY_MICROS = 86_400_000_000
EPOCH = date(1970, 1, 1)
TIME = pa.timestamp("us", tz="UTC")

EVENTS = pa.schema(
    [
        ("event_id", pa.string()),
        ("event", pa.string()),
        ("person", pa.string()),
        ("occurred_at", TIME),
        ("transaction_id", pa.string()),
        ("item_id", pa.string()),
        ("quantity", pa.int32()),
        ("value_micros", pa.int64()),
        ("discount_micros", pa.int64()),
        ("coupon_micros", pa.int64()),
        ("affiliation", pa.string()),
        ("promotion_id", pa.string()),
        ("coupon", pa.string()),
        ("is_human", pa.bool_()),
        ("source", pa.string()),
        ("context", pa.string()),
    ]
)
"""Columns of `log/events`, as docs/tables.md has them."""

QUARANTINE = pa.schema(
    [("source", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("raw", pa.string())]
)
"""Columns of `log/quarantine`."""


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What one compaction moved.

    Attributes:
        events: Events that went to the log.
        refused: Events that went to quarantine.
        files: Parquet files written.
    """

    events: int
    refused: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footer:
    """What a file of the collector says of itself: how far it reaches, and where its rows start."""

    reach: Mapping[str, int]
    first_row: int
    rows: int


def compact(inbox: EventInbox, workspace: Workspace) -> Compacted:
    """Move everything that waits into the log, then write the collector's receipt.

    Args:
        inbox: Drained until nothing is left.
        workspace: Its `log/events` and `log/quarantine` receive the rows.

    Raises:
        WorkspaceError: The disk is full, or a file of the log is damaged. Nothing is lost: what was
            not settled is tried again.
    """
    events = refused = files = 0
    while waiting := inbox.drain(DRAIN):
        done = _publish(waiting, workspace)
        inbox.settle(waiting)
        events, refused, files = events + done.events, refused + done.refused, files + done.files
    write_json(workspace.quarantine / "collector.json", receipt(inbox.counts()))
    return Compacted(events=events, refused=refused, files=files)


def receipt(counts: Mapping[str, int]) -> dict[str, Any]:
    """The inbox's counts in the shape of `log/quarantine/receipt.json`.

    Example:
        >>> receipt({"received": 3, "kept": 1, "duplicate": 1, "quarantined:future": 1})
        ... # doctest: +NORMALIZE_WHITESPACE
        {'collector/1': {'received': 3, 'kept': 1, 'duplicate': 1, 'quarantined': 1,
                         'reasons': {'future': 1}}}
    """
    mark = "quarantined:"
    reasons = {name[len(mark) :]: n for name, n in counts.items() if name.startswith(mark)}
    return {
        SOURCE: {
            **{name: counts.get(name, 0) for name in ("received", "kept", "duplicate")},
            "quarantined": sum(reasons.values()),
            "reasons": reasons,
        }
    }


@contextmanager
def log_lock(workspace: Workspace) -> Iterator[None]:
    """Wait for, then hold, the right to change which files lie in `log/events`.

    Compaction holds it while it publishes, the import while it swaps the folder.
    """
    path = workspace.root / ".handbill" / "log.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def carry_collected(old: Path, new: Path) -> int:
    """Put the collector's files of one log folder into another, without copying their bytes.

    Whoever replaces `log/events` whole calls this under `log_lock`, just before the swap.

    Args:
        old: The log that is about to go.
        new: The log that takes its place.

    Returns:
        Files carried over.
    """
    files = sorted(old.glob(f"date=*/{PREFIX}*.parquet"))
    for file in files:
        target = new / file.relative_to(old)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, target)
    return len(files)


def _publish(waiting: Sequence[Waiting], workspace: Workspace) -> Compacted:
    days: dict[int, list[tuple[Waiting, Kept]]] = defaultdict(list)
    refused: list[tuple[Waiting, Refused]] = []
    for one in waiting:
        record = unpack(one.body)
        if isinstance(record, Refused):
            refused.append((one, record))
        else:
            days[record.occurred_at // DAY_MICROS].append((one, record))
    try:
        with log_lock(workspace):
            for day, records in days.items():
                folder = workspace.events / f"date={EPOCH + timedelta(days=day)}"
                _merge(folder, records, _event_rows)
            if days:
                _sync(workspace.events)
        if refused:
            _merge(workspace.quarantine, refused, _refused_rows)
    except OSError as error:
        raise WorkspaceError(
            f"cannot write the log at {error.filename or workspace.events}: {error.strerror}; "
            "collected events wait in the inbox until it works again"
        ) from error
    kept = sum(len(records) for records in days.values())
    return Compacted(events=kept, refused=len(refused), files=len(days) + bool(refused))


def _merge(
    folder: Path,
    records: Sequence[tuple[Waiting, Row]],
    rows_of: Callable[[Sequence[Row], int], pa.Table],
) -> None:
    """Add the records that the folder does not have yet to its newest file, or to a new one."""
    for stale in folder.glob(f".{PREFIX}*.part"):  # of a process that was killed while writing
        stale.unlink()
    path = max(folder.glob(f"{PREFIX}*.parquet"), default=folder / f"{PREFIX}000000.parquet")
    footer = _footer(path)
    fresh = [record for one, record in records if one.position > footer.reach.get(one.stream, -1)]
    if not fresh:
        return
    reach = dict(footer.reach)
    for one, _ in records:
        reach[one.stream] = max(one.position, reach.get(one.stream, -1))
    table = rows_of(fresh, footer.first_row + footer.rows)
    first_row = footer.first_row
    if footer.rows >= ROWS_PER_FILE:
        path = folder / f"{PREFIX}{int(path.stem.removeprefix(PREFIX)) + 1:06}.parquet"
        first_row += footer.rows
    elif footer.rows:
        table = pa.concat_tables([pq.ParquetFile(path).read(), table])
    if "occurred_at" in table.column_names:
        table = table.sort_by([("occurred_at", "ascending"), ("event_id", "ascending")])
    content = json.dumps({"reach": reach, "first_row": first_row})
    write_parquet(path, table.replace_schema_metadata({FOOTER: content}))
    _sync(folder)


def _footer(path: Path) -> _Footer:
    if not path.exists():
        return _Footer(reach={}, first_row=0, rows=0)
    try:
        metadata = pq.read_metadata(path)
        content = json.loads(metadata.metadata[FOOTER])
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError) as error:
        raise WorkspaceError(
            f"{path} is damaged or not the collector's; move it away, and collecting goes on"
        ) from error
    return _Footer(reach=content["reach"], first_row=content["first_row"], rows=metadata.num_rows)


def _event_rows(records: Sequence[Kept], _first_row: int) -> pa.Table:
    rows = [
        (
            f"{one.event_id}-{number}" if number else one.event_id,
            one.event,
            one.person,
            one.occurred_at,
            one.transaction_id,
            line.item_id,
            line.quantity,
            line.value_micros,
            line.discount_micros,
            line.coupon_micros,
            one.affiliation,
            one.promotion_id,
            line.coupon,
            one.is_human,
            SOURCE,
            line.context,
        )
        for one in records
        for number, line in enumerate(one.lines)
    ]
    return _table(rows, EVENTS)


def _refused_rows(records: Sequence[Refused], first_row: int) -> pa.Table:
    rows = [(SOURCE, row, one.reason, one.raw) for row, one in enumerate(records, first_row)]
    return _table(rows, QUARANTINE)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, type=field.type) for column, field in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _sync(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
