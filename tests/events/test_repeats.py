"""One order counts once whatever door it came through; what differs is said."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from handbill.cli import app
from handbill.engine import connect
from handbill.events.compact import compact
from handbill.events.inbox import SqliteInbox
from handbill.events.received import Kept, Line, event_key, pack
from handbill.events.repeats import count_repeats, differing
from handbill.events.status import SourceStatus, read_status
from handbill.ports import Arrived
from handbill.trust.reading import read_log, repeats_path
from handbill.workspace import Workspace

from .conftest import ORDERS, Bringing, Importing

NOON = datetime(2026, 5, 2, 12, tzinfo=UTC)
EXPORT = [
    ORDERS,
    "ann,o1,p1,2026-05-02 13:59,1,9.90",
    "ann,o1,p2,2026-05-02 13:59,2,5.00",
    "bob,o2,p1,2026-05-03 10:00,1,9.90",
]
GA4 = {
    "event_name": "purchase", "event_timestamp": 1_777_723_200_000_000, "user_pseudo_id": "phone",
    "ecommerce": {"transaction_id": "o7", "purchase_revenue": 4.0},
    "items": [{"item_id": "p1", "quantity": 1, "price": 4.0}], "event_params": [],
}  # fmt: skip


def sale(
    order: str, *paid: float, event: str = "purchase", name: str = "", at: datetime = NOON
) -> Arrived:
    """A sale as the collector takes it, one line for each amount."""
    key = event_key(name or f"{event} {order}")
    sign = -1 if event == "refund" else 1
    kept = Kept(
        event_id=key.hex(), event=event, person="p_someone",
        occurred_at=int(at.timestamp()) * 1_000_000, is_human=True, transaction_id=order,
        lines=tuple(
            Line(item_id=f"p{n}", quantity=sign, value_micros=sign * round(one * 1e6))
            for n, one in enumerate(paid)
        ),
    )  # fmt: skip
    return Arrived(key, pack(kept))


def collect(workspace: Workspace, events: Iterable[Arrived]) -> None:
    inbox = SqliteInbox.open(workspace)
    inbox.append(list(events))
    compact(inbox, workspace)
    inbox.close()


def counted(workspace: Workspace) -> dict[tuple[str, str], tuple[str, float]]:
    """Order and event -> who told of it, and the money, as stages read the log."""
    backend = connect(threads=1)
    try:
        rows = read_log(backend, workspace).to_pyarrow().to_pylist()
    finally:
        backend.disconnect()
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for row in rows:
        if row["event"] in ("purchase", "refund"):
            key, source = (row["transaction_id"], row["event"]), row["source"].partition("/")[0]
            before = found.get(key, (source, 0.0))
            assert before[0] == source, f"{key} comes from two sources"
            found[key] = (source, round(before[1] + row["value_micros"] / 1e6, 2))
    return found


def collector(workspace: Workspace) -> SourceStatus:
    return next(one for one in read_status(workspace) if one.source == "collector/1")


@pytest.mark.parametrize("first", ["collector", "export"])
def test_an_order_counts_once_whichever_came_first(
    importing: Importing, workspace: Workspace, first: str
) -> None:
    told = [sale("o1", 9.90, 5.00), sale("o9", 3.00), sale("", 1.00, event="refund", name="r")]
    if first == "collector":
        collect(workspace, told)
        done = importing(EXPORT)
    else:
        importing(EXPORT)
        collect(workspace, told)
        done = importing(EXPORT)
    assert counted(workspace) == {
        ("o1", "purchase"): ("csv", 14.90),
        ("o2", "purchase"): ("csv", 9.90),
        ("o9", "purchase"): ("collector", 3.00),
        ("", "refund"): ("collector", -1.00),
    }
    assert done.result.figures["collected_repeats"] == 1
    one = collector(workspace)
    assert (one.received, one.kept, one.duplicate) == (3, 2, 1)
    assert one.reconciles and not one.differing
    # the log itself keeps what came
    assert done.ask("SELECT count(*) FROM {log} WHERE source = 'collector/1'") == [(4,)]


def test_a_refund_that_only_the_collector_tells_of_is_kept(
    importing: Importing, workspace: Workspace
) -> None:
    collect(workspace, [sale("o1", 9.90, 5.00), sale("o1", 5.00, event="refund")])
    importing(EXPORT)
    assert counted(workspace)["o1", "refund"] == ("collector", -5.00)
    importing([*EXPORT, "ann,o1,p2,2026-05-09 10:00,-1,-2.50"])
    assert counted(workspace)["o1", "refund"] == ("csv", -2.50), "the shop's own books are believed"
    (apart,) = differing(workspace)
    assert (apart.event, apart.said, apart.counts) == ("refund", "-5.00", "-2.50")


def test_another_total_is_said_and_the_export_counts(
    importing: Importing, workspace: Workspace
) -> None:
    collect(workspace, [sale("o1", 9.90), sale("o2", 9.90)])
    done = importing(EXPORT)
    assert counted(workspace)["o1", "purchase"] == ("csv", 14.90)
    (note,) = [one for one in done.result.notes if "another total" in one.en]
    assert "o1: 9.90 collected, 14.90 counts" in note.en and "14.90" in note.zh
    told = CliRunner().invoke(app, ["events", "status", str(workspace.root)])
    assert told.exit_code == 0
    assert "another total: purchase o1, 9.90 collected, 14.90 counts" in told.stdout
    assert "o2" not in told.stdout


def test_a_page_loaded_again_and_a_server_beside_it_are_one_purchase(
    importing: Importing, workspace: Workspace
) -> None:
    later = NOON.replace(hour=13)
    collect(
        workspace,
        [
            sale("o9", 3.00, name="tag"),
            sale("o9", 3.00, name="tag again", at=later),
            sale("o9", 3.50, name="server", at=later),
            sale("o9", 1.00, event="refund", name="part"),
            sale("o9", 2.00, event="refund", name="rest"),
        ],
    )
    importing(EXPORT)
    found = counted(workspace)
    assert found["o9", "purchase"] == ("collector", 3.00)
    assert found["o9", "refund"] == ("collector", -3.00), "each part of a refund"
    one = collector(workspace)
    assert (one.kept, one.duplicate) == (3, 2)
    assert [(apart.said, apart.counts) for apart in one.differing] == [("3.50", "3.00")]


def test_an_export_that_is_taken_back_out_leaves_the_collectors_order(
    importing: Importing, workspace: Workspace
) -> None:
    collect(workspace, [sale("o1", 14.90)])
    importing(EXPORT)
    importing(EXPORT[:1] + EXPORT[3:])
    assert counted(workspace)["o1", "purchase"] == ("collector", 14.90)
    assert not list(repeats_path(workspace).rglob("*.parquet"))
    assert collector(workspace).duplicate == 0


def test_the_collector_is_believed_before_what_only_watches_pages(
    importing: Importing, bringing: Bringing, workspace: Workspace
) -> None:
    bringing([GA4], name="ga4.json", format_name="ga4")
    importing(EXPORT)
    assert counted(workspace)["o7", "purchase"] == ("ga4", 4.00)
    collect(workspace, [sale("o7", 4.50)])
    importing(EXPORT)
    assert counted(workspace)["o7", "purchase"] == ("collector", 4.50)
    accounts: list[Any] = read_status(workspace)
    assert [one.duplicate for one in accounts if one.file] == [1]
    assert all(one.reconciles for one in accounts)
    assert count_repeats(workspace) == 0


def test_the_same_repeats_are_not_written_again(importing: Importing, workspace: Workspace) -> None:
    collect(workspace, [sale("o1", 14.90)])
    importing(EXPORT)
    (path,) = repeats_path(workspace).rglob("*.parquet")
    before = path.stat().st_mtime_ns
    importing(EXPORT)
    assert path.stat().st_mtime_ns == before
