"""A collector as a process of its own: `python -m benchmarks.collector_server DIR`."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEY = "benchmark-write-key"
START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Server:
    """A running collector.

    Attributes:
        process: Its process.
        port: Where it listens, on loopback.
    """

    process: subprocess.Popen[str]
    port: int

    def stop(self) -> None:
        """Ask it to close, and wait until everything lies in the log."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(timeout=60) != 0:
            raise RuntimeError(f"the collector ended with {self.process.returncode}")

    def kill(self) -> None:
        """End it as a power cut would, as far as a process can tell."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(folder: Path, *, compact_seconds: float = 60.0) -> Iterator[Server]:
    """Start a collector on a free port; kill it at the end if it still runs."""
    command = [sys.executable, "-m", "benchmarks.collector_server", str(folder)]
    command += ["--compact-seconds", str(compact_seconds)]
    environment = os.environ | {"HANDBILL_WRITE_KEYS": KEY}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None  # noqa: S101  it was asked for above
            port = json.loads(process.stdout.readline())["port"]
            health = f"http://127.0.0.1:{port}/healthz"
            with urllib.request.urlopen(health, timeout=START_SECONDS):
                yield Server(process, port)
        finally:
            process.kill()


def main() -> None:
    """Serve until told to stop."""
    from handbill.api.serve import serve
    from handbill.events.collector import Settings
    from handbill.types import ShopProfile
    from handbill.workspace import Workspace

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compact-seconds", type=float, required=True)
    given = parser.parse_args()
    new = not given.folder.exists()
    workspace = Workspace.create(given.folder, "") if new else Workspace.open(given.folder)
    shop = ShopProfile(
        name="Benchmark",
        currency="USD",
        timezone="UTC",
        language="en",
        as_of=datetime.now(UTC).date(),
    )

    def say(line: str) -> None:
        if "http://" in line:
            port = int(line.partition("http://")[2].split()[0].rpartition(":")[2])
            print(json.dumps({"port": port}), flush=True)

    serve(workspace, shop, Settings(compact_seconds=given.compact_seconds), port=0, say=say)


if __name__ == "__main__":
    main()
