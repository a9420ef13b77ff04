from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.placement.planning.allocate import Field, Limits, allocate
from handbill.placement.planning.choose import choose
from handbill.placement.planning.schedule import HABITS


def field(value: np.ndarray, *, weeks: int = 3, probability: np.ndarray | None = None) -> Field:
    """Everyone can be met on the first day of each of some weeks, in every campaign."""
    options = np.tile(np.arange(weeks) * 7, (HABITS, value.shape[1], 1)) if weeks else None
    people = len(value)
    return Field(
        value=value,
        probability=value / 10 if probability is None else probability,
        habit=np.zeros(people, np.int64),
        segment=np.arange(people) % 2,
        options=np.full((HABITS, value.shape[1], 1), -1) if options is None else options,
        days=22,
    )


def plain(messages: int, **more: float) -> Limits:
    return Limits(**{"messages": messages, "cost": 1.0, "cap": 1, "exploration": 0.0, **more})


def one_by_one(given_: Field, limits: Limits) -> set[tuple[int, int, int]]:
    """The oracle: a loop over single pairs, the best first."""
    sent: dict[int, list[int]] = {}
    chosen: set[tuple[int, int, int]] = set()
    for pair in np.argsort(-given_.value.ravel(), kind="stable"):
        person, campaign = divmod(int(pair), given_.value.shape[1])
        if given_.value[person, campaign] <= limits.cost or len(chosen) == limits.messages:
            break
        for day in given_.options[0, campaign]:
            near = sum(abs(day - other) < 7 for other in sent.get(person, []))
            if day >= 0 and near < limits.cap:
                sent.setdefault(person, []).append(int(day))
                chosen.add((person, campaign, int(day)))
                break
    return chosen


@given(
    people=st.integers(1, 9),
    campaigns=st.integers(1, 6),
    seed=st.integers(0, 2**31),
    messages=st.integers(0, 50),
    weeks=st.integers(0, 3),
    cap=st.integers(0, 3),
)
def test_blocks_choose_what_a_loop_would(
    people: int, campaigns: int, seed: int, messages: int, weeks: int, cap: int
) -> None:
    rng = np.random.default_rng(seed)
    given_ = field(rng.uniform(0, 4, (people, campaigns)), weeks=weeks)
    limits = plain(messages, cap=cap)
    chosen = choose(given_, limits, rng)
    found = set(
        zip(chosen.person.tolist(), chosen.campaign.tolist(), chosen.day.tolist(), strict=True)
    )
    assert found == one_by_one(given_, limits)


