"""Messages as files: the folder of a plan is there whole or not at all."""

import shutil
from collections.abc import Iterable
from datetime import UTC
from email.message import EmailMessage
from pathlib import Path

from handbill.delivery.plan import Contact


def fill_outbox(
    outbox: Path, plan_id: str, messages: Iterable[tuple[Contact, EmailMessage]]
) -> Path:
    """Write all messages of a plan beside its folder, then put them in place.

    Args:
        outbox: `Workspace.outbox`.
        plan_id: Names the folder.
        messages: Each contact's.

    Returns:
        `outbox/<plan_id>`, with one folder per UTC day of sending.
    """
    final, part = outbox / plan_id, outbox / f".{plan_id}.part"
    old = outbox / f".{plan_id}.old"
    for left_over in (part, old):
        shutil.rmtree(left_over, ignore_errors=True)
    part.mkdir(parents=True)
    days: set[str] = set()
    for contact, message in messages:
        day = utc_day(contact)
        if day not in days:
            (part / day).mkdir()
            days.add(day)
        (part / day / f"{contact.id}.eml").write_bytes(message.as_bytes())
    if final.exists():
        final.rename(old)
    part.rename(final)
    shutil.rmtree(old, ignore_errors=True)
    return final


def utc_day(contact: Contact) -> str:
    """The day a contact is dated by, here and in the ledger."""
    return contact.send_at.astimezone(UTC).date().isoformat()
