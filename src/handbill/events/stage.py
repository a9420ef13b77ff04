"""The import, step by step: load, pseudonymise, judge, catalogue, log, receipt."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import reduce
from operator import add
from pathlib import Path
from typing import TypeAlias

import duckdb

from handbill.engine import connect
from handbill.errors import SourceError, WorkspaceError
from handbill.events import log
from handbill.events.accept import accept
from handbill.events.canonical import COLUMNS, create_missing
from handbill.events.catalogue import create_catalogue
from handbill.events.cleaning import REASONS, Receipt, limits_of, register_identities
from handbill.events.imported import imported_files
from handbill.events.repeats import differing, write_repeats
from handbill.events.settings import Settings
from handbill.events.sources import find_source
from handbill.events.spool import Spool
from handbill.events.sweep import Swept, sweep
from handbill.events.texts import literal
from handbill.ports import Progress
from handbill.trust.identity import open_key
from handbill.trust.people import sign_ins_path
from handbill.trust.reading import links_path, repeats_path, robots_path
from handbill.types import ShopProfile, StageResult, Text
from handbill.workspace import Workspace, replacing, write_json

MEMORY_GB = 1.5
"""DuckDB's own; the largest relation is streamed, so a larger source needs no more."""

CATALOG: Mapping[str, str] = {
    "products": "SELECT * FROM products",
    "campaigns": "SELECT * FROM campaigns",
    "offers": "SELECT * FROM offers",
    "offer_products": "SELECT offer_id, product_id FROM offer_products",
}
"""File of the catalogue -> its rows."""