@given(
    people=st.integers(1, 9),
    campaigns=st.integers(1, 6),
    seed=st.integers(0, 2**31),
    messages=st.integers(0, 50),
    cap=st.integers(0, 3),
    exploration=st.floats(0, 1),
    equal=st.booleans(),
    weeks=st.integers(0, 3),
)
def test_no_instance_overspends_or_breaks_the_cap(
    people: int, campaigns: int, seed: int, messages: int, cap: int, exploration: float,
    equal: bool, weeks: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    value = rng.uniform(0, 4, (people, campaigns))
    value = np.full_like(value, 2.0) if equal else value
    limits = plain(messages, cap=cap, exploration=exploration)
    chosen = choose(field(value, weeks=weeks), limits, rng)
    assert len(chosen.person) <= messages
    pairs = list(zip(chosen.person.tolist(), chosen.campaign.tolist(), strict=True))
    assert len(set(pairs)) == len(pairs)
    sent = Counter(zip(chosen.person.tolist(), chosen.day.tolist(), strict=True))
    assert all(count <= cap for count in sent.values())
    assert ((chosen.propensity > 0) & (chosen.propensity <= 1)).all()
    assert (chosen.propensity[~chosen.explored] == 1).all()
    assert (value[chosen.person, chosen.campaign][~chosen.explored] > 1.0).all()
    if len(pairs) > 0 and chosen.explored.sum() < chosen.pool:
        assert chosen.explored.mean() >= exploration - 1e-9


def test_the_best_go_first_and_the_price_is_the_next_ones_value() -> None:
    given_ = field(np.array([[5.0], [9.0], [3.0], [7.0], [0.5]]))
    chosen = choose(given_, plain(2), np.random.default_rng(0))
    assert chosen.person.tolist() == [1, 3]
    assert chosen.next_value == 5.0
    assert chosen.worthless == 1
    more = choose(given_, plain(9), np.random.default_rng(0))
    assert sorted(more.person) == [0, 1, 2, 3]
    assert more.next_value == 0


def test_greedy_is_as_good_as_the_exact_solution_under_the_budget() -> None:
    from scipy.optimize import linprog

    rng = np.random.default_rng(1)
    value = rng.uniform(0, 5, 30)
    chosen = choose(field(value[:, None]), plain(8), rng)
    exact = linprog(1.0 - value, A_ub=np.ones((1, 30)), b_ub=[8], bounds=(0, 1))
    assert (value[chosen.person] - 1).sum() == pytest.approx(-exact.fun)
    assert chosen.next_value - 1 == pytest.approx(-exact.ineqlin.marginals[0])


def test_the_cap_moves_a_second_message_to_the_next_week() -> None:
    chosen = choose(field(np.full((1, 4), 2.0)), plain(9), np.random.default_rng(0))
    assert sorted(chosen.day) == [0, 7, 14]
    assert chosen.kept_out == {"cap": 1, "day": 0, "stock": 0}


def test_the_exploration_draws_with_the_probability_it_states() -> None:
    value = np.full((5, 2), -np.inf)
    value[:, 0] = [9.0, 1.5, 0.1, 0.1, 0.3]
    value[3, 1] = 0.2
    given_ = field(value, weeks=1)
    counts: Counter[tuple[int, int]] = Counter()
    stated = {}
    for seed in range(4_000):
        chosen = choose(given_, plain(3, exploration=0.5), np.random.default_rng(seed))
        pairs = list(zip(chosen.person.tolist(), chosen.campaign.tolist(), strict=True))
        counts.update(one for one, lot in zip(pairs, chosen.explored, strict=True) if lot)
        stated |= dict(zip(pairs, chosen.propensity.tolist(), strict=True))
    assert stated == pytest.approx(
        {(0, 0): 1.0, (1, 0): 0.5, (2, 0): 0.5, (3, 0): 0.25, (3, 1): 0.25, (4, 0): 0.5}
    )
    for pair, count in counts.items():
        error = np.sqrt(stated[pair] * (1 - stated[pair]) * 4_000)
        assert abs(count - 4_000 * stated[pair]) < 4 * error


def test_draws_within_a_daily_budget_weigh_to_everyone() -> None:
    """Weighted by one over its propensity, what was drawn estimates the sum over all people."""
    rng = np.random.default_rng(3)
    people = 60
    given_ = field(rng.uniform(0, 0.9, (people, 2)), weeks=2)
    limits = plain(16, exploration=1.0, daily=6)
    found = []
    for seed in range(1_000):
        chosen = choose(given_, limits, np.random.default_rng(seed))
        assert np.bincount(chosen.day).max() <= 6
        assert len(chosen.person) in (5, 6)
        own = given_.value[chosen.person, chosen.campaign]
        found.append((own / chosen.propensity).sum())
    total = given_.value.sum()
    assert np.mean(found) == pytest.approx(total, abs=4 * np.std(found) / np.sqrt(1_000))


def test_daily_budgets_are_priced_and_come_near_the_exact_solution() -> None:
    rng = np.random.default_rng(4)
    given_ = field(rng.uniform(0, 10, (400, 3)))
    limits = plain(10_000, daily=50)
    chosen = choose(given_, limits, rng)
    assert chosen.prices is not None
    assert np.bincount(chosen.day).max() <= 50
    assert (chosen.prices.day[[0, 7, 14]] > 0).all()
    assert chosen.prices.day[1] == 0
    earned = (given_.value[chosen.person, chosen.campaign] - 1).sum()
    assert earned >= 0.98 * chosen.prices.value
    assert chosen.kept_out["day"] > 0


def test_stock_is_kept_and_its_price_is_what_a_redemption_more_would_earn() -> None:
    rng = np.random.default_rng(5)
    probability = rng.uniform(0, 0.5, (2_000, 1))
    given_ = field(probability * 10, probability=probability)
    some = choose(given_, plain(10_000, stock=np.array([40.0])), rng)
    more = choose(given_, plain(10_000, stock=np.array([44.0])), rng)
    assert some.prices is not None

    def earned(chosen: object) -> float:
        return float((given_.value[chosen.person, chosen.campaign] - 1).sum())

    assert probability[some.person, 0].sum() <= 40
    assert (earned(more) - earned(some)) / 4 == pytest.approx(some.prices.stock[0], rel=0.05)


def test_a_fair_share_goes_to_those_who_earn_less() -> None:
    value = np.full((100, 1), 5.0)
    value[1::2] = 2.0  # segment 1
    chosen = choose(field(value), plain(20, fairness=0.8), np.random.default_rng(0))
    assert np.count_nonzero(chosen.person % 2 == 1) == 8
    assert chosen.prices is not None
    assert chosen.prices.segment[1] == pytest.approx(3.0)
    assert choose(field(value), plain(20), np.random.default_rng(0)).person.max() <= 98


def test_a_share_that_cannot_be_reached_lets_nobody_have_more() -> None:
    value = np.full((100, 1), 5.0)
    value[1::2] = -np.inf
    value[[1, 3], 0] = 5.0  # 2 of 52 people
    chosen = choose(field(value), plain(50, fairness=1.0), np.random.default_rng(0))
    assert len(chosen.person) >= 48
    held = np.count_nonzero(chosen.person % 2 == 1)
    assert held >= np.floor(2 / 52 * len(chosen.person))


def test_spending_less_takes_the_fewest_that_reach_the_result() -> None:
    rng = np.random.default_rng(6)
    probability = rng.uniform(0.1, 0.5, (200, 1))
    given_ = field(probability * 10, probability=probability)
    chosen = choose(given_, plain(200, wanted=12.0), rng)
    best = np.sort(probability[:, 0])[::-1]
    assert chosen.reached
    assert len(chosen.person) == int(np.searchsorted(best.cumsum(), 12.0)) + 1
    assert chosen.next_value == 0
    beyond = choose(given_, plain(20, wanted=50.0), rng)
    assert beyond.reached is False
    assert len(beyond.person) == 20


def test_prices_are_nothing_where_nothing_binds() -> None:
    given_ = field(np.full((10, 1), 5.0))
    prices = allocate(given_, plain(99, daily=99, stock=np.array([99.0])), 99)
    assert prices.budget == 0
    assert not prices.day.any()
    assert not prices.stock.any()
    assert prices.messages == 10
