import numpy as np

from handbill.audience.recommend.diversity import rearrange, spread

VECTORS = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
PEOPLE = np.array([100.0, 1.0, 1.0, 100.0])
LISTS = np.array([[0, 1, 2, 3], [0, 1, -1, -1]])


def test_zero_leaves_the_order() -> None:
    found = rearrange(LISTS, VECTORS, PEOPLE, 3, diversity=0, novelty=0)
    assert found.tolist() == [[0, 1, 2], [0, 1, -1]]


def test_diversity_brings_what_is_unlike_forward() -> None:
    found = rearrange(LISTS, VECTORS, PEOPLE, 2, diversity=0.5, novelty=0)
    assert found[0].tolist() == [0, 3]
    assert found[1].tolist() == [0, 1]
    assert spread(found[:1], VECTORS) > spread(LISTS[:1, :2], VECTORS)


def test_novelty_brings_what_few_know_forward() -> None:
    found = rearrange(LISTS, VECTORS, PEOPLE, 2, diversity=0, novelty=0.9)
    assert set(found[0].tolist()) == {1, 2}
