"""How likely a person is to buy of a category, or of an offer's products, in the time ahead.

The rate at which a person buys is a gamma-Poisson: purchases seen, the recent ones weighing more,
and a prior of `PRIOR_DAYS` days at the rate the shop sees for the category. An offer's prior is the
person's own rate for its categories times the part of their sales that its products make, so that
who buys the category of an offer, though never its products, is ahead of who does not.

Source: Ehrenberg (1959), The pattern of consumer purchases (the negative binomial); the weight of a
day halves every `HALF_LIFE_DAYS`.
"""

from collections.abc import Sequence
from datetime import date
from math import log

from ibis import Table, _
from ibis.expr.types import NumericValue

from handbill.audience.affinity import CampaignTables
from handbill.audience.lines import DAY, PURCHASE, second_of

HALF_LIFE_DAYS = 90
PRIOR_DAYS = 30.0
DECAY = log(2) / (HALF_LIFE_DAYS * DAY)
"""Per second."""


def category_interests(lines: Table, as_of: date, horizon_days: int) -> Table:
    """Each person's interest in each category bought before.

    Args:
        lines: From `enrich`.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
        horizon_days: The time ahead.

    Returns:
        `person`, `category`, `score` (probability of a basket with it in the time ahead),
        `purchases` (baskets with it so far), `last_purchase`.
    """
    rates = _category_rates(lines, as_of)
    return rates.select(
        "person",
        "category",
        score=_probability(rates.weight + rates.prior * PRIOR_DAYS, rates.days, horizon_days),
        purchases="purchases",
        last_purchase=_.last_second.as_timestamp("s").cast("timestamp('UTC')"),
    )


def offer_interests(
    lines: Table,
    catalog: CampaignTables,
    campaign_ids: Sequence[str],
    as_of: date,
    horizon_days: int,
) -> Table:
    """Each person's interest in each offer of some campaigns, where there is evidence of it.

    Args:
        lines: From `enrich`.
        catalog: The shop's campaigns and what they offer.
        campaign_ids: Campaigns whose offers are scored.
        as_of: Nothing from this day's midnight (UTC) on is looked at.
        horizon_days: The time ahead.

    Returns:
        `person`, `offer_id`, `score` (probability of a basket with one of its products in the time
        ahead), `purchases` (baskets with one so far), `last_purchase`. A pair is absent when the
        person bought neither its products nor their categories.
    """
    wanted = catalog.items.filter(_.campaign_id.isin(list(campaign_ids)))
    bought = _bought(lines, as_of)
    prior = _offer_priors(bought, wanted, _category_rates(lines, as_of))
    items = wanted.select("offer_id", "product_id").distinct()
    baskets = (
        bought.inner_join(items, bought.item_id == items.product_id)
        .group_by("person", "offer_id", "basket")
        .aggregate(second=_.second.max())
    )
    seen = baskets.group_by("person", "offer_id").aggregate(
        weight=_weight(baskets.second, as_of).sum(),
        purchases=_.count(),
        last_second=_.second.max(),
    )
    pairs = prior.left_join(seen, ["person", "offer_id"])
    evidence = pairs.weight.fill_null(0.0) + pairs.prior * PRIOR_DAYS
    return pairs.select(
        "person",
        "offer_id",
        score=_probability(evidence, pairs.days, horizon_days),
        purchases=pairs.purchases.fill_null(0),
        last_purchase=pairs.last_second.as_timestamp("s").cast("timestamp('UTC')"),
    )


def _bought(lines: Table, as_of: date) -> Table:
    return lines.filter((_.second < second_of(as_of)) & (_.event == PURCHASE))


def _category_rates(lines: Table, as_of: date) -> Table:
    """Per person and category: weighted baskets, the days they stand for, and the shop's rate."""
    bought = _bought(lines, as_of)
    first = bought.group_by("person").aggregate(first=_.second.min())
    people = first.select("person", days=(1.0 - _weight(first["first"], as_of)) / (DECAY * DAY))
    baskets = (
        bought.filter(_.category.notnull())
        .group_by("person", "category", "basket")
        .aggregate(second=_.second.max())
    )
    seen = baskets.group_by("person", "category").aggregate(
        weight=_weight(baskets.second, as_of).sum(),
        purchases=_.count(),
        last_second=_.second.max(),
    )
    exposure = people.aggregate(total_days=_.days.sum())
    shop = (
        seen.group_by("category")
        .aggregate(total=_.weight.sum())
        .cross_join(exposure)
        .select("category", prior=_.total / (_.total_days + PRIOR_DAYS))
    )
    return seen.inner_join(people, "person").inner_join(shop, "category")


def _offer_priors(bought: Table, wanted: Table, rates: Table) -> Table:
    """Per person and offer: baskets a day that the person's interest in its categories promises."""
    sold = bought.group_by("item_id", "category").aggregate(sales=_.basket.nunique())
    total = sold.group_by("category").aggregate(total=_.sales.sum())
    part = (
        wanted.select("offer_id", "product_id")
        .distinct()
        .inner_join(sold, _.product_id == sold.item_id)
        .group_by("offer_id", "category")
        .aggregate(sales=_.sales.sum())
        .inner_join(total, "category")
        .select("offer_id", "category", part=_.sales / _.total)
    )
    rate = (rates.weight + rates.prior * PRIOR_DAYS) / (rates.days + PRIOR_DAYS)
    each = rates.select("person", "category", "days", rate=rate).inner_join(part, "category")
    return each.group_by("person", "offer_id").aggregate(
        prior=(each.rate * each.part).sum(), days=each.days.max()
    )


def _weight(second: NumericValue, as_of: date) -> NumericValue:
    return ((second - second_of(as_of)) * DECAY).exp()


def _probability(evidence: NumericValue, days: NumericValue, horizon: int) -> NumericValue:
    """At least one purchase ahead when `evidence` were seen in `days` and the prior's days."""
    seen = days + PRIOR_DAYS
    return 1.0 - (evidence * (seen / (seen + float(horizon))).ln()).exp()
