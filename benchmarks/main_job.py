"""The main job on the Complete Journey: seconds and memory per stage, and the backtest's figures.

Each stage runs in a process of its own, so that its peak memory is its own; `seconds_total` is
their sum, from an empty workspace on an installed machine. `seconds_again` is the same command
once more.
"""

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import arguments, measure, show

STAGES = ("events", "audience", "creative", "placement", "delivery", "feedback")
BACKTEST = ("auc", "auc_low", "lift20", "lift20_low")
ADS = ("ads_written", "ads_passed")


def main() -> None:
    """Run and print."""
    options = arguments(__doc__ or "")
    handbill = [sys.executable, "-m", "handbill"]
    figures: dict[str, float | int] = {}
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        shop = str(Path(folder) / "shop")
        total = measure([*handbill, "init", shop, "--from", "complete-journey"]).seconds
        peak = 0.0
        stages = STAGES[:2] if options.quick else STAGES
        for stage in stages:
            done = measure([*handbill, "run", shop, "--until", stage, "--json"])
            own = json.loads(done.output)["stages"][-1]["figures"]
            figures[f"{stage}_s"] = round(done.seconds, 1)
            figures[f"{stage}_gb"] = round(done.peak_gb, 2)
            figures |= {name: own[name] for name in (*BACKTEST, *ADS) if name in own}
            total += done.seconds
            peak = max(peak, done.peak_gb)
        again = measure([*handbill, "run", shop, "--until", stages[-1], "--json"])
        if not all(stage["skipped"] for stage in json.loads(again.output)["stages"]):
            raise RuntimeError("a stage ran again although nothing had changed")
    figures |= {
        "seconds_total": round(total, 1),
        "seconds_again": round(again.seconds, 2),
        "peak_gb": round(peak, 2),
    }
    if options.quick:
        notes.append("quick: only the first two stages ran")
    show(figures, notes, as_json=options.json)


if __name__ == "__main__":
    main()
