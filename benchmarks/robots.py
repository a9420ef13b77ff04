"""How many planted robots are found, and how many people are taken for one.

The visitors are those of `tests/events/traffic.py`, more of them. They say whether the rules do
what they promise; what a real shop misses they cannot say.

    python -m benchmarks.robots --json
"""

import importlib.util
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.harness import arguments, show
from handbill.engine import connect
from handbill.events.settings import Settings
from handbill.events.sweep import sweep
from handbill.trust.reading import read_log
from handbill.workspace import Workspace

SEEDS = (11, 12, 13)


def simulation() -> ModuleType:
    """The tests' visitors."""
    path = Path(__file__).parents[1] / "tests" / "events" / "traffic.py"
    spec = importlib.util.spec_from_file_location("traffic", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} is missing; run from a checkout")
    module = importlib.util.module_from_spec(spec)
    sys.modules["traffic"] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Plant, sweep, count."""
    options = arguments(__doc__ or "")
    people, robots = (500, 20) if options.quick else (5_000, 200)
    traffic = simulation()
    planted: Counter[str] = Counter()
    found: Counter[str] = Counter()
    seconds = 0.0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        acts = [*traffic.people(rng, people), *traffic.robots(rng, robots)]
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder))
            traffic.write(workspace, acts)
            started = time.monotonic()
            sweep(workspace, Settings())
            seconds += time.monotonic() - started
            backend = connect(threads=2)
            rows = read_log(backend, workspace).select("event_id", "is_human").to_pyarrow()
            backend.disconnect()
        human = dict(zip(*(rows[name].to_pylist() for name in rows.column_names), strict=True))
        for number, act in enumerate(acts):
            planted[act.truth] += 1
            found[act.truth] += not human[f"collector-1-{number:06d}"]
    kinds = sorted(kind for kind in planted if kind)
    figures = {
        "bot_recall": sum(found[kind] for kind in kinds) / sum(planted[kind] for kind in kinds),
        "bot_false_flag": found[""] / planted[""],
        **{f"bot_recall_{kind}": found[kind] / planted[kind] for kind in kinds},
        "sweep_events_s": sum(planted.values()) / seconds,
    }
    notes = [
        f"{people} people and {robots} robots of each kind, {len(SEEDS)} seeds; events counted"
    ]
    show(figures, notes, as_json=options.json)


if __name__ == "__main__":
    main()
