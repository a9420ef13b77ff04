"""The writer: AdvertiseGen, Upworthy, and the speed of writing and tuning beside bare loops."""

import json
import sys

from benchmarks import advertisegen, upworthy
from benchmarks.harness import arguments, measure, show


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """All of it; a part whose model or data is not here is left out and said so."""
    found: dict[str, float | int] = {}
    notes: list[str] = []
    for part in (speed, upworthy.figures, advertisegen.figures):
        some, said = part(quick)
        found |= some
        notes += said
    return found, notes


def speed(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Each model in a process of its own, so that its memory is its own."""
    found: dict[str, float | int] = {}
    notes = []
    rounds = "2" if quick else "5"
    for name, language in (("smollm2-135m", "en"), ("gemma-3-270m", "zh")):
        command = [sys.executable, "-m", "benchmarks.writer_speed", name, language, rounds]
        try:
            run = measure(command)
        except RuntimeError as error:
            notes.append(f"{name} was not measured: {error}")
            continue
        suffix = "" if language == "en" else f"_{language}"
        some = {**json.loads(run.output.splitlines()[-1]), "peak_gb": run.peak_gb}
        found |= {f"{key}{suffix}": value for key, value in some.items()}
    return found, [*notes, "speeds are per CPU-second where their name says so, alternated"]


def main() -> None:
    """Print one table."""
    options = arguments(__doc__ or "")
    found, notes = figures(options.quick)
    start = ["quick: shorter training, fewer texts and rounds"] if options.quick else []
    show(found, [*start, *notes], as_json=options.json)


if __name__ == "__main__":
    main()
