"""Segments that were planted are found, chosen by what follows; none is too small; ids stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from handbill.audience.groupings import Tried, choose, lift_in, try_groupings
from handbill.audience.segments import (
    dissolve_small,
    find_segments,
    keep_ids,
    scaled,
    tastes,
)

CENTRES = np.array([[0.0, 0, 0], [6, 0, 0], [0, 6, 0], [6, 6, 6]])


def planted(sizes, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return CENTRES[truth] + rng.normal(0, 0.7, (len(truth), 3)), truth


def find(points, spend, number, least=20):
    return find_segments(points, spend, number=number, min_segment=least, seed=1)


def test_planted_groups_are_found_and_ordered_by_spend():
    points, truth = planted([80, 60, 70, 90])
    found = find(points, truth.astype(float), 4)
    assert adjusted_rand_score(truth, found.labels) > 0.97
    assert [truth[found.labels == one].mean().round() for one in range(4)] == [3, 2, 1, 0]
    assert found.agreement > 0.9 and found.stability.min() > 0.9


def test_what_is_not_there_is_not_stable():
    points, _ = planted([80, 60, 70, 90])
    tried = try_groupings({"habits": scaled(points)}, [2, 3, 4, 5, 6, 8], {}, None, 1)
    agreement = {one.number: one.agreement for one in tried}
    assert agreement[4] > 0.98 and agreement[8] < 0.8
    # Splitting one of the four changes little; splitting all does.
    assert choose(tried).number in (4, 5)


def test_what_people_buy_afterwards_decides_between_spaces():
    rng = np.random.default_rng(1)
    habit, taste = rng.integers(0, 3, 600), rng.integers(0, 3, 600)
    spaces = {
        "habits": CENTRES[habit] + rng.normal(0, 0.5, (600, 3)),
        "tastes": CENTRES[taste] + rng.normal(0, 0.5, (600, 3)),
    }
    shares = np.where(np.arange(3) == taste[:, None], 0.8, 0.1)
    bought = rng.random((600, 3)) < shares
    tried = try_groupings(spaces, [3], spaces, lift_in(shares, bought), 1)
    by = {one.space: one for one in tried}
    assert by["habits"].agreement > 0.95 and by["tastes"].agreement > 0.95
    assert by["habits"].lift == pytest.approx(1.0, abs=0.25)
    assert by["tastes"].lift == pytest.approx(0.8 / (1 / 3), rel=0.15)
    assert choose(tried).space == "tastes"


def test_a_lift_that_rests_on_nothing_is_none():
    lift = lift_in(np.full((4, 2), np.nan), np.zeros((4, 2), dtype=bool))
    assert lift(np.array([0, 0, 1, 1])) is None


def test_nothing_stable_takes_the_most_stable_and_nothing_tried_is_none():
    loose = [
        Tried(space="habits", number=n, agreement=a, lift=9.0) for n, a in ((2, 0.5), (9, 0.4))
    ]
    assert choose(loose).number == 2 and choose([]) is None


def test_fifty_segments_are_found_where_there_are_fifty():
    rng = np.random.default_rng(4)
    centres = np.stack(np.meshgrid(np.arange(10), np.arange(5)), -1).reshape(-1, 2) * 5.0
    truth = np.repeat(np.arange(50), 40)
    points = centres[truth] + rng.normal(0, 0.5, (2000, 2))
    found = find(points, rng.random(2000), 50)
    assert len(np.unique(found.labels)) >= 45 and found.agreement > 0.8


def test_a_group_that_is_too_small_joins_the_nearest():
    points, truth = planted([80, 60, 70, 7])
    sizes = np.bincount(find(points, truth.astype(float), 4).labels)
    assert len(sizes) == 3 and sizes.min() >= 20 and sizes.sum() == len(points)


def test_equal_people_are_one_segment():
    same = np.ones((100, 3))
    assert try_groupings({"habits": same}, [2, 3], {}, None, 1) == []
    assert find(same, np.ones(100), 1).labels.tolist() == [0] * 100


def test_the_same_people_give_the_same_segments():
    points, truth = planted([50, 60, 70, 40])
    first, again = (find(points, truth.astype(float), 4) for _ in range(2))
    assert (first.labels == again.labels).all() and first.agreement == again.agreement


def test_tastes_tell_apart_who_spends_on_different_things():
    shares = np.array([[0.9, 0.1, 0.0]] * 30 + [[0.0, 0.2, 0.8]] * 30 + [[np.nan] * 3] * 2)
    points = tastes(shares)
    assert points.shape == (62, 3) and np.isfinite(points).all()
    assert abs(points[0, 0] - points[40, 0]) > 1.5
    assert tastes(np.full((5, 2), np.nan)).tolist() == [[0.0, 0.0]] * 5


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=80),
    st.integers(1, 30),
    st.integers(0, 2**16),
)
def test_no_segment_is_below_the_least_after_dissolving(labels, least, seed):
    points = np.random.default_rng(seed).normal(size=(len(labels), 2))
    after = dissolve_small(points, np.array(labels), least)
    sizes = np.bincount(after)
    assert len(after) == len(labels)
    assert len(sizes) == 1 or sizes.min() >= least
    assert sizes.min() > 0


PEOPLE = [f"p{number}" for number in range(60)]
BEFORE = {person: f"s{1 + number // 20}" for number, person in enumerate(PEOPLE)}


def test_ids_stay_with_the_people_whatever_the_order():
    labels = np.array([2] * 20 + [0] * 20 + [1] * 20)
    assert keep_ids(labels, PEOPLE, BEFORE) == ["s2", "s3", "s1"]
    moved = np.array([2] * 17 + [0] * 26 + [1] * 17)
    assert keep_ids(moved, PEOPLE, BEFORE) == ["s2", "s3", "s1"]


def test_a_new_segment_gets_an_id_that_never_was():
    newcomers = [f"n{number}" for number in range(30)]
    labels = np.array([0] * 20 + [1] * 20 + [2] * 20 + [3] * 30)
    ids = keep_ids(labels, [*PEOPLE, *newcomers], BEFORE, retired=["s4"])
    assert ids == ["s1", "s2", "s3", "s5"]
    assert keep_ids(labels, [*PEOPLE, *newcomers], {}) == ["s1", "s2", "s3", "s4"]
    # Scattered over all, no segment is an old one.
    assert "s1" not in keep_ids(np.arange(60) % 6, PEOPLE, BEFORE)
    assert keep_ids(np.empty(0, dtype=np.int64), [], BEFORE) == []
