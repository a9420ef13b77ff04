"""One judgement for every source: each row is kept, a duplicate, or quarantined with a reason.

Nothing is lost: `received = kept + duplicate + quarantined` holds for every relation, and a break
of it stops the import.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pyarrow as pa

from handbill.errors import SourceError
from handbill.events.canonical import COLUMNS, IDENTIFIERS, WITH_CUSTOMER, Loaded
from handbill.events.repeats import COLLECTOR_RANK
from handbill.events.settings import Settings
from handbill.trust.identity import pseudonym
from handbill.types import MICROS

REASONS: Mapping[str, str] = {
    "unreadable": "the line does not split into the header's columns",
    "unreadable_time": "a time is not written as documented",
    "unreadable_number": "a number is not written as documented",
    "missing_customer": "no customer",
    "missing_product": "no product",
    "missing_order": "no order",
    "missing_time": "no time",
    "missing_event": "an event without a name",
    "missing_quantity": "no quantity",
    "missing_paid": "no amount paid",
    "missing_id": "no id, campaign, coupon or store where one is needed",
    "coupon_only": "a coupon was scanned, but on no product line",
    "no_quantity": "quantity 0",
    "sign_mismatch": "quantity and money have different signs",
    "negative_discount": "a discount below 0",
    "impossible_quantity": "more units than events.max_units",
    "impossible_value": "more money than events.max_paid",
    "too_early": "dated before events.first_year",
    "too_late": "dated after the plan's day by more than events.days_ahead",
    "ends_before_start": "a campaign ends before it starts",
    "unknown_campaign": "the campaign is not in the list of campaigns",
    "unknown_product": "an offer or exposure of a product that is not in the catalogue",
    "currency": "money in another currency than the shop's",
    "not_paid": "an order that was not paid for",
    "no_lines": "an order or refund that names no products",
    "unsupported_type": "a kind of record that nobody did anything in",
}
"""Reason code -> meaning, as docs/import.md lists them."""


# Relation -> (reason, condition), first match wins. A sale of a product that the catalogue does not
# list is kept: shops drop old products from their list, and the money was paid all the same.
RULES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "orders": (
        ("missing_customer", "person IS NULL"),
        ("missing_order", "order_id IS NULL"),
        ("missing_product", "product_id IS NULL"),
        ("missing_time", "ordered_at IS NULL"),
        ("too_early", "ordered_at < $earliest"),
        ("too_late", "ordered_at >= $latest"),
        ("missing_quantity", "quantity IS NULL"),
        ("missing_paid", "paid IS NULL"),
        ("negative_discount", "least(coalesce(discount, 0), coalesce(coupon_discount, 0)) < 0"),
        ("coupon_only", "quantity = 0 AND coupon_discount > 0"),
        ("no_quantity", "quantity = 0"),
        ("sign_mismatch", "(quantity > 0 AND paid < 0) OR (quantity < 0 AND paid > 0)"),
        ("impossible_quantity", "abs(quantity) > $max_units"),
        ("impossible_value", "abs(paid) > $max_paid"),
    ),
    "products": (("missing_product", "id IS NULL"),),
    "events": (
        ("missing_event", "event IS NULL"),
        ("missing_customer", "person IS NULL"),
        ("missing_time", "occurred_at IS NULL"),
        ("too_early", "occurred_at < $earliest"),
        ("too_late", "occurred_at >= $latest"),
        ("missing_order", "event = 'purchase' AND order_id IS NULL"),
        ("missing_paid", "event = 'purchase' AND paid IS NULL"),
        ("negative_discount", "least(coalesce(discount, 0), coalesce(coupon_discount, 0)) < 0"),
        ("impossible_quantity", "abs(quantity) > $max_units"),
        ("impossible_value", "abs(paid) > $max_paid OR (event = 'purchase' AND paid < 0)"),
    ),
    "campaigns": (
        ("missing_id", "id IS NULL"),
        ("missing_time", "starts_at IS NULL OR ends_at IS NULL"),
        ("ends_before_start", "ends_at <= starts_at"),
    ),
    "mailings": (
        ("missing_customer", "person IS NULL"),
        ("missing_id", "campaign_id IS NULL"),
        ("unknown_campaign", "campaign_id NOT IN (SELECT id FROM kept_campaigns)"),
    ),
    "redemptions": (
        ("missing_customer", "person IS NULL"),
        ("missing_id", "campaign_id IS NULL OR coupon IS NULL"),
        ("missing_time", "redeemed_at IS NULL"),
        ("too_early", "redeemed_at < $earliest"),
        ("too_late", "redeemed_at >= $latest"),
        ("unknown_campaign", "campaign_id NOT IN (SELECT id FROM kept_campaigns)"),
    ),
    "offers": (
        ("missing_id", "campaign_id IS NULL OR coupon IS NULL"),
        ("missing_product", "product_id IS NULL"),
        ("unknown_campaign", "campaign_id NOT IN (SELECT id FROM kept_campaigns)"),
        ("unknown_product", "product_id NOT IN (SELECT id FROM known_products)"),
    ),
    "exposures": (
        ("missing_id", "store_id IS NULL"),
        ("missing_product", "product_id IS NULL"),
        ("missing_time", "week_start IS NULL"),
        ("unknown_product", "product_id NOT IN (SELECT id FROM known_products)"),
    ),
    "people": (("missing_customer", "person IS NULL"),),
}

EVENT = (
    "concat_ws('\x1f', person, event, epoch_us(occurred_at), coalesce(order_id, ''), "
    "coalesce(product_id, ''), coalesce(quantity, 0), coalesce(paid, 0), coalesce(coupon, ''), "
    "coalesce(store, ''), coalesce(campaign_id, ''))"
)
"""What makes an event itself where it has no id."""

# What makes two rows the same. Equal lines of one order count once: exports that overlap in time
# are common, and the Complete Journey has no (basket, product) twice, so there it costs nothing. A
# till that scans one product twice on two lines needs `line_id` to tell them apart.
NATURAL_KEYS: Mapping[str, tuple[str, ...]] = {
    "orders": (
        "person", "order_id", "product_id", "epoch_us(ordered_at)", "quantity", "paid",
        "coalesce(discount, 0)", "coalesce(coupon_discount, 0)", "coalesce(coupon, '')",
        "coalesce(store, '')", "coalesce(line_id, '')",
    ),
    "products": ("id",),
    "events": ("origin", "coalesce(event_id, md5(" + EVENT + "))"),
    "campaigns": ("id",),
    "mailings": ("person", "campaign_id"),
    "redemptions": ("person", "campaign_id", "coupon", "epoch_us(redeemed_at)"),
    "offers": ("campaign_id", "coupon", "product_id"),
    "exposures": ("product_id", "store_id", "week_start", "display", "mailer"),
    "people": ("person",),
}  # fmt: skip

ONCE = "QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1"
"""Keeps the first of equal rows."""

FIRST = ("products", "campaigns", "orders")
"""Relations that others are held against."""
REST = tuple(name for name in COLUMNS if name not in FIRST)

LATEST = ("products", "campaigns")
"""Relations of which a later file is believed; of the others the earlier one."""

# An order that several systems tell of counts once: its sale and its refunds each come from the
# lowest rank that has them. Where a record is the whole order, its newest state is believed, and of
# equal states the first: a page that is loaded again reports its purchase again. `heads` are the
# orders that the source itself told of in relations that were streamed; its rank is the lowest.
# `collected` are those that the collector took in: it is believed before what only watches pages.
BELIEVED: Mapping[str, str] = {
    "orders": """
        SELECT * EXCLUDE best FROM (
            SELECT *, min(rank) OVER (PARTITION BY order_id, quantity > 0) AS best FROM {accepted})
        WHERE rank = best AND (order_id, if(quantity > 0, 'purchase', 'refund')) NOT IN (
            SELECT (order_id, event) FROM heads WHERE relation = 'orders')
        AND (rank <= {collector} OR (order_id, if(quantity > 0, 'purchase', 'refund')) NOT IN (
            SELECT (order_id, event) FROM collected))
        QUALIFY version IS NULL OR quantity < 0 OR rank() OVER (
            PARTITION BY order_id, quantity > 0, rank ORDER BY version DESC, ordered_at) = 1
    """,
    "events": """
        SELECT * EXCLUDE best FROM (
            SELECT *, min(rank) OVER (PARTITION BY order_id, event) AS best FROM {accepted})
        WHERE event NOT IN ('purchase', 'refund') OR order_id IS NULL OR (rank = best
            AND (order_id, event) NOT IN (
                SELECT (order_id, if(quantity > 0, 'purchase', 'refund')) FROM kept_orders
                UNION ALL SELECT (order_id, event) FROM heads)
            AND (rank <= {collector} OR (order_id, event) NOT IN (
                SELECT (order_id, event) FROM collected)))
    """,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a relation's or a file's rows.

    Attributes:
        received: Rows in the source.
        kept: Rows that went on.
        duplicate: Rows equal to an earlier one.
        quarantined: Rows refused.
        reasons: Refused rows per reason code.
    """

    received: int
    kept: int
    duplicate: int
    quarantined: int
    reasons: Mapping[str, int]

    def __add__(self, other: "Receipt") -> "Receipt":
        reasons = Counter(self.reasons) + Counter(other.reasons)
        return Receipt(
            received=self.received + other.received,
            kept=self.kept + other.kept,
            duplicate=self.duplicate + other.duplicate,
            quarantined=self.quarantined + other.quarantined,
            reasons=dict(reasons.most_common()),
        )

    def check(self, relation: str) -> "Receipt":
        """Hold the counts against each other.

        Raises:
            SourceError: A row is neither kept nor accounted for.
        """
        accounted = self.kept + self.duplicate + self.quarantined
        if self.received != accounted or sum(self.reasons.values()) != self.quarantined:
            raise SourceError(
                f"{relation}: {self.received} rows received but {accounted} accounted for; "
                "the source changed while it was read, run again"
            )
        return self


