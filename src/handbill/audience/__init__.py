"""Understands the people in the log: features, interests, value, segments as of a day.

In: `log/events`, `catalog/`.
Out: `tables/`: `customers`, `affinity`, `segments`, `interests`, `offer_interest`, `value`.
Source: RFM analysis (Hughes 1994), k-means judged by bootstrap stability (Hennig 2007), BG/NBD.
"""

from handbill.audience.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["Settings", "run"]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Write the audience tables of a workspace; see `handbill.audience.stage.run`."""
    from handbill.audience.stage import run as run_stage  # keeps DuckDB and sklearn out of --help

    return run_stage(workspace, shop, settings, progress)
