"""Decides who gets which offer, when, and in which place of the message, for a given budget.

In: `log/`, `catalog/`, and of `tables/` customers, affinity, segments, offer_interest, creatives.
Out: `models/response`; `tables/` walk_forward, positions, send_times, plan.
Source: LightGBM (Ke 2017), scaling (Platt 1999), PPML (Santos Silva 2006), choice (Plackett 1975).
"""

from handbill.placement.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["Settings", "run"]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Write the models and the plan of a workspace; see `handbill.placement.stage.run`."""
    from handbill.placement.stage import run as run_stage  # keeps LightGBM out of --help

    return run_stage(workspace, shop, settings, progress)
