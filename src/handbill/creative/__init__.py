"""Write: an ad for each audience and offer, from facts, checked and approved.

In: `tables/segments.json`, `tables/offer_interest.parquet`, `catalog/`, the example ads.
Out: `tables/creatives.parquet`, creatives and approvals in the state, `models/`.
Source: LoRA (Hu et al. 2022); advertising law as cited by article in `policy/*.toml`.
"""

import os

from handbill.creative.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["Settings", "run"]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Run the stage; torch is loaded only now, so that importing this package stays quick.

    Unless the environment says otherwise, idle threads sleep instead of spinning: on a busy machine
    that is several times faster, and it has to be said before torch is loaded.

    Args:
        workspace: With what `events` and `audience` wrote.
        shop: The shop's name, clock and day.
        settings: Of this stage.
        progress: Told how far it is.

    Raises:
        ModelError: A model is named that is not installed, not accepted or damaged.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from handbill.creative.stage import run as run_stage

    return run_stage(workspace, shop, settings, progress)
