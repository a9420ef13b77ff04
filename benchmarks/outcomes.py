"""What an ad will do, on the only public clicks on texts: impressions drawn from Upworthy's tests.

An impression is a person who clicked or did not; nothing else is known of them, and no test of the
newest weeks is learned from. Views, purchases and machines are in no public data beside the texts
that led to them, so those classes are measured on planted truth only, in the tests.
"""

import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from benchmarks.harness import run_parts
from benchmarks.headlines import plain, say
from benchmarks.upworthy import data_file
from handbill.creative.judge import Reader
from handbill.creative.outcome import Outlook, learn_outcomes
from handbill.creative.registry import find, home
from handbill.creative.results import Result
from handbill.errors import ModelError
from handbill.types import Brief

DRAWN = 200_000
"""Impressions, of 57 million."""

BRIEF = Brief(id="upworthy", segment_id="all", offer_id="", language="en", channel="email",
              facts=(), audience="readers")  # fmt: skip


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """How well a click is told, and by how much better than by the share of clicks."""
    path = data_file()
    if not path.is_file():
        return {}, ["outcomes: its data is not here"]
    try:
        base = find("smollm2-135m", home(), (), say)
    except ModelError as error:
        return {}, [f"outcomes: {error}"]
    results = draw(pd.read_parquet(path), DRAWN // 4 if quick else DRAWN)
    found = learn_outcomes(results, lambda: Reader.open(base, threads=2))
    return _figures(found), [f"outcomes: {found.why.en}"] if found.why else []


def draw(rows: pd.DataFrame, count: int) -> list[Result]:
    """Impressions drawn one by one from all of them, oldest week first."""
    rng = np.random.default_rng(7)
    table = rows.sort_values("test_week", kind="stable").reset_index(drop=True)
    ends = table["impressions"].cumsum().to_numpy()
    drawn = np.sort(rng.choice(int(ends[-1]), size=count, replace=False))
    place = np.searchsorted(ends, drawn, side="right")
    rank = drawn - (ends - table["impressions"].to_numpy())[place]
    clicked = rank < table["clicks"].to_numpy()[place]
    text = [plain(one) for one in table["headline"]]
    at = [_monday(int(one)) for one in table["test_week"]]
    test = table["clickability_test_id"].tolist()  # what people of one test did hangs together
    return [
        Result(person=test[row], at=at[row], brief=BRIEF, text=text[row], segment="all", slot=0,
               weight=1.0, label="click" if hit else "none", complained=False)
        for row, hit in zip(place.tolist(), clicked.tolist(), strict=True)
    ]  # fmt: skip


def _monday(week: int) -> datetime:
    """Weeks of the archive count from 0, as `%W` does."""
    return datetime.strptime(f"{week // 100}-{week % 100}-1", "%Y-%W-%w").replace(tzinfo=UTC)


def _figures(found: Outlook) -> dict[str, float | int]:
    row: dict[str, float | int] = {f"outcome_{name}": n for name, n in found.counts.items()}
    for way in found.ways:
        row |= {
            f"outcome_{way.name}_log_loss": way.log_loss,
            f"outcome_{way.name}_ece": way.error,
            f"outcome_{way.name}_accuracy": way.accuracy,
            f"outcome_{way.name}_macro_f1": way.macro_f1,
        }
    for told in found.told:
        if told.name == "click":
            row |= {"outcome_click_auc": told.auc, "outcome_click_recall": told.recall,
                    "outcome_click_f1": told.f1}  # fmt: skip
    if found.gain is not None:
        row |= {
            "outcome_gain": found.gain.estimate,
            "outcome_gain_low": found.gain.low,
            "outcome_gain_high": found.gain.high,
            "outcome_used": int(found.why is None),
        }
    return row


if __name__ == "__main__":
    run_parts(__doc__ or "", (sys.modules[__name__],), quick="a quarter of the impressions")
