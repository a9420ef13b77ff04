"""The collector on this machine: acknowledged events per second, latency, and what kill -9 costs.

Client and server share the machine's cores. Every event is on disk (SQLite, `synchronous = FULL`)
before it is answered, and the log is written meanwhile. Source of the load: `collector_load.py`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.collector_server import Server, serving
from benchmarks.harness import arguments, show

BATCH = 50
ROUNDS = 3
COMPACT_SECONDS = 2.0


def load(
    server: Server, *, connections: int, requests: int, batch: int, seed: int
) -> dict[str, float]:
    """What one run of the load measured, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.collector_load", "--port", str(server.port)]
    given = {"connections": connections, "requests": requests, "batch": batch, "seed": seed}
    command += [part for name, value in given.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    if measured["refused"]:
        raise RuntimeError(f"{measured['refused']} requests were not acknowledged")
    return measured


def speed(quick: bool) -> dict[str, float]:
    """Throughput in batches and one by one, and the latency of the latter; the median of rounds."""
    scale = 4 if quick else 1
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "shop"
        with serving(workspace, compact_seconds=COMPACT_SECONDS) as server:
            load(server, connections=16, requests=320, batch=10, seed=0)
            single = [
                load(server, connections=64, requests=19_200 // scale, batch=1, seed=round_ + 1)
                for round_ in range(ROUNDS)
            ]
            batches = [
                load(server, connections=8, requests=2_000 // scale, batch=BATCH, seed=round_ + 101)
                for round_ in range(ROUNDS)
            ]
            server.stop()
        account(workspace, 3_200 + ROUNDS * (19_200 + 2_000 * BATCH) // scale)

    def median(runs: list[dict[str, float]], name: str) -> float:
        return sorted(run[name] for run in runs)[ROUNDS // 2]

    return {
        "collector_batch_events_s": round(median(batches, "events_s")),
        "collector_single_events_s": round(median(single, "events_s")),
        "collector_p99_ms": round(median(single, "p99_ms"), 1),
        "collector_p50_ms": round(median(single, "p50_ms"), 1),
        "collector_batch_p99_ms": round(median(batches, "p99_ms"), 1),
    }


def account(workspace: Path, sent: int) -> None:
    """Hold the receipt against what was sent.

    Raises:
        RuntimeError: They differ.
    """
    receipt = json.loads((workspace / "log" / "quarantine" / "collector.json").read_text())
    kept = receipt["collector/1"]["kept"]
    if kept != sent:
        raise RuntimeError(f"{sent} events were acknowledged, {kept} are in the log")


def crashes(quick: bool) -> dict[str, float]:
    """Kills, and acknowledged events that were lost or are there twice."""
    kills = 5 if quick else 50
    command = [sys.executable, "-m", "benchmarks.crash", "--kills", str(kills)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(done.stdout)
    return {
        "crash_kills": found["kills"],
        "crash_kills_while_compacting": found["while_compacting"],
        "crash_acknowledged": found["acknowledged"],
        "crash_lost": found["lost"],
        "crash_twice": found["twice"],
    }


def figures(quick: bool) -> tuple[dict[str, float], list[str]]:
    """All figures of the collector, and what they mean.

    Args:
        quick: Less work, for a first look.
    """
    notes = [
        "one by one: 64 connections, one request on its way on each; in batches: 8 connections",
        "latency is from the first byte sent to the last byte of the reply, on loopback",
        "events follow a power law over people and pages; one in forty is an order of three lines",
    ]
    if quick:
        notes.append("quick: a quarter of the events, 5 kills")
    return speed(quick) | crashes(quick), notes


if __name__ == "__main__":
    given = arguments(__doc__ or "")
    show(*figures(given.quick), as_json=given.json)
