"""What every benchmark shares: a measured child process, the machine in words, one table."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A finished child process.

    Attributes:
        output: Its standard output.
        seconds: Wall time.
        peak_gb: Largest resident memory of the process and the children it waited for, GiB.
    """

    output: str
    seconds: float
    peak_gb: float


def measure(command: Sequence[str]) -> Measured:
    """Run a command to its end, with the operating system's own account of it.

    Raises:
        RuntimeError: It failed.
    """
    started = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None  # noqa: S101  it was asked for above
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}")
    seconds = time.monotonic() - started
    return Measured(output=output, seconds=seconds, peak_gb=usage.ru_maxrss / 2**20)


def arguments(description: str) -> argparse.Namespace:
    """The options all benchmarks know: `--json` and `--quick`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--quick", action="store_true", help="less work, for a first look")
    return parser.parse_args()


class Part(Protocol):
    """A module that measures something."""

    @staticmethod
    def figures(quick: bool) -> tuple[dict[str, Any], list[str]]:
        """Figures and what to know about them."""


def run_parts(description: str, parts: Sequence[Part], *, quick: str) -> None:
    """Run every part and print one table.

    Args:
        description: Of the benchmark.
        parts: In the order in which they run.
        quick: What `--quick` leaves out.
    """
    options = arguments(description)
    figures: dict[str, float | int] = {}
    notes = [f"quick: {quick}"] if options.quick else []
    for part in parts:
        found, said = part.figures(options.quick)
        figures |= found
        notes += said
    show(figures, notes, as_json=options.json)


def machine() -> dict[str, str | int | float]:
    """The machine the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count() or 0,
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def show(figures: Mapping[str, float | int], notes: Sequence[str], *, as_json: bool) -> None:
    """Print the table and, when asked, one JSON object as the last line."""
    width = max(map(len, figures))
    for name, value in figures.items():
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
        print(f"{name:<{width}}  {text:>14}")
    for note in notes:
        print(f"note: {note}")
    if as_json:
        print(json.dumps({"figures": figures, "machine": machine(), "notes": list(notes)}))
    sys.stdout.flush()
