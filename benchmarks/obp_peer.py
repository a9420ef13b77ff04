"""The estimators of `obp` itself, on the same decisions and the same reward model as ours.

Run as a child process: `python -m benchmarks.obp_peer ARCHIVE DECISIONS.npz` prints one JSON
object. Its package wants plotting libraries and old versions on import, so only the files with the
estimators are loaded, out of the unpacked archive, unchanged.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import types
from importlib import import_module
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

METHODS = {
    "ips": ("estimators", "InverseProbabilityWeighting", {}),
    "snips": ("estimators", "SelfNormalizedInverseProbabilityWeighting", {}),
    "dm": ("estimators", "DirectMethod", {}),
    "dr": ("estimators", "DoublyRobust", {}),
    "switch": (
        "estimators_tuning",
        "SwitchDoublyRobustTuning",
        {"lambdas": [2, 5, 10, 20, 50, 100, 500]},
    ),
    "dros": (
        "estimators_tuning",
        "DoublyRobustWithShrinkageTuning",
        {"lambdas": [4, 25, 100, 400, 2_500, 10_000, 250_000]},
    ),
}
"""Ours -> its module, class and settings: the same thresholds, its own way to choose among them."""


def estimates(archive: Path, decisions: dict[str, npt.NDArray[np.generic]]) -> dict[str, float]:
    """Its estimates by our names; those that fail on the installed versions are left out.

    Args:
        archive: Of `obp`, a wheel or a source archive.
        decisions: `reward`, `action`, `pscore`, `position` (N,), `action_dist` and `model`
            (N, items, positions).
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "decisions.npz"
        np.savez(path, **decisions)  # type: ignore[arg-type]
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.obp_peer"]
        done = subprocess.run(
            [*command, str(archive), str(path)], capture_output=True, text=True, check=False
        )
    if done.returncode != 0:
        return {}
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Unpack, load, estimate, print."""
    archive, decisions = Path(sys.argv[1]), dict(np.load(sys.argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        shutil.unpack_archive(archive, folder, "zip" if archive.suffix == ".whl" else "gztar")
        root = next(path.parent for path in sorted(Path(folder).rglob("ope/estimators.py"))).parent
        for name, place in (("obp", root), ("obp.ope", root / "ope")):
            package = types.ModuleType(name)
            package.__path__ = [str(place)]
            sys.modules[name] = package
        print(json.dumps({name: value for name, value in _run(decisions) if np.isfinite(value)}))


def _run(decisions: dict[str, npt.NDArray[np.generic]]) -> list[tuple[str, float]]:
    model = decisions.pop("model")
    found = []
    for name, (module, kind, settings) in METHODS.items():
        estimator = getattr(import_module(f"obp.ope.{module}"), kind)(**settings)
        given = dict(decisions)
        if name in ("dm", "dr", "switch", "dros"):
            given["estimated_rewards_by_reg_model"] = model
        found.append((name, float(estimator.estimate_policy_value(**given))))
    return found


if __name__ == "__main__":
    main()
