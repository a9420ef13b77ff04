from dataclasses import replace

import numpy as np
import pytest

from handbill.audience.recommend.baskets import PersonalFrequency, Tifu
from handbill.audience.recommend.histories import Histories


def baskets(*people: list[list[int]], size: int = 6) -> Histories:
    flat = [[item for basket in baskets for item in basket] for baskets in people]
    occasions = [
        number for baskets in people for number, basket in enumerate(baskets) for _ in basket
    ]
    histories = Histories.of_sequences(flat, size)
    return replace(histories, occasions=np.array(occasions, np.int32))


def test_frequency_counts_baskets_not_lines() -> None:
    histories = baskets([[0, 0, 0], [1], [1]])
    row = PersonalFrequency().scores(histories).toarray()[0]
    assert row[1] > row[0]
    assert row[0] == pytest.approx(1, abs=0.01)


def test_tifu_vectors_are_the_papers() -> None:
    """Three baskets in groups of two: the oldest stands alone in the older group."""
    histories = baskets([[0], [1], [2]])
    own = Tifu(group=2, within=0.5, between=0.1)._vectors(histories).toarray()[0]
    newest, before, oldest = own[2], own[1], own[0]
    assert newest == pytest.approx(1 / 2 / 2)
    assert before == pytest.approx(0.5 / 2 / 2)
    assert oldest == pytest.approx(0.1 / 2)


def test_neighbours_lend_what_they_buy() -> None:
    histories = baskets([[0, 1], [0, 1]], [[0, 1], [0, 1, 2]], [[4], [5]])
    learned = Tifu(neighbours=1, own=0.5).fit(histories)
    row = learned.scores(histories).toarray()[0]
    assert row[2] > 0
    assert row[4] == row[5] == 0
    assert row[0] > row[2]
