"""Cold creatives: click rates of headlines nobody has seen, from what similar texts did.

The Upworthy archive's tests. A headline is held back while its test's other headlines are known, or
a whole test is held back. Errors are squared, weighted by impressions, over those of the mean rate
of all known headlines; what chance alone leaves is beside them.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.ipinyou import data_folder
from handbill.placement.bandits import cold_weights

FILE = Path("upworthy") / "experiments.parquet"
LEAST = 500
"""Impressions below which a headline does not count."""


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Relative errors and correlations for new headlines of known tests, and for new tests."""
    path = data_folder() / FILE
    if not path.is_file():
        return {}, [f"cold: {path} is not there, nothing was measured; set HANDBILL_DATA"]
    tested = pd.read_parquet(path).dropna(subset=["headline"])
    tested = tested[tested["impressions"] > LEAST].reset_index(drop=True)
    names = sorted(tested["clickability_test_id"].unique())
    rng = np.random.default_rng(0)
    count = 150 if quick else 600
    some = {names[one] for one in rng.choice(len(names), count, replace=False)}
    within = tested[tested["clickability_test_id"].isin(some)]
    one_each = within.groupby("clickability_test_id").sample(1, random_state=0)
    found: dict[str, float | int] = {}
    for name, held in (("headline", one_each), ("test", within)):
        found |= _held_back(name, held, tested.drop(held.index))
    return found, [
        f"cold: {count} tests; _error is over the mean rate's, _chance what is chance in that",
    ]


def _held_back(name: str, new: pd.DataFrame, known: pd.DataFrame) -> dict[str, float | int]:
    shown = known["impressions"].to_numpy(dtype=np.float64)
    rates = (known["clicks"] / known["impressions"]).to_numpy(dtype=np.float64)
    counts = new["impressions"].to_numpy(dtype=np.float64)
    truth = (new["clicks"] / new["impressions"]).to_numpy(dtype=np.float64)
    texts = new["headline"].tolist(), known["headline"].tolist()
    guess = cold_weights(*texts, rates[:, None], shown)[:, 0]
    base = np.average((truth - np.average(rates, weights=shown)) ** 2, weights=counts)
    chance = np.average(truth * (1 - truth) / counts, weights=counts)
    return {
        f"cold_{name}_error": round(
            float(np.average((truth - guess) ** 2, weights=counts) / base), 4
        ),
        f"cold_{name}_chance": round(float(chance / base), 4),
        f"cold_{name}_correlation": round(float(np.corrcoef(guess, truth)[0, 1]), 4),
    }
