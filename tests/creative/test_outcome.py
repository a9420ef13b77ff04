"""What an ad will do: planted truth comes back, noise does not, and the future stays out of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from handbill.creative.judge import Reader
from handbill.creative.models import ModelFolder
from handbill.creative.outcome import known_of, learn_outcomes
from handbill.creative.results import LABELS, Label, Result
from handbill.types import Brief

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
BRIEF = Brief(id="b", segment_id="all", offer_id="k-1", language="en", channel="email", facts=(),
              audience="everyone")  # fmt: skip
TEXTS = ("Time for tea?", "There is tea.")
LIKELY = {  # by text and kind of person
    (0, False): (0.25, 0.25, 0.30, 0.15, 0.05),
    (1, False): (0.68, 0.20, 0.04, 0.03, 0.05),
    (0, True): (0.05, 0.02, 0.02, 0.01, 0.90),
    (1, True): (0.05, 0.02, 0.02, 0.01, 0.90),
}


def planted(count: int = 9_000, *, even: bool = False) -> list[Result]:
    """A question is clicked more; a fifth of the people are machines, as their past tells."""
    rng = np.random.default_rng(8)
    found = []
    for number in range(count):
        person, text = int(rng.integers(300)), int(rng.integers(2))
        chance = LIKELY[0, False] if even else LIKELY[text, person < 60]
        label: Label = LABELS[rng.choice(5, p=chance)]
        found.append(
            Result(person=f"p{person}", at=START + timedelta(minutes=40 * number), brief=BRIEF,
                   text=TEXTS[text], segment="s", slot=0, weight=1.0, label=label,
                   complained=False)
        )  # fmt: skip
    return found


def test_planted_chances_come_back_beyond_the_shares() -> None:
    results = planted()
    found = learn_outcomes(results)
    assert found.classes == LABELS
    assert found.why is None
    assert found.gain is not None
    assert found.gain.low > 0
    assert found.chances is not None
    # a person of whom nothing bad is known, and one whose messages only machines opened
    known = known_of(results)
    person = known.facts[[n for n in range(7_500, 9_000) if int(known.people[n][1:]) >= 60]]
    machine = known.facts[[n for n in range(7_500, 9_000) if int(known.people[n][1:]) < 60]]
    for text in (0, 1):
        said = found.chances([TEXTS[text]] * len(person), person).mean(axis=0)
        assert said == pytest.approx(np.array(LIKELY[text, False]), abs=0.08)
    bot = found.chances([TEXTS[0]] * len(machine), machine).mean(axis=0)
    assert bot[LABELS.index("bot")] > 0.8
    told = {one.name: one for one in found.told}
    # whoever knew who is a machine would reach .896
    assert told["bot"].auc == pytest.approx(0.896, abs=0.03)
    assert told["bot"].precision is not None
    assert told["bot"].precision > 0.8
    ways = {way.name: way for way in found.ways}
    assert ways["counts"].log_loss < ways["words"].log_loss < ways["shares"].log_loss
    assert ways["counts"].error < 0.03


def test_where_nothing_tells_nothing_is_used() -> None:
    found = learn_outcomes(planted(even=True))
    assert found.gain is not None
    assert found.gain.low <= 0
    assert found.chances is None
    assert found.why is not None
    assert "not used" in found.why.en


def test_what_hangs_together_by_brief_is_not_counted_as_many() -> None:
    """Each brief has its own level, the same for all who get it: few briefs tell little."""
    rng = np.random.default_rng(9)
    rates = rng.uniform(0.05, 0.6, 40)
    results = []
    for number, one in enumerate(planted()):
        place = number * 40 // 9_000  # one brief after the other
        label: Label = "click" if rng.random() < rates[place] else "none"
        results.append(replace(one, brief=replace(BRIEF, id=str(place)), label=label))
    found = learn_outcomes(results).gain
    alone = learn_outcomes([replace(one, brief=BRIEF) for one in results]).gain
    assert found is not None
    assert alone is not None
    assert found.estimate == alone.estimate
    assert found.high - found.low > 3 * (alone.high - alone.low)


def test_not_enough_data_is_an_answer_and_small_classes_are_left_out() -> None:
    few = learn_outcomes(planted(60))
    assert (few.classes, few.chances) == ((), None)
    assert few.why is not None
    assert "Not enough data" in few.why.en
    assert learn_outcomes([]).why is not None
    rare = [one if one.label != "buy" else replace(one, label="none") for one in planted()]
    assert learn_outcomes(rare).classes == ("none", "view", "click", "bot")
    # all at once: nothing was known when the next part began
    day = [replace(one, at=START) for one in planted()]
    assert learn_outcomes(day).why is not None


def test_the_future_changes_nothing_that_was_known() -> None:
    results = planted(3_000)
    known = known_of(results)
    other = [*results[:2_000], *(replace(one, label="buy") for one in results[2_000:])]
    assert (known_of(other).facts[:2_000] == known.facts[:2_000]).all()
    # an outcome is known only when its window is over
    first = results[0]
    again = replace(first, at=first.at + timedelta(days=13, hours=23))
    later = replace(first, at=first.at + timedelta(days=14))
    rows = known_of([replace(first, label="buy"), again, later]).facts
    assert rows[1, 3] == 0
    assert rows[2, 3] == pytest.approx(np.log(2))
    assert rows[2, 6] == pytest.approx(1)  # all of the one that is known


def test_a_language_models_features_are_tried_where_there_is_enough(tiny_model: Path) -> None:
    opened = []

    def reader() -> Reader:
        opened.append(1)
        return Reader.open(ModelFolder(id="tiny@1", path=str(tiny_model)), threads=1)

    found = learn_outcomes(planted(), reader)
    assert {way.name for way in found.ways} == {"shares", "words", "counts", "states"}
    assert len(opened) == 1
    learn_outcomes(planted(60), reader)
    assert len(opened) == 1
