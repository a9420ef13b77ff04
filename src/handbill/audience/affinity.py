"""What a person bought before a campaign of the things it has coupons for.

A household redeems coupons for what it buys anyway, so these are the strongest signals of who will.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import ibis
from ibis import Table, _
from ibis.expr.types import IntegerScalar, NumericValue

from handbill.audience.lines import DAY, PURCHASE, RECEIVED, REDEEMED, second_of

KEYS = ["person", "campaign_id"]

MEANINGS = {
    "person": "pseudonym",
    "campaign_id": "campaign",
    "product_lines_90": "lines of the campaign's products, last 90 days",
    "product_lines_365": "lines of the campaign's products, last 365 days",
    "product_spend_micros_90": "paid for the campaign's products, last 90 days, micros",
    "product_spend_micros_365": "paid for the campaign's products, last 365 days, micros",
    "product_days": "whole days since one of the campaign's products was bought; null when never",
    "products_bought": "different products of the campaign bought, last 365 days",
    "product_share": "share of spend in the campaign's products, last 365 days",
    "product_baskets_90": "baskets with a product of the campaign, last 90 days",
    "product_coupon_lines": "its products' lines bought with a coupon, last 365 days",
    "product_coupon_lines_90": "its products' lines bought with a coupon, last 90 days",
    "offers_bought": "offers of the campaign of which a product was bought, last 365 days",
    "offers_bought_90": "offers of the campaign of which a product was bought, last 90 days",
    "offers_repeated": "offers of the campaign bought in two baskets or more, last 365 days",
    "offers_couponed": "offers of which a product was bought with a coupon, last 365 days",
    "offer_baskets": "sum over offers of the baskets with one of its products, last 365 days",
    "offer_baskets_most": "baskets of the offer bought most, last 365 days",
    "offer_strength": "sum over offers of ln(1 + baskets), last 365 days",
    "offer_share": "offers bought from over offers of the campaign, last 365 days",
    "category_lines_90": "lines of the campaign's categories, last 90 days",
    "category_spend_micros_365": "paid in the campaign's categories, last 365 days, micros",
    "category_coupon_lines": "lines of its categories bought with a coupon, last 365 days",
    "category_coupon_lines_90": "lines of its categories bought with a coupon, last 90 days",
    "category_share": "share of spend in the campaign's categories, last 365 days",
    "category_days": "whole days since one of its categories was bought; null when never",
    "categories_bought": "categories of the campaign bought, last 365 days",
    "category_covered": "expected share of a purchase that the campaign covers: share of spend by "
    "category times the part of that category's sales that the campaign's products make",
    "category_redemptions": "coupons used before whose products share a category with the campaign",
    "product_redemptions": "coupons used before that share a product with the campaign",
    "kind_received": "campaigns of the same kind received before",
    "kind_redeemed": "campaigns of the same kind redeemed before",
    "overlapping": "campaigns received in the 60 days before",
}
"""Every column and what it means; nothing on or after the day is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTables:
    """The shop's campaigns as affinity reads them.

    Attributes:
        campaigns: `catalog/campaigns`.
        items: One row per offer and product: `campaign_id`, `coupon`, `offer_id`, `product_id`
            and the product's `category`, from `campaign_items`.
    """

    campaigns: Table
    items: Table


def campaign_items(offers: Table, offer_products: Table, products: Table) -> Table:
    """Which products, of which categories, each offer holds; see `CampaignTables.items`."""
    catalogue = products.select(product_id="id", category=ibis.coalesce(_.category, _.department))
    items = offers.select("campaign_id", "coupon", offer_id="id").inner_join(
        offer_products, "offer_id"
    )
    return (
        items.left_join(catalogue, "product_id")
        .select("campaign_id", "coupon", "offer_id", "product_id", "category")
        .distinct()
    )


