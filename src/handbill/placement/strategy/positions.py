"""What a place on display or in the mailer does to unit sales, with everything steady taken out.

Units of a product in a store and week are Poisson around

    level(product, store) x activity(store, week) x season(department, week) x display x mailer

where activity is the store's baskets and season the department's units per basket that week. Given
a product's and store's total, the level drops out: what remains is how that total falls over the
weeks in each place and the weeks in none. Intervals are clustered by product, so they hold when
sales are not Poisson and a product's weeks depend on each other.

Source: conditional maximum likelihood for counts (Hausman, Hall & Griliches 1984), robust as
pseudo-likelihood (Wooldridge 1999; Santos Silva & Tenreyro 2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import numpy as np
import pandas as pd
from scipy.stats import norm

from handbill.placement.arrays import Floats, Ints
from handbill.placement.strategy.cells import aggregate, read_cells
from handbill.types import Interval, Text
from handbill.workspace import Workspace

NOWHERE = "0"
RARE = "rare"
RIDGE = 1e-6
"""Keeps the information invertible; a millionth of one unit sold."""

MAX_ERROR = 0.5
"""Standard error of a log ratio beyond which an effect says nothing worth reading."""

DISPLAY = {
    "1": Text(en="store front", zh="店铺前区"),
    "2": Text(en="store rear", zh="店铺后区"),
    "3": Text(en="front end cap", zh="前端货架端头"),
    "4": Text(en="mid-aisle end cap", zh="中段货架端头"),
    "5": Text(en="rear end cap", zh="后端货架端头"),
    "6": Text(en="side-aisle end cap", zh="侧通道货架端头"),
    "7": Text(en="in-aisle", zh="通道内陈列"),
    "9": Text(en="secondary location", zh="第二陈列位"),
    "A": Text(en="in-shelf", zh="货架内陈列"),
}
MAILER = {
    "A": Text(en="interior page feature", zh="内页主推"),
    "C": Text(en="interior page line item", zh="内页单行"),
    "D": Text(en="front page feature", zh="头版主推"),
    "F": Text(en="back page feature", zh="封底主推"),
    "H": Text(en="wrap front feature", zh="外封正面主推"),
    "J": Text(en="wrap interior coupon", zh="外封内侧优惠券"),
    "L": Text(en="wrap back feature", zh="外封背面主推"),
    "P": Text(en="interior page coupon", zh="内页优惠券"),
    "X": Text(en="free on interior page", zh="内页赠品"),
    "Z": Text(en="free on front page, back page or wrap", zh="头版、封底或外封赠品"),
}
"""Meanings of the codes, as dunnhumby documents them; `0` is nowhere."""

PLACES = {"display": DISPLAY, "mailer": MAILER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One place and what it did.

    Attributes:
        place: `display` or `mailer`.
        code: As in the source.
        name: Readable.
        uplift: Ratio of unit sales to the same product in the same store in no place; None when
            there is too little to say.
        at_price: The same between weeks of the same price cut; None when it cannot be told.
        cells: Product-store-weeks in the place that the estimate rests on.
        units: Units sold in them.
    """

    place: str
    code: str
    name: Text
    uplift: Interval | None
    at_price: Interval | None
    cells: int
    units: int


def measure_positions(
    workspace: Workspace,
    con: duckdb.DuckDBPyConnection,
    *,
    before: date,
    zone: str,
    min_units: int,
) -> list[Position]:
    """Measure every place that occurs in the log.

    Args:
        workspace: With `log/exposures`; the answer is empty without.
        con: With the view `events`.
        before: Only weeks that ended by this day are looked at.
        zone: IANA zone in which a sale's day is read.
        min_units: Units sold in a place below which its effect is not reported.

    Returns:
        Positions, displays first, by code.
    """
    if next(workspace.exposures.rglob("*.parquet"), None) is None:
        return []
    aggregate(workspace, con, before, zone)
    cells = read_cells(con, "place_cells", tuple(PLACES))
    priced = read_cells(con, "price_cells", (*PLACES, "depth"))
    plain = estimate(cells, tuple(PLACES), min_units)
    at_price = estimate(priced, (*PLACES, "depth"), min_units)
    positions = []
    for place, names in PLACES.items():
        for code in sorted(set(cells[place]) - {NOWHERE}):
            there = cells[cells[place] == code]
            positions.append(
                Position(
                    place=place,
                    code=code,
                    name=names.get(code, Text(en=f"{place} {code}", zh=f"{place} {code}")),
                    uplift=plain.get((place, code)),
                    at_price=at_price.get((place, code)),
                    cells=int(there["cells"].sum()),
                    units=int(there["units"].sum()),
                )
            )
    return positions


