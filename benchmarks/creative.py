"""The creative stage: what the checks find, what the writer writes and learns, what ads will do."""

from benchmarks import claims, headlines, outcomes, pictures, served, writer
from benchmarks.harness import run_parts

PARTS = (claims, served, writer, headlines, outcomes, pictures)


if __name__ == "__main__":
    run_parts(__doc__ or "", PARTS, quick="less work in every part")