def register_identities(
    connection: duckdb.DuckDBPyConnection, key: bytes, relations: Iterable[str] = WITH_CUSTOMER
) -> None:
    """Give everyone a pseudonym: table `identities` (kind, identifier, person), in memory only.

    Args:
        connection: With the raw relations.
        key: The identity key.
        relations: Those of them that have people.
    """
    union = " UNION ".join(
        f"SELECT '{kind}' AS kind, {kind} AS identifier FROM raw_{name}"
        for name in relations
        for kind in IDENTIFIERS
        if kind in COLUMNS[name]
    )
    nobody = "SELECT NULL AS kind, NULL AS identifier"
    rows = connection.execute(
        f"SELECT * FROM ({union or nobody}) WHERE identifier IS NOT NULL ORDER BY ALL"
    ).fetchall()
    table = pa.table(
        {
            "kind": [kind for kind, _ in rows],
            "identifier": [identifier for _, identifier in rows],
            "person": [pseudonym(key, kind, identifier) for kind, identifier in rows],
        },
        schema=pa.schema([(name, pa.string()) for name in ("kind", "identifier", "person")]),
    )
    connection.register("identities_arrow", table)
    connection.execute("CREATE OR REPLACE TABLE identities AS SELECT * FROM identities_arrow")
    connection.unregister("identities_arrow")


