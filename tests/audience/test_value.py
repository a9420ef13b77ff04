"""Value and churn: published parameters and planted truth come back, and silence where data end."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.audience.bgnbd import Histories, alive, fit_bgnbd, log_likelihood
from handbill.audience.drift import DAYS, drift_of
from handbill.audience.forecast import LEVEL, forecast
from handbill.audience.gamma_gamma import fit_gamma_gamma
from handbill.audience.learned import interval, losses, spread
from handbill.audience.purchases import History, Purchases, purchases_of
from handbill.audience.value import value_of, value_record
from handbill.types import MICROS

TRUE = {"r": 1.2, "alpha": 20.0, "a": 0.8, "b": 3.0}
PRICES = {"p": 4.0, "q": 5.0, "gamma": 40.0 * MICROS}
EPOCH = date(1970, 1, 1)


def planted(people=1500, observed=200, ahead=90, seed=3):
    """People who live by the models themselves; the day looked ahead from is `observed`."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(TRUE["r"], 1 / TRUE["alpha"], people)
    stop = rng.beta(TRUE["a"], TRUE["b"], people)
    scale = rng.gamma(PRICES["q"], 1 / PRICES["gamma"], people)
    person, day = [], []
    for one in range(people):
        time = float(rng.uniform(0, observed / 2))
        while time < observed + ahead:
            person.append(one)
            day.append(time)
            back = len(person) > 1 and person[-2] == one
            if back and rng.random() < stop[one]:  # nobody stops at the first purchase
                break
            time += float(rng.exponential(1 / rate[one]))
    who, when = np.array(person), np.array(day)
    return who, when, rng.gamma(PRICES["p"], 1 / scale[who])


def seen(who, when, paid, observed):
    past = when < observed
    size = who.max() + 1
    count = np.bincount(who[past], minlength=size)
    first, last = np.full(size, np.inf), np.zeros(size)
    np.minimum.at(first, who[past], when[past])
    np.maximum.at(last, who[past], when[past])
    return History(
        rows=np.arange(size),
        visits=count.astype(float),
        spend=np.bincount(who[past], weights=paid[past], minlength=size),
        timing=Histories(repeats=count - 1.0, last=last - first, observed=observed - first),
    )


@pytest.fixture(scope="module")
def shop():
    who, when, paid = planted()
    return who, when, paid, seen(who, when, paid, 200)


def test_planted_parameters_are_recovered(shop):
    history = shop[3]
    timing = fit_bgnbd(history.timing)
    money = fit_gamma_gamma(history.visits, history.spend)
    assert timing is not None and money is not None
    logs = np.log(timing.parameters[0] / list(TRUE.values()))
    # The covariance is that of the logarithms: the truth lies within three deviations.
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(timing.spread))).all()
    logs = np.log(money.parameters[0] / list(PRICES.values()))
    assert (np.abs(logs) < 3 * np.sqrt(np.diag(money.spread))).all()
    worth = PRICES["p"] * PRICES["gamma"] / (PRICES["q"] - 1)
    assert money.mean(np.zeros(1), np.zeros(1))[0] == pytest.approx(worth, rel=0.05)


@pytest.mark.parametrize("days", [30, 90])
def test_intervals_hold_what_they_promise(shop, days):
    who, when, paid, history = shop
    timing = fit_bgnbd(history.timing)
    money = fit_gamma_gamma(history.visits, history.spend)
    found = forecast(timing, money, history, [30, 90], seed=1)
    ahead = (when >= 200) & (when < 200 + days)
    visits = np.bincount(who[ahead], minlength=len(history.rows))
    spend = np.bincount(who[ahead], weights=paid[ahead], minlength=len(history.rows))
    some, worth = found.purchases[days], found.spend[days]
    within = ((visits >= some.low) & (visits <= some.high)).mean()
    assert within >= LEVEL - 0.02  # counts are whole, so an interval may hold more than it says
    again = ((spend >= worth.low) & (spend <= worth.high)).mean()
    assert LEVEL - 0.02 <= again <= 0.98
    assert some.mean.sum() == pytest.approx(visits.sum(), rel=0.12)
    assert worth.mean.sum() == pytest.approx(spend.sum(), rel=0.15)
    # And they are not wide for nothing: chance to buy at all is calibrated in thirds.
    chance = found.active[days]
    for part in np.array_split(np.argsort(chance), 3):
        assert chance[part].mean() == pytest.approx((visits[part] > 0).mean(), abs=0.06)


