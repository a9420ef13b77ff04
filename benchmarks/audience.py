"""Audience: what is known of customers, how it held in the time that followed."""

from benchmarks import customers, recommend
from benchmarks.harness import arguments, show

PARTS = (customers, recommend)


def main() -> None:
    """Run every part and print one table."""
    options = arguments(__doc__ or "")
    figures: dict[str, float | int] = {}
    notes: list[str] = ["quick: fewer people, shorter training"] if options.quick else []
    for part in PARTS:
        found, said = part.figures(options.quick)
        figures |= found
        notes += said
    show(figures, notes, as_json=options.json)


if __name__ == "__main__":
    main()
