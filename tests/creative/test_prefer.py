"""Preference: the loss is the paper's, what was planted is learned, only the better one ships."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from handbill.creative import dpo
from handbill.creative.dpo import Duel, duel_loss, duels_of, likelihoods, open_parent
from handbill.creative.faults import checker
from handbill.creative.judge import Reader, learn
from handbill.creative.models import ModelFolder
from handbill.creative.pairs import Pair
from handbill.creative.prefer import part_of
from handbill.creative.preference import Preference
from handbill.creative.promoted import current, promote
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.shown import Shown, write_shown
from handbill.creative.tune import Adapter, Teacher, tune
from handbill.creative.verdict import judged
from handbill.errors import ModelError
from handbill.workspace import write_json

RECIPE = Recipe(
    epochs=4, learning_rate=0.01, rank=4, threads=1, batch=16, seed=3, dropout=0.0, patience=0
)
GOOD, BAD = "It is as soft as wool.", "It is as hard as nails."


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


def ask(number: int) -> str:
    return f"Ad for no. {number}:"


@pytest.fixture(scope="module")
def parent(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    """A writer that says either text as often as the other."""
    folder = tmp_path_factory.mktemp("parent")
    base = find(str(tiny_model), folder, (), quiet)
    pairs = tuple(
        Pair(prompt=ask(number), completion=(GOOD, BAD)[number % 2], product=str(number))
        for number in range(128)
    )
    recipe = replace(RECIPE, method="full", learning_rate=0.005, epochs=12)
    return tune(base, pairs, recipe, folder / "voice", folder / "models", quiet)


@pytest.fixture(scope="module")
def lora(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    folder = tmp_path_factory.mktemp("lora")
    base = find(str(tiny_model), folder, (), quiet)
    pairs = tuple(Pair(prompt=ask(n), completion=GOOD, product=str(n)) for n in range(32))
    return tune(base, pairs, RECIPE, folder / "voice", folder / "models", quiet)


def outcomes(better: str, count: int = 600) -> list[Shown]:
    """Each request was answered both ways; one of them is clicked nearly twice as often."""
    rng = np.random.default_rng(2)
    return [
        Shown(test=str(number), prompt=ask(number), text=text, views=2_000,
              clicks=float(rng.binomial(2_000, 0.11 if text == better else 0.06)))
        for number in range(count) for text in (GOOD, BAD)
    ]  # fmt: skip


def run(adapter: Adapter, folder: Path, *more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "handbill", "creative", "prefer", "--data", "outcomes.jsonl",
         "--adapter", str(adapter.path), "--out", "adapters", "--shop", "shop", "--max-tokens",
         "16", "--briefs", "30", "--set", "threads=1", "--set", "learning_rate=0.005",
         *more],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def prefer(adapter: Adapter, folder: Path) -> dict[str, object]:
    row: dict[str, object] = json.loads(run(adapter, folder, "--json"))
    return row


def test_parts_share_no_request_and_are_the_same_every_time() -> None:
    parts = [part_of(ask(number)) for number in range(2_000)]
    assert parts == [part_of(ask(number)) for number in range(2_000)]
    assert parts.count("pairs") == pytest.approx(900, abs=90)
    assert parts.count("briefs") == pytest.approx(200, abs=60)


def test_the_loss_is_the_papers(lora: Adapter) -> None:
    """Before a step the child is its parent: log 2 a pair, beside the anchor."""
    tunable, tokenizer = open_parent(lora.base, lora.path, threads=1)
    assert tunable.weights
    pairs = [
        Preference(test=str(n), prompt=ask(n), chosen=GOOD, rejected=BAD, sure=sure, weight=weight)
        for n, (sure, weight) in enumerate([(1.0, 1.0), (0.8, 2.0)])
    ]
    duels = [one for one in duels_of(tunable.model, Teacher(tokenizer, RECIPE), pairs) if one]
    assert len(duels) == 2
    with torch.inference_mode():
        chosen, rejected, tokens = likelihoods(tunable.model, duels)
        loss, count = duel_loss(tunable.model, duels)
    assert [one.ahead for one in duels] == pytest.approx((chosen - rejected).tolist(), abs=0.02)
    anchor = -(dpo.ANCHOR * chosen / tokens)
    assert count == 2
    expected = (math.log(2) + anchor[0]) + 2 * (math.log(2) + anchor[1])
    assert float(loss) == pytest.approx(float(expected), abs=0.01)
    # a margin of the model's own over its parent: equation 7, smoothed by how sure the result is
    behind = [replace(one, ahead=one.ahead - 10) for one in duels]
    with torch.inference_mode():
        ahead, _ = duel_loss(tunable.model, behind)
    won, lost = math.log1p(math.exp(-10 * dpo.BETA)), math.log1p(math.exp(10 * dpo.BETA))
    found = won + anchor[0] + 2 * (0.8 * won + 0.2 * lost + anchor[1])
    assert float(ahead) == pytest.approx(float(found), abs=0.02)


def test_a_request_that_asks_too_much_is_left_out(lora: Adapter) -> None:
    tunable, tokenizer = open_parent(lora.base, lora.path, threads=1)
    pairs = [
        Preference(test="1", prompt=prompt, chosen=GOOD, rejected=BAD, sure=1.0, weight=1.0)
        for prompt in ("words " * 900, ask(1))
    ]
    found = duels_of(tunable.model, Teacher(tokenizer, RECIPE), pairs)
    assert found[0] is None
    assert isinstance(found[1], Duel)


@pytest.mark.parametrize("better", [GOOD, BAD])
def test_a_planted_preference_is_learned_and_ships(
    parent: Adapter, tmp_path: Path, better: str
) -> None:
    (tmp_path / "outcomes.jsonl").write_text(write_shown(outcomes(better)))
    row = prefer(parent, tmp_path)
    path = tmp_path / str(row["path"])
    card = json.loads((path / "card.json").read_text())
    assert (card["kind"], card["parents"]) == ("dpo", [parent.base.id, parent.version])
    assert row["wins"]["low"] > 0.5, row  # type: ignore[index]
    assert row["ships"], row["why"]
    assert current(tmp_path / "adapters", parent.version) == row["version"]
    verdict = json.loads((path / "verdict.json").read_text())
    assert verdict == {name: value for name, value in row.items() if name != "path"}
    assert (path / "judge" / "card.json").is_file()


def test_the_same_command_trains_nothing_again_and_finds_the_same(
    parent: Adapter, tmp_path: Path
) -> None:
    (tmp_path / "outcomes.jsonl").write_text(write_shown(outcomes(GOOD)))
    first = prefer(parent, tmp_path)
    path = tmp_path / str(first["path"])
    trained = (path / "card.json").stat().st_mtime_ns
    said = run(parent, tmp_path)
    assert (path / "card.json").stat().st_mtime_ns == trained
    assert json.loads((path / "verdict.json").read_text())["wins"] == first["wins"]
    assert "It ships: " in said
    assert "texts that break a rule" in said
    assert "ALARM" not in said
    assert not list(tmp_path.glob("adapters/.*"))


def test_not_enough_data_trains_nothing(parent: Adapter, tmp_path: Path) -> None:
    (tmp_path / "outcomes.jsonl").write_text(write_shown(outcomes(GOOD, 60)))
    row = prefer(parent, tmp_path)
    assert (row["ships"], row["path"]) == (False, None)
    assert "Not enough data" in row["why"][0]["en"]  # type: ignore[index]
    assert not (tmp_path / "adapters").exists()


def test_results_that_are_chance_leave_no_judge(parent: Adapter, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    # one text of each request wins for sure, but which is drawn
    rows = [
        replace(one, clicks=float(100 + 120 * (number % 2 == flip)))
        for flips in [rng.integers(2, size=600)]
        for number, one in enumerate(outcomes(GOOD))
        for flip in [flips[number // 2]]
    ]
    (tmp_path / "outcomes.jsonl").write_text(write_shown(rows))
    row = prefer(parent, tmp_path)
    assert (row["ships"], row["path"]) == (False, None)
    assert "cannot be told from chance" in row["why"][0]["en"]  # type: ignore[index]


def test_faults_and_tics_outweigh_every_click(tiny_model: Path) -> None:
    reader = Reader.open(ModelFolder(id="tiny@1", path=str(tiny_model)), threads=1)
    judge = learn(outcomes(GOOD, 100), reader)
    assert judge is not None
    briefs = [ask(number) for number in range(30)]
    before, check = [BAD] * 30, checker(briefs)

    def why(text: str) -> str:
        told = {"counts": {}, "pairs": 1, "version": "v", "accuracy": judge.accuracy}
        verdict = judged(before, [text] * 30, briefs, judge, check, told)
        assert verdict.ships == (not verdict.why)
        return " ".join(one.en for one in verdict.why)

    assert why(GOOD) == ""
    assert "does not bear" in why(f"{GOOD} 98 of 200 said so.")
    assert "break a rule" in why(f"{GOOD} Guaranteed to cure arthritis.")
    assert "exclamation marks" in why(f"{GOOD}!!")


def test_a_promoted_child_writes_until_it_is_gone(tmp_path: Path) -> None:
    for version in ("a", "b", "c"):
        write_json(tmp_path / version / "card.json", {})
    assert current(tmp_path, "a") == "a"
    promote(tmp_path, "a", "b")
    promote(tmp_path, "b", "c")
    assert current(tmp_path, "a") == "c"
    assert current(tmp_path, "x") == "x"
    (tmp_path / "c" / "card.json").unlink()
    assert current(tmp_path, "a") == "b"
    promote(tmp_path, "b", "a")  # no circle is walked for ever
    assert current(tmp_path, "a") == "b"


def test_a_base_without_its_adapter_is_named(tiny_model: Path, tmp_path: Path) -> None:
    base = ModelFolder(id="tiny@1", path=str(tiny_model))
    with pytest.raises(ModelError, match="does not load"):
        open_parent(base, tmp_path, threads=1)
