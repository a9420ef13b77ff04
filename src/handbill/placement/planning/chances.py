"""What could be planned: the people, the campaigns, and the chance of each pair."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from handbill.placement.arrays import Floats
from handbill.placement.pairs import Campaign
from handbill.placement.planning.interest import Interest
from handbill.placement.planning.messages import Creatives
from handbill.placement.response.calibration import Calibration


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """All that could be planned.

    Attributes:
        campaigns: C of them, that begin within the horizon, with an approved creative or without.
        offers: Campaign -> its offers' ids, each with what it is on.
        creatives: Approved ones by offer and segment.
        people: `person`, `segment_id`, `weekday`, `hour`: P rows, each person once.
        score: (P, C) log-odds before calibration.
        probability: (P, C) of a redemption in the campaign, calibrated.
        interest: Score by person and offer.
        attention: What each slot is worth against the lead.
        calibration: Of the probabilities.
        response_model: Version, None for the prior.
    """

    campaigns: tuple[Campaign, ...]
    offers: Mapping[str, Mapping[str, str]]
    creatives: Creatives
    people: pd.DataFrame
    score: Floats
    probability: Floats
    interest: Interest
    attention: tuple[float, ...]
    calibration: Calibration
    response_model: str | None
