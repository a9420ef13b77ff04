import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.placement.planning.slate import fill_slots


@given(
    count=st.integers(0, 6),
    offers=st.integers(1, 9),
    slots=st.integers(1, 5),
    temperature=st.floats(0.01, 10),
    candidates=st.integers(1, 9),
    equal=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_every_slot_has_a_whole_distribution_and_no_offer_twice(
    count: int, offers: int, slots: int, temperature: float, candidates: int, equal: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    interest = np.full((count, offers), 0.3) if equal else rng.random((count, offers))
    slates = fill_slots(
        interest,
        np.arange(offers),
        slots=slots,
        temperature=temperature,
        max_candidates=candidates,
        rng=rng,
    )
    filled = min(slots, offers, candidates)
    for row in range(count):
        chosen = slates.chosen[row][slates.chosen[row] >= 0]
        assert len(chosen) == filled == len(set(chosen))
        for slot, offer in enumerate(chosen):
            p = slates.probabilities[row, slot]
            assert p.sum() == pytest.approx(1)
            assert p[offer] > 1e-7
            assert (p[chosen[:slot]] == 0).all()
            assert (p > 0).sum() == min(candidates, offers) - slot


def test_offers_are_drawn_as_often_as_stated() -> None:
    interest = np.tile([0.9, 0.5, 0.1], (40_000, 1))
    slates = fill_slots(
        interest,
        np.arange(3),
        slots=2,
        temperature=0.4,
        max_candidates=9,
        rng=np.random.default_rng(0),
    )
    p = slates.probabilities[0, 0]
    np.testing.assert_allclose(np.log(p[0] / p[1]), 0.4 / 0.4)
    share = np.bincount(slates.chosen[:, 0], minlength=3) / len(interest)
    np.testing.assert_allclose(share, p, atol=0.01)
    second = slates.chosen[slates.chosen[:, 0] == 0][:, 1]
    np.testing.assert_allclose((second == 1).mean(), p[1] / (p[1] + p[2]), atol=0.01)


def test_a_message_has_one_offer_of_a_kind() -> None:
    """Offers 0 and 1 are both on tea: after either, only coffee may follow, with certainty."""
    interest = np.tile([0.9, 0.8, 0.1], (500, 1))
    slates = fill_slots(
        interest,
        np.array([0, 0, 1]),
        slots=3,
        temperature=0.4,
        max_candidates=9,
        rng=np.random.default_rng(0),
    )
    tea_first = slates.chosen[:, 0] < 2
    assert tea_first.any()
    assert (slates.chosen[tea_first, 1] == 2).all()
    np.testing.assert_allclose(slates.probabilities[tea_first, 1], [[0, 0, 1]] * tea_first.sum())
    assert (slates.chosen[:, 2] == -1).all()
