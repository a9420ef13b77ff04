"""Tuning: it learns, repeats itself, goes on after a kill, and a full disk costs nothing."""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from handbill.creative import train
from handbill.creative.example import pair_of, read_examples
from handbill.creative.models import ModelFolder, load
from handbill.creative.pairs import Pair, split
from handbill.creative.prompt import prompt_for
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.tune import Adapter, tune
from handbill.creative.vocabulary import choose, prune
from handbill.creative.writer import LocalWriter
from handbill.errors import ConfigError, ModelError, WorkspaceError

PAIRS = tuple(pair_of(one) for one in read_examples("en")[:32])


def recipe(**more: object) -> Recipe:
    plain = {"epochs": 4, "learning_rate": 0.01, "rank": 4, "threads": 1, "batch": 8, "seed": 3}
    return Recipe(**{**plain, "patience": 0, **more})  # type: ignore[arg-type]


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


@pytest.fixture
def base(tiny_model: Path, tmp_path: Path) -> ModelFolder:
    return find(str(tiny_model), tmp_path, (), quiet)


def tuned(
    base: ModelFolder, path: Path, chosen: Recipe, pairs: tuple[Pair, ...] = PAIRS
) -> Adapter:
    return tune(base, pairs, chosen, path, path.parent / "models", quiet)


def plain_loss(base: ModelFolder, adapter: Adapter) -> float:
    """Held-out loss of what is loaded again, computed as plainly as can be."""
    writer = LocalWriter.open(base, adapter.path, threads=1)
    held = split(PAIRS, share=0.1, most=128, seed=3)[1]
    total, count = 0.0, 0
    for pair in held:
        asked = writer.tokenizer(f"{pair.request}\n\n")["input_ids"]
        said = [*writer.tokenizer(pair.completion)["input_ids"], writer.tokenizer.eos_token_id]
        with torch.inference_mode():
            scores = writer.model(torch.tensor([asked + said])).logits[0].float()
        found = scores[len(asked) - 1 : -1].log_softmax(-1)
        total -= float(found.gather(1, torch.tensor(said)[:, None]).sum())
        count += len(said)
    return total / count


@pytest.mark.parametrize("method", ["lora", "adalora", "ia3", "full"])
def test_every_method_learns_keeps_a_card_and_changes_what_is_written(
    base: ModelFolder, tmp_path: Path, method: str
) -> None:
    own = {"ia3": {"learning_rate": 0.1, "epochs": 8}, "full": {"learning_rate": 0.005}}
    chosen = recipe(method=method, **own.get(method, {}))
    adapter = tuned(base, tmp_path / "a", chosen)
    assert adapter.loss_after < adapter.loss_before
    card = json.loads((adapter.path / "card.json").read_text())
    assert card["kind"] == method
    assert card["parents"] == [base.id]
    assert card["losses"][-1] < card["losses"][0]
    assert card["general_before"] > 0 < card["general_after"]
    assert {path.suffix for path in adapter.path.iterdir()} == {".json", ".safetensors"}
    assert [path.name for path in tmp_path.glob(".*")] == []
    prompts = [prompt_for(one.brief) for one in read_examples("en")[:2]]
    plain, other = (
        LocalWriter.open(base, path, threads=1).generate(
            prompts, samples=2, max_new_tokens=12, seed=1
        )
        for path in (None, adapter.path)
    )
    assert plain != other
    assert plain_loss(base, adapter) == pytest.approx(adapter.loss_after, rel=0.02)
    found = tuned(base, tmp_path / "a", chosen)
    assert not found.trained
    assert found.loss_after == adapter.loss_after


def test_a_folder_with_another_adapter_is_not_overwritten(
    base: ModelFolder, tmp_path: Path
) -> None:
    tuned(base, tmp_path / "a", recipe(epochs=1))
    with pytest.raises(ModelError, match="holds another adapter"):
        tuned(base, tmp_path / "a", recipe(epochs=1), PAIRS[:20])


