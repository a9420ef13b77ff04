from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from handbill.audience.recommend.behaviour import (
    NONE,
    WAITS,
    Behaviour,
    Shape,
    code,
    edges,
    next_occasions,
    wait_loss,
)
from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.histories import Histories
from handbill.audience.recommend.ranking import lists, quality
from handbill.audience.recommend.sources import Popular
from handbill.audience.recommend.training import Training
from handbill.audience.recommend.transformer import Transformer, outlook, transferred

SMALL = Shape(width=32, blocks=1, heads=2, dropout=0.1, length=12)
QUICK = Training(
    batch=32,
    negatives=64,
    epochs=15,
    learning_rate=1e-2,
    patience=5,
    tracker="none",
    refit_epochs=1,
)


def transformer(catalogue: Catalogue, **more: object) -> Transformer:
    return replace(Transformer(catalogue=catalogue, shape=SMALL, training=QUICK), **more)


def test_it_learns_what_follows_what(markov: Histories, catalogue: Catalogue) -> None:
    before, wanted = markov.without_last(), markov.last()
    learned = transformer(catalogue).fit(before)
    found = quality(lists(learned, before, 10, repeats=True), wanted, k=1)
    by_chance = quality(lists(Popular().fit(before), before, 10, repeats=True), wanted, k=1)
    assert found.recall > 0.6  # 0.8 + 0.2 / 40 is the most there is to know
    assert by_chance.recall < 0.15


def test_the_future_is_not_seen(markov: Histories, catalogue: Catalogue) -> None:
    model = Behaviour(SMALL, catalogue.vectors).eval()
    coded = code(markov, edges(markov))
    batch = {name: torch.from_numpy(values[None, :10]) for name, values in coded.columns.items()}
    states = model(batch)
    changed = {name: values.clone() for name, values in batch.items()}
    changed["items"][0, 6:] = 3
    after = model(changed)
    assert torch.allclose(states[0, :6], after[0, :6])
    assert not torch.allclose(states[0, 6:], after[0, 6:])


def test_an_interrupted_training_ends_with_the_same_weights(
    markov: Histories, catalogue: Catalogue, tmp_path: Path
) -> None:
    long = replace(QUICK, epochs=4, patience=4)
    at_once = transformer(catalogue, training=long).fit(markov)
    begun = transformer(catalogue, training=replace(long, epochs=2), folder=tmp_path)
    begun.fit(markov)
    resumed = replace(begun, training=long).fit(markov)
    assert at_once.model is not None
    assert resumed.model is not None
    for name, value in at_once.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_the_same_seed_learns_the_same(markov: Histories, catalogue: Catalogue) -> None:
    some = transformer(catalogue, training=replace(QUICK, epochs=2))
    assert np.array_equal(some.fit(markov).scores(markov), some.fit(markov).scores(markov))


def test_an_item_without_history_is_known_by_its_text() -> None:
    """Items 0-19 share one text, 20-39 another; item 40 was never had and has the first."""
    rng = np.random.default_rng(0)
    vectors = np.zeros((41, 2), np.float32)
    vectors[:20, 0] = vectors[40, 0] = 1
    vectors[20:40, 1] = 1
    people = [list(rng.choice(20, 6, replace=False) + 20 * (one % 2)) for one in range(200)]
    histories = Histories.of_sequences(people, 41)
    catalogue = replace(Catalogue.of_titles(["x"] * 41, vectors), vectors=vectors)
    learned = transformer(catalogue, shape=replace(SMALL, forget=0.5)).fit(histories)
    scores = learned.scores(histories)[:, 40]
    assert scores[0::2].min() > scores[1::2].max()


