"""What the shop decided: creatives, approvals and plans, in SQL.

SQLite in the workspace by default, PostgreSQL by URL. The schema grows by the migrations in
`handbill/migrations`; the tables here are what the newest one leaves.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Engine,
    ForeignKey,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    make_url,
    select,
)

metadata = MetaData()

creatives = Table(
    "creatives",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("brief_id", String(64), nullable=False, index=True),
    Column("segment_id", String(64), nullable=False),
    Column("offer_id", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("headline", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("call_to_action", Text, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("brief", JSON, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("model", String(128), nullable=False),
    Column("adapter", String(128), nullable=False),
    Column("prompt", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""Ads as templates, the rejected ones too; `status` is passed, rejected or withdrawn."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("creative_id", ForeignKey("creatives.id"), nullable=False, index=True),
    Column("digest", String(64), nullable=False),
    Column("decision", String(16), nullable=False),
    Column("decided_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
)
"""Who approved or rejected which digest, and why; never changed, only added to."""

plans = Table(
    "plans",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("as_of", String(10), nullable=False),
    Column("path", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("expected", JSON, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)
"""Plans that were made, with what they promised."""

link_consents = Table(
    "link_consents",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("person", String(64), nullable=False, index=True),
    Column("granted", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
)
"""Whether a person's devices may be merged with them; never changed, only added to."""

evidence = Table(
    "evidence",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("product_id", String(128), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("statement", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("valid_until", String(10), nullable=False),
    Column("added_by", String(128), nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
    Column("withdrawn_by", String(128), nullable=False),
    Column("withdrawn_because", Text, nullable=False),
    Column("withdrawn_at", DateTime(timezone=True), nullable=True),
)
"""What proves a claim, by whom and until when; withdrawn once, never deleted.

`product_id` and `valid_until` are empty for the whole shop and for no end.
"""


def open_state(url: str) -> Engine:
    """Open the state and bring its schema up to date.

    Args:
        url: SQLAlchemy URL, such as `Workspace.state_url`.

    Returns:
        An engine; SQLite waits for other writers and enforces foreign keys.
    """
    from alembic import command  # Alembic is only needed here, and takes a while to import
    from alembic.config import Config

    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return engine


@contextmanager
def closing_state(url: str) -> Iterator[Engine]:
    """`open_state` for the length of a block."""
    engine = open_state(url)
    try:
        yield engine
    finally:
        engine.dispose()


def decisions_digest(url: str) -> str:
    """Hash of what people, not rules, decided about creatives; empty before the first decision.

    Args:
        url: SQLAlchemy URL of the state; one that does not exist yet is not made.
    """
    path = make_url(url).database
    if url.startswith("sqlite") and not (path and Path(path).exists()):
        return ""
    rows = (
        select(approvals.c.creative_id, approvals.c.digest, approvals.c.decision)
        .join(creatives)
        .where(approvals.c.decided_by.not_like("policy:%"))
        .where(creatives.c.channel.not_like("copy:%"))  # no stage reads what is written for exports
        .order_by(approvals.c.decided_at, approvals.c.id)
    )
    with closing_state(url) as engine, engine.connect() as connection:
        lines = [" ".join(row) for row in connection.execute(rows)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def evidence_digest(url: str) -> str:
    """Hash of the records that stand; empty when there are none.

    Args:
        url: SQLAlchemy URL of the state; one that does not exist yet is not made.
    """
    path = make_url(url).database
    if url.startswith("sqlite") and not (path and Path(path).exists()):
        return ""
    standing = select(evidence.c.id).where(evidence.c.withdrawn_at.is_(None)).order_by("id")
    with closing_state(url) as engine, engine.connect() as connection:
        ids = connection.execute(standing).scalars().all()
    return hashlib.sha256("\n".join(ids).encode()).hexdigest() if ids else ""


def _prepare_sqlite(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.close()
