"""The creative stage's quality and speed: what the checks find; what the writer writes."""

from benchmarks import claims, served, writer
from benchmarks.harness import run_parts

PARTS = (claims, served, writer)


if __name__ == "__main__":
    run_parts(__doc__ or "", PARTS, quick="less work in every part")