def estimate(
    cells: pd.DataFrame, factors: Sequence[str], min_units: int, *, level: float = 0.95
) -> dict[tuple[str, str], Interval]:
    """Ratios of unit sales for every value of some factors against its first one.

    Args:
        cells: `product`, `unit`, `units`, `activity` (above 0) and a column per factor; R rows.
        factors: Columns whose values multiply sales; `0` is the base of each.
        min_units: Values with fewer units sold are estimated together as one nuisance and left out.
        level: Of the intervals.

    Returns:
        By factor and value. Empty when there is nothing to compare.
    """
    unit = pd.factorize(cells["unit"])[0].astype(np.int64)
    units = cells["units"].to_numpy(dtype=np.float64)
    names: list[tuple[str, str]] = []
    index = np.full((len(cells), len(factors)), -1)
    for column, factor in enumerate(factors):
        values = cells[factor].astype("category").cat
        sums = np.bincount(values.codes, units, len(values.categories))
        number = {}
        for value, sold in zip(values.categories, sums, strict=True):
            if value != NOWHERE:
                name = (factor, value if sold >= min_units else RARE)
                number[value] = names.index(name) if name in names else len(names)
                names += [name] if name not in names else []
        of_code = np.array([number.get(value, -1) for value in values.categories], dtype=np.int64)
        index[:, column] = of_code[values.codes]
    if not names or units.sum() == 0:
        return {}
    activity = cells["activity"].to_numpy(dtype=np.float64)
    product = pd.factorize(cells["product"])[0].astype(np.int64)
    beta, error = conditional_poisson(units, activity, unit, product, index, len(names))
    z = float(norm.ppf(0.5 + level / 2))
    return {
        name: Interval(
            estimate=float(np.exp(beta[rank])),
            low=float(np.exp(beta[rank] - z * error[rank])),
            high=float(np.exp(beta[rank] + z * error[rank])),
            level=level,
        )
        for rank, name in enumerate(names)
        if name[1] != RARE and np.isfinite(error[rank]) and error[rank] < MAX_ERROR
    }


def conditional_poisson(
    units: Floats, activity: Floats, unit: Ints, cluster: Ints, index: Ints, size: int
) -> tuple[Floats, Floats]:
    """Log ratios given each unit's total, and their errors clustered.

    Args:
        units: (R,) counts.
        activity: (R,) exposure of each count, above 0.
        unit: (R,) whose level drops out, numbers from 0.
        cluster: (R,) products, numbers from 0; a unit lies in one.
        index: (R, K) which parameter each factor sets in the row, -1 for none.
        size: Parameters, J.

    Returns:
        (J,) estimates and (J,) standard errors; infinite where the data say nothing.
    """
    count = int(unit.max()) + 1
    total = np.asarray(np.bincount(unit, units, count), dtype=np.float64)  # (U,)
    beta = np.zeros(size)
    for _ in range(50):
        share = _shares(beta, activity, unit, index, count)
        score, information = _derivatives(units, total, share, unit, index, size)
        gradient = score.sum(axis=0)
        step = np.linalg.solve(information + RIDGE * np.eye(size), gradient - RIDGE * beta)
        beta = beta + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-8:
            break
    of_unit = np.zeros(count, dtype=np.int64)
    of_unit[unit] = cluster
    clusters = int(cluster.max()) + 1
    sums = np.zeros((clusters, size))
    np.add.at(sums, of_unit, score)
    inverse = np.linalg.inv(information + RIDGE * np.eye(size))
    small = clusters / max(1, clusters - 1)
    robust = inverse @ (sums.T @ sums) @ inverse * small
    known = np.diag(information) > 1.0
    return beta, np.where(known, np.sqrt(np.maximum(np.diag(robust), 0)), np.inf)


def _shares(beta: Floats, activity: Floats, unit: Ints, index: Ints, count: int) -> Floats:
    """(R,) expected share of each row in its unit's total."""
    padded = np.append(beta, 0.0)  # index -1 is the last: no effect
    rate = activity * np.exp(padded[index].sum(axis=1))
    return np.asarray(rate / np.bincount(unit, rate, count)[unit], dtype=np.float64)


def _derivatives(
    units: Floats, total: Floats, share: Floats, unit: Ints, index: Ints, size: int
) -> tuple[Floats, Floats]:
    """(U, J) scores by unit and the (J, J) information of the conditional likelihood."""
    count = len(total)
    mean = np.zeros(count * size)
    score = np.zeros(count * size)
    information = np.zeros(size * size)
    expected = total[unit] * share
    for column in index.T:
        on = column >= 0
        place = unit[on] * size + column[on]
        mean += np.bincount(place, share[on], count * size)
        score += np.bincount(place, (units - expected)[on], count * size)
        for other in index.T:
            both = on & (other >= 0)
            pair = column[both] * size + other[both]
            information += np.bincount(pair, expected[both], size * size)
    means = mean.reshape(count, size)
    spread = means.T @ (means * total[:, None])
    return score.reshape(count, size), information.reshape(size, size) - spread
