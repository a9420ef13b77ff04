"""Bids for single opportunities under a budget and a target; see docs/placement.md.

A bidder keeps two methods, `reset(campaign)` and `bid(tick) -> (N,) bids`, so any of these can be
dropped into another simulator, and another's bidder into this one.
"""

from handbill.placement.bidding.alpha import AlphaBidder
from handbill.placement.bidding.auction import Market, MarketSettings, play
from handbill.placement.bidding.baselines import ConstantBidder, PidBidder, best_alpha, tuned
from handbill.placement.bidding.bidder import Bidder, CampaignGoal, TickRecord, TickView, score
from handbill.placement.bidding.landscape import Landscape, PriceCurve
from handbill.placement.bidding.mirror import MirrorBidder
from handbill.placement.bidding.pacing import PacingBidder, traffic_shape
from handbill.placement.bidding.replay import DayResult, RecordedTick, replay
from handbill.placement.bidding.shading import Shaded, shade

__all__ = [
    "AlphaBidder",
    "Bidder",
    "CampaignGoal",
    "ConstantBidder",
    "DayResult",
    "Landscape",
    "Market",
    "MarketSettings",
    "MirrorBidder",
    "PacingBidder",
    "PidBidder",
    "PriceCurve",
    "RecordedTick",
    "Shaded",
    "TickRecord",
    "TickView",
    "best_alpha",
    "play",
    "replay",
    "score",
    "shade",
    "traffic_shape",
    "tuned",
]