def test_the_expected_purchases_are_the_mean_of_the_futures_drawn(shop):
    history = shop[3]
    timing = fit_bgnbd(history.timing)
    found = forecast(timing, None, history, [90], seed=5, draws=400)
    r, alpha, a, b = timing.parameters[0]
    rng = np.random.default_rng(0)
    rows = slice(0, 300)
    x, observed = history.timing.repeats[rows, None], history.timing.observed[rows, None]
    rate = rng.gamma(r + x, 1 / (alpha + observed), (300, 4000))
    stop = rng.beta(a, b + x, (300, 4000))
    lives = rng.random((300, 4000)) < alive(history.timing, timing.parameters)[rows]
    drawn = np.where(lives, np.minimum(rng.poisson(rate * 90), rng.geometric(stop)), 0)
    assert found.purchases[90].mean[rows].sum() == pytest.approx(drawn.mean(axis=1).sum(), rel=0.02)
    assert found.spend == {}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.floats(0, 1), st.floats(1, 300)), min_size=1, max_size=8
    ),
    st.lists(st.floats(-2, 2), min_size=4, max_size=4),
)
def test_the_gradient_is_the_slope(rows, logs):
    table = np.array([[x, last * days if x else 0.0, days] for x, last, days in rows])
    counts, at, step = np.ones(len(table), dtype=np.int64), np.array(logs), 1e-5
    slope = log_likelihood(at, table, counts)[1]
    for one in range(4):
        side = np.eye(4)[one] * step
        up, down = (log_likelihood(at + sign * side, table, counts)[0] for sign in (1, -1))
        assert slope[one] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-4)


def test_who_never_came_back_is_alive_and_a_long_silence_is_not():
    timing = np.array([[1.0, 10.0, 1.0, 2.0]])
    people = Histories(
        repeats=np.array([0.0, 20.0, 20.0]),
        last=np.array([0.0, 100.0, 100.0]),
        observed=np.array([100.0, 101.0, 300.0]),
    )
    once, steady, silent = alive(people, timing)[:, 0]
    assert once == 1.0 and steady > 0.9 and silent < 0.01


@pytest.mark.parametrize(
    "repeats", [[], [0.0, 0.0, 0.0]], ids=["nobody", "nobody came back"]
)  # fmt: skip
def test_nothing_to_fit_is_said_so(repeats):
    x = np.array(repeats)
    assert fit_bgnbd(Histories(repeats=x, last=0 * x, observed=x + 10)) is None


def test_equal_amounts_have_no_model_of_spend():
    assert fit_gamma_gamma(np.array([1.0, 2.0]), np.array([5.0, 10.0])) is None
    assert fit_gamma_gamma(np.array([0.0, 2.0]), np.array([0.0, 0.0])) is None


def purchases(who, when, paid):
    """The planted people as a log has them: one row per person and day."""
    days = np.floor(when).astype(np.int64)
    keys = np.unique(np.column_stack([who, days]), axis=0, return_inverse=True)
    return Purchases(
        people=[f"p{one:05d}" for one in range(who.max() + 1)],
        person=keys[0][:, 0],
        day=keys[0][:, 1],
        spend=np.bincount(keys[1].ravel(), weights=paid),
    )


def features_from(bought):
    """Features as of a day: how often of late, and noise."""

    def features(day):
        today = (day - EPOCH).days
        visits, spend = bought.after(today - 90, 90)
        noise = np.random.default_rng(today).normal(size=len(visits))
        return pa.table({"person": bought.people, "n": visits, "m": spend, "noise": noise})

    return features


def test_the_table_is_whole_and_the_trees_are_used_only_when_better(shop):
    who, when, paid, _ = shop
    past = when < 200
    bought = purchases(who[past], when[past], paid[past])
    day = EPOCH + timedelta(days=200)
    value = value_of(bought, day, features_from(bought), seed=0)
    assert len(value.people) == 1500 and not value.why
    assert all(np.isfinite(column).all() for column in value.columns.values())
    low, mean, high = (value.columns[f"spend_90{end}_micros"] for end in ("_low", "", "_high"))
    assert (low <= high).all() and (mean > 0).all()
    tested = {(one.target, one.days): one for one in value.held_out}
    # The truth is BG/NBD and the trees see less than it does: it stays.
    assert {one.used for one in tested.values()} == {"bg_nbd"}
    assert tested["churn", 30].auc["bg_nbd"] > tested["churn", 30].auc["frequency"]
    assert 0.85 < tested["spend", 90].coverage <= 1
    assert value_record(value, day)["timing"]["r"] == pytest.approx(TRUE["r"], rel=0.5)
    again = value_of(bought, day, features_from(bought), seed=0)
    assert all((again.columns[name] == value.columns[name]).all() for name in value.columns)


def test_trees_that_know_more_are_used_and_their_intervals_hold(shop):
    who, when, paid, _ = shop
    bought = purchases(who, when, paid)
    day = EPOCH + timedelta(days=260)

    def features(at):
        """The future leaks into a feature: nothing classic can be as good."""
        visits, spend = bought.after((at - EPOCH).days, 30)
        return pa.table({"person": bought.people, "spy": spend, "visits": visits})

    known = bought.day < 260
    past = Purchases(people=bought.people, person=bought.person[known], day=bought.day[known],
                     spend=bought.spend[known])  # fmt: skip
    value = value_of(past, day, features, seed=0)
    used = {(one.target, one.days): one.used for one in value.held_out}
    assert used["churn", 30] == used["spend", 30] == "trees"
    spend = bought.after(260, 30)[1]
    low, high = (value.columns[f"spend_30_{end}_micros"] for end in ("low", "high"))
    assert ((spend >= low * 0.999) & (spend <= high * 1.001)).mean() > 0.85