def judge(
    connection: duckdb.DuckDBPyConnection,
    limits: Mapping[str, str],
    loaded: Loaded,
    relations: Sequence[str],
) -> dict[tuple[int, str], Receipt]:
    """Make `kept_<relation>` and `refused_<relation>` from `all_<relation>`.

    Args:
        connection: With the combined relations, and `heads`, `collected` and `streamed_products`.
        limits: From `limits_of`.
        loaded: Which relations the source has, and rows that never became one.
        relations: What others are held against comes first, as in `FIRST`.

    Returns:
        A receipt per imported file and relation that it holds; file 0 is the source.
    """
    receipts: dict[tuple[int, str], Receipt] = {}
    for name in relations:
        found = _judge_one(connection, name, limits, loaded)
        receipts |= {(seq, name): receipt for seq, receipt in found.items()}
        if name == "orders":
            connection.execute(
                "CREATE TABLE known_products AS "
                "SELECT id FROM kept_products UNION SELECT product_id FROM kept_orders "
                "UNION SELECT product_id FROM streamed_products"
            )
    return receipts


def _judge_one(
    connection: duckdb.DuckDBPyConnection, name: str, limits: Mapping[str, str], loaded: Loaded
) -> dict[int, Receipt]:
    key = ", ".join(NATURAL_KEYS[name])
    connection.execute(
        f"CREATE VIEW judged_{name} AS "
        f"SELECT * EXCLUDE problem, {reason_of(name, limits)} AS reason FROM all_{name}"
    )
    # One pass counts; two different rows with one 64-bit hash only cost the slower path below.
    parsed, refused, distinct, last = connection.execute(
        f"SELECT count(*), count(reason), count(DISTINCT hash({key})) FILTER (reason IS NULL), "
        f"coalesce(max(seq), 0) FROM judged_{name}"
    ).fetchall()[0]
    # Exposures can be tens of millions of rows: they are streamed, and looked at once more only
    # when there is something to find.
    where = "WHERE reason IS NOT NULL" if refused else "LIMIT 0"
    connection.execute(
        f"CREATE TABLE refused_{name} AS SELECT seq, row, reason, {quarantined(name)} AS raw "
        f"FROM judged_{name} {where}"
    )
    lost = loaded.unparsed.get(name, ())
    if lost:
        rows = pa.table({"row": [one.row for one in lost], "raw": [one.raw for one in lost]})
        connection.register("lost", rows)
        connection.execute(f"INSERT INTO refused_{name} SELECT 0, row, 'unreadable', raw FROM lost")
        connection.unregister("lost")
    order = "seq DESC, row" if name in LATEST else "seq, row"
    once = "" if distinct == parsed - refused else ONCE.format(key=key, order=order)
    where = "WHERE reason IS NULL" if refused else ""
    accepted = f"(SELECT * EXCLUDE (reason, raw) FROM judged_{name} {where})"
    if name == "events" or (last and name in BELIEVED):
        accepted = f"({BELIEVED[name].format(accepted=accepted, collector=COLLECTOR_RANK)})"
    kind = "VIEW" if name == "exposures" and not once else "TABLE"
    connection.execute(f"CREATE {kind} kept_{name} AS SELECT * FROM {accepted} {once}")
    received = {0: parsed} if name in loaded.present else {}
    if last:
        received |= dict(
            connection.execute(f"SELECT seq, count(*) FROM judged_{name} GROUP BY 1").fetchall()
        )
    if lost:
        received[0] = received.get(0, 0) + len(lost)
    kept = dict(connection.execute(f"SELECT seq, count(*) FROM kept_{name} GROUP BY 1").fetchall())
    reasons: dict[int, dict[str, int]] = {}
    for seq, reason, count in connection.execute(
        f"SELECT seq, reason, count(*) FROM refused_{name} GROUP BY ALL ORDER BY 3 DESC, 2"
    ).fetchall():
        reasons.setdefault(seq, {})[reason] = count
    return {
        seq: _receipt(count, kept.get(seq, 0), reasons.get(seq, {})).check(name)
        for seq, count in sorted(received.items())
    }


