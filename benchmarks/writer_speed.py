"""How fast the writer tunes and writes, beside a bare loop over the same model; run as a child."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from handbill.creative import train
from handbill.creative.author import recipe_of
from handbill.creative.example import pair_of, read_examples
from handbill.creative.method import prepare
from handbill.creative.models import frame, load, precision
from handbill.creative.prompt import MAX_NEW_TOKENS, PROMPT, prompt_for
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find, home
from handbill.creative.select import Maker, choose
from handbill.creative.settings import Settings
from handbill.creative.tune import Adapter, tune
from handbill.creative.voice import Voice
from handbill.creative.writer import LocalWriter
from handbill.types import Language

PROMPTS, SAMPLES = 4, 8


def main() -> None:
    """Measure one model: `python -m benchmarks.writer_speed NAME LANGUAGE ROUNDS`."""
    name, language, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    torch.set_num_threads(2)
    base = find(name, home(), (), say)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [pair_of(one) for one in read_examples(language)]  # type: ignore[arg-type]
        recipe = replace(recipe_of(Settings()), epochs=1 if rounds < 4 else 3)
        adapter = tune(base, pairs, recipe, Path(folder) / "adapter", home(), say)
        figures = {"tune_seconds": adapter.seconds}
        writer = LocalWriter.open(adapter.base, adapter.path, threads=2)
        figures |= generating(writer, language, rounds)
        figures |= usable(writer, language, rounds)  # type: ignore[arg-type]
        del writer
        figures |= stepping(adapter, pairs, rounds)
    print(json.dumps(figures))


def generating(writer: LocalWriter, language: str, rounds: int) -> dict[str, float]:
    """Tokens a CPU-second of ours, to those of `model.generate` on the same batch."""
    examples = read_examples(language)[:PROMPTS]  # type: ignore[arg-type]
    framed = [frame(writer.tokenizer, prompt_for(one.brief)) for one in examples]
    length = MAX_NEW_TOKENS[language]  # type: ignore[index]

    def bare(seed: int) -> int:
        torch.manual_seed(seed)
        inputs = writer.tokenizer(
            framed, return_tensors="pt", padding=True, padding_side="left",
            add_special_tokens=not writer.tokenizer.chat_template,
        )  # fmt: skip
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            output = writer.model.generate(
                **inputs, do_sample=True, temperature=writer.temperature, top_p=writer.top_p,
                top_k=0, num_return_sequences=SAMPLES, max_new_tokens=length,
                pad_token_id=writer.tokenizer.pad_token_id,
                eos_token_id=writer.tokenizer.eos_token_id,
            )  # fmt: skip
        new = output[:, inputs["input_ids"].shape[1] :]
        writer.tokenizer.batch_decode(new, skip_special_tokens=True)
        return int(((new == writer.tokenizer.eos_token_id).cumsum(dim=1) == 0).sum())

    def ours(seed: int) -> int:
        before = writer.tokens
        writer.generate(
            [prompt_for(one.brief) for one in examples],
            samples=SAMPLES // 2,  # it writes twice as many as it returns
            max_new_tokens=length,
            seed=seed,
        )
        return writer.tokens - before

    speeds = in_turns(bare, ours, rounds)
    return {"generate_ratio": speeds[1] / speeds[0], "tokens_per_cpu_second": speeds[1]}


def stepping(adapter: Adapter, pairs: Sequence[Any], rounds: int) -> dict[str, float]:
    """Steps a CPU-second of ours, to those of a plain loop on the same batches and precision."""
    recipe = Recipe(batch=16, micro_batch=4, dropout=0.0)
    model, tokenizer = load(adapter.base, threads=2)
    tunable = prepare(model, "lora", rank=16, dropout=0.0, steps=1000, seed=1)
    weights = list(tunable.weights.values())
    optimizer = torch.optim.AdamW(weights, lr=1e-5)
    rows = []
    for pair in pairs:
        asked = tokenizer(frame(tokenizer, pair.request))["input_ids"]
        said = tokenizer(pair.completion, add_special_tokens=False)["input_ids"]
        rows.append(([*asked, *said, tokenizer.eos_token_id], len(asked)))
    rows = sorted(rows, key=lambda row: len(row[0]))[-32:-16]
    kind = precision()

    def bare(seed: int) -> int:
        tunable.wrapped.train()
        for at in range(0, len(rows), recipe.micro_batch):
            some = rows[at : at + recipe.micro_batch]
            width = max(len(ids) for ids, _ in some)
            ids = torch.zeros(len(some), width, dtype=torch.long)
            mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
            for place, (tokens, start) in enumerate(some):
                ids[place, : len(tokens)] = torch.tensor(tokens)
                mask[place, : len(tokens)] = 1
                labels[place, start : len(tokens)] = torch.tensor(tokens[start:])
            with torch.autocast("cpu", dtype=kind, enabled=kind != torch.float32):
                loss = tunable.wrapped(input_ids=ids, attention_mask=mask, labels=labels).loss
            (loss * len(some) / len(rows)).backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return 1

    def ours(seed: int) -> int:
        train.step(tunable, rows, optimizer, recipe, seed)
        return 1

    speeds = in_turns(bare, ours, rounds)
    return {"train_step_ratio": speeds[1] / speeds[0], "train_step_cpu_seconds": 1 / speeds[1]}


def usable(writer: LocalWriter, language: Language, rounds: int) -> dict[str, float]:
    """Ads that pass every check, a minute of wall time, on briefs of the examples."""
    examples = read_examples(language)
    briefs = {prompt_for(one.brief): one.brief for one in examples}
    some = list(briefs)[: 4 * rounds]
    voice, shown = Voice.of(examples, language), list[frozenset[str]]()
    maker = Maker(model=writer.name, adapter="", prompt=PROMPT)
    started = time.perf_counter()
    answers = writer.generate(some, samples=4, max_new_tokens=MAX_NEW_TOKENS[language], seed=1)
    passed = 0
    for prompt, texts in zip(some, answers, strict=True):
        choice = choose(briefs[prompt], texts, maker, shown, variants=2, voice=voice)
        passed += sum(one.origin == "model" for one in choice.kept)
    minutes = (time.perf_counter() - started) / 60
    return {"usable_ads_per_min": passed / minutes, "usable_of_asked": passed / len(some)}


def in_turns(
    one: Callable[[int], int], other: Callable[[int], int], rounds: int
) -> tuple[float, float]:
    """Median work a CPU-second of two, measured alternately after a round that does not count."""
    speeds: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds + 1):
        for place, run in enumerate((one, other)):
            begun = time.process_time()
            done = run(round_)
            if round_:
                speeds[place].append(done / (time.process_time() - begun))
    return statistics.median(speeds[0]), statistics.median(speeds[1])


def say(message: str, fraction: float | None = None) -> None:
    """Steps of a child are not shown."""


if __name__ == "__main__":
    main()
