"""Scores every campaign with a model of what had happened before it began."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from handbill.placement.arrays import Floats
from handbill.placement.pairs import Campaign
from handbill.placement.response.calibration import Calibration, calibrate
from handbill.placement.response.known import known_at
from handbill.placement.response.model import ResponseModel, fit
from handbill.placement.response.near import PLENTY, Near
from handbill.placement.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Forward scores of one campaign's pairs.

    Attributes:
        campaign: Whose.
        pairs: `person`, `campaign_id`, `redeemed`, `score` (log-odds before calibration, NaN
            without a model) and `probability`.
        trained_on: Campaigns that the model learned from, running ones too, 0 without a model.
        trained_pairs: Their pairs.
    """

    campaign: Campaign
    pairs: pd.DataFrame
    trained_on: int
    trained_pairs: int


def stated(forward: Iterable[Forward]) -> dict[str, Floats]:
    """By campaign, the probabilities of its pairs as they were stated when it began."""
    return {one.campaign.id: one.pairs["probability"].to_numpy(dtype=np.float64) for one in forward}


def ended_before(campaigns: Iterable[Campaign], moment: datetime) -> tuple[Campaign, ...]:
    """The campaigns whose outcomes were all in by a moment."""
    return tuple(one for one in campaigns if one.ends_at <= moment)


def enough(frame: pd.DataFrame, settings: Settings, near: Near | None = None) -> bool:
    """Whether past pairs carry a model: campaigns, redeemers, and people who did not redeem.

    With a nearby habit to lean on, any outcomes do.
    """
    redeemers = int(frame["redeemed"].sum())
    if near is not None:
        return redeemers < len(frame)
    return frame[
        "campaign_id"
    ].nunique() >= settings.min_campaigns and settings.min_redeemers <= redeemers < len(frame)


Nearby = Callable[[tuple[Campaign, ...]], Near | None]
"""Learns a nearby habit from campaigns that have ended."""


def leaned_on(past: pd.DataFrame, ended: tuple[Campaign, ...], nearby: Nearby) -> Near | None:
    """The nearby habit, asked for only where there are outcomes but too few."""
    return nearby(ended) if len(past) > 0 and past["redeemed"].sum() < PLENTY else None


def walk(
    frame: pd.DataFrame,
    campaigns: Sequence[Campaign],
    settings: Settings,
    progress: Callable[[str, float], None],
    nearby: Nearby = lambda ended: None,
) -> list[Forward]:
    """Score each campaign forward in time.

    Args:
        frame: All mailed pairs with features and outcomes, `prior` (score without a model) too.
        campaigns: In order of their start.
        settings: Of the stage.
        progress: Told the campaign and how far it is.
        nearby: Learns what models of few redeemers lean on, in campaigns that are scored.

    Returns:
        One entry per campaign with pairs, in the same order.
    """
    done: list[Forward] = []
    for rank, campaign in enumerate(campaigns):
        progress(campaign.id, rank / len(campaigns))
        pairs = frame[frame["campaign_id"] == campaign.id]
        if pairs.empty:
            continue
        ended = ended_before(campaigns, campaign.starts_at)
        past = known_at(frame, campaigns, campaign.starts_at, stated(done))
        kept = pairs[["person", "campaign_id", "redeemed"]]
        counts = is_scored(len(done), len(pairs), settings)
        near = leaned_on(past, ended, nearby) if counts else None
        if enough(past, settings, near):
            model = train(past, done, campaign.starts_at, settings, near)
            score = model.score(pairs)
            kept = kept.assign(score=score, probability=model.calibration.probability(score))
        else:
            kept = kept.assign(score=np.nan, probability=pairs["prior"])
            past = past.iloc[:0]
        done.append(
            Forward(
                campaign=campaign,
                pairs=kept,
                trained_on=past["campaign_id"].nunique(),
                trained_pairs=len(past),
            )
        )
    return done


def train(
    past: pd.DataFrame,
    forward: Iterable[Forward],
    moment: datetime,
    settings: Settings,
    near: Near | None = None,
) -> ResponseModel:
    """Fit on what is known; calibrate on forward scores whose outcomes were in by a moment."""
    known = [one.pairs for one in forward if one.campaign.ends_at <= moment]
    scored = pd.concat(known).dropna(subset="score") if known else None
    calibration = (
        calibrate(
            scored["score"].to_numpy(dtype=np.float64),
            scored["redeemed"].to_numpy(dtype=np.bool_),
            scored["campaign_id"].to_numpy(dtype=np.str_),
            scored["probability"].to_numpy(dtype=np.float64),
        )
        if scored is not None
        else Calibration()
    )
    return fit(
        past.drop(columns="prior"),
        seed=settings.seed,
        calibration=calibration,
        near=near,
        rate=settings.prior_rate,
    )


def is_scored(rank: int, pairs: int, settings: Settings) -> bool:
    """Whether the backtest holds the ranking to a campaign: late enough, and mailed to enough."""
    return rank >= settings.walk_forward_from - 1 and pairs >= settings.walk_forward_pairs


def scored(forward: Sequence[Forward], settings: Settings) -> list[Forward]:
    """Those that the backtest holds the ranking to."""
    return [one for rank, one in enumerate(forward) if is_scored(rank, len(one.pairs), settings)]
