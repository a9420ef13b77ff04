"""Interest scores are probabilities of buying in the time ahead."""

import numpy as np
import pytest

AS_OF = "2026-03-31"


def test_more_and_later_purchases_are_more_interest(corner):
    days = ["2026-01-05", "2026-01-20", "2026-02-05"]
    corner.write(
        [
            *(corner.buys("often", f"{day}T10:00", "milk") for day in days),
            *(corner.buys("once", f"{day}T10:00", "tea") for day in days[1:]),
            corner.buys("once", "2026-01-05T10:00", "milk"),
            *(corner.buys("late", f"{day}T10:00", "tea") for day in days),
            corner.buys("late", "2026-03-20T10:00", "milk"),
        ]
    )
    scores = corner.interests(AS_OF)
    assert ("often", "Tea") not in scores
    milk = {person: scores[person, "Milk"]["score"] for person in ("often", "once", "late")}
    assert 0 < milk["once"] < milk["late"] < milk["often"] < 1
    assert scores["often", "Milk"]["purchases"] == 3
    assert scores["late", "Milk"]["last_purchase"].isoformat() == "2026-03-20T10:00:00+00:00"


def test_scores_are_the_rates_that_were_planted(corner):
    rng = np.random.default_rng(3)
    rates = dict(zip([f"p{n}" for n in range(60)], rng.gamma(1.0, 0.05, 60), strict=True))
    past, ahead = [], {}
    for person, rate in rates.items():
        past.append(corner.buys(person, "2025-09-02T08:00", "tea"))
        for day in range(200):
            if rng.random() < rate:
                when = np.datetime64("2025-09-12") + day
                past.append(corner.buys(person, f"{when}T12:00", "milk"))
        ahead[person] = 1 - (1 - rate) ** 28
    corner.write(past)
    scores = corner.interests(AS_OF)
    known = [person for person in rates if (person, "Milk") in scores]
    told = np.array([scores[person, "Milk"]["score"] for person in known])
    truth = np.array([ahead[person] for person in known])
    assert abs(told.mean() - truth.mean()) < 0.06
    assert np.corrcoef(told, truth)[0, 1] > 0.8


def test_an_offer_is_judged_by_its_products_then_by_their_category(corner):
    corner.write(
        [
            *(corner.buys("own", f"2026-03-{day}T10:00", "own-tea") for day in ("02", "12")),
            *(corner.buys("brand", f"2026-03-{day}T10:00", "tea") for day in ("02", "12")),
            *(corner.buys("none", f"2026-03-{day}T10:00", "soap") for day in ("02", "12")),
        ],
        campaigns=[corner.campaign("c1", "2026-04-01", "2026-05-01")],
        offers={"c1-x": ["own-tea"]},
    )
    scores = corner.offer_interests(AS_OF, ["c1"])
    assert set(scores) == {("own", "c1-x"), ("brand", "c1-x")}
    own, brand = scores["own", "c1-x"], scores["brand", "c1-x"]
    assert own["score"] > 2 * brand["score"] > 0
    assert (own["purchases"], brand["purchases"], brand["last_purchase"]) == (2, 0, None)
    # An offer of one product cannot promise more than the whole category does.
    assert own["score"] <= corner.interests(AS_OF)["own", "Tea"]["score"] + 0.1


def test_a_longer_time_ahead_is_a_higher_probability(corner):
    corner.write([corner.buys("ann", "2026-03-01T10:00", "milk")])
    short, long = (corner.interests(AS_OF, days)["ann", "Milk"]["score"] for days in (7, 70))
    assert short < long


def test_the_future_changes_nothing(corner):
    past = [corner.buys("ann", "2026-03-01T10:00", "milk")]
    corner.write(past)
    before = corner.interests(AS_OF)
    corner.write([*past, corner.buys("ann", "2026-03-31T00:00", "tea")])
    assert corner.interests(AS_OF) == before


def test_the_score_is_the_negative_binomials(corner):
    corner.write([corner.buys("ann", "2026-03-01T00:00", "milk")])
    row = corner.interests(AS_OF)["ann", "Milk"]
    decay = np.log(2) / 90
    weight, days = np.exp(-30 * decay), (1 - np.exp(-30 * decay)) / decay
    prior = weight / (days + 30)
    none = ((days + 30) / (days + 30 + 28)) ** (weight + prior * 30)
    assert row["score"] == pytest.approx(1 - none)
