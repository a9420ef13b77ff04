"""Files that were brought in one by one: each is read once into the workspace's `imports/`.

    imports/0001-ga4/import.json      what it was, and what was read of it
    imports/0001-ga4/events.parquet   its rows in the canonical columns, people as pseudonyms

The stage judges these rows beside those of its own source, so that a changed bound or a later order
reaches them, too. A folder appears whole or not at all; deleting it takes the file back out at the
next run. The file itself is not needed again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from handbill.errors import WorkspaceError
from handbill.workspace import Workspace, read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One file as it lies in `imports/`.

    Attributes:
        seq: Counts up; of two products with one id the later import's is believed.
        file: Name it had, with the archive's before it.
        format: Name of its format.
        key: Hash of its content and of how it was read.
        records: Records it held.
        rows: Relation -> rows.
        marks: What was strange about times -> rows.
        mapping: How its columns were read; empty for a known format.
    """

    seq: int
    file: str
    format: str
    key: str
    records: int
    rows: Mapping[str, int]
    marks: Mapping[str, int] = field(default_factory=dict)
    mapping: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """Its folder's name."""
        return f"{self.seq:04}-{self.format}"


def imported_files(workspace: Workspace) -> list[Imported]:
    """Every file that was brought in, oldest first.

    Raises:
        WorkspaceError: A record is damaged.
    """
    found = []
    for path in workspace.imports.glob("[0-9]*/import.json"):
        try:
            found.append(msgspec.convert(read_json(path), Imported))
        except msgspec.ValidationError as error:
            raise WorkspaceError(
                f"{path} is damaged: {error}; delete {path.parent} and import the file again"
            ) from error
    return sorted(found, key=lambda one: one.seq)


def fingerprint(workspace: Workspace) -> str:
    """Hash of all imported files; empty when there are none."""
    keys = [f"{one.seq} {one.key}" for one in imported_files(workspace)]
    return hashlib.sha256("\n".join(keys).encode()).hexdigest() if keys else ""