def campaign_affinity(
    lines: Table,
    catalog: CampaignTables,
    campaign_ids: Sequence[str],
    as_of: date,
) -> Table:
    """Affinity of every person with an event before a day to each of some campaigns.

    Args:
        lines: From `enrich`.
        catalog: The shop's campaigns and what they offer, all of them.
        campaign_ids: The campaigns to compute.
        as_of: Nothing from this day's midnight (UTC) on is looked at.

    Returns:
        One row per person and campaign, the columns of `MEANINGS`; counts and shares are 0 where
        the person bought nothing.
    """
    scope = catalog.campaigns.filter(_.id.isin(list(campaign_ids)))
    return affinity_at(lines, catalog, scope, second_of(as_of))


def affinity_at(
    lines: Table, catalog: CampaignTables, campaigns: Table, cut: int | IntegerScalar
) -> Table:
    """`campaign_affinity` to a table of campaigns as of an epoch second, maybe a parameter."""
    past = lines.filter(_.second < cut)
    bought = past.filter((_.event == PURCHASE) & (_.second >= cut - 365 * DAY))
    scope = campaigns.select(campaign_id="id", kind="kind")
    wanted = catalog.items.semi_join(scope, "campaign_id")
    pairs = past.select("person").distinct().cross_join(scope.select("campaign_id"))
    for part in (
        _products(bought, wanted, cut),
        _offers(bought, wanted, cut),
        _categories(bought, wanted, cut),
        _redemptions(past, catalog.items, wanted),
        _kind(past, catalog.campaigns, scope, cut),
    ):
        pairs = pairs.left_join(part, KEYS).drop("person_right", "campaign_id_right")
    zero = [name for name in MEANINGS if name not in KEYS and not name.endswith("_days")]
    return pairs.mutate({name: pairs[name].fill_null(0) for name in zero}).select(*MEANINGS)


def _products(bought: Table, wanted: Table, cut: int | IntegerScalar) -> Table:
    """The campaign's own products; one in several of its offers counts once."""
    own = wanted.select("campaign_id", "product_id").distinct()
    quarter = cut - 90 * DAY
    total = bought.group_by("person").aggregate(spend=_.value.sum())
    hits = bought.inner_join(own, bought.item_id == own.product_id)
    lately = hits.second >= quarter
    sums = hits.group_by("person", "campaign_id").aggregate(
        product_lines_90=hits.count(where=lately),
        product_lines_365=hits.count(),
        product_spend_micros_90=hits.value.sum(where=lately),
        product_spend_micros_365=hits.value.sum(),
        product_days=(cut - hits.second.max()) // DAY,
        products_bought=hits.item_id.nunique(),
        product_baskets_90=hits.basket.nunique(where=lately),
        product_coupon_lines=hits.count(where=hits.coupon_value > 0),
        product_coupon_lines_90=hits.count(where=(hits.coupon_value > 0) & lately),
    )
    sums = sums.inner_join(total, "person")
    return sums.mutate(product_share=_share(sums.product_spend_micros_365, sums.spend)).drop(
        "spend"
    )


def _offers(bought: Table, wanted: Table, cut: int | IntegerScalar) -> Table:
    """Each offer apart: a coupon is for one of them, and used for what is bought repeatedly."""
    quarter = cut - 90 * DAY
    size = wanted.group_by("campaign_id").aggregate(offers=_.offer_id.nunique())
    items = wanted.select("campaign_id", "offer_id", "product_id")
    hits = bought.inner_join(items, bought.item_id == items.product_id)
    each = hits.group_by("person", "campaign_id", "offer_id").aggregate(
        baskets=hits.second.nunique(),
        last=hits.second.max(),
        couponed=hits.count(where=hits.coupon_value > 0),
    )
    sums = each.group_by("person", "campaign_id").aggregate(
        offers_bought=each.count(),
        offers_bought_90=each.count(where=each["last"] >= quarter),
        offers_repeated=each.count(where=each.baskets > 1),
        offers_couponed=each.count(where=each.couponed > 0),
        offer_baskets=each.baskets.sum(),
        offer_baskets_most=each.baskets.max(),
        offer_strength=(each.baskets + 1).ln().sum(),
    )
    sums = sums.inner_join(size, "campaign_id")
    return sums.mutate(offer_share=_.offers_bought / _.offers).drop("offers")


