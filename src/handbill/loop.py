"""The six stages in order, resumable: a stage whose inputs have not changed is not run again.

A stage's key is the hash of all that it reads: the shop's profile, its own settings and code, and
the content of what the stages before it wrote. Its manifest is written last, so its existence means
that the outputs are whole; it is removed first, so an interrupted stage starts over.
"""

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handbill import __version__, audience, creative, delivery, events, feedback, placement
from handbill.config import Config
from handbill.errors import ConfigError
from handbill.ports import Progress
from handbill.state import decisions_digest, evidence_digest
from handbill.types import StageResult, StageRun, Text
from handbill.workspace import Workspace, read_json, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of the loop.

    Attributes:
        name: Also its settings section and its package.
        run: Does the work.
        reads: Stages whose outputs it reads.
        source: Fingerprint of what else it reads: the shop's exports, people's approvals.
    """

    name: str
    run: Callable[..., StageResult]
    reads: tuple[str, ...] = ()
    source: Callable[[Workspace, Any], str] = lambda workspace, settings: ""


def exports(workspace: Workspace, settings: events.Settings) -> str:
    """Fingerprint of the shop's exports, and of what the collector and people added since."""
    return events.fingerprint(settings) + events.collected(workspace)


def verdicts(workspace: Workspace, settings: object) -> str:
    """Fingerprint of what people approved, withdrew and proved; rules' approvals follow from it."""
    return decisions_digest(workspace.state_url) + evidence_digest(workspace.state_url)


def taught(workspace: Workspace, settings: object) -> str:
    """`verdicts`, and what results have taught the writers."""
    return verdicts(workspace, settings) + creative.taught(workspace)


STAGES = (
    Stage(name="events", run=events.run, source=exports),
    Stage(name="audience", run=audience.run, reads=("events",)),
    Stage(name="creative", run=creative.run, reads=("events", "audience"), source=taught),
    Stage(name="placement", run=placement.run, reads=("events", "audience", "creative")),
    Stage(name="delivery", run=delivery.run, reads=("creative", "placement"), source=verdicts),
    Stage(name="feedback", run=feedback.run, reads=("events", "placement", "delivery")),
)
STAGE_NAMES = tuple(stage.name for stage in STAGES)


def silent(message: str, fraction: float | None = None) -> None:
    """A progress that tells nobody."""


def run(
    workspace: Workspace,
    config: Config,
    *,
    until: str = STAGE_NAMES[-1],
    progress: Callable[[str], Progress] = lambda stage: silent,
) -> Iterator[StageRun]:
    """Run the stages in order, each only when something it reads has changed.

    Args:
        workspace: The shop.
        config: Its settings.
        until: Last stage to run.
        progress: Gives the progress to tell while a stage works, by the stage's name.

    Yields:
        Each stage's run, skipped ones too.

    Raises:
        ConfigError: There is no stage `until`.
        HandbillError: What a stage could not do.
    """
    if until not in STAGE_NAMES:
        raise ConfigError(f"no stage {until!r}; the stages are {', '.join(STAGE_NAMES)}")
    with workspace.lock():
        for stage in STAGES[: STAGE_NAMES.index(until) + 1]:
            yield run_stage(stage, workspace, config, progress(stage.name))


def run_stage(stage: Stage, workspace: Workspace, config: Config, progress: Progress) -> StageRun:
    """Run one stage, or find that its outputs still stand."""
    settings = getattr(config, stage.name)
    key = stage_key(stage, workspace, config)
    manifest = workspace.runs / f"{stage.name}.json"
    previous = read_run(workspace, stage.name)
    if previous is not None and previous.key == key and outputs_stand(workspace, stage.name):
        log.info("%s is up to date", stage.name)
        return dataclasses.replace(previous, skipped=True)
    manifest.unlink(missing_ok=True)
    started = time.monotonic()
    result = stage.run(workspace, config.shop, settings, progress)
    done = StageRun(
        name=stage.name,
        key=key,
        result=result,
        seconds=round(time.monotonic() - started, 2),
        finished_at=datetime.now(UTC),
        skipped=False,
    )
    write_run(workspace, done)
    return done


def finished(workspace: Workspace) -> tuple[StageRun, ...]:
    """The runs on record, in the order of the stages, for a report without a run."""
    runs = (read_run(workspace, name) for name in STAGE_NAMES)
    return tuple(dataclasses.replace(run, skipped=True) for run in runs if run is not None)


def stage_key(stage: Stage, workspace: Workspace, config: Config) -> str:
    """Hash of everything the stage reads, hex SHA-256."""
    settings = getattr(config, stage.name)
    parts = [
        __version__,
        stage.name,
        json.dumps(dataclasses.asdict(config.shop), default=str, sort_keys=True),
        json.dumps(dataclasses.asdict(settings), default=str, sort_keys=True),
        package_digest(stage.name),
        stage.source(workspace, settings),
        *(outputs_digest(workspace, name) for name in stage.reads),
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def package_digest(name: str) -> str:
    """Hash of the stage's own code and data files, so that changed code runs again."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent / name
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files among paths and below folders, sorted."""
    found: set[Path] = set()
    for path in paths:
        found.update(path.rglob("*") if path.is_dir() else [path])
    return sorted(path for path in found if path.is_file())


def write_run(workspace: Workspace, done: StageRun) -> None:
    """Write the manifest: what was reported, and each output file with its hash."""
    root = workspace.root
    outputs = [
        {
            "path": str(path.relative_to(root)),
            "size": (stat := path.stat()).st_size,
            "mtime_ns": stat.st_mtime_ns,
            "sha256": file_digest(path),
        }
        for path in files_of(done.result.outputs)
    ]
    record = {
        "name": done.name,
        "key": done.key,
        "seconds": done.seconds,
        "finished_at": done.finished_at.isoformat(),
        "figures": dict(done.result.figures),
        "notes": [{"en": note.en, "zh": note.zh} for note in done.result.notes],
        "roots": [str(path.relative_to(root)) for path in done.result.outputs],
        "outputs": outputs,
    }
    write_json(workspace.runs / f"{done.name}.json", record)


def read_run(workspace: Workspace, name: str) -> StageRun | None:
    """The stage's run on record, or None when it has never ended well."""
    path = workspace.runs / f"{name}.json"
    if not path.is_file():
        return None
    record = read_json(path)
    result = StageResult(
        figures=record["figures"],
        notes=tuple(Text(**note) for note in record["notes"]),
        outputs=tuple(workspace.root / one for one in record["roots"]),
    )
    return StageRun(
        name=name,
        key=record["key"],
        result=result,
        seconds=record["seconds"],
        finished_at=datetime.fromisoformat(record["finished_at"]),
        skipped=False,
    )


def outputs_stand(workspace: Workspace, name: str) -> bool:
    """Whether every output is still as it was written; content is read only when times differ."""
    for one in read_json(workspace.runs / f"{name}.json")["outputs"]:
        path = workspace.root / one["path"]
        if not path.is_file() or path.stat().st_size != one["size"]:
            return False
        if path.stat().st_mtime_ns != one["mtime_ns"] and file_digest(path) != one["sha256"]:
            return False
    return True


def outputs_digest(workspace: Workspace, name: str) -> str:
    """Hash over all outputs of a finished stage."""
    outputs = read_json(workspace.runs / f"{name}.json")["outputs"]
    lines = (f"{one['path']} {one['sha256']}" for one in outputs)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
