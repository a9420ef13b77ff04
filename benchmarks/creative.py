"""The creative stage's quality and speed: what the checks find; what the writer writes."""

from benchmarks import claims, pictures, served, writer
from benchmarks.harness import run_parts

PARTS = (claims, served, writer, pictures)


if __name__ == "__main__":
    run_parts(__doc__ or "", PARTS, quick="less work in every part")
