"""Write: an ad for each audience and offer, from facts, checked and approved.

In: `tables/segments.json`, `tables/offer_interest.parquet`, `catalog/`, the example ads.
Out: `tables/creatives.parquet`, creatives and approvals in the state, `models/`.
Source: LoRA (Hu et al. 2022); DPO (Rafailov et al. 2023); advertising law as cited by article in
    `policy/*.toml`.
"""

import hashlib
import os

from handbill.creative.settings import Settings
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

__all__ = ["Settings", "run", "taught"]


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


def taught(workspace: Workspace) -> str:
    """Content hash of what results have taught since: promoted adapters, judges that rank.

    Args:
        workspace: The shop.

    Returns:
        Hexadecimal characters, the same as long as nothing was learned.
    """
    files = [workspace.models / "adapter" / "promoted.json"]
    files += sorted((workspace.models / "judge").glob("*/card.json"))
    told = [f"{one.parent.name}\x1f{one.read_text()}" for one in files if one.is_file()]
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()