@pytest.mark.parametrize("days", [5, 30])
def test_a_young_shop_is_told_that_data_are_missing(shop, days):
    who, when, paid, _ = shop
    first = when < days
    bought = purchases(who[first], when[first], paid[first])
    value = value_of(bought, EPOCH + timedelta(days=days), features_from(bought), seed=0)
    assert value.timing is None and "Not enough data" in value.why[0].en
    assert np.isnan(value.columns["alive"]).all() and (value.columns["visits"] >= 1).all()
    assert value_record(value, EPOCH)["enough"] is False


def test_a_horizon_beyond_the_log_is_refused(shop):
    who, when, paid, _ = shop
    first = when < 60
    bought = purchases(who[first], when[first], paid[first])
    value = value_of(bought, EPOCH + timedelta(days=60), features_from(bought), seed=0)
    assert np.isnan(value.columns["spend_365_micros"]).all()
    assert np.isfinite(value.columns["spend_90_micros"]).all()
    assert "365" in value.why[0].en and "365" in value.why[0].zh


def test_a_day_is_the_shops_and_two_baskets_of_a_day_are_one(corner):
    corner.write(
        [
            corner.buys("ann", "2026-03-01T01:00", "milk", 2.0),
            corner.buys("ann", "2026-03-01T04:00", "tea", 3.0),
            corner.buys("ann", "2026-03-03T12:00", "tea", 4.0),
            corner.buys("bob", "2026-03-02T12:00", "tea", 1.0),
            corner.buys("bob", "2026-03-09T12:00", "tea", 1.0),
        ]
    )
    log = corner.log("2026-03-08", "America/New_York")
    bought = purchases_of(log, date(2026, 3, 8))
    assert bought.people == ["ann", "bob"]
    days = bought.day - (date(2026, 2, 28) - EPOCH).days
    rows = list(zip(bought.person, days, bought.spend, strict=True))
    assert rows == [(0, 0, 5e6), (0, 3, 4e6), (1, 2, 1e6)]
    assert (bought.before(bought.first_day + 1).visits == [1.0]).all()


def test_errors_of_spend_are_the_tweedie_deviance():
    from sklearn.metrics import mean_tweedie_deviance

    paid, said = np.array([0.0, 3.0, 8.0]) * MICROS, np.array([1.0, 2.5, 9.0]) * MICROS
    ours = losses(paid, said, "spend").mean()
    theirs = mean_tweedie_deviance(paid / MICROS, said / MICROS, power=1.5)
    assert ours == pytest.approx(theirs)


def test_conformal_intervals_hold_their_share_in_each_third():
    rng = np.random.default_rng(0)
    said = rng.gamma(2, 50.0, 4000) * MICROS
    paid = said * rng.gamma(2, 0.5, 4000)
    edges, bounds = spread(paid[:2000], said[:2000], 0.9)
    low, high = interval(said[2000:], edges, bounds)
    held = (paid[2000:] >= low) & (paid[2000:] <= high)
    for part in np.array_split(np.argsort(said[2000:]), 3):
        assert held[part].mean() == pytest.approx(0.9, abs=0.035)


def wandering(strength, people=1_500, observed=240, seed=5):
    """People who never stop; each month their rate changes by a factor of mean 1."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.5, 1 / 12, people)
    person, day = [], []
    for month in range(0, observed + DAYS, 30):
        came = rng.random((people, 30)) < 1 - np.exp(-rate[:, None])
        who, when = np.nonzero(came)
        person.append(who)
        day.append(when + month)
        if strength:
            rate = rate * rng.gamma(1 / strength, strength, people)
    who, when = np.concatenate(person), np.concatenate(day)
    return Purchases(
        people=[str(one) for one in range(people)], person=who, day=when,
        spend=np.ones(len(who)),
    )  # fmt: skip


def test_rates_that_wander_widen_the_intervals_and_steady_ones_do_not():
    assert drift_of(wandering(0.0), 240, 0) == 0.0
    shop = wandering(0.3)
    past = shop.day < 240
    known = Purchases(
        people=shop.people, person=shop.person[past], day=shop.day[past], spend=shop.spend[past]
    )
    drift = drift_of(known, 240, 0)
    assert drift > 0
    history, actual = known.before(240), shop.after(240, DAYS)[0]
    timing = fit_bgnbd(history.timing)

    def covered(drift):
        said = forecast(timing, None, history, [DAYS], seed=1, drift=drift).purchases[DAYS]
        met = actual[history.rows]
        return ((met >= said.low) & (met <= said.high)).mean(), said.mean.sum()

    narrow, expected = covered(0.0)
    wide, same = covered(drift)
    assert narrow < wide and abs(wide - LEVEL) < abs(narrow - LEVEL) and same == expected


def test_a_shop_too_young_to_look_back_has_no_drift():
    shop = wandering(0.3, people=50)
    assert drift_of(shop, DAYS, 0) == drift_of(shop, 10, 0) == 0.0