def _categories(bought: Table, wanted: Table, cut: int | IntegerScalar) -> Table:
    """The categories of the campaign's products, weighed by how much of each it covers."""
    quarter = cut - 90 * DAY
    own = wanted.select("campaign_id", "product_id").distinct()
    sold = bought.group_by("item_id", "category").aggregate(value=_.value.sum())
    total = sold.group_by("category").aggregate(total=_.value.sum())
    offered = (
        own.inner_join(sold, own.product_id == sold.item_id)
        .group_by("campaign_id", "category")
        .aggregate(value=_.value.sum())
        .inner_join(total, "category")
    )
    covered = offered.select(
        "campaign_id",
        "category",
        covered=(_.value / _.total.nullif(0)).clip(0.0, 1.0).fill_null(0.0),
    )
    spend = bought.group_by("person").aggregate(spend=_.value.sum())
    each = bought.group_by("person", "category").aggregate(
        lines=bought.count(where=bought.second >= quarter),
        value=bought.value.sum(),
        last=bought.second.max(),
        coupons=bought.count(where=bought.coupon_value > 0),
        coupons_90=bought.count(where=(bought.coupon_value > 0) & (bought.second >= quarter)),
    )
    hits = each.inner_join(covered, "category")
    sums = hits.group_by("person", "campaign_id").aggregate(
        category_lines_90=hits.lines.sum(),
        category_spend_micros_365=hits.value.sum(),
        category_coupon_lines=hits.coupons.sum(),
        category_coupon_lines_90=hits.coupons_90.sum(),
        category_days=(cut - hits["last"].max()) // DAY,
        categories_bought=hits.count(),
        covered_spend=(hits.value * hits.covered).sum(),
    )
    sums = sums.inner_join(spend, "person")
    return sums.mutate(
        category_share=_share(sums.category_spend_micros_365, sums.spend),
        category_covered=_share(sums.covered_spend, sums.spend),
    ).drop("spend", "covered_spend")


def _redemptions(past: Table, items: Table, wanted: Table) -> Table:
    """Coupons used before whose products, or whose products' categories, the campaign has again."""
    used = past.filter(_.event == REDEEMED).select("person", earlier=_.promotion_id, used=_.coupon)
    before = items.select("product_id", "category", earlier="campaign_id", used="coupon").semi_join(
        used, ["earlier", "used"]
    )

    def again(what: str, name: str) -> Table:
        matches = (
            before.select("earlier", "used", what)
            .distinct()
            .inner_join(wanted.select("campaign_id", what).distinct(), what)
            .select("earlier", "used", "campaign_id")
            .distinct()
        )
        hits = used.inner_join(matches, ["earlier", "used"])
        return hits.group_by(*KEYS).aggregate(**{name: hits.count()})

    # Who used a coupon on the same product used one on the same category.
    wide, narrow = (
        again("category", "category_redemptions"),
        again("product_id", "product_redemptions"),
    )
    return wide.outer_join(narrow, KEYS).select(
        person=ibis.coalesce(_.person, _.person_right),
        campaign_id=ibis.coalesce(_.campaign_id, _.campaign_id_right),
        category_redemptions="category_redemptions",
        product_redemptions="product_redemptions",
    )


def _kind(past: Table, campaigns: Table, scope: Table, cut: int | IntegerScalar) -> Table:
    """What the person was sent and used of earlier campaigns of the same kind, and of late."""
    told = past.filter(_.event.isin([RECEIVED, REDEEMED])).inner_join(
        campaigns.select(promotion_id="id", earlier_kind="kind"), "promotion_id"
    )
    hits = told.cross_join(scope)
    received, used = hits.event == RECEIVED, hits.event == REDEEMED
    same = hits.kind == hits.earlier_kind
    return hits.group_by(*KEYS).aggregate(
        kind_received=hits.promotion_id.nunique(where=received & same),
        kind_redeemed=hits.promotion_id.nunique(where=used & same),
        overlapping=hits.promotion_id.nunique(where=received & (hits.second >= cut - 60 * DAY)),
    )


def _share(some: NumericValue, whole: NumericValue) -> NumericValue:
    return (some / whole.nullif(0)).clip(0.0, 1.0)
