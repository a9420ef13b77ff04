"""Pairs: results propose, constraints decide."""

import json
from pathlib import Path

import numpy as np
import pytest

from handbill.creative.preference import MOST, Fault, prefer
from handbill.creative.shown import Shown, beats, by_test, read_shown, write_shown
from handbill.errors import SourceError


def one(text: str, clicks: float, views: float = 1_000, complaints: float = 0, test: str = "t"):  # type: ignore[no-untyped-def]
    return Shown(
        test=test, prompt="ask", text=text, views=views, clicks=clicks, complaints=complaints
    )


def sound(prompt: str, text: str) -> Fault:
    """Faults stand in the text itself."""
    return Fault(
        unsupported=("lie",) if "lie" in text else (), blocked=("rule",) if "ban" in text else ()
    )


def taught(*shown: Shown) -> list[tuple[str, str]]:
    return [(pair.chosen, pair.rejected) for pair in prefer(shown, sound).pairs]


def test_the_better_text_of_a_test_is_chosen_and_chance_teaches_nothing() -> None:
    assert taught(one("a", 100), one("b", 50)) == [("a", "b")]
    assert taught(one("a", 50), one("b", 100)) == [("b", "a")]
    assert taught(one("a", 51), one("b", 50)) == []
    assert taught(one("a", 100), one("b", 50, test="other")) == []
    assert prefer([one("a", 51), one("b", 50)], sound).counts == {"unsure": 1}


@pytest.mark.parametrize("word", ["lie", "ban"])
def test_a_winner_at_fault_is_turned_round_whatever_its_clicks(word: str) -> None:
    found = prefer([one(f"a {word}", 900), one("b", 50)], sound)
    assert [(pair.chosen, pair.rejected, pair.sure) for pair in found.pairs] == [
        ("b", f"a {word}", 1.0)
    ]
    assert found.counts == {"turned": 1}
    both = prefer([one(f"a {word}", 900), one("b lie", 50)], sound)
    assert (both.pairs, both.counts) == ((), {"at_fault": 1})
    # a loser at fault is a loser still
    assert taught(one("a", 100), one(f"b {word}", 50)) == [("a", f"b {word}")]


def test_a_winner_that_more_people_complained_of_is_no_winner() -> None:
    assert taught(one("a", 100, complaints=3), one("b", 50, complaints=1)) == []
    assert taught(one("a", 100, complaints=3), one("b", 50, complaints=3)) == [("a", "b")]
    # of few views two complaints are more than two of many
    few = one("a", 100, views=300, complaints=2)
    assert taught(few, one("b", 50, complaints=2)) == []


def test_pairs_weigh_what_they_gain_and_no_landslide_leads() -> None:
    rows = [one(f"w{n}", 60, test=str(n)) for n in range(20)]
    rows += [one(f"l{n}", 40, test=str(n)) for n in range(20)]
    rows += [one("big", 900, test="x"), one("small", 2, test="x")]
    found = {pair.chosen: pair for pair in prefer(rows, sound).pairs}
    assert found["big"].weight == MOST
    assert 0 < found["w1"].weight < 1
    assert found["w1"].sure < found["big"].sure <= 1


def test_not_enough_data_is_an_answer() -> None:
    many = [one(f"{text}{n}", clicks, test=str(n)) for n in range(100) for text, clicks in
            (("a", 100), ("b", 50))]  # fmt: skip
    assert prefer(many, sound).enough
    assert not prefer(many[:198], sound).enough
    crowd = [one(f"a{n}", 10 + 40 * n, test="t", views=10_000) for n in range(20)]
    assert len(prefer(crowd, sound).pairs) >= 100
    assert not prefer(crowd, sound).enough  # of one test


def test_the_posterior_is_what_draws_say() -> None:
    rng = np.random.default_rng(1)
    for a, n, b, m in ((3, 40, 1, 55), (120, 3_000, 100, 3_100), (0, 10, 0, 400)):
        first, second = rng.beta(1 + a, 1 + n - a, 200_000), rng.beta(1 + b, 1 + m - b, 200_000)
        assert beats(a, n, b, m) == pytest.approx((first > second).mean(), abs=0.005)
        assert beats(a, n, b, m) + beats(b, m, a, n) == pytest.approx(1, abs=0.005)


def test_outcomes_come_back_from_a_file_and_the_same_text_counts_together(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    rows = (one("a", 3, 10, 1), one("汤", 0.5, 8.25))
    path.write_text(write_shown(rows) + "\n" + write_shown(rows[:1]), encoding="utf-8")
    assert read_shown(path) == (one("a", 6, 20, 2), rows[1])
    assert [len(some) for some in by_test(read_shown(path))] == [2]


@pytest.mark.parametrize(
    "change",
    [{"views": 1}, {"views": "many"}, {"clicks": -1}, {"views": float("nan")}, {"test": ""},
     {"completion": None}, {"complaints": 11}],
)  # fmt: skip
def test_a_line_that_cannot_be_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    row = json.loads(write_shown([one("a", 3, 10)])) | change
    path = tmp_path / "outcomes.jsonl"
    path.write_text(write_shown([one("b", 3, 10)]) + json.dumps(row), encoding="utf-8")
    with pytest.raises(SourceError, match=r"line 2 is not an outcome"):
        read_shown(path)


def test_a_file_without_outcomes_says_what_one_is(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.jsonl"
    with pytest.raises(SourceError, match="cannot read"):
        read_shown(path)
    path.write_text("\n")
    with pytest.raises(SourceError, match='"clicks"'):
        read_shown(path)
