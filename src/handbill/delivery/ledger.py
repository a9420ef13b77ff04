"""The decision ledger: every decision with its propensities, versions, price and consent basis."""

import hashlib
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from handbill.delivery.plan import Plan
from handbill.delivery.shelf import Ad
from handbill.workspace import Workspace, read_json, replacing, write_json, write_parquet

_FILES = "files.json"


def decision_id(plan_id: str, contact_id: str, slot: int, send_at: datetime) -> str:
    """The decision's UUIDv7: its time is `send_at`, its random bits a hash of what was decided.

    So the same decision has the same id in every run, and ids sort by time.

    Source: RFC 9562, section 5.7.

    Example:
        >>> from datetime import UTC
        >>> decision_id("plan", "contact", 0, datetime(2017, 10, 30, tzinfo=UTC))[:15]
        '015f6a93-ec00-7'
    """
    digest = hashlib.sha256(f"{plan_id}\x1f{contact_id}\x1f{slot}".encode()).digest()
    chance = int.from_bytes(digest[:10], "big")
    moment = int(send_at.timestamp() * 1000)
    bits = moment << 80 | 0x7 << 76 | (chance >> 68) << 64 | 0b10 << 62 | chance & (1 << 62) - 1
    return str(uuid.UUID(int=bits))


def decisions(
    rows: pa.Table,
    plan: Plan,
    ads: Mapping[str, Ad],
    message_ids: Mapping[str, str],
    *,
    consent_basis: str,
    decided_at: datetime,
) -> pa.Table:
    """The ledger's rows for the plan's rows that run.

    Args:
        rows: Of the plan.
        plan: Its versions.
        ads: By creative id.
        message_ids: By contact id.
        consent_basis: Why the person may be written to.
        decided_at: Aware.

    Returns:
        The plan's columns and the ledger's own, as docs/tables.md says.
    """
    keys = rows.select(["contact_id", "slot", "send_at", "creative_id"]).to_pylist()
    shown = [ads[key["creative_id"]] for key in keys]
    ids = [decision_id(plan.id, key["contact_id"], key["slot"], key["send_at"]) for key in keys]
    own: dict[str, Any] = {
        "decision_id": pa.array(ids, pa.string()),
        "decided_at": pa.array([decided_at] * len(keys), pa.timestamp("us", "UTC")),
        "channel": _strings(ad.channel for ad in shown),
        "message_id": _strings(message_ids[key["contact_id"]] for key in keys),
        "creative_digest": _strings(ad.digest for ad in shown),
        "model": _strings(ad.model for ad in shown),
        "adapter": _strings(ad.adapter for ad in shown),
        "prompt": _strings(ad.prompt for ad in shown),
        "response_model": pa.array([plan.response_model] * len(keys), pa.string()),
        "price_micros": rows["cost_micros"].cast(pa.int64()),
        "consent_basis": pa.array([consent_basis] * len(keys), pa.string()),
    }
    for name, column in own.items():
        rows = rows.append_column(name, column)
    return rows


def write_ledger(workspace: Workspace, plan_id: str, rows: pa.Table) -> tuple[Path, ...]:
    """Put a plan's rows into the ledger, in place of those it had; other plans keep theirs.

    The rows are written aside; one rename then makes them due. A run that is stopped before it
    changes nothing, and one that is stopped after it is carried out by the next `settle`.

    Args:
        workspace: The shop.
        plan_id: Names the files.
        rows: From `decisions`.

    Returns:
        The files, one per UTC day of `send_at`.
    """
    settle(workspace)
    part, due = _aside(workspace, plan_id, "part"), _aside(workspace, plan_id, "due")
    rows = rows.sort_by([("send_at", "ascending"), ("decision_id", "ascending")])
    days = pc.strftime(rows["send_at"].cast(pa.timestamp("us", "UTC")), "%Y-%m-%d")
    names = []
    part.mkdir(parents=True)
    for day in sorted(set(days.to_pylist())):
        names.append(f"date={day}/{plan_id}.parquet")
        write_parquet(part / names[-1], rows.filter(pc.equal(days, day)))
    write_json(part / _FILES, names)
    part.rename(due)
    settle(workspace)
    return tuple(workspace.decisions / name for name in names)


def settle(workspace: Workspace) -> None:
    """Finish what an interrupted run had made due, and drop what it had not."""
    log = workspace.decisions.parent
    for due in sorted(log.glob(".decisions-*.due")):
        _carry_out(workspace.decisions, due)
    for part in log.glob(".decisions-*.part"):
        shutil.rmtree(part)


def _carry_out(ledger: Path, due: Path) -> None:
    plan_id = due.name.removeprefix(".decisions-").removesuffix(".due")
    names: Sequence[str] = read_json(due / _FILES)
    for name in names:
        with replacing(ledger / name) as copy:
            shutil.copyfile(due / name, copy)
    for former in ledger.glob(f"date=*/{plan_id}.parquet"):
        if former.relative_to(ledger).as_posix() not in names:
            former.unlink()
    done = due.with_suffix(".part")  # renamed first: half deleted, it must not be carried out again
    due.rename(done)
    shutil.rmtree(done)


def _aside(workspace: Workspace, plan_id: str, what: str) -> Path:
    return workspace.decisions.parent / f".decisions-{plan_id}.{what}"


def _strings(values: Iterable[str]) -> pa.Array:
    return pa.array(list(values), pa.string())
