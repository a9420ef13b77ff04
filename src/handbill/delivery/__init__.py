"""The plan becomes messages that may run, and every decision is written down.

In: `tables/plan.parquet`, `tables/plan.json`, `tables/creatives.parquet`, the state's approvals.
Out: `outbox/<plan_id>/`, the ledger `log/decisions/`, `tables/delivery.json`. Nothing is sent.
Source: RFC 5322 (message), RFC 2369 and 8058 (unsubscribe), RFC 2606 (`.invalid`).
"""

from handbill.delivery.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["Settings", "run"]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Run the stage: `handbill.delivery.stage.run`, imported only now as it is heavy."""
    from handbill.delivery.stage import run as run_stage

    return run_stage(workspace, shop, settings, progress)
