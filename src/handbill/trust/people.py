"""Anonymous and signed-in histories: merged when a person signs in, apart when consent goes.

What is known is a set of facts, sign-ins and decisions, each with its time. The links follow from
the set alone, so the order in which the facts arrived never matters; taking a decision back gives
the links that were there before it.
"""

import uuid
from datetime import UTC, datetime
from pathlib import Path

import ibis
import pyarrow as pa
from ibis import Table, _
from sqlalchemy import Engine, insert, make_url, select

from handbill.engine import connect
from handbill.errors import WorkspaceError
from handbill.state import link_consents, open_state
from handbill.trust.identity import open_key, pseudonym
from handbill.trust.reading import BEGINNING, END, LINKS, TIME, links_path
from handbill.workspace import Workspace, write_parquet

SIGN_INS = pa.schema([("device", pa.string()), ("person", pa.string()), ("at", TIME)])
"""A person was signed in on a device at a time; `log/sign_ins`."""
CONSENTS = pa.schema([("person", pa.string()), ("granted", pa.bool_()), ("at", TIME)])
"""A person's decision on whether their devices may be merged; without one they may."""


def links(sign_ins: Table, consents: Table, people_per_device: int) -> Table:
    """Whose a device was, when: the merge, as one expression.

    A device is its user's from their sign-in until the next person's, and the first user's before
    it too. A person who withdrew has no links; their spans stay anonymous and go to nobody else.

    Args:
        sign_ins: As `SIGN_INS`, in any order, with repeats.
        consents: As `CONSENTS`; the latest decision holds, of two at one time the withdrawal.
        people_per_device: A device that more people signed in on is nobody's.

    Returns:
        Columns as in `reading.LINKS`; spans of one device do not overlap.
    """
    users = sign_ins.group_by("device").aggregate(people=_.person.nunique())
    few = users.filter(_.people <= people_per_device).select("device")
    by_device = ibis.window(group_by="device", order_by=["at", "person"])
    turns = (
        sign_ins.select(SIGN_INS.names)
        .distinct()
        .semi_join(few, "device")
        .mutate(before=_.person.lag().over(by_device))
        .filter(_.before.isnull() | (_.before != _.person))
    )
    spans = turns.mutate(next_at=_.at.lead().over(by_device)).select(
        "device",
        "person",
        valid_from=ibis.ifelse(_.before.isnull(), ibis.literal(BEGINNING), _.at),
        valid_to=ibis.coalesce(_.next_at, ibis.literal(END)),
    )
    newest = ibis.window(group_by="person", order_by=[ibis.desc("at"), "granted"])
    latest = consents.mutate(age=ibis.row_number().over(newest)).filter(_.age == 0)
    withdrawn = latest.filter(~_.granted).select("person")
    return spans.anti_join(withdrawn, "person")


def sign_ins_path(workspace: Workspace) -> Path:
    """Who was signed in where: `log/sign_ins/date=YYYY-MM-DD/sign_ins.parquet`."""
    return workspace.events.parent / "sign_ins"


def write_links(workspace: Workspace, people_per_device: int) -> int:
    """Write `log/links.parquet` from the sign-ins of the log and the decisions in the state.

    Args:
        workspace: The shop.
        people_per_device: See `links`.

    Returns:
        Devices that have an owner at some time. Without any the file is removed.
    """
    path = links_path(workspace)
    folder = sign_ins_path(workspace)
    if next(folder.rglob("*.parquet"), None) is None:
        path.unlink(missing_ok=True)
        return 0
    backend = connect(memory_gb=1.0)
    try:
        sign_ins = backend.read_parquet(str(folder / "**" / "*.parquet"), hive_partitioning=False)
        decided = ibis.memtable(read_consents(workspace.state_url))
        found = links(sign_ins, decided, people_per_device).order_by(["device", "valid_from"])
        table = found.to_pyarrow().cast(LINKS)
    finally:
        backend.disconnect()
    if not table.num_rows:
        path.unlink(missing_ok=True)
        return 0
    write_parquet(path, table)
    return len(table["device"].unique())


def decide_link(engine: Engine, person: str, *, granted: bool, reason: str, at: datetime) -> None:
    """Record that a person's devices may be merged with them, or may no longer.

    Args:
        engine: From `open_state`.
        person: Pseudonym.
        granted: False withdraws.
        reason: Where it was said, for the record.
        at: When it was said.

    Raises:
        WorkspaceError: `at` has no zone, so nobody could say which decision is the later one.
    """
    if at.tzinfo is None:
        raise WorkspaceError(f"a decision needs a time with a zone; {at.isoformat()} has none")
    row = {
        "id": str(uuid.uuid4()), "person": person, "granted": granted, "reason": reason,
        "decided_at": at.astimezone(UTC),
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(link_consents).values(row))


def change_link(
    workspace: Workspace,
    customer: str,
    *,
    granted: bool,
    reason: str,
    at: datetime,
    people_per_device: int,
) -> int:
    """Record a customer's decision and let it hold at once.

    Args:
        workspace: The shop; nobody else may be writing to it.
        customer: The shop's own id.
        granted: False withdraws.
        reason: Where it was said, for the record.
        at: When it was said.
        people_per_device: See `links`.

    Returns:
        Devices that have an owner at some time, now.

    Raises:
        WorkspaceError: A run is writing to the workspace, or `at` has no zone.
    """
    with workspace.lock():
        engine = open_state(workspace.state_url)
        person = pseudonym(open_key(workspace.keys), "customer", customer.strip())
        decide_link(engine, person, granted=granted, reason=reason, at=at)
        engine.dispose()
        return write_links(workspace, people_per_device)


def read_consents(url: str) -> pa.Table:
    """All decisions, as `CONSENTS`; none when the state does not exist yet, and it is not made."""
    path = make_url(url).database
    if url.startswith("sqlite") and not (path and Path(path).exists()):
        return CONSENTS.empty_table()
    engine = open_state(url)
    columns = (link_consents.c.person, link_consents.c.granted, link_consents.c.decided_at)
    with engine.connect() as connection:
        rows = connection.execute(select(*columns)).all()
    engine.dispose()
    records = [
        # SQLite forgets the zone; what went in was UTC.
        {"person": person, "granted": granted, "at": at if at.tzinfo else at.replace(tzinfo=UTC)}
        for person, granted, at in rows
    ]
    return pa.Table.from_pylist(records, schema=CONSENTS)
