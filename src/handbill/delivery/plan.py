"""The plan as placement wrote it, checked at the door."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handbill.errors import PlanError, PolicyError, SourceError
from handbill.workspace import Workspace, read_json

_COLUMNS = (
    "plan_id",
    "contact_id",
    "person",
    "segment_id",
    "campaign_id",
    "offer_id",
    "creative_id",
    "slot",
    "send_at",
    "probability",
    "expected_value_micros",
    "cost_micros",
    "candidates",
    "propensities",
    "propensity",
    "policy",
    "explored",
)
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One message of the plan.

    Attributes:
        id: Names its file.
        person: Pseudonym.
        send_at: When, aware.
        creatives: Ids by slot, the lead first.
    """

    id: str
    person: str
    send_at: datetime
    creatives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan that may be delivered.

    Attributes:
        id: Names its folder.
        budget_micros: Never exceeded.
        response_model: Version of the model behind it, None without one.
        rows: The table, by contact and slot.
        contacts: Its messages.
    """

    id: str
    budget_micros: int
    response_model: str | None
    rows: pa.Table
    contacts: tuple[Contact, ...]


def read_plan(workspace: Workspace) -> Plan:
    """Read and check the plan.

    Raises:
        SourceError: A file is missing, unreadable or not as docs/tables.md says.
        PlanError: The two files are of different plans, or a contact contradicts itself.
    """
    rows = read_table(workspace.tables / "plan.parquet", _COLUMNS)
    promised = read_json(workspace.tables / "plan.json")
    plan_id, budget = promised.get("plan_id"), promised.get("budget_micros")
    if not isinstance(plan_id, str) or not isinstance(budget, int):
        raise SourceError(
            "tables/plan.json lacks plan_id or budget_micros; run placement again: "
            f"handbill run {workspace.root}"
        )
    others = set(rows["plan_id"].unique().to_pylist()) - {plan_id}
    if others:
        raise PlanError(
            f"tables/plan.json is of plan {plan_id}, tables/plan.parquet of {min(others)}; "
            f"run placement again: handbill run {workspace.root}"
        )
    at = rows.column_names.index("send_at")
    rows = rows.set_column(at, "send_at", rows["send_at"].cast(pa.timestamp("us", "UTC")))
    rows = rows.sort_by([("contact_id", "ascending"), ("slot", "ascending")])
    return Plan(
        id=safe(plan_id),
        budget_micros=budget,
        response_model=promised.get("response_model"),
        rows=rows,
        contacts=tuple(_contacts(rows)),
    )


def check_budget(rows: pa.Table, plan: Plan) -> int:
    """The cost of rows that are about to be decided.

    Returns:
        Micros.

    Raises:
        PolicyError: They cost more than the plan's budget, or a cost is negative.
    """
    if rows.num_rows == 0:
        return 0
    cost: int = pc.sum(rows["cost_micros"]).as_py()
    if cost > plan.budget_micros:
        raise PolicyError(
            f"plan {plan.id} would cost {cost} micros and its budget is {plan.budget_micros}: "
            "nothing was delivered; run placement again"
        )
    if pc.min(rows["cost_micros"]).as_py() < 0:
        raise PolicyError(f"plan {plan.id} has a message of negative cost; run placement again")
    return cost


def read_table(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """Read the columns of one Parquet table.

    Raises:
        SourceError: It is missing, unreadable, or lacks a column.
    """
    if not path.is_file():
        raise SourceError(f"{path} is missing; run the stage that writes it: handbill run DIR")
    try:
        table = pq.read_table(path, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(
            f"cannot read {path} as Parquet; delete it and run again: {error}"
        ) from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise SourceError(
            f"{path} lacks {', '.join(missing)}; it has {', '.join(table.column_names)}; "
            "run the stage that writes it again"
        )
    return table.select(columns)


def safe(name: str) -> str:
    """An id that may name a file.

    Raises:
        PlanError: It holds anything that could lead elsewhere.
    """
    if _SAFE.fullmatch(name) is None:
        raise PlanError(f"the id {name!r} cannot name a file: letters, digits, . _ - only")
    return name


def _contacts(rows: pa.Table) -> list[Contact]:
    wanted = rows.select(["contact_id", "person", "send_at", "slot", "creative_id"])
    by_contact: dict[str, list[Mapping[str, Any]]] = {}
    for row in wanted.to_pylist():
        by_contact.setdefault(row["contact_id"], []).append(row)
    contacts = []
    for contact_id, slots in by_contact.items():
        lead = slots[0]
        same = {(row["person"], row["send_at"]) for row in slots} == {
            (lead["person"], lead["send_at"])
        }
        if not same or [row["slot"] for row in slots] != list(range(len(slots))):
            raise PlanError(
                f"contact {contact_id} has several people or times, or a gap in its slots; "
                "run placement again"
            )
        contacts.append(
            Contact(
                id=safe(contact_id),
                person=lead["person"],
                send_at=lead["send_at"],
                creatives=tuple(row["creative_id"] for row in slots),
            )
        )
    return contacts