KILLED = """
import os, signal, sys
from pathlib import Path
from handbill.creative import train
from handbill.creative.example import read_examples
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.example import pair_of
from handbill.creative.tune import tune
train.fit.__defaults__ = (0.0,)  # a checkpoint after every step
steps = 0
def die(message, fraction=None):
    global steps
    steps += message.startswith("tuning")
    if steps == 6:
        os.kill(os.getpid(), signal.SIGKILL)
model, folder = sys.argv[1], Path(sys.argv[2])
pairs = tuple(pair_of(one) for one in read_examples("en")[:32])
chosen = Recipe(epochs=2, learning_rate=0.01, rank=4, threads=1, batch=8, seed=3, patience=0,
                dropout=0.1)
base = find(model, folder, (), lambda *_: None)
tune(base, pairs, chosen, folder / "a", folder, die)
"""


def test_a_killed_tuning_goes_on_and_ends_with_the_very_same_weights(
    base: ModelFolder, tmp_path: Path
) -> None:
    chosen = recipe(epochs=2, dropout=0.1)
    whole = tuned(base, tmp_path / "whole", chosen)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, base.path, str(tmp_path)], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert not (tmp_path / "a").exists()
    assert list(tmp_path.glob(".a.*/checkpoint.safetensors"))
    heard: list[str] = []
    again = tune(base, PAIRS, chosen, tmp_path / "a", tmp_path, lambda m, f=None: heard.append(m))
    assert 0 < sum(one.startswith("tuning") for one in heard) < 8 - 4
    weights = "adapter_model.safetensors"
    assert (again.path / weights).read_bytes() == (whole.path / weights).read_bytes()


def test_adalora_goes_on_with_the_ranks_it_had(
    base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.fit, "__defaults__", (0.0,))
    chosen = recipe(method="adalora", dropout=0.1)
    whole = tuned(base, tmp_path / "whole", chosen)
    steps: list[str] = []

    def interrupt(message: str, fraction: float | None = None) -> None:
        steps.extend([message] if message.startswith("tuning") else [])
        if len(steps) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(base, PAIRS, chosen, tmp_path / "a", tmp_path, interrupt)
    again = tuned(base, tmp_path / "a", chosen)
    assert json.loads((again.path / "adapter_config.json").read_text())["rank_pattern"]
    weights = "adapter_model.safetensors"
    assert (again.path / weights).read_bytes() == (whole.path / weights).read_bytes()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_in_the_middle_of_a_checkpoint_loses_nothing(
    base: ModelFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train.fit, "__defaults__", (0.0,))
    whole = tuned(base, tmp_path / "whole", recipe())
    kept: list[bytes] = []

    def fill(message: str, fraction: float | None = None) -> None:
        found = next(tmp_path.glob(".a.*/checkpoint.safetensors"), None)
        if found and message.startswith("tuning") and not kept:
            kept.append(found.read_bytes())
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))

    with largest_file(1 << 40), pytest.raises(WorkspaceError, match="free space") as told:
        tune(base, PAIRS, recipe(), tmp_path / "a", tmp_path, fill)
    assert "\n" not in str(told.value)
    (part,) = tmp_path.glob(".a.*")
    assert (part / "checkpoint.safetensors").read_bytes() == kept[0]
    assert not list(part.glob("*.part"))
    again = tuned(base, tmp_path / "a", recipe())
    weights = "adapter_model.safetensors"
    assert (again.path / weights).read_bytes() == (whole.path / weights).read_bytes()


def test_it_stops_when_the_held_out_loss_no_longer_falls_and_keeps_the_best(
    base: ModelFolder, tmp_path: Path
) -> None:
    few = PAIRS[:12]  # learned by heart soon
    adapter = tuned(
        base, tmp_path / "a", recipe(epochs=60, learning_rate=0.03, patience=2, held_out=0.3), few
    )
    card = json.loads((adapter.path / "card.json").read_text())
    looks = [loss for _, loss in card["looks"]]
    assert card["stopped"] == "the held-out loss no longer fell"
    assert len(looks) < 120
    assert adapter.loss_after == pytest.approx(min(looks), abs=1e-3)
    assert looks[-1] > min(looks)


def test_minutes_bound_the_time(base: ModelFolder, tmp_path: Path) -> None:
    adapter = tuned(base, tmp_path / "a", recipe(epochs=10_000, minutes=0.05))
    assert adapter.seconds < 10
    assert "minutes" in json.loads((adapter.path / "card.json").read_text())["stopped"]