Receipts: TypeAlias = Mapping[tuple[int, str], Receipt]
"""By imported file and relation; file 0 is the source."""

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Import the source into the workspace; see `handbill.events.run`."""
    source = find_source(settings)
    backend = connect(memory_gb=MEMORY_GB)
    connection: duckdb.DuckDBPyConnection = backend.con
    try:
        with explaining_full_disk(workspace.root):
            connection.execute("SET preserve_insertion_order = true")  # same input, same files
            spill = log.quoted(workspace.root / ".handbill" / "spill")
            connection.execute(f"SET temp_directory = '{spill}'")
            progress("Reading the source", 0.0)
            loaded = source.load(connection, shop)
            create_missing(connection, loaded.present)
            progress("Turning customers into pseudonyms", 0.05)
            register_identities(connection, open_key(workspace.keys))
            progress("Judging every row", 0.1)
            spool = Spool(workspace.root / ".handbill" / "spool")
            limits = limits_of(settings, shop.as_of)
            accepted = accept(connection, workspace, source.name, loaded, limits, spool)
            _refuse_hopeless(accepted.receipts)
            progress("Writing the event log", 0.5)
            written = workspace.root / ".handbill" / "log"
            shutil.rmtree(written, ignore_errors=True)  # of a run that was killed
            receipts = accepted.less(spool.write(written, os.cpu_count() or 1))
            log.view_sales(connection, written)
            progress("Building the catalogue", 0.7)
            create_catalogue(connection, settings, shop.as_of)
            figures = _figures(connection, receipts)
            _write(connection, workspace, receipts, progress)
            log.publish(workspace, written)
    finally:
        backend.disconnect()
    progress("Looking for robots and for who signed in where", 0.9)
    with explaining_full_disk(workspace.root):
        swept = sweep(workspace, settings)
        repeated = write_repeats(workspace)
    return StageResult(
        figures={
            **figures,
            "robot_spans": sum(swept.robots.values()),
            "devices_merged": swept.devices,
            "collected_repeats": repeated,
        },
        outputs=_outputs(workspace),
        notes=(
            *loaded.notes,
            *_notes(receipts),
            *_robot_notes(swept),
            *_differing_notes(workspace),
        ),
    )


def _outputs(workspace: Workspace) -> tuple[Path, ...]:
    always = (
        workspace.catalog,
        workspace.events,
        workspace.exposures,
        people_path(workspace),
        workspace.quarantine,
    )
    found = (robots_path, repeats_path, sign_ins_path, links_path)
    return (*always, *(path for where in found if (path := where(workspace)).exists()))


def people_path(workspace: Workspace) -> Path:
    """Where the recorded attributes of people go."""
    return workspace.events.parent / "people.parquet"


def _total(receipts: Receipts, relation: str = "") -> Receipt:
    """Of one relation, or of all."""
    nothing = Receipt(received=0, kept=0, duplicate=0, quarantined=0, reasons={})
    found = [one for (_, name), one in receipts.items() if relation in ("", name)]
    return reduce(add, found, nothing)


def _refuse_hopeless(receipts: Receipts) -> None:
    """An import that keeps no sale is a misread file; the old log is worth more than that."""
    orders = _total(receipts, "orders")
    if orders.kept:
        return
    if not orders.received:
        raise SourceError(
            "the source has no orders; export at least one, or bring one in with: "
            "handbill events import; then run again"
        )
    reason = next(iter(orders.reasons))
    raise SourceError(
        f"none of {orders.received} orders can be used; most often {reason}: {REASONS[reason]}; "
        "docs/import.md shows how a row must look"
    )


def _write(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    receipts: Receipts,
    progress: Progress,
) -> None:
    for name, query in CATALOG.items():
        with replacing(workspace.catalog / f"{name}.parquet") as part:
            log.copy(connection, query, part)
    progress("Writing placements", 0.8)
    log.write_exposures(connection, workspace.exposures)
    with replacing(people_path(workspace)) as part:
        attributes = ", ".join(name for name in COLUMNS["people"] if name != "customer")
        log.copy(connection, f"SELECT person, {attributes} FROM kept_people ORDER BY person", part)
    _write_quarantine(connection, workspace, receipts)


def _write_quarantine(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, receipts: Receipts
) -> None:
    """The refused rows and the receipts; the collector's files in the folder are not ours.

    What was imported has one receipt per file, and the refused rows of all files in one place.
    """
    folder = workspace.quarantine
    own = {name: asdict(one) for (seq, name), one in receipts.items() if seq == 0}
    for name in COLUMNS:
        path = folder / f"{name}.parquet"
        if name not in own:
            path.unlink(missing_ok=True)  # of an earlier source that had such rows
            continue
        with replacing(path) as part:
            log.copy(
                connection,
                f"SELECT '{name}' AS source, row, reason, raw FROM refused_{name} "
                "WHERE seq = 0 ORDER BY row",
                part,
            )
    files = imported_files(workspace)
    with replacing(folder / "imports.parquet") as part:
        refused = " UNION ALL ".join(
            f"SELECT seq, row, reason, raw FROM refused_{name} WHERE seq > 0" for name in COLUMNS
        )
        names = ", ".join(f"({one.seq}, {literal(one.folder)})" for one in files) or "(0, '')"
        log.copy(
            connection,
            f"SELECT source, row, reason, raw FROM ({refused}) "
            f"JOIN (VALUES {names}) named (seq, source) USING (seq) ORDER BY ALL",
            part,
        )
    write_json(
        folder / "imports.json",
        {
            one.folder: {"file": one.file, **asdict(_total(_of_file(receipts, one.seq)))}
            for one in files
        },
    )
    write_json(folder / "receipt.json", own)


def _of_file(receipts: Receipts, seq: int) -> Receipts:
    return {key: one for key, one in receipts.items() if key[0] == seq}


def _figures(
    connection: duckdb.DuckDBPyConnection, receipts: Receipts
) -> dict[str, float | int | str]:
    people, first, last = connection.execute(
        "SELECT count(DISTINCT person), min(occurred_at)::DATE, max(occurred_at)::DATE FROM sales"
    ).fetchall()[0]
    products, campaigns, offers = (
        connection.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
        for name in ("products", "campaigns", "offers")
    )
    total, events = _total(receipts), _total(receipts, "events")
    files = {seq for seq, _ in receipts if seq}
    return {
        "rows_received": total.received,
        "rows_kept": total.kept,
        "rows_duplicate": total.duplicate,
        "rows_quarantined": total.quarantined,
        "purchase_lines": _total(receipts, "orders").kept,
        **({"event_rows": events.kept} if events.received else {}),
        **({"imported_files": len(files)} if files else {}),
        "people": people,
        "products": products,
        "campaigns": campaigns,
        "offers": offers,
        "exposures": _total(receipts, "exposures").kept,
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
    }


def _notes(receipts: Receipts) -> tuple[Text, ...]:
    refused = _total(receipts).quarantined
    if not refused:
        return ()
    return (
        Text(
            en=f"{refused:,} rows could not be used; log/quarantine holds each with its reason.",
            zh=f"有 {refused:,} 行数据无法使用，每一行及其原因都保存在 log/quarantine 中。",
        ),
    )


def _robot_notes(swept: Swept) -> tuple[Text, ...]:
    spans = sum(swept.robots.values())
    if not spans:
        return ()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in swept.robots.items())
    return (
        Text(
            en=f"{spans:,} visits were robots' ({reasons}); they are flagged and never learned "
            "from, and stay in the log.",
            zh=f"有 {spans:,} 次访问来自机器人（{reasons}）；"
            "这些访问已被标记，不会用于学习，但仍保留在日志中。",
        ),
    )


def _differing_notes(workspace: Workspace) -> tuple[Text, ...]:
    found = differing(workspace)
    if not found:
        return ()
    one = found[0]
    return (
        Text(
            en=f"{len(found):,} orders were collected with another total than the one that counts, "
            f"such as {one.transaction_id}: {one.said} collected, {one.counts} counts; "
            "handbill events status lists them.",
            zh=f"有 {len(found):,} 笔订单采集到的总额与计入的总额不一致，"
            f"例如 {one.transaction_id}：采集为 {one.said}，计入为 {one.counts}；"
            "可用 handbill events status 逐笔查看。",
        ),
    )


@contextmanager
def explaining_full_disk(folder: Path) -> Iterator[None]:
    """Turn "no space left" into one line that names the place.

    Raises:
        WorkspaceError: The disk that holds `folder` is full.
    """
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        # DuckDB says it in words; it also runs out of "memory" when its spill file does not fit.
        full = isinstance(error, OSError) and error.errno in DISK_FULL
        if full or "No space left" in str(error) or "max_temp_directory_size" in str(error):
            raise WorkspaceError(
                f"disk full while writing to {folder}; free some space and run again"
            ) from error
        raise