def _receipt(received: int, kept: int, reasons: Mapping[str, int]) -> Receipt:
    quarantined = sum(reasons.values())
    return Receipt(
        received=received,
        kept=kept,
        duplicate=received - kept - quarantined,
        quarantined=quarantined,
        reasons=reasons,
    )


def reason_of(name: str, limits: Mapping[str, str]) -> str:
    """Why a row of a relation is refused, as SQL; null when it is not.

    Args:
        name: Of the relation.
        limits: From `limits_of`.
    """
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in RULES[name])
    for limit, value in limits.items():
        cases = cases.replace(limit, value)
    return f"coalesce(problem, CASE {cases} END)"


def quarantined(name: str) -> str:
    """What the quarantine keeps of a row, as SQL: its fields, and whose it is by pseudonym."""
    person = "json_object('person', person)" if name in WITH_CUSTOMER else "'{}'::JSON"
    return f"json_merge_patch({person}, coalesce(raw, '{{}}')::JSON)::VARCHAR"


def limits_of(settings: Settings, as_of: date) -> dict[str, str]:
    """What the rules hold rows against: name in `RULES` -> SQL."""
    latest = datetime.combine(as_of, time(), UTC) + timedelta(days=settings.days_ahead + 1)
    return {
        "$earliest": f"TIMESTAMPTZ '{settings.first_year:04d}-01-01 00:00:00+00'",
        "$latest": f"TIMESTAMPTZ '{latest:%Y-%m-%d %H:%M:%S}+00'",
        "$max_units": str(settings.max_units),
        "$max_paid": str(round(settings.max_paid * MICROS)),
    }
