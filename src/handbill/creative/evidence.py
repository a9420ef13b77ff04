"""Evidence: what proves a claim, on record; withdrawn, it takes its ads along."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Engine, select, update

from handbill.creative.claims import VALUED, kinds
from handbill.creative.goods import Field
from handbill.errors import PolicyError
from handbill.state import creatives, evidence
from handbill.types import LANGUAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A proof on file.

    Attributes:
        id: Ours.
        product_id: Of the product; empty for the whole shop.
        kind: Of claim that it bears.
        statement: What it proves, in the words that an ad may use.
        document: The report, certificate or page.
        valid_until: Last day, ISO; empty for no end.
        added_by: Who put it on record.
    """

    id: str
    product_id: str
    kind: str
    statement: str
    document: str
    valid_until: str
    added_by: str

    def holds(self, product_id: str, today: date) -> bool:
        """Whether it bears claims on a product on a day."""
        return self.product_id in ("", product_id) and (
            not self.valid_until or today.isoformat() <= self.valid_until
        )

    @property
    def field(self) -> Field:
        """As the checks read it."""
        return Field(name=self.kind, value=self.statement, source=f"evidence#{self.id}")


def known_kinds() -> tuple[str, ...]:
    """The kinds of claims that a record can bear."""
    worded = {kind.name for language in LANGUAGES for kind in kinds(language)}
    return tuple(sorted({*worded, *VALUED, "number", "percent", "price", "off"}))


def add(
    engine: Engine,
    *,
    kind: str,
    statement: str,
    document: str,
    by: str,
    now: datetime,
    product_id: str = "",
    valid_until: date | None = None,
) -> Record:
    """Put a proof on record.

    Raises:
        PolicyError: The kind is unknown, or one of statement, document and name is missing.
    """
    if kind not in known_kinds():
        raise PolicyError(f"no kind of claim {kind!r}; known: {', '.join(known_kinds())}")
    for name, value in (("--says", statement), ("--document", document), ("--by", by)):
        if not value.strip():
            raise PolicyError(f"a record needs {name}: what it proves, where, and who says so")
    record = Record(
        id="e_" + uuid.uuid4().hex[:26],
        product_id=product_id.strip(),
        kind=kind,
        statement=statement.strip(),
        document=document.strip(),
        valid_until=valid_until.isoformat() if valid_until else "",
        added_by=by.strip(),
    )
    with engine.begin() as connection:
        connection.execute(
            evidence.insert().values(
                id=record.id,
                product_id=record.product_id,
                kind=record.kind,
                statement=record.statement,
                document=record.document,
                valid_until=record.valid_until,
                added_by=record.added_by,
                added_at=now,
                withdrawn_by="",
                withdrawn_because="",
            )
        )
    return record


def standing(engine: Engine) -> tuple[Record, ...]:
    """The records that nobody withdrew, oldest first, those past their last day too."""
    rows = (
        select(evidence)
        .where(evidence.c.withdrawn_at.is_(None))
        .order_by(evidence.c.added_at, evidence.c.id)
    )
    with engine.connect() as connection:
        return tuple(
            Record(
                id=row.id,
                product_id=row.product_id,
                kind=row.kind,
                statement=row.statement,
                document=row.document,
                valid_until=row.valid_until,
                added_by=row.added_by,
            )
            for row in connection.execute(rows)
        )


def withdraw(engine: Engine, record_id: str, *, by: str, reason: str, now: datetime) -> int:
    """Take a record back, and with it every ad that rests on it.

    Returns:
        Number of ads withdrawn.

    Raises:
        PolicyError: No such record stands, or a name or reason is missing.
    """
    if not by.strip() or not reason.strip():
        raise PolicyError("say who withdraws it and why: --by NAME --reason TEXT")
    with engine.begin() as connection:
        taken = connection.execute(
            update(evidence)
            .where(evidence.c.id == record_id, evidence.c.withdrawn_at.is_(None))
            .values(withdrawn_by=by.strip(), withdrawn_because=reason.strip(), withdrawn_at=now)
        )
        if taken.rowcount != 1:
            raise PolicyError(f"no standing record {record_id}; list them: creative evidence list")
        shown = connection.execute(
            select(creatives.c.id, creatives.c.findings).where(creatives.c.status == "passed")
        ).all()
        gone = [row.id for row in shown if rests_on(row.findings, f"evidence#{record_id}")]
        connection.execute(
            update(creatives).where(creatives.c.id.in_(gone)).values(status="withdrawn")
        )
    return len(gone)


def rests_on(findings: Sequence[dict[str, str]], source: str) -> bool:
    """Whether an ad's findings name a source as what bears one of its claims."""
    return any(
        one["outcome"] == "pass" and one["reason"].endswith(f" It rests on {source}.")
        for one in findings
    )
