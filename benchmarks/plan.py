"""The plan's speed and size, and the decision path's speed.

The plan is made whole, from chances to the table that is written, for people of six segments in
twenty campaigns of three offers each, in a process of its own.
"""

import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import measure
from handbill.placement.pairs import Campaign
from handbill.placement.planning.chances import Chances
from handbill.placement.planning.interest import Interest
from handbill.placement.planning.plan import make_plan
from handbill.placement.response.calibration import Calibration
from handbill.placement.response.model import ROUNDS, fit, save
from handbill.placement.response.scorer import Scorer
from handbill.placement.settings import Settings
from handbill.types import ShopProfile

CAMPAIGNS, OFFERS, SEGMENTS = 20, 3, 6
SHARE = 0.3
"""Messages that the budget pays for, over people."""
CANDIDATES = 50
DAY = date(2026, 3, 2)


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """The plan for a million people, and 50 candidates scored."""
    people = 100_000 if quick else 1_000_000
    done = measure([sys.executable, "-m", "benchmarks.plan", str(people)])
    seconds, messages = done.output.split()
    name = "100k" if quick else "1m"
    found: dict[str, float | int] = {
        f"plan_{name}_s": round(float(seconds), 1),
        f"plan_{name}_gb": round(done.peak_gb, 2),
        f"plan_{name}_messages": int(messages),
    }
    median, tail = scoring(2_000 if quick else 20_000)
    found |= {"score50_ms": round(median, 4), "score50_p99_ms": round(tail, 4)}
    notes = [
        f"plan: {people:,} people x {CAMPAIGNS} campaigns of {OFFERS} offers; _gb is the whole "
        "process, what it plans from included",
        f"plan: score50 is {CANDIDATES} candidates, {3 * ROUNDS} trees and the straight half",
    ]
    return found, notes


def scoring(rounds: int) -> tuple[float, float]:
    """Median and 99th percentile of scoring one request's candidates, milliseconds."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        np.exp(rng.normal(size=(4_000, 80))), columns=[f"c{rank}" for rank in range(80)]
    )
    frame = frame.mask(rng.random(frame.shape) < 0.1)
    frame["kind"], frame["person"] = rng.choice(["A", "B", "C"], len(frame)), ""
    frame["campaign_id"] = "k"
    frame["redeemed"] = rng.random(len(frame)) < 0.1 * frame["c0"].fillna(1.0).clip(0.1, 5)
    with tempfile.TemporaryDirectory() as folder:
        scorer = Scorer.load(save(fit(frame, seed=0), Path(folder), {}))
    x = frame[list(scorer.columns)].to_numpy(np.float64)[:CANDIDATES]
    kinds = frame["kind"].tolist()[:CANDIDATES]
    took = np.empty(rounds)
    for number in range(rounds):
        started = time.perf_counter()
        scorer.probability(x, kinds)
        took[number] = time.perf_counter() - started
    return float(np.median(took)) * 1e3, float(np.quantile(took, 0.99)) * 1e3


def main() -> None:
    """Make one plan for so many people and print its seconds and messages."""
    people = int(sys.argv[1])
    planned = chances(people, seed=7)
    settings = Settings(budget=SHARE * people, cost_per_message=1.0, frequency_cap=2)
    shop = ShopProfile(name="S", currency="USD", timezone="UTC", language="en", as_of=DAY)
    started = time.perf_counter()
    plan = make_plan(planned, shop, settings)
    print(round(time.perf_counter() - started, 2), plan.summary["messages"])


def chances(people: int, seed: int) -> Chances:
    """What could be planned: liking is spread over offers, chances over people and campaigns."""
    rng = np.random.default_rng(seed)
    start = datetime.combine(DAY, datetime.min.time(), tzinfo=UTC)
    campaigns = tuple(
        Campaign(
            id=f"k{rank:02d}",
            kind="A",
            starts_at=start + timedelta(days=rank),
            ends_at=start + timedelta(days=rank + 14),
            offers=OFFERS,
            products=100,
        )
        for rank in range(CAMPAIGNS)
    )
    offers = {
        one.id: {f"{one.id}-{rank}": f"category {rank}" for rank in range(OFFERS)}
        for one in campaigns
    }
    names = np.char.add("p_", np.char.zfill(np.arange(people).astype(str), 26))
    score = rng.normal(-2.5, 1.0, (people, 1)) + rng.normal(0, 0.5, (people, CAMPAIGNS))
    calibration = Calibration()
    liked = rng.integers(0, CAMPAIGNS * OFFERS, (people, 4))
    ids = np.array([offer for of in offers.values() for offer in of])
    pairs = np.unique(np.arange(people)[:, None] * len(ids) + liked)
    return Chances(
        campaigns=campaigns,
        offers=offers,
        creatives={
            offer: {"all": (f"{offer}-a", f"{offer}-b")} for of in offers.values() for offer in of
        },
        people=pd.DataFrame(
            {
                "person": names,
                "segment_id": np.char.add("s", rng.integers(0, SEGMENTS, people).astype(str)),
                "weekday": rng.integers(0, 7, people),
                "hour": rng.integers(8, 21, people),
            }
        ),
        score=score,
        probability=calibration.probability(score),
        interest=Interest.from_rows(
            names[pairs // len(ids)], ids[pairs % len(ids)], rng.random(len(pairs))
        ),
        attention=(1.0, 0.6, 0.4),
        calibration=calibration,
        response_model="none",
    )


if __name__ == "__main__":
    main()
