"""Small real inputs, and a look at what the import made of them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from handbill.events import Settings, run
from handbill.events.imported import Imported as ImportedFile
from handbill.events.imports import import_files
from handbill.events.mapping import FileMap
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace, read_json

ORDERS = "customer_id,order_id,product_id,ordered_at,quantity,paid"

SHOP = ShopProfile(
    name="Corner shop", currency="EUR", timezone="Europe/Berlin", language="en",
    as_of=date(2026, 6, 1),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Imported:
    """An import, and questions to it."""

    workspace: Workspace
    result: StageResult

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; `{log}`, `{catalog}` and `{quarantine}` are the folders."""
        root = self.workspace
        query = sql.format(
            log=f"read_parquet('{root.events}/**/*.parquet')",
            catalog=root.catalog,
            quarantine=root.quarantine,
            exposures=f"read_parquet('{root.exposures}/*.parquet')",
        )
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(query).fetchall()

    @property
    def receipt(self) -> dict[str, Any]:
        return dict(read_json(self.workspace.quarantine / "receipt.json"))

    @property
    def reasons(self) -> list[tuple[int, str]]:
        return self.ask("SELECT row, reason FROM '{quarantine}/orders.parquet' ORDER BY row")


Importing = Callable[..., Imported]


@pytest.fixture
def shop() -> ShopProfile:
    return SHOP


@pytest.fixture
def importing(workspace: Workspace, tmp_path: Path) -> Importing:
    """Import a folder made of the given files; each value is lines, or bytes as they are."""

    def go(
        orders: Sequence[str] | bytes,
        *,
        settings: dict[str, Any] | None = None,
        profile: dict[str, Any] | None = None,
        **others: Sequence[str] | bytes,
    ) -> Imported:
        folder = tmp_path / "exports"
        folder.mkdir(exist_ok=True)
        for name, content in {"orders": orders, **others}.items():
            data = content if isinstance(content, bytes) else "\n".join(content).encode()
            (folder / f"{name}.csv").write_bytes(data)
        result = run(
            workspace,
            replace(SHOP, **(profile or {})),
            Settings(source=str(folder), **(settings or {})),
            lambda message, fraction=None: None,
        )
        return Imported(workspace, result)

    return go


Bringing = Callable[..., ImportedFile]


@pytest.fixture
def bringing(workspace: Workspace, tmp_path: Path) -> Bringing:
    """Write a file and bring it in; the content is lines, objects for JSON lines, or bytes."""

    def go(
        content: Sequence[str | Mapping[str, Any]] | bytes,
        mapping: FileMap | None = None,
        *,
        name: str = "file.csv",
        format_name: str = "",
        profile: ShopProfile = SHOP,
    ) -> ImportedFile:
        path = tmp_path / name
        if not isinstance(content, bytes):
            lines = [one if isinstance(one, str) else json.dumps(one) for one in content]
            content = "\n".join(lines).encode()
        path.write_bytes(content)
        (done,) = import_files(
            workspace, profile, [path], mapping=mapping, format_name=format_name,
            progress=lambda message, fraction=None: None,
        )  # fmt: skip
        return done.imported

    return go


@pytest.fixture(scope="session")
def manual() -> str:
    return (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
