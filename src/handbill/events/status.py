"""What became of every row that was received: counts that add up, reasons, and refused rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handbill.errors import WorkspaceError
from handbill.events.repeats import Differing, count_repeats, differing
from handbill.workspace import Workspace, read_json

COLLECTED = "collector.json"
RECEIPTS = ("receipt.json", "imports.json", COLLECTED)
"""What the stage, for its source and for imported files, and the collector's compaction write."""
EXAMPLES = 2
"""Refused rows shown for each reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """One source's account.

    Attributes:
        source: Relation of the shop's source, folder of an imported file, or the collector.
        file: Name of the imported file; empty for the others.
        received: Rows that came.
        kept: Rows that went on.
        duplicate: Repetitions.
        quarantined: Rows refused.
        on_disk: Refused rows that lie in the quarantine; a running collector's may be on their way.
        reasons: Refused rows per reason code.
        examples: Reason code -> refused rows as JSON, identifiers already pseudonyms.
        differing: The collector's sales that came with another total than the one that counts.
    """

    source: str
    file: str
    received: int
    kept: int
    duplicate: int
    quarantined: int
    on_disk: int
    reasons: Mapping[str, int]
    examples: Mapping[str, Sequence[str]]
    differing: Sequence[Differing] = ()

    @property
    def reconciles(self) -> bool:
        """Whether every row received is kept, a repetition, or refused with a reason."""
        accounted = self.kept + self.duplicate + self.quarantined
        return self.received == accounted and sum(self.reasons.values()) == self.quarantined


def read_status(workspace: Workspace) -> list[SourceStatus]:
    """The account of every source, the import's first.

    Raises:
        WorkspaceError: Nothing was received yet, or a receipt is damaged.
    """
    found = []
    for name in RECEIPTS:
        path = workspace.quarantine / name
        if path.is_file():
            for source, entry in read_json(path).items():
                refused = _imported if name == "imports.json" else _beside
                one = _status(source, entry, refused(workspace.quarantine, source))
                found.append(_counted_once(one, workspace) if name == COLLECTED else one)
    if not found:
        raise WorkspaceError(f"nothing was received yet; run: handbill run {workspace.root}")
    return found


def _counted_once(collector: SourceStatus, workspace: Workspace) -> SourceStatus:
    """The collector's account when orders that came through another door, too, are repetitions."""
    repeated = count_repeats(workspace)
    return replace(
        collector,
        kept=collector.kept - repeated,
        duplicate=collector.duplicate + repeated,
        differing=differing(workspace),
    )


def _beside(quarantine: Path, source: str) -> list[pa.Table]:
    """Refused rows of a source that has files of its own."""
    stem = source.partition("/")[0]
    paths = [quarantine / f"{stem}.parquet", *sorted(quarantine.glob(f"{stem}-*.parquet"))]
    return [pq.read_table(path, columns=["reason", "raw"]) for path in paths if path.is_file()]


def _imported(quarantine: Path, source: str) -> list[pa.Table]:
    """Refused rows of an imported file: all of them lie in one place."""
    path, mine = quarantine / "imports.parquet", [("source", "=", source)]
    if not path.is_file():
        return []
    return [pq.read_table(path, columns=["reason", "raw"], filters=mine)]


def _status(source: str, entry: Mapping[str, Any], tables: list[pa.Table]) -> SourceStatus:
    reasons = dict(entry["reasons"])
    examples: dict[str, list[str]] = {reason: [] for reason in reasons}
    for table in tables:
        for reason, shown in examples.items():
            rows = table.filter(pc.equal(table["reason"], reason)).slice(0, EXAMPLES - len(shown))
            shown.extend(rows["raw"].to_pylist())
    return SourceStatus(
        source=source,
        file=entry.get("file", ""),
        received=entry["received"],
        kept=entry["kept"],
        duplicate=entry["duplicate"],
        quarantined=entry["quarantined"],
        on_disk=sum(table.num_rows for table in tables),
        reasons=reasons,
        examples=examples,
    )
