"""What multiplies counts, with the level of each unit taken out: sales in a place, answers by hour.

Counts of a unit (a product in a store, a person) are Poisson around level(unit) x activity x the
effects of its factors. Given the unit's total, the level drops out: what remains is how that total
falls over its rows. Intervals are clustered, so they hold when counts are not Poisson and the rows
of a cluster depend on each other.

Source: conditional maximum likelihood for counts (Hausman, Hall & Griliches 1984), robust as
pseudo-likelihood (Wooldridge 1999; Santos Silva & Tenreyro 2006).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from handbill.placement.arrays import Floats, Ints
from handbill.types import Interval

BASE = "0"
"""The value of a factor that the others are compared with."""

RARE = "rare"
RIDGE = 1e-6
"""Keeps the information invertible; a millionth of one unit sold."""

MAX_ERROR = 0.5
"""Standard error of a log ratio beyond which an effect says nothing worth reading."""


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
            if value != BASE:
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
