"""Promoted adapters: which child writes in its parent's place."""

from pathlib import Path

from handbill.workspace import read_json, write_json

FILE = "promoted.json"
"""Parent's version to child's; without it, or a line of it, the parent writes again."""


def promote(folder: Path, parent: str, child: str) -> None:
    """Let a child write in its parent's place.

    Args:
        folder: Where the adapters of a shop lie.
        parent: Version.
        child: Version.
    """
    write_json(folder / FILE, _known(folder) | {parent: child})


def current(folder: Path, version: str) -> str:
    """The version that writes in an adapter's place: its newest child whose folder is whole."""
    known, seen = _known(folder), {version}
    while (child := known.get(version, version)) not in seen:
        if not (folder / child / "card.json").is_file():
            break
        seen.add(child)
        version = child
    return version


def _known(folder: Path) -> dict[str, str]:
    path = folder / FILE
    return dict(read_json(path)) if path.is_file() else {}
