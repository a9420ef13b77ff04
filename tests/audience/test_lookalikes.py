"""People like a planted list are found, lift is that on members held out, and noise has none."""

import numpy as np
import pytest

from handbill.audience.lookalikes import lookalikes


def planted(strength, seed=0, people=2000):
    rng = np.random.default_rng(seed)
    alike = rng.random(people) < 0.15
    points = rng.normal(size=(people, 6))
    points[alike, 0] += strength
    listed = alike & (rng.random(people) < 0.4)
    names = [f"p{number}" for number in range(people)]
    return points, names, alike, [name for name, one in zip(names, listed, strict=True) if one]


def test_the_people_planted_are_found_and_the_lift_is_theirs():
    points, names, alike, listed = planted(3.0)
    found = lookalikes(points, names, listed, 150, 0)
    assert not set(found.people) & set(listed) and len(found.people) == 150
    assert found.scores == sorted(found.scores, reverse=True)
    rows = [int(name[1:]) for name in found.people]
    assert alike[rows].mean() > 0.6
    # Alike people who are not listed are found as often as held-out members are.
    left = sum(alike) - len(listed)
    true = (alike[rows].sum() / left) / (150 / (2000 - len(listed)))
    assert found.lift.low < true < found.lift.high and found.lift.low > 2


def test_a_list_of_anybody_has_no_lift():
    points, names, _, listed = planted(0.0, seed=3)
    found = lookalikes(points, names, listed, 300, 0)
    assert found.lift.low < 1 < found.lift.high


@pytest.mark.parametrize(("members", "word"), [(0, "0 people"), (19, "19 people")])
def test_a_short_list_is_refused(members, word):
    points, names, _, listed = planted(3.0)
    found = lookalikes(points, names, [*listed[:members], "stranger"], 10, 0)
    assert found.people == [] and found.lift is None and word in found.why.en
    assert found.unknown == 1


def test_a_list_of_everybody_is_refused_and_too_many_wanted_are_all_others():
    points, names, _, listed = planted(3.0)
    assert "Everyone" in lookalikes(points, names, names, 10, 0).why.en
    found = lookalikes(points, names, listed, 10_000, 0)
    assert len(found.people) == 2000 - len(listed)
    assert found.lift.estimate == pytest.approx(1.0, abs=0.01)
