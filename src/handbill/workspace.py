"""A shop's folder: where everything lies, and how a file gets there whole or not at all."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handbill.errors import WorkspaceError

SETTINGS = "handbill.toml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of one shop. Opening does not create anything but what `create` made.

    Attributes:
        root: The shop's folder.
    """

    root: Path

    @classmethod
    def create(cls, root: Path, settings: str) -> "Workspace":
        """Make a new workspace with the given `handbill.toml`.

        Raises:
            WorkspaceError: There is one already, or the folder holds other things.
        """
        root = root.expanduser().resolve()
        if (root / SETTINGS).exists():
            raise WorkspaceError(f"{root} is a workspace already; run: handbill run {root}")
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise WorkspaceError(f"{root} is not an empty folder; name another one")
        root.mkdir(parents=True, exist_ok=True)
        workspace = cls(root)
        write_text(workspace.settings_path, settings)
        return workspace

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        """Open an existing workspace.

        Raises:
            WorkspaceError: The folder has no `handbill.toml`.
        """
        root = root.expanduser().resolve()
        if not (root / SETTINGS).is_file():
            raise WorkspaceError(f"{root} has no {SETTINGS}; create it with: handbill init {root}")
        return cls(root)

    @property
    def settings_path(self) -> Path:
        """The shop's settings."""
        return self.root / SETTINGS

    @property
    def catalog(self) -> Path:
        """Products, campaigns and offers, Parquet."""
        return self.root / "catalog"

    @property
    def events(self) -> Path:
        """The event log: `date=YYYY-MM-DD/*.parquet`."""
        return self.root / "log" / "events"

    @property
    def exposures(self) -> Path:
        """Where products stood in store and mailer, by week; Parquet."""
        return self.root / "log" / "exposures"

    @property
    def decisions(self) -> Path:
        """The decision ledger: `date=YYYY-MM-DD/*.parquet`."""
        return self.root / "log" / "decisions"

    @property
    def quarantine(self) -> Path:
        """Rejected rows with their reasons, and the receipts that reconcile."""
        return self.root / "log" / "quarantine"

    @property
    def imports(self) -> Path:
        """Files that were brought in one by one, each read once: `NNNN-format/`."""
        return self.root / "imports"

    @property
    def tables(self) -> Path:
        """Derived tables: features, segments, plans, backtests. Can be deleted and rebuilt."""
        return self.root / "tables"

    @property
    def models(self) -> Path:
        """`<kind>/<version>/` with weights and a card.json."""
        return self.root / "models"

    @property
    def images(self) -> Path:
        """Photos of products, each named by the product's id."""
        return self.catalog / "images"

    @property
    def pictures(self) -> Path:
        """Rendered pictures, each named by its SHA-256."""
        return self.root / "pictures"

    @property
    def outbox(self) -> Path:
        """Messages that are ready; nothing here has been sent."""
        return self.root / "outbox"

    @property
    def reports(self) -> Path:
        """Pages for people."""
        return self.root / "reports"

    @property
    def keys(self) -> Path:
        """Secrets that must never lie in the log: the identity key."""
        return self.root / "keys"

    @property
    def runs(self) -> Path:
        """Manifests of finished stages."""
        return self.root / ".handbill" / "stages"

    @property
    def state_url(self) -> str:
        """SQLAlchemy URL of the embedded state."""
        return f"sqlite:///{self.root / 'state.sqlite'}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace for writing; the lock goes with the process, even when it is killed.

        Raises:
            WorkspaceError: Another process holds it.
        """
        busy = f"another run is writing to {self.root}; wait for it to end, then run again"
        with holding(self.root / ".handbill" / "lock", busy):
            yield


@contextmanager
def holding(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock file for the length of the block; it goes with the process, even when killed.

    Raises:
        WorkspaceError: Another process holds it; the message is `busy`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WorkspaceError(busy) from error
        yield


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there when the block ends well.

    The rename is atomic, so a reader sees the old file or the new one, never half of one, and an
    interrupted run leaves the old one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 text file whole or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, value: Mapping[str, Any] | list[Any]) -> Path:
    """Write a JSON file whole or not at all; keys keep their order, Chinese stays readable."""
    return write_text(path, json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of ours.

    Raises:
        WorkspaceError: It is missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WorkspaceError(f"{path} is missing; run: handbill run {path.parent}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WorkspaceError(f"{path} is damaged; delete it and run again: {error}") from error


def write_parquet(path: Path, table: pa.Table) -> Path:
    """Write a Parquet file whole or not at all (zstd)."""
    with replacing(path) as part:
        pq.write_table(table, part, compression="zstd")
    return path
