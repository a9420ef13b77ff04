"""Placement's quality and speed: ranking, plan, bidding, pacing, bandits, off-policy evaluation."""

from benchmarks import auction, backtest, bandits, cold, few, ipinyou, off_policy, pacing, plan
from benchmarks.harness import arguments, show

PARTS = (backtest, few, plan, ipinyou, auction, pacing, bandits, cold, off_policy)


def main() -> None:
    """Run every part and print one table."""
    options = arguments(__doc__ or "")
    figures: dict[str, float | int] = {}
    notes: list[str] = ["quick: fewer days, budgets and rounds"] if options.quick else []
    for part in PARTS:
        found, said = part.figures(options.quick)
        figures |= found
        notes += said
    show(figures, notes, as_json=options.json)


if __name__ == "__main__":
    main()
