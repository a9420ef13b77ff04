from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from handbill.state import approvals, metadata, open_state, plans


def test_migrations_leave_what_the_code_declares(tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path / 'state.sqlite'}")
    found = sa.inspect(engine)
    for table in metadata.sorted_tables:
        columns = {one["name"]: one["nullable"] for one in found.get_columns(table.name)}
        assert columns == {one.name: one.nullable for one in table.columns}
    engine.dispose()


def test_opening_twice_keeps_the_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.sqlite'}"
    engine = open_state(url)
    row = {
        "id": "a",
        "as_of": "2017-10-30",
        "path": "p",
        "digest": "d",
        "settings": {},
        "expected": {},
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    with engine.begin() as connection:
        connection.execute(plans.insert().values(row))
    engine.dispose()
    engine = open_state(url)
    with engine.connect() as connection:
        assert connection.execute(sa.select(plans.c.id)).scalars().all() == ["a"]
    engine.dispose()


def test_an_approval_needs_its_creative(tmp_path: Path) -> None:
    engine = open_state(f"sqlite:///{tmp_path / 'state.sqlite'}")
    row = {
        "id": "a",
        "creative_id": "no such",
        "digest": "d",
        "decision": "approved",
        "decided_by": "policy:checks",
        "reason": "",
        "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(approvals.insert().values(row))
    engine.dispose()
