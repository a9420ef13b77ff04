"""The judge: it finds what was planted, says how far to believe it, and comes back from disk."""

from pathlib import Path

import numpy as np
import pytest

from handbill.creative.judge import Judge, Reader, learn
from handbill.creative.models import ModelFolder
from handbill.creative.shown import Shown
from handbill.errors import ModelError

GOODS = ("tea", "soup", "socks", "lamps", "paint", "bread", "rope", "soap", "chairs", "plums")


@pytest.fixture(scope="module")
def reader(tiny_model: Path) -> Reader:
    return Reader.open(ModelFolder(id="tiny@1", path=str(tiny_model)), threads=1)


def planted(count: int, effect: float) -> list[Shown]:
    """A text that asks is clicked more, on a level of each test's own."""
    rng = np.random.default_rng(5)
    found = []
    for number in range(count):
        level, good = rng.normal(-3, 0.5), GOODS[number % len(GOODS)]
        for text, gain in ((f"Will {good} do, no. {number}?", effect),
                           (f"For {good} it is no. {number}.", 0.0)):  # fmt: skip
            rate = 1 / (1 + np.exp(-level - gain))
            found.append(
                Shown(test=str(number), prompt=good, text=text, views=4_000,
                      clicks=float(rng.binomial(4_000, rate)))
            )  # fmt: skip
    return found


def test_a_planted_preference_is_learned_and_kept(reader: Reader, tmp_path: Path) -> None:
    judge = learn(planted(120, 0.5), reader)
    assert judge is not None
    assert judge.reliable
    assert judge.accuracy is not None
    assert judge.accuracy.low > 0.9
    asked, told = ["Will plums do, no. 200?"], ["For plums it is no. 200."]
    assert judge.wins(asked, told)[0] > 0.7
    assert judge.wins(asked, told)[0] == pytest.approx(1 - judge.wins(told, asked)[0])
    judge.save(tmp_path / "judge")
    again = Judge.load(tmp_path / "judge", reader)
    assert again.score(asked) == pytest.approx(judge.score(asked))
    assert (again.version, again.accuracy, again.pairs) == (
        judge.version, judge.accuracy, judge.pairs,
    )  # fmt: skip
    assert learn(planted(120, 0.5), reader).version == judge.version  # type: ignore[union-attr]


def test_noise_makes_no_judge_and_few_tests_no_accuracy(reader: Reader) -> None:
    noise = learn(planted(300, 0.0), reader)
    assert noise is not None
    assert not noise.reliable
    few = learn(planted(20, 0.5), reader)
    assert few is not None
    assert few.accuracy is None
    assert not few.reliable
    assert learn(planted(5, 0.5)[::2], reader) is None


def test_a_judge_of_another_reader_or_damaged_is_refused(reader: Reader, tmp_path: Path) -> None:
    judge = learn(planted(20, 0.5), reader)
    assert judge is not None
    judge.save(tmp_path)
    other = Reader(id="other@1", model=reader.model, tokenizer=reader.tokenizer)
    with pytest.raises(ModelError, match="reads with tiny@1"):
        Judge.load(tmp_path, other)
    (tmp_path / "appeal.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="damaged"):
        Judge.load(tmp_path, reader)
