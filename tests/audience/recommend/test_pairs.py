import numpy as np
import pytest
import scipy.sparse as sp

from handbill.audience.recommend.histories import Histories
from handbill.audience.recommend.pairs import best_items, look_up, ranks, strongest

DENSE = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, 0.0, 5.0, 4.0]], np.float32)


def test_sparse_and_dense_say_the_same() -> None:
    for scores in (DENSE, sp.csr_matrix(DENSE)):
        rows, items, values = best_items(scores, 2)
        assert rows.tolist() == [0, 0, 1, 1]
        assert items.tolist() == [0, 2, 2, 3]  # equal ones in the catalogue's order
        assert values.tolist() == [3, 3, 5, 4]
        asked = look_up(scores, np.array([1, 0], np.int32), np.array([2, 1], np.int32))
        assert asked.tolist() == [5, 1]


def test_what_a_person_has_is_left_out() -> None:
    own = Histories.of_sequences([[0, 3], [2]], 4)
    for scores in (DENSE, sp.csr_matrix(DENSE)):
        rows, items, _ = best_items(scores, 1, without=own)
        assert dict(zip(rows.tolist(), items.tolist(), strict=True)) == {0: 2, 1: 3}


def test_the_strongest_of_equal_entries_are_the_first() -> None:
    scores = sp.csr_matrix(np.array([[2.0, 2.0, 2.0, 3.0], [0, 0, 0, 0], [1.0, 0, 0, 0]]))
    kept = strongest(scores, 2).toarray()
    assert kept.tolist() == [[2, 0, 0, 3], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_an_empty_matrix_has_no_best() -> None:
    empty = sp.csr_matrix((3, 5), dtype=np.float32)
    assert [len(one) for one in best_items(empty, 2)] == [0, 0, 0]
    assert look_up(empty, np.array([2], np.int32), np.array([4], np.int32)).tolist() == [0]


def test_equal_values_share_a_rank() -> None:
    rows = np.array([0, 0, 0, 0, 2, 2], np.int32)
    values = np.array([1.0, 5.0, 5.0, 0.0, 2.0, 3.0], np.float32)
    assert ranks(rows, values).tolist() == [2, 0, 0, 3, 1, 0]


@pytest.mark.parametrize("size", [3, 60, 641, 4_097])
def test_the_largest_of_wide_rows_are_those_of_a_full_sort(size: int) -> None:
    rng = np.random.default_rng(size)
    scores = rng.normal(size=(7, size)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    scores[3] = -np.inf
    rows, items, values = best_items(scores, 9)
    for row in range(len(scores)):
        wanted = np.argsort(-scores[row], kind="stable")[:9]
        wanted = wanted[np.isfinite(scores[row, wanted])]
        assert items[rows == row].tolist() == wanted.tolist()
        assert values[rows == row].tolist() == scores[row, wanted].tolist()


def test_people_are_scored_few_at_a_time_in_a_large_shop() -> None:
    everyone = Histories.of_sequences([[0]] * 70, 1_000_000)
    parts = list(everyone.batches())
    assert np.concatenate([people for people, _ in parts]).tolist() == list(range(70))
    assert [len(some) for _, some in parts] == [33, 33, 4]
    assert [len(some) for _, some in Histories.of_sequences([[0]] * 513, 5).batches()] == [512, 1]
