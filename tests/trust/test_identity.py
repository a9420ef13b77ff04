import base64
import hmac
import stat
from pathlib import Path

import pytest

from handbill.errors import WorkspaceError
from handbill.trust.identity import KEY_BYTES, open_key, pseudonym


def test_the_key_is_made_once_and_is_its_owners_only(tmp_path: Path) -> None:
    key = open_key(tmp_path / "keys")

    assert len(key) == KEY_BYTES
    assert open_key(tmp_path / "keys") == key
    assert stat.S_IMODE((tmp_path / "keys" / "identity.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_two_workspaces_have_different_keys(tmp_path: Path) -> None:
    assert open_key(tmp_path / "a") != open_key(tmp_path / "b")


@pytest.mark.parametrize("content", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_a_damaged_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity.key"
    path.write_bytes(content)

    with pytest.raises(WorkspaceError, match="restore it from your backup"):
        open_key(tmp_path)

    assert path.read_bytes() == content


def test_a_pseudonym_depends_on_key_kind_and_identifier_alone() -> None:
    key = bytes(KEY_BYTES)

    assert pseudonym(key, "customer", "42") == pseudonym(key, "customer", "42")
    others = {
        pseudonym(key, "customer", "43"),
        pseudonym(key, "email", "42"),
        pseudonym(b"\x01" * KEY_BYTES, "customer", "42"),
    }
    assert pseudonym(key, "customer", "42") not in others
    assert len(others) == 3


def test_kind_and_identifier_cannot_run_into_each_other() -> None:
    key = bytes(KEY_BYTES)
    assert pseudonym(key, "a", "bc") != pseudonym(key, "ab", "c")


def test_a_pseudonym_has_the_documented_shape() -> None:
    one = pseudonym(bytes(KEY_BYTES), "customer", "顾客 42")

    assert one.startswith("p_")
    assert len(one) == 2 + 26
    assert one[2:].isalnum()
    assert one == one.lower()


def test_a_pseudonym_is_the_base32_of_the_keyed_hash() -> None:
    key = bytes(range(KEY_BYTES))
    many = {number: pseudonym(key, "customer", str(number)) for number in range(2_000)}

    assert len(set(many.values())) == 2_000
    for number, one in many.items():
        digest = hmac.digest(key, f"customer\x1f{number}".encode(), "sha256")[:16]
        assert one == "p_" + base64.b32encode(digest).decode().rstrip("=").lower()
