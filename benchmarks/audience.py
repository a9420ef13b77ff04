"""Audience: what is known of customers, how it held in the time that followed."""

from benchmarks import customers, recommend
from benchmarks.harness import run_parts

PARTS = (customers, recommend)


if __name__ == "__main__":
    run_parts(__doc__ or "", PARTS, quick="fewer people, shorter training")
