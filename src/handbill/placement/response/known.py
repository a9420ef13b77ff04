"""Outcomes as they were known at a moment: running campaigns teach what they have shown so far.

A pair that has not redeemed yet in a running campaign is no redeemer only as surely as the delays
of ended campaigns say that nothing more will come; it weighs that much less.

Source: delayed feedback, Chapelle, Modeling delayed feedback in display advertising, KDD 2014; the
    weights are ours, the delays are the ended campaigns' own.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from handbill.placement.arrays import Floats
from handbill.placement.pairs import Campaign

MIN_DELAYS = 20
"""Redemptions of ended campaigns below which they are taken to come evenly over a campaign."""

WEIGHT = "weight"


def known_at(
    frame: pd.DataFrame,
    campaigns: Sequence[Campaign],
    moment: datetime,
    stated: Mapping[str, Floats],
) -> pd.DataFrame:
    """The pairs of ended and running campaigns, with what was known of them at a moment.

    Args:
        frame: Mailed pairs with `redeemed` and `redeemed_at`, and features.
        campaigns: They are of.
        moment: Nothing that happened at it or later is looked at.
        stated: By campaign, the probabilities of its pairs, in order, as they were stated when it
            began; running ones that are not in it are left out.

    Returns:
        The rows, `redeemed` as it stood then, and a `weight`: 1 for what is certain.
    """
    ended = [one.id for one in campaigns if one.ends_at <= moment]
    past = frame[frame["campaign_id"].isin(ended)]
    running = [
        one for one in campaigns if one.starts_at < moment < one.ends_at and one.id in stated
    ]
    if past.empty or not running:
        return past.assign(**{WEIGHT: 1.0})
    delays = shares(past, campaigns)
    parts = [past.assign(**{WEIGHT: 1.0})]
    for campaign in running:
        pairs = frame[frame["campaign_id"] == campaign.id]
        came = arrived(
            delays, (moment - campaign.starts_at) / (campaign.ends_at - campaign.starts_at)
        )
        seen = (pairs["redeemed"] & (pairs["redeemed_at"] < _micros(moment))).to_numpy(
            dtype=np.bool_
        )
        chance = stated[campaign.id]
        later = chance * (1 - came) / (1 - chance * came)  # Bayes: not yet, but still to come
        parts.append(pairs.assign(redeemed=seen, **{WEIGHT: np.where(seen, 1.0, 1 - later)}))
    return pd.concat(parts)


def shares(past: pd.DataFrame, campaigns: Iterable[Campaign]) -> Floats:
    """Sorted delays of redemptions, as shares of their campaign's length."""
    late = past[past["redeemed"]]
    when = late["redeemed_at"].to_numpy(dtype=np.float64)
    window = {one.id: (_micros(one.starts_at), _micros(one.ends_at)) for one in campaigns}
    bounds = np.array([window[one] for one in late["campaign_id"]], dtype=np.float64).reshape(-1, 2)
    start, end = bounds.T
    return np.sort((when - start) / (end - start))


def _micros(moment: datetime) -> float:
    """Since 1970, as `redeemed_at` has them."""
    return moment.timestamp() * 1e6


def arrived(delays: Floats, age: float) -> float:
    """Share of its redemptions that a campaign of an age (0 to 1) has seen.

    Example:
        >>> arrived(np.linspace(0, 0.5, 21), 0.25)
        0.5238095238095238
        >>> arrived(np.zeros(0), 0.25)
        0.25
    """
    if len(delays) < MIN_DELAYS:
        return float(np.clip(age, 0, 1))
    return float(np.searchsorted(delays, age, side="right") / len(delays))
