"""Placement's quality and speed: ranking, plan, bidding, pacing, bandits, off-policy evaluation."""

from benchmarks import auction, backtest, bandits, cold, few, ipinyou, off_policy, pacing, plan
from benchmarks.harness import run_parts

PARTS = (backtest, few, plan, ipinyou, auction, pacing, bandits, cold, off_policy)


if __name__ == "__main__":
    run_parts(__doc__ or "", PARTS, quick="fewer days, budgets and rounds")
