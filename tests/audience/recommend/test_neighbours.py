import numpy as np

from handbill.audience.recommend.histories import Histories
from handbill.audience.recommend.neighbours import CHOICES, TOGETHER, Alike, Follows
from handbill.audience.recommend.ranking import best_of, lists, quality


def test_what_follows_is_called_for_and_its_reverse_less() -> None:
    learned = Follows(back=0.2).fit(Histories.of_sequences([[0, 1]] * 5 + [[2, 3]] * 5, 4))
    after_0, after_1 = learned.scores(Histories.of_sequences([[0], [1]], 4)).toarray()
    assert after_0[1] > 0
    assert np.isclose(after_1[0], 0.2 * after_0[1])
    assert after_0[2] == after_0[3] == 0


def test_of_one_occasion_neither_came_first() -> None:
    from dataclasses import replace

    histories = Histories.of_sequences([[0, 1]] * 3, 2)
    basket = replace(histories, occasions=np.zeros(6, np.int32))
    table = Follows(back=0.2, source_power=0, target_power=0).fit(basket).table.toarray()
    assert table[0, 1] == table[1, 0] == 3


def test_the_choice_finds_the_planted_chain(markov: Histories) -> None:
    chosen = best_of(CHOICES, markov, repeats=True)
    before, wanted = markov.without_last(), markov.last()
    found = quality(lists(chosen.fit(before), before, 1, repeats=True), wanted, k=1)
    blind = quality(lists(TOGETHER.fit(before), before, 1, repeats=True), wanted, k=1)
    assert found.recall > 0.6
    assert found.recall > blind.recall + 0.2
    assert chosen.decay < 1


def test_people_alike_lend_what_they_have() -> None:
    histories = Histories.of_sequences([[0, 1, 2], [0, 1, 2], [0, 1, 3], [5, 6, 7]], 8)
    scores = Alike(neighbours=3).fit(histories).scores(Histories.of_sequences([[0, 1]], 8))
    row = scores.toarray()[0]
    assert row[2] > row[3] > 0
    assert row[5] == row[7] == 0
