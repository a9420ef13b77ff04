"""Customer features from the sums of days: what `features_at` makes from a whole log.

That one counts in one pass, which is quicker where no sums are kept yet. Their values are the same,
which the tests hold them to.
"""

from collections.abc import Sequence

import ibis
from ibis import Table, _
from ibis.expr.types import IntegerScalar

from handbill.audience.customer_days import DAYPARTS, EVER, WEEKDAYS, CustomerWindows
from handbill.audience.features import (
    MEANINGS,
    PRIOR_CAMPAIGNS,
    days_before,
    department_columns,
    part_of,
)
from handbill.audience.lines import DAY, RECEIVED, REDEEMED


def customer_table(
    windows: CustomerWindows, cut: int | IntegerScalar, *, departments: Sequence[str] = ()
) -> Table:
    """`features_at` of windows that are there already.

    Args:
        windows: From `customer_windows`.
        cut: Epoch second, the midnight that they are as of.
        departments: Those whose share of the spend has a column.
    """
    joined = _visits(windows, cut)
    for part in (
        _different(windows.products, cut, products_365=365),
        _different(windows.categories, cut, categories_90=90),
        _response(windows.told, cut),
        _spending(windows.spending, departments),
    ):
        joined = joined.left_join(part, "person").drop("person_right")
    counts = [
        name
        for name in joined.columns
        if name.startswith(("campaigns_", "coupons_")) or name in ("products_365", "categories_90")
    ]
    joined = joined.mutate({name: joined[name].fill_null(0) for name in counts})
    joined = joined.cross_join(
        joined.aggregate(
            shop_rate=ibis.coalesce(
                _.campaigns_redeemed.sum() / _.campaigns_received.sum().nullif(0), 0.0
            )
        )
    )
    joined = joined.mutate(
        response_rate=(_.campaigns_redeemed + PRIOR_CAMPAIGNS * _.shop_rate)
        / (_.campaigns_received + PRIOR_CAMPAIGNS),
        **{
            column: part_of(joined[f"spent_{rank}"].fill_null(0), joined.spend_365.nullif(0))
            for rank, column in enumerate(department_columns(departments).values())
        },
    )
    return joined.select(*MEANINGS, *department_columns(departments).values())


def _visits(windows: CustomerWindows, cut: int | IntegerScalar) -> Table:
    """When, how often, on what and at what price; each basket counts once for its time."""
    sums = windows.sums.left_join(windows.visits, "person").drop("person_right")
    baskets, paid = sums.baskets_365.nullif(0), sums.spend_365.nullif(0)
    full = (sums.spend_365 + sums.saved_365 + sums.couponed_365).nullif(0)
    return sums.mutate(
        recency_days=days_before(sums["last"], cut),
        tenure_days=days_before(sums["first"], cut),
        spend_micros_30=sums.spend_30,
        spend_micros_90=sums.spend_90,
        spend_micros_365=sums.spend_365,
        basket_micros=sums.spend_365 / baskets,
        basket_lines=sums.lines_365 / baskets,
        gap_days=(sums["last"] - sums.first_recent) / (sums.baskets_365 - 1).nullif(0) / DAY,
        trend=3 * sums.baskets_30 / sums.baskets_90.nullif(0),
        share_private=part_of(sums.private_365, paid),
        share_discounted=part_of(sums.reduced_365, paid),
        discount_depth=part_of(sums.saved_365, full),
        coupon_share=part_of(sums.couponed_365, full),
        **{
            f"share_{name}": sums[f"on_{name}_365"] / baskets
            for name in (*WEEKDAYS, *DAYPARTS, "night")
        },
    )


def _different(pairs: Table, cut: int | IntegerScalar, **window: int) -> Table:
    """Of how many different things the last purchase is within a window."""
    [(name, days)] = window.items()
    return pairs.group_by("person").aggregate(
        **{name: pairs.count(where=pairs.day >= cut // DAY - days)}
    )


def _spending(spending: Table, departments: Sequence[str]) -> Table:
    """What was spent in each department that has a column."""
    return spending.group_by("person").aggregate(
        **{
            f"spent_{rank}": spending.spend_365.sum(where=spending.department == name).cast("int64")
            for rank, name in enumerate(departments)
        }
    )


def _response(told: Table, cut: int | IntegerScalar) -> Table:
    """What earlier campaigns brought; each counts once, whatever the number of its coupons."""
    received, used = told.event == RECEIVED, told.event == REDEEMED
    named = told.promotion_id.notnull()
    ever = told[f"uses_{EVER}"]
    return told.group_by("person").aggregate(
        campaigns_received=told.count(where=received & named),
        campaigns_received_90=told.count(where=received & named & (told.uses_90 > 0)),
        campaigns_redeemed=told.count(where=used & named),
        coupons_redeemed=ever.sum(where=used),
        coupons_redeemed_90=told.uses_90.sum(where=used),
        redemption_days=days_before(told["last"].max(where=used), cut),
    )
