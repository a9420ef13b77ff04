"""What a place on display or in the mailer does to unit sales, with everything steady taken out.

Units of a product in a store and week are Poisson around

    level(product, store) x activity(store, week) x season(department, week) x display x mailer

where activity is the store's baskets and season the department's units per basket that week; what
remains when the level drops out is how sales fall over the weeks in each place and in none.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import duckdb
import pandas as pd

from handbill.placement.strategy.cells import DEPTHS, aggregate, aggregate_prices, read_cells
from handbill.placement.strategy.ratios import BASE, estimate
from handbill.types import Interval, Text
from handbill.workspace import Workspace

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

    def record(self) -> dict[str, Any]:
        """As `tables/positions.json` has it."""
        plain, priced = self.uplift, self.at_price
        return {
            "place": self.place,
            "code": self.code,
            "name": asdict(self.name),
            "uplift": plain and plain.estimate,
            "low": plain and plain.low,
            "high": plain and plain.high,
            "at_price": priced
            and {"uplift": priced.estimate, "low": priced.low, "high": priced.high},
            "cells": self.cells,
            "units": self.units,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A band of price cuts and what it did.

    Attributes:
        low: Least share of the regular price that was taken off.
        high: Share at which the next band begins; 1 for the last.
        uplift: Ratio of unit sales to the same product at its regular price, places taken out
            where the log has them; None when there is too little to say.
        units: Units sold in it.
    """

    low: float
    high: float
    uplift: Interval | None
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Places and price cuts.

    Attributes:
        positions: Displays first, by code; none when the log does not say where products stood.
        cuts: The smallest first; none when nothing was ever reduced.
    """

    positions: tuple[Position, ...]
    cuts: tuple[Cut, ...]


def measure_positions(
    workspace: Workspace,
    con: duckdb.DuckDBPyConnection,
    *,
    before: date,
    zone: str,
    min_units: int,
) -> Measured:
    """Measure every place and band of price cuts that occurs in the log.

    Args:
        workspace: With `log/exposures`, or without.
        con: With the view `events`.
        before: Only weeks that ended by this day are looked at.
        zone: IANA zone in which a sale's day is read.
        min_units: Units sold in a place or at a price below which its effect is not reported.

    Returns:
        What was measured.
    """
    if next(workspace.exposures.rglob("*.parquet"), None) is None:
        aggregate_prices(con, before, zone)
        priced = read_cells(con, "price_cells", ("depth",))
        return Measured(positions=(), cuts=_cuts(priced, estimate(priced, ["depth"], min_units)))
    aggregate(workspace, con, before, zone)
    cells = read_cells(con, "place_cells", tuple(PLACES))
    priced = read_cells(con, "price_cells", (*PLACES, "depth"))
    plain = estimate(cells, tuple(PLACES), min_units)
    at_price = estimate(priced, (*PLACES, "depth"), min_units)
    positions = []
    for place, names in PLACES.items():
        for code in sorted(set(cells[place]) - {BASE}):
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
    return Measured(positions=tuple(positions), cuts=_cuts(priced, at_price))


def _cuts(priced: pd.DataFrame, found: Mapping[tuple[str, str], Interval]) -> tuple[Cut, ...]:
    units = priced.groupby("depth", observed=True)["units"].sum()
    edges = (*DEPTHS, 1.0)
    return tuple(
        Cut(
            low=edges[rank],
            high=edges[rank + 1],
            uplift=found.get(("depth", str(rank + 1))),
            units=int(units.get(str(rank + 1), 0)),
        )
        for rank in range(len(DEPTHS))
        if units.get(str(rank + 1), 0) > 0
    )
