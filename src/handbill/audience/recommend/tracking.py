"""How training goes, for those who watch: TensorBoard files, or a tracking service by setting.

The files are written here, without TensorBoard: a record is a length, a masked CRC-32C of it, a
protocol buffer and a masked CRC-32C of that.

Source: TFRecord and `tensorflow.Event` as TensorBoard reads them.
"""

import importlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from handbill.audience.settings import TRACKERS
from handbill.errors import ConfigError, ModelError


class Tracker(Protocol):
    """Keeps figures by step."""

    def log(self, step: int, figures: Mapping[str, float], at: float) -> None:
        """Keep figures of one step.

        Args:
            step: Running number.
            figures: By name.
            at: Epoch seconds.
        """

    def close(self) -> None:
        """Write what is left."""


def open_tracker(name: str, folder: Path, settings: Mapping[str, float]) -> Tracker:
    """The tracker of a name.

    Args:
        name: One of `TRACKERS`.
        folder: Where TensorBoard's file goes; its name is also the run's name elsewhere.
        settings: Of the run, shown beside it.

    Raises:
        ConfigError: There is no such tracker.
        ModelError: Its package is not installed.
    """
    if name == "none":
        return Silent()
    if name == "tensorboard":
        return EventFile(folder / "events.out.tfevents.handbill")
    if name not in TRACKERS:
        raise ConfigError(f"no tracker {name!r}; there are {', '.join(TRACKERS)}")
    try:
        package = importlib.import_module(name)
    except ImportError as error:
        raise ModelError(f"the tracker {name} needs: pip install {name}") from error
    return Service(package, folder.name, settings)


class Silent:
    """Keeps nothing."""

    def log(self, step: int, figures: Mapping[str, float], at: float) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Nothing is left."""


class Service:
    """Weights & Biases or MLflow, which share these verbs.

    Args:
        package: The imported module.
        run: Name of the run.
        settings: Shown beside it.
    """

    def __init__(self, package: Any, run: str, settings: Mapping[str, float]) -> None:
        self._package = package
        self._wandb = package.__name__ == "wandb"
        if self._wandb:
            package.init(project="handbill", name=run, config=dict(settings))
        else:
            package.start_run(run_name=run)
            package.log_params(dict(settings))

    def log(self, step: int, figures: Mapping[str, float], at: float) -> None:
        """Send figures."""
        send = self._package.log if self._wandb else self._package.log_metrics
        send(dict(figures), step=step)

    def close(self) -> None:
        """End the run."""
        (self._package.finish if self._wandb else self._package.end_run)()


class EventFile:
    """A file that TensorBoard opens; one that is there is written on.

    Args:
        path: Its name holds `tfevents`, by which TensorBoard finds it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        self._file = path.open("ab")
        if new:
            self._write(_double(1, 0.0) + _bytes(3, b"brain.Event:2"))

    def log(self, step: int, figures: Mapping[str, float], at: float) -> None:
        """Append one record, readable at once."""
        values = b"".join(
            _bytes(1, _bytes(1, name.encode()) + _float(2, value))
            for name, value in figures.items()
        )
        self._write(_double(1, at) + _integer(2, step) + _bytes(5, values))
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        record = length + _masked(length) + event + _masked(event)
        self._file.write(record)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _masked(data: bytes) -> bytes:
    """CRC-32C (Castagnoli), turned and offset as the format wants it.

    Example:
        >>> _crc32c(b"123456789") == 0xE3069283
        True
    """
    crc = _crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
