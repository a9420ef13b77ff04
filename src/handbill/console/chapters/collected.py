"""What came in: rows received, kept and set aside, and how busy the shop was."""

from dataclasses import dataclass
from datetime import date, timedelta

from handbill.console.reading import Reader, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One table of the source, reconciled to the row.

    Attributes:
        name: As the importer calls it.
        received: Rows read.
        kept: Rows that are in the log or the catalogue.
        duplicate: Rows that were there already.
        quarantined: Rows set aside.
        reasons: Reason code and rows, most first.
    """

    name: str
    received: int
    kept: int
    duplicate: int
    quarantined: int
    reasons: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week of trade.

    Attributes:
        start: Its Monday.
        baskets: Distinct transactions.
    """

    start: date
    baskets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What the log holds.

    Attributes:
        sources: The receipt.
        first_day: First order, or first event where there are none.
        last_day: Last order, or last event where there are none.
        people: Distinct pseudonyms.
        products: Rows of the catalogue.
        products_sold: Distinct products in purchases.
        baskets: Distinct transactions.
        spend_micros: What customers paid.
        mailed: Person-campaign pairs that a campaign reached.
        redemptions: Coupons redeemed.
        not_human: Events that are not people's; kept, never learned from.
        campaigns: Rows of the campaign list.
        offers: Rows of the offer list.
        exposures: Product-store-weeks with a known place.
        weeks: Whole weeks, oldest first.
    """

    sources: tuple[Source, ...]
    first_day: date
    last_day: date
    people: int
    products: int
    products_sold: int
    baskets: int
    spend_micros: int
    mailed: int
    redemptions: int
    not_human: int
    campaigns: int
    offers: int
    exposures: int
    weeks: tuple[Week, ...]

    @property
    def received(self) -> int:
        """Rows read, over all sources."""
        return sum(source.received for source in self.sources)

    @property
    def kept(self) -> int:
        """Rows kept, over all sources."""
        return sum(source.kept for source in self.sources)

    @property
    def duplicate(self) -> int:
        """Rows that were there already, over all sources."""
        return sum(source.duplicate for source in self.sources)

    @property
    def set_aside(self) -> int:
        """Rows in quarantine, over all sources."""
        return sum(source.quarantined for source in self.sources)


LOG = """
    SELECT count(DISTINCT person) AS people,
           coalesce(min(occurred_at) FILTER (event = 'purchase'), min(occurred_at))::DATE
             AS first_day,
           coalesce(max(occurred_at) FILTER (event = 'purchase'), max(occurred_at))::DATE
             AS last_day,
           count(DISTINCT item_id) FILTER (event = 'purchase') AS products_sold,
           count(DISTINCT transaction_id) FILTER (event = 'purchase') AS baskets,
           coalesce(sum(value_micros) FILTER (event = 'purchase'), 0)::BIGINT AS spend_micros,
           count(*) FILTER (event = 'view_promotion') AS mailed,
           count(*) FILTER (event = 'select_promotion') AS redemptions,
           count(*) FILTER (NOT is_human) AS not_human
    FROM {events}
"""
WEEKS = """
    SELECT date_trunc('week', occurred_at)::DATE AS start, count(DISTINCT transaction_id) AS baskets
    FROM {events} WHERE event = 'purchase' GROUP BY 1 ORDER BY 1
"""


def read_collected(reader: Reader) -> Collected | None:
    """The data as received; None when nothing was imported yet."""
    workspace = reader.workspace
    found = reader.rows(LOG, events=workspace.events)
    if not found or not found[0]["people"]:
        return None
    log = found[0]
    first, last = log["first_day"], log["last_day"]
    weeks = (
        Week(start=row["start"], baskets=row["baskets"])
        for row in reader.rows(WEEKS, events=workspace.events)
        if row["start"] >= first and row["start"] + timedelta(days=6) <= last
    )
    return Collected(
        sources=_receipt(reader),
        products=_rows_of(reader, "products"),
        campaigns=_rows_of(reader, "campaigns"),
        offers=_rows_of(reader, "offers"),
        exposures=_count(reader),
        weeks=tuple(weeks),
        **log,
    )


def _receipt(reader: Reader) -> tuple[Source, ...]:
    receipt = reader.json(reader.workspace.quarantine / "receipt.json") or {}
    return tuple(_source(name, entry) for name, entry in receipt.get("sources", receipt).items())


def _source(name: str, entry: Record) -> Source:
    reasons = sorted(entry.get("reasons", {}).items(), key=lambda pair: (-pair[1], pair[0]))
    return Source(
        name=name,
        received=entry["received"],
        kept=entry["kept"],
        duplicate=entry.get("duplicate", 0),
        quarantined=entry.get("quarantined", 0),
        reasons=tuple(reasons),
    )


def _rows_of(reader: Reader, table: str) -> int:
    path = reader.workspace.catalog / f"{table}.parquet"
    found = reader.rows("SELECT count(*) AS rows FROM {table}", table=path)
    return int(found[0]["rows"]) if found else 0


def _count(reader: Reader) -> int:
    found = reader.rows("SELECT count(*) AS rows FROM {places}", places=reader.workspace.exposures)
    return int(found[0]["rows"]) if found else 0
