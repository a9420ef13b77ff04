import numpy as np
import pytest
import scipy.sparse as sp

from handbill.audience.recommend.ranking import quality


def test_ndcg_and_recall_by_hand() -> None:
    wanted = sp.csr_matrix(np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]], float))
    chosen = np.array([[0, 1, 2], [0, 3, 2], [0, 1, 2]])
    found = quality(chosen, wanted, k=3)
    first = 1 / np.log2(3)
    second = (1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert found.people == 2  # who did nothing next is not counted
    assert found.ndcg == pytest.approx((first + second) / 2)
    assert found.recall == 1


def test_short_lists_and_nobody() -> None:
    wanted = sp.csr_matrix(np.array([[0, 0, 0, 1]], float))
    assert quality(np.array([[-1, -1]]), wanted).recall == 0
    assert quality(np.array([[0, 1]]), sp.csr_matrix((1, 4))).people == 0
