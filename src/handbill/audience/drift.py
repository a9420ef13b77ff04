"""How much people's rates wander: BG/NBD takes them as fixed, so its intervals are too narrow.

Of a few sizes of the wandering the smallest is taken with which, on a day that is over, as many
people fell between the bounds as were promised.
"""

import numpy as np

from handbill.audience.forecast import LEVEL, forecast
from handbill.audience.held_out import REACH, fit_models
from handbill.audience.purchases import Purchases

DAYS = 60
"""Looked ahead from the day that is over: long enough for the wandering to show."""
SIZES = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008)
"""Variances that a rate's relative change gains each day; .002 is a third up or down in 60 days."""
SAMPLE = 20_000
"""People that are looked at."""
DRAWS = 128


def drift_of(purchases: Purchases, today: int, seed: int) -> float:
    """The wandering of rates; 0 where it does not show, or nothing can be held out.

    Args:
        purchases: Before the day.
        today: The day, counted from 1970.
        seed: Of the draws and the sample.
    """
    day = today - DAYS
    history = purchases.before(day)
    observed = day - purchases.first_day
    models = fit_models(history, observed) if len(history.rows) else None
    if models is None or REACH * observed < DAYS:
        return 0.0
    rows = np.arange(len(history.rows))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE, replace=False))
    some = history.take(rows)
    actual = purchases.after(day, DAYS)[0][some.rows]
    for size in SIZES:
        ahead = forecast(models[0], None, some, [DAYS], seed=seed, draws=DRAWS, drift=size)
        said = ahead.purchases[DAYS]
        if ((actual >= said.low) & (actual <= said.high)).mean() >= LEVEL:
            return size
    return SIZES[-1]
