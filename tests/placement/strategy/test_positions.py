from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from handbill.engine import connect
from handbill.placement.pairs import view_events
from handbill.placement.strategy.positions import measure_positions
from handbill.placement.strategy.ratios import conditional_poisson, estimate
from handbill.workspace import Workspace, write_parquet

FIRST = date(2026, 1, 5)
WEEKS, STORES, PRODUCTS = 30, 12, 60
TRUTH = {("display", "3"): 1.6, ("display", "7"): 1.0, ("mailer", "A"): 1.3, ("mailer", "D"): 2.2}
CUT = 1.5
"""What a price cut of a third does to sales."""


def table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def simulate(workspace: Workspace, seed: int = 0) -> None:
    """Known effects: what sells well is promoted oftener, and a mailer goes with a price cut."""
    rng = np.random.default_rng(seed)
    product, store, week = (
        one.ravel()
        for one in np.meshgrid(range(PRODUCTS), range(STORES), range(WEEKS), indexing="ij")
    )
    popular = rng.lognormal(0, 0.7, PRODUCTS)
    chance = 0.05 + 0.3 * popular / popular.max()
    mailed = rng.random((PRODUCTS, WEEKS)) < chance[:, None]
    place = np.where(mailed, rng.choice(["A", "D"], (PRODUCTS, WEEKS)), "0")
    cheap = mailed & (rng.random((PRODUCTS, WEEKS)) < 0.7)
    shown = rng.random(len(product)) < chance[product]
    display = np.where(shown, rng.choice(["3", "7"], len(product)), "0")
    mailer = place[product, week]
    busy = rng.lognormal(0, 0.3, (STORES, WEEKS))
    shelf = rng.lognormal(0, 0.5, (PRODUCTS, STORES))
    rate = 0.8 * popular[product] * shelf[product, store] * busy[store, week]
    rate *= np.where(cheap[product, week], CUT, 1.0)
    for (kind, code), effect in TRUTH.items():
        rate *= np.where((display if kind == "display" else mailer) == code, effect, 1.0)
    units = rng.poisson(rate)
    start = [FIRST + timedelta(days=7 * int(one)) for one in week]
    frame = pd.DataFrame(
        {
            "product_id": [f"i{one}" for one in product], "store_id": [f"s{one}" for one in store],
            "week_start": start, "display": display, "mailer": mailer,
        }
    )  # fmt: skip
    listed = (display != "0") | (mailer != "0")
    write_parquet(workspace.exposures / "part.parquet", table(frame[listed]))
    _sales(workspace, frame, units, cheap[product, week], busy, week, store)
    write_parquet(
        workspace.catalog / "products.parquet",
        table(pd.DataFrame({"id": sorted(set(frame["product_id"])), "department": "Food"})),
    )


