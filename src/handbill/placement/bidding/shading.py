"""How much less than its worth to bid where winners pay their own bids; floors and deals too."""

from dataclasses import dataclass

import numpy as np

from handbill.placement.arrays import Bools, Floats
from handbill.placement.bidding.bidder import checked
from handbill.placement.bidding.landscape import PriceCurve

CANDIDATES = 256
"""Most bids that are weighed per opportunity: quantiles of the prices seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaded:
    """What to answer to a tick's opportunities; all arrays are (N,).

    Attributes:
        bid: In the open auction, 0 for none; never above the worth, never below a floor.
        take_deal: Where the deal's fixed price is the better buy; there `bid` is 0.
        surplus: Expected worth less expected cost.
    """

    bid: Floats
    take_deal: Bools
    surplus: Floats


def shade(
    worth: Floats, curve: PriceCurve, *, floor: Floats | None = None, deal: Floats | None = None
) -> Shaded:
    """The bids with the highest expected surplus (worth - bid) * P(win) in a first-price auction.

    Args:
        worth: (N,) what each opportunity is worth, such as price per conversion times prediction.
        curve: Least winning prices of comparable opportunities.
        floor: (N,) least prices accepted; none when None.
        deal: (N,) fixed prices at which each can be had for sure, infinite where there is no deal.

    Returns:
        Bids and where to take the deal instead.

    Source: Pan et al., Bid shading in the brave new world of first-price auctions, CIKM 2020.

    Example:
        >>> curve = PriceCurve.of(np.array([1.0, 2.0, 3.0, 4.0]))
        >>> shade(np.array([4.5]), curve).bid
        array([2.])
    """
    worth = checked("worth", worth)
    lowest = np.zeros_like(worth) if floor is None else checked("floor", floor, len(worth))
    ranks = np.linspace(0, len(curve.prices) - 1, min(CANDIDATES, len(curve.prices))).astype(int)
    levels = np.unique(curve.prices[ranks])  # (M,); a bid between two wins no more than the lower
    bids = np.maximum(levels[None, :], lowest[:, None])  # (N, M)
    surplus = np.where(
        bids <= worth[:, None], (worth[:, None] - bids) * curve.win_probability(bids), 0.0
    )
    best = surplus.argmax(axis=1)
    row = np.arange(len(worth))
    gained = surplus[row, best]
    bid = np.where(gained > 0, bids[row, best], 0.0)
    if deal is None:
        return Shaded(bid=bid, take_deal=np.zeros(len(worth), dtype=bool), surplus=gained)
    sure = worth - np.asarray(deal, dtype=np.float64)
    take = sure >= np.maximum(gained, 1e-300)
    return Shaded(
        bid=np.where(take, 0.0, bid), take_deal=take, surplus=np.where(take, sure, gained)
    )
