"""What happened after the decisions, and what to conclude from it.

In: `tables/walk_forward.parquet`, `tables/plan.*`, the event log, `catalog/campaigns.parquet`.
Out: `tables/backtest.json`: rankings on the same pairs, calibration, the plan and what followed.
Source: Davison and Hinkley 1997 (bootstrap of whole people); Cox 1958 (calibration).
"""

from handbill.feedback.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["Settings", "run"]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Run the stage: `handbill.feedback.stage.run`, imported only now as it is heavy."""
    from handbill.feedback.stage import run as run_stage

    return run_stage(workspace, shop, settings, progress)
