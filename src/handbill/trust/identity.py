"""Pseudonyms: a keyed hash of the shop's own identifier; the key never lies in the log."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from handbill.errors import WorkspaceError

KEY_BYTES = 32
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
LETTERS = [one + other for one in BASE32 for other in BASE32]
"""Ten bits -> two letters: the standard library's base32 takes five times as long, and an import
makes hundreds of thousands of pseudonyms."""


def open_key(folder: Path) -> bytes:
    """The workspace's identity key; made on first use, readable by its owner only.

    Args:
        folder: `Workspace.keys`.

    Raises:
        WorkspaceError: The key file is damaged. Without the key the same people would get other
            pseudonyms, so it is never replaced in silence.
    """
    path = folder / "identity.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = secrets.token_bytes(KEY_BYTES)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
    if len(key) != KEY_BYTES:
        raise WorkspaceError(f"{path} is not a {KEY_BYTES}-byte key; restore it from your backup")
    return key


def pseudonym(key: bytes, kind: str, identifier: str) -> str:
    """The pseudonym of one identifier.

    Args:
        key: From `open_key`.
        kind: What the identifier is (`customer`, `email`, `device`), so that equal strings of
            different kinds differ.
        identifier: As the shop knows it. E-mail addresses are one whatever their case.

    Returns:
        `p_` and 26 characters: 128 bits of HMAC-SHA-256, base32.

    Example:
        >>> pseudonym(bytes(32), "customer", "42") == pseudonym(bytes(32), "customer", "42")
        True
        >>> pseudonym(bytes(32), "email", "42") == pseudonym(bytes(32), "customer", "42")
        False
        >>> pseudonym(bytes(32), "email", "A@b.com") == pseudonym(bytes(32), "email", "a@B.com")
        True
    """
    if "@" in identifier:
        identifier = identifier.lower()
    digest = hmac.digest(key, f"{kind}\x1f{identifier}".encode(), hashlib.sha256)
    bits = int.from_bytes(digest[:16], "big") << 2  # 130 bits, two letters for ten of them
    return "p_" + "".join([LETTERS[bits >> shift & 1023] for shift in range(120, -1, -10)])