def test_smaller_micro_batches_and_checkpointing_give_the_same_gradients(
    base: ModelFolder, tmp_path: Path
) -> None:
    losses = []
    for name, more in {"a": {}, "b": {"micro_batch": 1}, "c": {"checkpointing": True}}.items():
        adapter = tuned(base, tmp_path / name, recipe(epochs=2, dropout=0.0, **more))
        losses.append(json.loads((adapter.path / "card.json").read_text())["losses"])
    assert losses[1] == pytest.approx(losses[0], rel=2e-2)
    assert losses[2] == pytest.approx(losses[0], rel=2e-2)


def test_a_loss_that_is_no_number_is_told(base: ModelFolder, tmp_path: Path) -> None:
    weights, tokenizer = load(base, threads=1)
    with torch.no_grad():
        weights.get_input_embeddings().weight.fill_(float("nan"))
    weights.save_pretrained(tmp_path / "broken")
    tokenizer.save_pretrained(tmp_path / "broken")
    broken = find(str(tmp_path / "broken"), tmp_path, (), quiet)
    with pytest.raises(ModelError, match="not a number"):
        tuned(broken, tmp_path / "a", recipe())


def test_a_damaged_checkpoint_and_a_damaged_adapter_are_named(
    base: ModelFolder, tmp_path: Path
) -> None:
    def interrupt(message: str, fraction: float | None = None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(base, PAIRS, recipe(), tmp_path / "a", tmp_path, interrupt)
    (part,) = tmp_path.glob(".a.*")
    (part / "checkpoint.safetensors").write_bytes(b"cut off")
    with pytest.raises(ModelError, match=r"checkpoint.* is damaged; delete it"):
        tuned(base, tmp_path / "a", recipe())
    (part / "checkpoint.safetensors").unlink()
    adapter = tuned(base, tmp_path / "a", recipe(epochs=1))
    (adapter.path / "adapter_model.safetensors").write_bytes(b"cut off")
    with pytest.raises(ModelError, match=r"the adapter in .* does not load; delete it"):
        LocalWriter.open(base, adapter.path, threads=1)


def test_a_pruned_model_reads_and_scores_its_corpus_as_the_whole_one(
    base: ModelFolder, tmp_path: Path
) -> None:
    texts = [one.completion for one in PAIRS[:4]]
    kept = choose(base, texts)
    small = prune(base, kept, tmp_path)
    whole, words = load(base, threads=1)
    cut, fewer = load(small, threads=1)
    assert fewer.eos_token == words.eos_token
    assert cut.config.vocab_size == len(kept) < whole.config.vocab_size
    for text in texts:
        before, after = (one(text, return_tensors="pt")["input_ids"] for one in (words, fewer))
        assert [kept[one] for one in after[0]] == before[0].tolist()
        with torch.inference_mode():
            same = whole(before).logits[0][:, list(kept)]
            # kept at half precision
            assert torch.allclose(cut(after).logits[0], same, atol=2e-3)
    other = "Zqxjk! 咖啡 ¿"  # never seen: spelled in letters and bytes
    assert fewer.decode(fewer(other)["input_ids"]) == words.decode(words(other)["input_ids"])
    assert prune(base, kept, tmp_path) == small
    assert [one.name for one in (tmp_path / "tiny").iterdir()] == [Path(small.path).name]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("method", "magic"),
        ("epochs", -1),
        ("rank", 0),
        ("learning_rate", 0.0),
        ("dropout", 1.0),
        ("held_out", 0.9),
        ("minutes", 0.0),
        ("micro_batch", 0),
        ("device", "tpu"),
        ("vocabulary", "half"),
        ("drop", 1.5),
    ],
)
def test_a_setting_out_of_bounds_is_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"tuning: {setting} is"):
        Recipe(**{setting: value})  # type: ignore[arg-type]


def test_without_patience_the_last_weights_stay(base: ModelFolder, tmp_path: Path) -> None:
    few = PAIRS[:12]
    worse = {"epochs": 30, "learning_rate": 0.03, "held_out": 0.3}
    last = tuned(base, tmp_path / "last", recipe(**worse), few)
    best = tuned(base, tmp_path / "best", recipe(**worse, patience=99), few)
    looks = json.loads((last.path / "card.json").read_text())["looks"]
    assert last.loss_after == pytest.approx(looks[-1][1], abs=1e-3)
    assert best.loss_after < last.loss_after
