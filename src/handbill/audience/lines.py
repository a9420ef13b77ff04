"""The log as features read it: human lines with the catalogue joined and times as integers.

Every difference of days is taken between epoch seconds, and the shop's clock is an offset added to
them, because engines disagree about date functions but not about integers.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis
from ibis import Table, _
from ibis.expr.types import IntegerValue

DAY = 86_400
"""Seconds of a day."""

PURCHASE, RECEIVED, REDEEMED = "purchase", "view_promotion", "select_promotion"
"""The events that features are made of: bought, was sent a campaign, used one of its coupons."""


def second_of(day: date) -> int:
    """Epoch second at which a day begins, UTC: the first one that may not be looked at.

    Example:
        >>> second_of(date(1970, 1, 2))
        86400
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def enrich(events: Table, products: Table, zone: str = "UTC") -> Table:
    """Give each human event line its product's place in the catalogue and its integer times.

    Args:
        events: `log/events`.
        products: `catalog/products`.
        zone: IANA zone of the shop's clock.

    Returns:
        `person`, `event`, `second` (epoch, UTC), `local` (the same in seconds of the shop's
        clock), `basket`, `item_id`, `value`, `discount`, `coupon_value` (micros, 0 when the log
        has none), `promotion_id`, `coupon`, and of the product `department`, `category`,
        `private` (the shop's own label).
    """
    catalogue = products.select(
        product_id="id",
        department="department",
        category=ibis.coalesce(_.category, _.department),
        private=(_.brand_kind == "private").fill_null(False),
    )
    # Truncated first: some engines round a fraction of a second up when they make it an integer.
    lines = events.filter(_.is_human).select(
        "person",
        "event",
        "item_id",
        "promotion_id",
        "coupon",
        second=_.occurred_at.truncate("s").epoch_seconds().cast("int64"),
        transaction_id=_.transaction_id,
        value=_.value_micros.fill_null(0),
        discount=_.discount_micros.fill_null(0),
        coupon_value=_.coupon_micros.fill_null(0),
    )
    lines = lines.mutate(
        local=lines.second + clock_offset(lines.second, zone),
        basket=ibis.coalesce(lines.transaction_id, lines.second.cast("string")),
    ).drop("transaction_id")
    joined = lines.left_join(catalogue, lines.item_id == catalogue.product_id)
    return joined.drop("product_id")


def clock_offset(second: IntegerValue, zone: str) -> IntegerValue:
    """Seconds to add to an epoch second to read the clock of a zone.

    Args:
        second: Epoch seconds, UTC.
        zone: IANA name.
    """
    changes = offset_changes(zone)
    offset: IntegerValue = ibis.literal(changes[0][1], type="int64")
    if len(changes) > 1:
        branches = [(second >= start, shift) for start, shift in reversed(changes)]
        offset = ibis.cases(*branches, else_=changes[0][1]).cast("int64")
    return offset


def offset_changes(zone: str, first: int = 2000, last: int = 2040) -> list[tuple[int, int]]:
    """When a zone's offset from UTC changes, from one year to another.

    Args:
        zone: IANA name.
        first: First year.
        last: Year after the last.

    Returns:
        `(epoch second, seconds east of UTC)` in the order of time; the first holds before it, too.

    Example:
        >>> offset_changes("Asia/Shanghai")
        [(946684800, 28800)]
    """
    clock = ZoneInfo(zone)

    def offset(second: int) -> int:
        shift = datetime.fromtimestamp(second, clock).utcoffset() or timedelta()
        return int(shift.total_seconds())

    start, end = second_of(date(first, 1, 1)), second_of(date(last, 1, 1))
    changes = [(start, offset(start))]
    for day in range(start, end, DAY):
        low, high = day, day + DAY
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        changes.append((high, offset(high)))
    return changes
