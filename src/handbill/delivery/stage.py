"""Runs the stage: checks the plan at the door, writes ledger and outbox, counts what is refused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from email.message import EmailMessage

import pyarrow as pa
import pyarrow.compute as pc

from handbill.delivery.ledger import decisions, write_ledger
from handbill.delivery.message import Sender, compose, message_id
from handbill.delivery.outbox import fill_outbox
from handbill.delivery.plan import Contact, Plan, check_budget, read_plan
from handbill.delivery.settings import REPLAY, Settings, check_lawful
from handbill.delivery.shelf import Ad, Refused, Shelf
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult, Text
from handbill.workspace import Workspace, write_json

_TOLD_EVERY = 200

REASONS = {
    "unknown": Text(en="the creative is not on the shelf", zh="广告不在库中"),
    "not-approved": Text(en="the creative is not approved", zh="广告未获批准"),
    "changed": Text(en="the creative is not what was approved", zh="广告与批准时的内容不一致"),
    "unfilled": Text(en="a fact is missing in the creative", zh="广告缺少事实字段"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedContact:
    """A message that was not written.

    Attributes:
        contact_id: Which.
        creative_id: The first creative in it that may not run.
        reason: Why, a key of `REASONS`.
    """

    contact_id: str
    creative_id: str
    reason: str


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Turn the plan into messages in the outbox and rows in the ledger. Nothing is sent.

    Args:
        workspace: The shop; `tables/` must hold what creative and placement write.
        shop: Its name, zone and day.
        settings: Who writes, and on what ground.
        progress: Told of each step.

    Returns:
        Counts and cost, what was written, and a note on what was refused.

    Raises:
        PolicyError: There is no consent basis, or the plan costs more than its budget.
        PlanError: The plan contradicts itself.
        SourceError: A table is missing or not as docs/tables.md says.
    """
    check_lawful(settings)
    progress("checking plan and approvals", 0.0)
    plan = read_plan(workspace)
    shelf = Shelf.open(workspace)
    kept, refused = sift(plan.contacts, shelf)
    rows = _rows_of(plan.rows, kept)
    cost = check_budget(rows, plan)
    sender = Sender.of(settings, shop)
    domain = sender.address.domain
    progress("writing the ledger", 0.1)
    ledger = write_ledger(
        workspace,
        plan.id,
        decisions(
            rows,
            plan,
            {name: ad for name, ad in shelf.entries.items() if isinstance(ad, Ad)},
            {contact.id: message_id(plan.id, contact.id, domain) for contact, _ in kept},
            consent_basis=settings.consent_basis,
            decided_at=datetime.combine(shop.as_of, time(), UTC),
        ),
    )
    outbox = fill_outbox(workspace.outbox, plan.id, _messages(kept, plan, sender, progress))
    summary = {
        "plan_id": plan.id,
        "messages": len(kept),
        "decisions": rows.num_rows,
        "cost_micros": cost,
        "budget_micros": plan.budget_micros,
        "consent_basis": settings.consent_basis,
        "refused": [asdict(one) for one in refused],
    }
    receipt = write_json(workspace.tables / "delivery.json", summary)
    figures = {**summary, "refused": len(refused)}
    return StageResult(
        figures=figures, outputs=(outbox, *ledger, receipt), notes=_notes(kept, refused, settings)
    )


def sift(
    contacts: Sequence[Contact], shelf: Shelf
) -> tuple[list[tuple[Contact, list[Ad]]], list[RefusedContact]]:
    """Part the messages that may run from those that may not.

    One creative that may not run refuses its whole message: with a hole in it, it would be neither
    what was planned nor what its propensities describe.

    Returns:
        Contacts with their ads, and the refused ones with the first reason.
    """
    kept: list[tuple[Contact, list[Ad]]] = []
    refused: list[RefusedContact] = []
    for contact in contacts:
        ads = []
        for creative_id in contact.creatives:
            found = shelf.ad(creative_id)
            if isinstance(found, Refused):
                refused.append(
                    RefusedContact(
                        contact_id=contact.id, creative_id=creative_id, reason=found.reason
                    )
                )
                break
            ads.append(found)
        else:
            kept.append((contact, ads))
    return kept, refused


def _rows_of(rows: pa.Table, kept: Sequence[tuple[Contact, list[Ad]]]) -> pa.Table:
    ids = pa.array([contact.id for contact, _ in kept], pa.string())
    return rows.filter(pc.is_in(rows["contact_id"].cast(pa.string()), value_set=ids))


def _messages(
    kept: Sequence[tuple[Contact, list[Ad]]], plan: Plan, sender: Sender, progress: Progress
) -> Iterator[tuple[Contact, EmailMessage]]:
    for number, (contact, ads) in enumerate(kept):
        if number % _TOLD_EVERY == 0:
            progress("writing messages", 0.2 + 0.8 * number / len(kept))
        yield contact, compose(contact, ads, plan.id, sender)


def _notes(
    kept: Sequence[object], refused: Sequence[RefusedContact], settings: Settings
) -> tuple[Text, ...]:
    notes = []
    if not kept and not refused:
        notes.append(
            Text(
                en="The plan is empty, so there are no messages.",
                zh="计划为空，因此没有生成任何邮件。",
            )
        )
    for reason, count in sorted(Counter(one.reason for one in refused).items()):
        why = REASONS[reason]
        notes.append(
            Text(
                en=f"{count:,} messages were refused: {why.en}. Approve it and run again.",
                zh=f"有 {count:,} 封邮件被拦下：{why.zh}。请重新审批后再运行。",
            )
        )
    if settings.consent_basis == REPLAY:
        notes.append(
            Text(
                en="This is a replay: the source records no consent, and nothing was sent.",
                zh="这是对历史的回放：数据源没有同意记录，也没有发送任何内容。",
            )
        )
    return tuple(notes)