def test_times_kinds_and_values_reach_the_heads() -> None:
    day = 86_400
    histories = replace(
        Histories.of_sequences([[0, 1, 2, 3], [1]], 4),
        occasions=np.array([0, 0, 1, 2, 0], np.int32),
        seconds=np.array([day, day, 2 * day, 9 * day, 9 * day]),
        kinds=np.array([0, 0, 1, 0, 1], np.int8),
        prices=np.array([1, 2, np.nan, 5, np.nan], np.float32),
    )
    coded = code(histories, edges(histories))
    assert coded.kind.tolist() == [0, 1, 0, NONE, NONE]
    assert coded.came.tolist() == [1, 1, 1, 0, 0]
    assert coded.wait.tolist() == [3, 3, 3, 0, 0]  # 8, 8 and 7 days
    # The second occasion has no price, so what the first leads to is unknown.
    assert np.isnan(coded.value).tolist() == [True, True, False, True, True]
    assert coded.value[2] == pytest.approx(np.log1p(5))
    first, many = next_occasions(histories)
    assert many.tolist() == [1, 1, 1, 0, 0]
    assert first[:3].tolist() == [2, 2, 3]


def test_a_wait_that_goes_on_prefers_longer_ones() -> None:
    short, long = torch.zeros(1, WAITS), torch.zeros(1, WAITS)
    short[0, 1], long[0, 9] = 5.0, 5.0
    open_end = {"bucket": torch.tensor([4]), "happened": torch.tensor([False])}
    assert wait_loss(long, **open_end) < wait_loss(short, **open_end)
    came = {"bucket": torch.tensor([1]), "happened": torch.tensor([True])}
    assert wait_loss(short, **came) < wait_loss(long, **came)


def test_the_heads_tell_the_hasty_and_rich_from_the_slow_and_poor(catalogue: Catalogue) -> None:
    """Even people buy daily for 50, from items 0 to 9; odd ones every 20 days for 5, others."""
    people = [[(one % 2) * 10 + step % 10 for step in range(12)] for one in range(120)]
    histories = Histories.of_sequences(people, len(catalogue))
    odd = histories.owners % 2 == 1
    timed = replace(
        histories,
        seconds=1_700_000_000 + histories.occasions * np.where(odd, 20, 1) * 86_400,
        prices=np.where(odd, 5.0, 50.0).astype(np.float32),
    )
    training = replace(QUICK, epochs=12, patience=12, heads=1.0)
    learned = transformer(catalogue, training=training).fit(timed)
    before = timed.without_last()
    found = outlook(learned, before)
    week = found.purchase_within[:, 2]
    assert week[0::2].min() > 0.7
    assert week[1::2].max() < 0.3
    assert np.median(found.value[0::2]) > 3 * np.median(found.value[1::2])
    assert np.allclose(found.kinds.sum(1), 1, atol=1e-5)
    assert found.kinds[:, 0].min() > 0.5  # everyone buys, nobody looks


def test_what_was_learned_moves_to_another_shop(markov: Histories, catalogue: Catalogue) -> None:
    learned = transformer(catalogue, training=replace(QUICK, epochs=3)).fit(markov)
    other = plain_catalogue(25)
    moved = transferred(learned, other)
    assert moved.model is not None
    assert learned.model is not None
    assert not moved.model.own.weight.any()
    assert torch.equal(moved.model.text.weight, learned.model.text.weight)
    some = Histories.of_sequences([[1, 2, 24], [3]], 25)
    assert moved.scores(some).shape == (2, 25)
    assert np.isfinite(moved.fit(some).scores(some)).all()


def plain_catalogue(size: int) -> Catalogue:
    vectors = np.random.default_rng(4).normal(size=(size, 8)).astype(np.float32)
    return Catalogue.of_titles(["x"] * size, vectors)


def test_timed_histories_train(catalogue: Catalogue, markov: Histories) -> None:
    timed = replace(
        markov,
        seconds=1_700_000_000 + markov.occasions.astype(np.int64) * 86_400,
        prices=np.where(markov.items % 3 == 0, np.nan, 2.5).astype(np.float32),
    )
    learned = transformer(catalogue, training=replace(QUICK, epochs=2)).fit(timed)
    assert np.isfinite(learned.scores(timed)).all()
