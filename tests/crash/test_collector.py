"""kill -9 at random moments: every acknowledged event is in the log once, and none in half.

The benchmark (`python -m benchmarks.collector`) does the same fifty times.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
KILLS = 6


def test_killed_again_and_again_nothing_is_lost() -> None:
    command = [sys.executable, "-m", "benchmarks.crash", "--kills", str(KILLS), "--seed", "7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    account = json.loads(done.stdout)
    assert account["kills"] == KILLS
    assert account["acknowledged"] > 100
    assert (account["lost"], account["twice"]) == (0, 0)
