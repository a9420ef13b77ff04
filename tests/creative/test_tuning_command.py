"""The commands, as a person types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from handbill.cli.tuning import recipe_from
from handbill.creative.example import pair_of, read_examples
from handbill.creative.pairs import write_pairs
from handbill.errors import ConfigError


def handbill(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "handbill", *arguments],
        capture_output=True, text=True, timeout=120, check=False, cwd=folder,
    )  # fmt: skip


def test_tune_and_evaluate(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("jieba")
    pytest.importorskip("tensorboard")
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text(write_pairs(pair_of(one) for one in read_examples("en")[:24]))
    tune = (
        "creative", "tune", "--data", "pairs.jsonl", "--base", str(tiny_model), "--out", "voice",
        "--shop", "shop", "--epochs", "2", "--set", "learning_rate=0.01", "--set", "threads=1",
    )  # fmt: skip
    done = handbill(*tune, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "held-out loss" in done.stdout
    assert list((tmp_path / "voice.curves").glob("events.out.tfevents.*"))
    done = handbill("creative", "evaluate", "--data", "pairs.jsonl", "--adapter", "voice",
                    "--shop", "shop", "--max-tokens", "8", "--texts", "texts.txt", "--json",
                    folder=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    assert figures["pairs"] == 24 == len((tmp_path / "texts.txt").read_text().splitlines())
    assert {"bleu4", "rouge_l", "unsupported_pct", "coverage_pct", "distinct_2"} <= figures.keys()
    done = handbill(*tune[:5], "nobody", *tune[6:], folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "no model is called nobody" in done.stderr


def test_models_are_listed_and_terms_are_shown(tmp_path: Path) -> None:
    done = handbill("model", "list", "--shop", "shop", "--json", folder=tmp_path)
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["smollm2-135m"]["accepted"]
    assert not rows["gemma-3-270m"]["accepted"]
    done = handbill("model", "pull", "gemma-3-270m", "--shop", "shop", folder=tmp_path)
    assert done.returncode == 2
    assert "ai.google.dev/gemma/terms" in done.stderr
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize("word", ["speed=3", "rank=many", "slots=maybe", "rank"])
def test_a_setting_that_does_not_read_is_named(word: str) -> None:
    with pytest.raises(ConfigError, match=word.partition("=")[0]):
        recipe_from({}, [word])


def test_settings_get_their_types() -> None:
    recipe = recipe_from({"epochs": 1}, ["slots=true", "rank=8", "learning_rate=1e-3"])
    assert (recipe.slots, recipe.rank, recipe.learning_rate, recipe.epochs) == (True, 8, 0.001, 1)
