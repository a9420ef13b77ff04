"""Campaign 2997 of iPinYou, bid through from the first auction to the last.

As published: episodes of 1,000 auctions, each with a budget of its own, the training log's mean
price times 1,000 times the share c0. Handbill has no training log of the campaign: what it bids
with comes from the auctions before, never from those after; only the budget is the published one.
Click rates are the published predictions. The linear bidder is reproduced with its published
constants, so that the replay itself is checked to the last coin.
"""

import os
from pathlib import Path

import numpy as np

from handbill.placement.arrays import Floats
from handbill.placement.bidding.alpha import AlphaBidder
from handbill.placement.bidding.baselines import ConstantBidder, best_alpha
from handbill.placement.bidding.bidder import Bidder, CampaignGoal
from handbill.placement.bidding.landscape import Landscape
from handbill.placement.bidding.pacing import PacingBidder
from handbill.placement.bidding.replay import DayResult, RecordedTick, replay

LOG = "ipinyou/rlbdp_2997.test.theta.txt"
MEAN_PRICE = 63.01773477533071
"""Of the training log, as published with it; it sets the budget."""
TRAIN_CTR = 0.004436094316614229
LINEAR_BASE = 10
"""The linear bidder's base price, tuned by its authors on the training log."""
LINEAR = (32_208, 71, 203_610)
"""Impressions, clicks and cost that its authors report at 1/32."""
EPISODE = 1_000
TICK = 10
PAST = 40
"""Episodes that the landscape remembers."""


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """Clicks at five budgets, the hindsight optimum beside them."""
    path = data_folder() / LOG
    if not path.is_file():
        return {}, [f"ipinyou: {path} is not there, nothing was measured; set HANDBILL_DATA"]
    click, price, rate = np.loadtxt(path).T.copy()
    won = linear(click, price, rate)
    if won != LINEAR:
        raise RuntimeError(f"the linear bidder won {won}, its authors report {LINEAR}")
    price = np.maximum(price, 1.0)  # a free impression still has to be bid for
    found: dict[str, float | int] = {"ipinyou_2997_linear_32": won[1]}
    known = landscapes(click, price, rate)
    for share in (32,) if quick else (32, 16, 8, 4, 2):
        budget = float(int(MEAN_PRICE / share * EPISODE))
        clicks, spent = prequential(click, price, rate, budget, known)
        found[f"ipinyou_2997_clicks_{share}"] = clicks
        found[f"ipinyou_2997_spent_{share}"] = spent
        found[f"ipinyou_2997_hindsight_{share}"] = hindsight(click, price, rate, budget, EPISODE)
        found[f"ipinyou_2997_one_budget_{share}"] = one_budget(
            click, price, rate, budget * len(known)
        )
        found[f"ipinyou_2997_one_budget_hindsight_{share}"] = hindsight(
            click, price, rate, budget * len(known), len(click)
        )
    notes = [
        "ipinyou: no training log of 2997; parameters come from the auctions before, never after",
        "ipinyou: published at 1/32: SS-MDP 80, RLB 78, LIN 71 (reproduced exactly), MCPC 48",
        "ipinyou: hindsight is each episode's best price per predicted click, known afterwards",
        "ipinyou: one_budget spends the same sum over the whole log instead of by episode",
    ]
    return found, notes


def data_folder() -> Path:
    """Where the public data lies; it is no part of the project."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("HANDBILL_DATA") or default)


def linear(click: Floats, price: Floats, rate: Floats) -> tuple[int, int, int]:
    """The published linear bidder at 1/32: impressions, clicks, cost."""
    budget = int(MEAN_PRICE / 32 * EPISODE)
    totals = [0, 0, 0]
    left = budget
    bids = np.minimum((rate * LINEAR_BASE / TRAIN_CTR).astype(int), 300)
    for number in range(len(click)):
        if number % EPISODE == 0:
            left = budget
        if min(int(bids[number]), left) >= price[number]:
            left -= int(price[number])
            totals = [totals[0] + 1, totals[1] + int(click[number]), totals[2] + int(price[number])]
    return totals[0], totals[1], totals[2]


def ticks(click: Floats, price: Floats, rate: Floats, size: int) -> list[RecordedTick]:
    """The log in ticks of `size` auctions."""
    return [
        RecordedTick(
            value=rate[at : at + size],
            value_sd=np.zeros_like(rate[at : at + size]),
            price=price[at : at + size],
            conversion=click[at : at + size],
        )
        for at in range(0, len(click), size)
    ]


def landscapes(click: Floats, price: Floats, rate: Floats) -> list[Landscape | None]:
    """For each episode what the ones before it have shown; None for the first."""
    silent = ConstantBidder(0.0)
    past: list[DayResult] = []
    learned: list[Landscape | None] = []
    for start in range(0, len(click), EPISODE):
        rows = slice(start, start + EPISODE)
        records = [one.records for one in past[-PAST:]]
        learned.append(Landscape.learn(records, EPISODE // TICK) if records else None)
        episode = ticks(click[rows], price[rows], rate[rows], TICK)
        past.append(replay(silent, episode, CampaignGoal(budget=0.0, ticks=len(episode))))
    return learned


def prequential(
    click: Floats, price: Floats, rate: Floats, budget: float, known: list[Landscape | None]
) -> tuple[int, float]:
    """Handbill, episode by episode: clicks and the share of all budgets that was spent."""
    clicks = cost = 0.0
    for number, landscape in enumerate(known):
        rows = slice(number * EPISODE, (number + 1) * EPISODE)
        episode = ticks(click[rows], price[rows], rate[rows], TICK)
        bidder: Bidder
        if landscape is None:  # nothing is known yet but the budget and the first prediction
            alpha = budget / EPISODE / float(rate[0])
            bidder = PacingBidder(alpha, np.full(EPISODE // TICK, float(TICK)), step=0.1)
        else:
            bidder = AlphaBidder(landscape)
        result = replay(bidder, episode, CampaignGoal(budget=budget, ticks=len(episode)))
        clicks += result.conversions
        cost += result.cost
    return int(clicks), round(cost / (budget * len(known)), 4)


def one_budget(click: Floats, price: Floats, rate: Floats, budget: float) -> int:
    """Clicks of the pacing bidder with one budget for the whole log."""
    day = ticks(click, price, rate, TICK)
    goal = CampaignGoal(budget=budget, ticks=len(day))
    bidder = PacingBidder(budget / len(click) / float(rate[0]), np.full(len(day), float(TICK)))
    return int(replay(bidder, day, goal).conversions)


def hindsight(click: Floats, price: Floats, rate: Floats, budget: float, episode: int) -> int:
    """Clicks at each episode's best constant price per predicted click, found afterwards."""
    clicks = 0.0
    for start in range(0, len(click), episode):
        rows = slice(start, start + episode)
        alpha = best_alpha(rate[rows], price[rows], budget=budget, cpa_target=float("inf"))
        goal = CampaignGoal(budget=budget, ticks=1)
        day = ticks(click[rows], price[rows], rate[rows], episode)
        clicks += replay(ConstantBidder(alpha * (1 + 1e-12)), day, goal).conversions
    return int(clicks)
