"""A small shop with a planted truth: people use coupons for what they buy anyway."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

FIRST_DAY = date(2026, 1, 1)
AS_OF = date(2026, 9, 1)
CATEGORIES = ("Tea", "Coffee", "Chocolate", "Soap", "Candles")
PEOPLE = 240
PRODUCTS_EACH = 4
CAMPAIGN_DAYS = 20


def write_small_shop(folder: Path, seed: int = 1) -> Path:
    """Write the exports of a shop with 240 customers and ten campaigns, the last two still to come.

    Each customer has one favourite category, buys it four times as often as any other, and redeems
    its coupons with probability 0.5, others' with 0.02.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    favourite = rng.integers(len(CATEGORIES), size=PEOPLE)
    _orders(folder, rng, favourite)
    _campaigns(folder, rng, favourite)
    products = [
        (product, f"{CATEGORIES[index // PRODUCTS_EACH]} no. {index % PRODUCTS_EACH + 1}",
         CATEGORIES[index // PRODUCTS_EACH])
        for index, product in enumerate(_products())
    ]  # fmt: skip
    _write(folder / "products.csv", ("product_id", "title", "category"), products)
    return folder


def _products() -> list[str]:
    return [f"P{index:02d}" for index in range(len(CATEGORIES) * PRODUCTS_EACH)]


def _orders(folder: Path, rng: np.random.Generator, favourite: np.ndarray) -> None:
    rows = []
    number = 0
    days = (AS_OF - FIRST_DAY).days + 30
    for person in range(PEOPLE):
        weights = np.ones(len(CATEGORIES))
        weights[favourite[person]] = 4
        for day in np.sort(rng.choice(days, size=rng.integers(4, 16), replace=False)):
            number += 1
            at = datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(
                days=int(day), hours=int(rng.integers(9, 21)), minutes=int(rng.integers(60))
            )
            for category in set(rng.choice(len(CATEGORIES), size=2, p=weights / weights.sum())):
                product = int(category) * PRODUCTS_EACH + int(rng.integers(PRODUCTS_EACH))
                paid = f"{4 + product * 0.5:.2f}"
                rows.append((f"C{person}", number, f"P{product:02d}", at, 1, paid, "0.00"))
    columns = (
        "customer_id",
        "order_id",
        "product_id",
        "ordered_at",
        "quantity",
        "paid",
        "discount",
    )
    _write(folder / "orders.csv", columns, rows)


def _campaigns(folder: Path, rng: np.random.Generator, favourite: np.ndarray) -> None:
    campaigns, mailings, redemptions, offers = [], [], [], []
    for index in range(10):
        name, category = f"K{index}", index % len(CATEGORIES)
        starts = AS_OF + timedelta(days=(index - 8) * 25)
        campaigns.append((name, starts, starts + timedelta(days=CAMPAIGN_DAYS), "coupon"))
        offers += [
            (name, f"{name}-A", f"P{category * PRODUCTS_EACH + one:02d}")
            for one in range(PRODUCTS_EACH)
        ]
        for person in np.sort(rng.choice(PEOPLE, size=120, replace=False)):
            mailings.append((f"C{person}", name))
            if rng.random() < (0.5 if favourite[person] == category else 0.02):
                day = starts + timedelta(days=int(rng.integers(1, CAMPAIGN_DAYS)))
                redemptions.append((f"C{person}", name, f"{name}-A", day))
    _write(folder / "campaigns.csv", ("campaign_id", "starts_at", "ends_at", "kind"), campaigns)
    _write(folder / "mailings.csv", ("customer_id", "campaign_id"), mailings)
    columns = ("customer_id", "campaign_id", "coupon", "redeemed_at")
    _write(folder / "redemptions.csv", columns, redemptions)
    _write(folder / "offers.csv", ("campaign_id", "coupon", "product_id"), offers)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)