def _sales(
    workspace: Workspace, frame: pd.DataFrame, units: np.ndarray, cheap: np.ndarray,
    busy: np.ndarray, week: np.ndarray, store: np.ndarray,
) -> None:  # fmt: skip
    sold = frame.assign(units=units, cheap=cheap)[units > 0]
    # One basket more holds nothing of these products: a store's activity is the number of baskets.
    visits = pd.DataFrame(
        [
            (f"s{one}", FIRST + timedelta(days=7 * number), f"b{one}-{number}-{visit}")
            for one in range(STORES)
            for number in range(WEEKS)
            for visit in range(int(100 * busy[one, number]))
        ],
        columns=["affiliation", "day", "transaction_id"],
    ).assign(item_id="bag", quantity=1, value_micros=10, discount_micros=0)
    lines = pd.DataFrame(
        {
            "affiliation": sold["store_id"], "day": sold["week_start"],
            "transaction_id": "b" + sold["store_id"].str[1:] + "-"
            + ((pd.to_datetime(sold["week_start"]) - pd.Timestamp(FIRST)).dt.days // 7).astype(str)
            + "-0",
            "item_id": sold["product_id"], "quantity": sold["units"],
            "value_micros": np.where(sold["cheap"], 200, 300) * sold["units"],
            "discount_micros": np.where(sold["cheap"], 100, 0) * sold["units"],
        }
    )  # fmt: skip
    rows = pd.concat([lines, visits])
    rows["occurred_at"] = [datetime.combine(day, time(12), tzinfo=UTC) for day in rows["day"]]
    rows = rows.drop(columns="day").assign(event="purchase", person="p", is_human=True)
    rows["quantity"] = rows["quantity"].astype("int32")
    write_parquet(workspace.events / f"date={FIRST}" / "part.parquet", table(rows))


def test_planted_effects_are_recovered_within_their_intervals(workspace: Workspace) -> None:
    simulate(workspace)
    con = connect(threads=1).con
    view_events(workspace, con)
    later = FIRST + timedelta(days=7 * WEEKS)
    measured = measure_positions(workspace, con, before=later, zone="UTC", min_units=50)
    (cut,) = measured.cuts
    assert (cut.low, cut.high) == (0.25, 0.35)
    assert cut.uplift is not None
    assert cut.uplift.low < CUT < cut.uplift.high
    found = measured.positions
    assert [(one.place, one.code) for one in found] == list(TRUTH)
    for one in found:
        truth = TRUTH[one.place, one.code]
        assert one.uplift is not None
        assert one.at_price is not None
        assert one.at_price.low < truth < one.at_price.high
        assert one.at_price.high / one.at_price.low < 1.35
        if one.place == "display":
            assert one.uplift.low < truth < one.uplift.high
        else:  # the price cut that goes with the mailer is in it
            assert one.uplift.low > truth
            assert one.uplift.high < truth * CUT
        assert one.cells > 0
        assert one.units > 50


def test_only_ended_weeks_count_and_little_data_is_an_answer(workspace: Workspace) -> None:
    simulate(workspace)
    con = connect(threads=1).con
    view_events(workspace, con)
    whole = FIRST + timedelta(days=7 * WEEKS)
    plain = measure_positions(workspace, con, before=whole, zone="UTC", min_units=10**9).positions
    assert all(one.uplift is None and one.at_price is None for one in plain)
    half = measure_positions(
        workspace, con, before=FIRST + timedelta(days=7 * 15 + 3), zone="UTC", min_units=50
    ).positions
    share = sum(one.cells for one in half) / sum(one.cells for one in plain)
    assert share == pytest.approx(0.5, abs=0.05)
    none = measure_positions(workspace, con, before=FIRST, zone="UTC", min_units=50)
    assert none.positions == none.cuts == ()


def test_a_shop_without_exposures_measures_price_cuts_alone(workspace: Workspace) -> None:
    rng = np.random.default_rng(4)
    rows: list[dict[str, object]] = []
    for week in range(40):
        visits = int(rng.integers(60, 140))
        for product in range(12):
            cheap = rng.random() < 0.3
            for _ in range(rng.poisson(0.1 * (1 + product % 3) * visits * (1.8 if cheap else 1))):
                paid, off = (600, 400) if cheap else (1000, 0)
                rows.append(
                    {
                        "occurred_at": datetime.combine(
                            FIRST + timedelta(days=7 * week), time(12), tzinfo=UTC
                        ),
                        "item_id": f"i{product}", "value_micros": paid, "discount_micros": off,
                        "transaction_id": f"t{week}-{rng.integers(visits)}",
                    }
                )  # fmt: skip
    frame = pd.DataFrame(rows).assign(
        event="purchase", person="p", is_human=True, affiliation=None, quantity=1
    )
    frame["quantity"] = frame["quantity"].astype("int32")
    write_parquet(workspace.events / f"date={FIRST}" / "part.parquet", table(frame))
    con = connect(threads=1).con
    view_events(workspace, con)
    later = FIRST + timedelta(days=7 * 40)
    found = measure_positions(workspace, con, before=later, zone="UTC", min_units=50)
    assert found.positions == ()
    (cut,) = found.cuts
    assert (cut.low, cut.high) == (0.35, 0.5)
    assert cut.uplift is not None
    assert cut.uplift.low < 1.8 < cut.uplift.high
    assert cut.uplift.high / cut.uplift.low < 1.4
    few = measure_positions(workspace, con, before=later, zone="UTC", min_units=10**9)
    assert [one.uplift for one in few.cuts] == [None]


def test_the_intervals_cover_also_when_weeks_of_a_product_go_together() -> None:
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        product = np.repeat(np.arange(150), 8)
        unit = np.repeat(np.arange(300), 4)
        on = np.tile([0, 1, 0, 1], 300)
        shared = rng.lognormal(0, 0.5, 150)[product] ** on  # the effect differs between products
        units = rng.poisson(2 * shared * np.where(on, 1.5, 1.0)).astype(float)
        index = np.where(on, 0, -1)[:, None]
        activity = np.ones(len(units))
        beta, error = conditional_poisson(units, activity, unit, product, index, 1)
        truth = np.log(1.5) + 0.125
        inside += abs(beta[0] - truth) < 1.96 * error[0]
    assert inside >= 88


def test_places_that_nothing_is_known_of_are_left_out() -> None:
    cells = pd.DataFrame(
        {
            "product": ["a", "a", "b", "b"], "unit": [0, 0, 1, 1],
            "units": [50.0, 90.0, 40.0, 3.0], "activity": [1.0, 1.0, 1.0, 1.0],
            "display": ["0", "3", "0", "9"],
        }
    )  # fmt: skip
    assert set(estimate(cells, ["display"], 20)) <= {("display", "3")}
    assert estimate(cells.assign(units=0.0), ["display"], 20) == {}
    assert estimate(cells.assign(display="0"), ["display"], 20) == {}
