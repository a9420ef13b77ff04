from pathlib import Path

from handbill.creative.answers import Answers


def test_answers_come_back_under_the_same_way_only(tmp_path: Path) -> None:
    first = Answers.open(tmp_path, seed=7, temperature=0.65)
    first.add(["tea?"], [["Tea it is", "一杯茶"]])
    assert Answers.open(tmp_path, temperature=0.65, seed=7).known == {
        "tea?": ["Tea it is", "一杯茶"]
    }
    assert Answers.open(tmp_path, seed=8, temperature=0.65).known == {}
