"""A made-up grocer's export of any size, with the skews that make real ones hard.

What is skewed, and how: people shop at gamma-distributed rates (the busiest tenth makes about a
third of the lines), products sell by a Zipf law with exponent 1.05 (of 30,000, a hundred make
about half the lines), baskets have nine lines on average (geometric), Saturdays sell twice a
Tuesday, most baskets fall between 9:00 and 20:00, sales grow by 86 % over the year, a third of the
lines are reduced and 2 % carry a coupon. What is dirty: 0.5 % of the lines are exported twice,
0.5 % are refunds, and 0.1 % each lack a customer, have a time that is none, an amount that is
none, or quantity 0. Lines lie in the order of time, as a till exports them, repetitions right
behind.
"""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

SEED = 20261124
FIRST = date(2025, 1, 1)
DAYS = 365
AS_OF = FIRST + timedelta(days=DAYS)
LINES_PER_PERSON = 150
PRODUCTS = 30_000
CATEGORIES, DEPARTMENTS, STORES = 300, 20, 60
BASKET = 10
DRAWN = 1.15
"""Lines drawn for each that is written: a product that comes twice in a basket is one line."""
REPEATED, REFUNDED, BROKEN = 0.005, 0.005, 0.001
WEEKDAY = np.array([0.9, 0.75, 0.85, 0.95, 1.2, 1.5, 1.2])
HOUR = np.array(
    [1, 0, 0, 0, 0, 1, 3, 8, 16, 30, 40, 44, 44, 40, 38, 40, 46, 52, 46, 36, 22, 12, 5, 2]
)


def write_export(folder: Path, lines: int) -> int:
    """Write `orders.csv` and `products.csv`.

    Args:
        folder: Exists.
        lines: At least so many lines of orders.

    Returns:
        Lines of orders written, repetitions included.
    """
    rng = np.random.default_rng(SEED)
    _write_products(folder / "products.csv")
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    weights = np.array([WEEKDAY[day.weekday()] for day in days]) * np.linspace(0.7, 1.3, DAYS)
    per_day = np.ceil(DRAWN * lines * weights / weights.sum()).astype(int)
    people = max(lines // LINES_PER_PERSON, 10)
    rate = rng.gamma(0.8, size=people)
    busy = np.cumsum(rate / rate.sum())
    popular = np.cumsum(1 / np.arange(1, PRODUCTS + 1) ** 1.05)
    shuffled, popular = rng.permutation(PRODUCTS), popular / popular[-1]
    price = np.round(np.exp(rng.normal(1.1, 0.7, PRODUCTS)), 2) + 0.1
    written, baskets = 0, 0
    with (folder / "orders.csv").open("wb") as file:
        for day, number in zip(days, per_day, strict=True):
            table, baskets = _one_day(
                rng, day, int(number), baskets, busy, popular, shuffled, price
            )
            options = pc.WriteOptions(include_header=written == 0, quoting_style="none")
            pc.write_csv(table, file, options)
            written += table.num_rows
    return written


def _one_day(
    rng: np.random.Generator,
    day: date,
    number: int,
    before: int,
    busy: np.ndarray,
    popular: np.ndarray,
    shuffled: np.ndarray,
    price: np.ndarray,
) -> tuple[pa.Table, int]:
    """The lines of a day, and the number of baskets so far."""
    starts = rng.random(number) < 1 / BASKET
    starts[:1] = True
    basket = np.cumsum(starts) - 1
    count = int(basket[-1]) + 1 if number else 0
    who = np.searchsorted(busy, rng.random(count)).clip(max=len(busy) - 1)
    clock = np.cumsum(HOUR / HOUR.sum())
    seconds = np.sort(
        np.searchsorted(clock, rng.random(count)) * 3600 + rng.integers(0, 3600, count)
    )
    store = who % STORES
    item = shuffled[np.searchsorted(popular, rng.random(number)).clip(max=PRODUCTS - 1)]
    units = 1 + (rng.random(number) < 0.15) + (rng.random(number) < 0.03)
    full = price[item] * units
    off = np.where(rng.random(number) < 0.33, np.round(full * 0.2, 2), 0.0)
    coupon = np.where(rng.random(number) < 0.02, np.round((full - off) * 0.3, 2), 0.0)
    sign = np.where(rng.random(number) < REFUNDED, -1, 1)
    paid = (np.round(full - off - coupon, 2) * sign).astype(str)
    quantity = np.where(rng.random(number) < BROKEN, 0, units * sign)
    person = np.char.add("K", who.astype(str))[basket] if number else np.array([], dtype=str)
    stamp = (np.datetime64(day, "s") + seconds).astype(str)
    time = np.char.replace(stamp, "T", " ")[basket] if number else np.array([], dtype=str)
    table = pa.table(
        {
            "customer_id": np.where(rng.random(number) < BROKEN, "", person),
            "order_id": (before + basket + 1).astype(str),
            "product_id": np.char.add("P", item.astype(str)),
            "ordered_at": np.where(rng.random(number) < BROKEN, "0000-00-00", time),
            "quantity": quantity,
            "paid": np.where(rng.random(number) < BROKEN, "n/a", paid),
            "discount": off,
            "coupon_discount": coupon,
            "store": np.char.add("S", store.astype(str))[basket] if number else time,
        }
    )
    # A till counts up a product that it scans again: no basket has two lines of one product.
    _, lines = np.unique(basket * PRODUCTS + item, return_index=True)
    lines.sort()
    twice = 1 + (rng.random(len(lines)) < REPEATED)
    return table.take(pa.array(np.repeat(lines, twice))), before + count


def _write_products(path: Path) -> None:
    number = np.arange(PRODUCTS)
    category = number % CATEGORIES
    department = category % DEPARTMENTS
    pc.write_csv(
        pa.table(
            {
                "product_id": np.char.add("P", number.astype(str)),
                "title": np.char.add("Product ", number.astype(str)),
                "brand_kind": np.where(number % 4 == 0, "private", "national"),
                "department": np.char.add("Department ", department.astype(str)),
                "category": np.char.add("Category ", category.astype(str)),
            }
        ),
        path,
    )
