import struct
from pathlib import Path

import pytest

from handbill.audience.recommend.tracking import EventFile, _crc32c, _masked, open_tracker
from handbill.errors import ConfigError


def records(path: Path) -> list[bytes]:
    """The records of a TFRecord file, their checksums checked."""
    raw, found = path.read_bytes(), []
    while raw:
        size = struct.unpack("<Q", raw[:8])[0]
        assert raw[8:12] == _masked(raw[:8])
        assert raw[12 + size : 16 + size] == _masked(raw[12 : 12 + size])
        found.append(raw[12 : 12 + size])
        raw = raw[16 + size :]
    return found


def test_the_checksum_is_castagnolis() -> None:
    assert _crc32c(b"123456789") == 0xE3069283


def test_a_file_that_tensorboard_reads(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.handbill"
    for step in range(2):  # a resumed training writes on
        tracker = EventFile(path)
        tracker.log(step, {"loss": 1.5}, 1_700_000_000.0)
        tracker.close()
    first, *steps = records(path)
    assert b"brain.Event:2" in first
    assert len(steps) == 2
    assert all(b"loss" in one and struct.pack("<f", 1.5) in one for one in steps)


def test_unknown_trackers_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        open_tracker("nowhere", tmp_path, {})
