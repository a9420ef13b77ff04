"""Keys: who may send events, and who may read. A tag's write key is public by nature."""

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from handbill.errors import ConfigError

VARIABLE = "HANDBILL_WRITE_KEYS"
FILE = "write.keys"
MIN_LENGTH = 8


class WriteKeys:
    """A set of keys that is compared without telling by its timing how near a guess came.

    Args:
        keys: At least one.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = frozenset(_digest(key) for key in keys)

    def __contains__(self, key: str) -> bool:
        return _digest(key) in self._digests


def open_keys(
    folder: Path, variable: str, *, name: str = VARIABLE, file: str = FILE
) -> tuple[WriteKeys, Path | None]:
    """The keys of the environment, else those of the workspace, made on first use.

    Args:
        folder: `Workspace.keys`.
        variable: Content of the environment's variable: keys with commas between, or empty.
        name: Of that variable.
        file: In the folder.

    Returns:
        The keys, and the file they stand in when it is the workspace's.

    Raises:
        ConfigError: A key is too short, or the file has none.
    """
    named = _split(variable.replace(",", "\n"))
    if named:
        return WriteKeys(_checked(named, name)), None
    path = folder / file
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as made:
            made.write(f"{secrets.token_urlsafe(24)}\n")
    keys = _split(path.read_text(encoding="utf-8"))
    if not keys:
        raise ConfigError(f"{path} holds no key; write one on a line, or delete the file")
    return WriteKeys(_checked(keys, str(path))), path


def basic_user(header: str) -> str | None:
    """The user name of an `Authorization: Basic` header, which is where Segment puts the key.

    Example:
        >>> basic_user("Basic a2V5Og==")
        'key'
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None


def _split(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _checked(keys: list[str], where: str) -> list[str]:
    if any(len(key) < MIN_LENGTH for key in keys):
        raise ConfigError(f"a key in {where} is shorter than {MIN_LENGTH} characters")
    return keys


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
