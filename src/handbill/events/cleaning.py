"""One judgement for every source: each row is kept, a duplicate, or quarantined with a reason.

Nothing is lost: `received = kept + duplicate + quarantined` holds for every relation, and a break
of it stops the import.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import duckdb
import pyarrow as pa

from handbill.errors import SourceError
from handbill.events.canonical import COLUMNS, WITH_CUSTOMER, Loaded
from handbill.events.settings import Settings
from handbill.trust.identity import pseudonyms
from handbill.types import MICROS

REASONS: Mapping[str, str] = {
    "unreadable": "the line does not split into the header's columns",
    "unreadable_time": "a time is not written as documented",
    "unreadable_number": "a number is not written as documented",
    "missing_customer": "no customer",
    "missing_product": "no product",
    "missing_order": "no order",
    "missing_time": "no time",
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
    "campaigns": ("id",),
    "mailings": ("person", "campaign_id"),
    "redemptions": ("person", "campaign_id", "coupon", "epoch_us(redeemed_at)"),
    "offers": ("campaign_id", "coupon", "product_id"),
    "exposures": ("product_id", "store_id", "week_start", "display", "mailer"),
    "people": ("person",),
}  # fmt: skip

ONCE = "QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY row) = 1"
"""Keeps the first of equal rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of one relation's rows.

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


def register_identities(connection: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give every customer a pseudonym: table `identities` (customer, person), in memory only."""
    union = " UNION ".join(f"SELECT customer FROM raw_{one}" for one in WITH_CUSTOMER)
    rows = connection.execute(f"SELECT * FROM ({union}) WHERE customer IS NOT NULL").fetchall()
    known = pseudonyms(key, "customer", sorted(row[0] for row in rows))
    table = pa.table(
        {"customer": list(known), "person": list(known.values())},
        schema=pa.schema([("customer", pa.string()), ("person", pa.string())]),
    )
    connection.register("identities_arrow", table)
    connection.execute("CREATE TABLE identities AS SELECT * FROM identities_arrow")
    connection.unregister("identities_arrow")


def judge(
    connection: duckdb.DuckDBPyConnection, settings: Settings, as_of: date, loaded: Loaded
) -> dict[str, Receipt]:
    """Make `kept_<relation>` and `refused_<relation>` from every `raw_<relation>`.

    Args:
        connection: With the raw relations and `identities`.
        settings: What is impossible.
        as_of: The plan's day.
        loaded: Which relations the source has, and rows that never became one.

    Returns:
        A receipt per relation the source has.
    """
    limits = _limits(settings, as_of)
    receipts: dict[str, Receipt] = {}
    # What others are held against comes first.
    for name in dict.fromkeys(("products", "campaigns", "orders", *COLUMNS)):
        receipts[name] = _judge_one(connection, name, limits, loaded)
        if name == "orders":
            connection.execute(
                "CREATE TABLE known_products AS "
                "SELECT id FROM kept_products UNION SELECT product_id FROM kept_orders"
            )
    return {name: receipts[name] for name in COLUMNS if name in loaded.present}


def _judge_one(
    connection: duckdb.DuckDBPyConnection, name: str, limits: Mapping[str, str], loaded: Loaded
) -> Receipt:
    key = ", ".join(NATURAL_KEYS[name])
    connection.execute(f"CREATE VIEW judged_{name} AS {_judgement(name, limits)}")
    # One pass counts; two different rows with one 64-bit hash only cost the slower path below.
    parsed, refused, distinct = connection.execute(
        f"SELECT count(*), count(reason), count(DISTINCT hash({key})) FILTER (reason IS NULL) "
        f"FROM judged_{name}"
    ).fetchall()[0]
    # Exposures can be tens of millions of rows: they are streamed, and looked at once more only
    # when there is something to find.
    where = "WHERE reason IS NOT NULL" if refused else "LIMIT 0"
    connection.execute(
        f"CREATE TABLE refused_{name} AS SELECT row, reason, {_raw(name)} AS raw "
        f"FROM judged_{name} {where}"
    )
    lost = loaded.unparsed.get(name, ())
    if lost:
        rows = pa.table({"row": [one.row for one in lost], "raw": [one.raw for one in lost]})
        connection.register("lost", rows)
        connection.execute(f"INSERT INTO refused_{name} SELECT row, 'unreadable', raw FROM lost")
        connection.unregister("lost")
    once = "" if distinct == parsed - refused else ONCE.format(key=key)
    where = "WHERE reason IS NULL" if refused else ""
    kind = "VIEW" if name == "exposures" and not once else "TABLE"
    connection.execute(
        f"CREATE {kind} kept_{name} AS "
        f"SELECT * EXCLUDE (reason, raw) FROM judged_{name} {where} {once}"
    )
    kept = connection.execute(f"SELECT count(*) FROM kept_{name}").fetchall()[0][0]
    reasons = connection.execute(
        f"SELECT reason, count(*) FROM refused_{name} GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    return Receipt(
        received=parsed + len(lost),
        kept=kept,
        duplicate=parsed - refused - kept,
        quarantined=refused + len(lost),
        reasons=dict(reasons),
    ).check(name)


def _judgement(name: str, limits: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN {condition} THEN '{reason}'" for reason, condition in RULES[name])
    for limit, value in limits.items():
        cases = cases.replace(limit, value)
    columns = ", ".join(f"r.{column}" for column in COLUMNS[name] if column != "customer")
    person, join = "", ""
    if name in WITH_CUSTOMER:
        person = "i.person,"
        join = "LEFT JOIN identities i ON i.customer = r.customer"
    return (
        f"SELECT r.row, r.raw, {person} {columns}, coalesce(r.problem, CASE {cases} END) AS reason "
        f"FROM raw_{name} r {join}"
    )


def _raw(name: str) -> str:
    person = "json_object('person', person)" if name in WITH_CUSTOMER else "'{}'::JSON"
    return f"json_merge_patch({person}, coalesce(raw, '{{}}')::JSON)::VARCHAR"


def _limits(settings: Settings, as_of: date) -> dict[str, str]:
    latest = datetime.combine(as_of, time(), UTC) + timedelta(days=settings.days_ahead + 1)
    return {
        "$earliest": f"TIMESTAMPTZ '{settings.first_year:04d}-01-01 00:00:00+00'",
        "$latest": f"TIMESTAMPTZ '{latest:%Y-%m-%d %H:%M:%S}+00'",
        "$max_units": str(settings.max_units),
        "$max_paid": str(round(settings.max_paid * MICROS)),
    }
