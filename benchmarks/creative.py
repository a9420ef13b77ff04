"""The creative stage's quality and speed: what the checks find; what the writer writes."""

from benchmarks import claims, served, writer
from benchmarks.harness import arguments, show

PARTS = (claims, served, writer)


def main() -> None:
    """Run every part and print one table."""
    options = arguments(__doc__ or "")
    figures: dict[str, float | int] = {}
    notes: list[str] = ["quick: less work in every part"] if options.quick else []
    for part in PARTS:
        found, said = part.figures(options.quick)
        figures |= found
        notes += said
    show(figures, notes, as_json=options.json)


if __name__ == "__main__":
    main()
