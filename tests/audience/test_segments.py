"""Segments that were planted are found, none is too small, and ids stay."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from handbill.audience.segments import dissolve_small, find_segments, keep_ids

CENTRES = np.array([[0.0, 0, 0], [6, 0, 0], [0, 6, 0], [6, 6, 6]])


def planted(sizes, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    return CENTRES[truth] + rng.normal(0, 0.7, (len(truth), 3)), truth


def find(points, spend, k=20, most=8):
    return find_segments(points, spend, max_segments=most, min_segment=k, seed=1)


def test_planted_groups_are_found_and_ordered_by_spend():
    points, truth = planted([80, 60, 70, 90])
    found = find(points, truth.astype(float), most=4)
    assert adjusted_rand_score(truth, found.labels) > 0.97
    assert [truth[found.labels == one].mean().round() for one in range(4)] == [3, 2, 1, 0]
    assert found.agreement > 0.9 and found.stability.min() > 0.9


def test_a_group_that_is_too_small_joins_the_nearest():
    points, truth = planted([80, 60, 70, 7])
    found = find(points, truth.astype(float), most=6)
    sizes = np.bincount(found.labels)
    assert sizes.min() >= 20 and sizes.sum() == len(points)


def test_equal_people_are_one_segment():
    found = find(np.ones((100, 3)), np.ones(100))
    assert found.labels.tolist() == [0] * 100


def test_the_same_people_give_the_same_segments():
    points, truth = planted([50, 60, 70, 40])
    first, again = (find(points, truth.astype(float)) for _ in range(2))
    assert (first.labels == again.labels).all() and first.tried == again.tried


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


def test_ids_stay_with_the_nearest_segment():
    before = {"s1": [0.0, 0.0], "s2": [5.0, 5.0], "s7": [9.0, 0.0]}
    moved = np.array([[5.2, 4.9], [8.8, 0.1], [0.1, 0.2]])
    assert keep_ids(moved, before) == ["s2", "s7", "s1"]
    grown = np.vstack([moved, [[5.0, -40.0]]])
    assert keep_ids(grown, before) == ["s2", "s7", "s1", "s3"]
    assert keep_ids(moved, {}) == ["s1", "s2", "s3"]


@pytest.mark.parametrize("before", [{"s1": [1.0]}, {"s1": [1.0, 2.0, 3.0]}])
def test_centroids_of_another_space_are_not_matched(before):
    assert keep_ids(np.zeros((2, 2)), before) == ["s2", "s3"]
