from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.placement.choose import Limits, choose

DAYS = tuple(date(2026, 11, 2) + timedelta(days=7 * week) for week in range(3))


@given(
    people=st.lists(st.integers(0, 8), min_size=1, max_size=40),
    seed=st.integers(0, 2**31),
    messages=st.integers(0, 50),
    cap=st.integers(0, 3),
    exploration=st.floats(0, 1),
    equal=st.booleans(),
    weeks=st.integers(0, 3),
)
def test_no_instance_overspends_or_breaks_the_cap(
    people: list[int], seed: int, messages: int, cap: int, exploration: float, equal: bool,
    weeks: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    value = np.full(len(people), 2.0) if equal else rng.uniform(0, 4, len(people))
    limits = Limits(messages=messages, cost=1.0, cap=cap, exploration=exploration)
    chosen = choose(np.array(people), value, lambda pair: DAYS[:weeks], limits, rng)
    assert len(chosen.pairs) <= messages
    assert len(set(chosen.pairs)) == len(chosen.pairs)
    sent = Counter((people[pair], day) for pair, day in zip(chosen.pairs, chosen.days, strict=True))
    assert all(count <= cap for count in sent.values())
    assert ((chosen.propensity > 0) & (chosen.propensity <= 1)).all()
    assert (chosen.propensity[~chosen.explored] == 1).all()
    assert (value[chosen.pairs[~chosen.explored]] > 1.0).all()
    assert len(chosen.pairs) == len(chosen.days) == len(chosen.explored)
    if len(chosen.pairs) > 0 and chosen.explored.sum() < chosen.pool:
        assert chosen.explored.mean() >= exploration - 1e-9


def test_the_best_go_first_and_the_price_is_the_next_ones_value() -> None:
    value = np.array([5.0, 9.0, 3.0, 7.0, 0.5])
    limits = Limits(messages=2, cost=1.0, cap=1, exploration=0)
    chosen = choose(np.arange(5), value, lambda pair: DAYS, limits, np.random.default_rng(0))
    assert sorted(chosen.pairs) == [1, 3]
    assert chosen.next_value == 5.0
    assert chosen.worthless == 1
    more = choose(
        np.arange(5), value, lambda pair: DAYS,
        Limits(messages=9, cost=1.0, cap=1, exploration=0), np.random.default_rng(0),
    )  # fmt: skip
    assert sorted(more.pairs) == [0, 1, 2, 3]
    assert more.next_value == 0


def test_greedy_is_as_good_as_the_exact_solution_under_the_budget() -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(1)
    value = rng.uniform(0, 5, 30)
    chosen = choose(
        np.arange(30), value, lambda pair: DAYS,
        Limits(messages=8, cost=1.0, cap=1, exploration=0), rng,
    )  # fmt: skip
    exact = linprog(1.0 - value, A_ub=np.ones((1, 30)), b_ub=[8], bounds=(0, 1))
    assert (value[chosen.pairs] - 1).sum() == pytest.approx(-exact.fun)
    assert chosen.next_value - 1 == pytest.approx(-exact.ineqlin.marginals[0])


def test_the_cap_moves_a_second_message_to_the_next_week() -> None:
    limits = Limits(messages=9, cost=1.0, cap=1, exploration=0)
    chosen = choose(
        np.zeros(4, np.int64), np.full(4, 2.0), lambda pair: DAYS, limits, np.random.default_rng(0)
    )
    assert sorted(chosen.days) == list(DAYS)
    assert chosen.capped == 1


def test_the_exploration_draws_with_the_probability_it_states() -> None:
    people = np.array([0, 1, 2, 3, 3, 4])
    value = np.array([9.0, 1.5, 0.1, 0.1, 0.2, 0.3])
    limits = Limits(messages=3, cost=1.0, cap=1, exploration=0.5)
    counts: Counter[int] = Counter()
    stated = {}
    for seed in range(4_000):
        chosen = choose(people, value, lambda pair: DAYS[:1], limits, np.random.default_rng(seed))
        for pair in chosen.pairs[chosen.explored]:
            counts[int(pair)] += 1
        stated |= dict(zip(chosen.pairs.tolist(), chosen.propensity.tolist(), strict=True))
    assert stated[0] == 1.0
    assert stated == pytest.approx({0: 1.0, 1: 0.5, 2: 0.5, 3: 0.25, 4: 0.25, 5: 0.5})
    for pair, count in counts.items():
        error = np.sqrt(stated[pair] * (1 - stated[pair]) * 4_000)
        assert abs(count - 4_000 * stated[pair]) < 4 * error
