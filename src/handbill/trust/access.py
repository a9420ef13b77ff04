"""Access: people who may sign in to the console, each with a key of their own.

Whoever holds a key signs by the name it was made for; only its hash is kept.
"""

import hashlib
import secrets
from pathlib import Path

from handbill.errors import ConfigError
from handbill.workspace import read_json, write_json

FILE = "people.json"
LONGEST_NAME = 80


def admit(folder: Path, name: str) -> str:
    """Let someone in, or give them a new key in place of the one they lost.

    Args:
        folder: `Workspace.keys`.
        name: How they sign.

    Returns:
        Their key, shown this once.

    Raises:
        ConfigError: The name is empty, too long, or one that only rules sign with.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable() or ":" in name:
        raise ConfigError(
            f"{name!r} is no name to sign with: 1 to {LONGEST_NAME} characters, no colon"
        )
    key = secrets.token_urlsafe(24)
    _keep(folder, {**_kept(folder), name: _digest(key)})
    return key


def dismiss(folder: Path, name: str) -> None:
    """Let someone in no longer; what they signed stays signed.

    Raises:
        ConfigError: Nobody of this name may sign in.
    """
    kept = _kept(folder)
    if name not in kept:
        known = ", ".join(sorted(kept)) or "nobody"
        raise ConfigError(f"{name!r} may not sign in anyway; who may: {known}")
    _keep(folder, {other: digest for other, digest in kept.items() if other != name})


def admitted(folder: Path) -> tuple[str, ...]:
    """Who may sign in, by name."""
    return tuple(sorted(_kept(folder)))


def holder(folder: Path, key: str) -> str | None:
    """Whose key this is; None when it is nobody's."""
    digest = _digest(key)
    return next((name for name, kept in _kept(folder).items() if kept == digest), None)


def _kept(folder: Path) -> dict[str, str]:
    path = folder / FILE
    return dict(read_json(path)) if path.exists() else {}


def _keep(folder: Path, kept: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_json(folder / FILE, kept)


def _digest(key: str) -> str:
    """The key is 192 random bits, so that a plain hash cannot be guessed back."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
