"""AdvertiseGen: Chinese copy from product attributes, 4,500 pairs to learn from, 500 to write."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from handbill.creative.evaluate import cut, evaluate
from handbill.creative.metrics import Lexicon, Scores, score
from handbill.creative.pairs import Pair
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find, home
from handbill.creative.tune import tune
from handbill.creative.writer import LocalWriter
from handbill.errors import ModelError

TRAIN = 4_500
CUT = 64
"""Tokens of a text that count, as in the published figures."""

UNKNOWN = "<UNK>"


def data_file() -> Path:
    """Where the pairs lie."""
    folder = Path(os.environ.get("HANDBILL_DATA", "../shared/data"))
    return folder / "advertisegen" / "train_5000.jsonl"


def read(path: Path) -> tuple[list[Pair], list[Pair]]:
    """Training and test pairs.

    Clauses with a word that the publishers struck out are not learned; where a test text holds one
    the mark alone goes, since leaving the pair out would make the test easier.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [pair(row["content"], row["summary"], number) for number, row in enumerate(rows)]
    test = [
        Pair(
            attributes=one.attributes,
            completion=one.completion.replace(UNKNOWN, ""),
            product=one.product,
        )
        for one in pairs[TRAIN:]
    ]
    asked = {one.attributes for one in test}
    train = [
        Pair(attributes=one.attributes, completion=whole, product=one.product)
        for one in pairs[:TRAIN]
        if (whole := without_unknown(one.completion)) and one.attributes not in asked
    ]
    return train, test


def pair(content: str, summary: str, number: int) -> Pair:
    """A line of the data set: `类型#裤*版型#宽松` and the text."""
    attributes = tuple(
        (name, value)
        for name, _, value in (one.partition("#") for one in content.split("*"))
        if value
    )
    return Pair(attributes=attributes, completion=summary, product=f"{number}:{content}")


def without_unknown(text: str) -> str:
    """The text without the clauses that hold a struck-out word."""
    clauses, clause = [], ""
    for sign in text:
        clause += sign
        if sign in "，。！？；、,!?;":
            clauses.append(clause)
            clause = ""
    kept = "".join(one for one in [*clauses, clause] if UNKNOWN not in one)
    return kept if len(kept) >= 20 else ""


MINUTES = 58.0
CHECKED = 100
"""Test pairs on which four texts are written of each, and on which the base model writes."""


def recipe(quick: bool, device: str) -> Recipe:
    """What is trained: LoRA on a vocabulary cut to the training pairs, within an hour."""
    return Recipe(
        epochs=3, minutes=3.0 if quick else MINUTES, batch=16, micro_batch=8, max_tokens=CUT,
        learning_rate=6e-4, rank=32, shuffle=False, drop=0.0, held_out_most=100, patience=3,
        device="cuda" if device == "cuda" else "cpu",
    )  # fmt: skip


def figures(quick: bool, device: str = "cpu") -> tuple[dict[str, float | int], list[str]]:
    """Train, write the 500 test texts, and compare with a person's, retrieval's and the base's."""
    path = data_file()
    if not path.is_file():
        return {}, ["AdvertiseGen: its data is not here"]
    train, test = read(path)
    test = test[:20] if quick else test
    lexicon = Lexicon.of(train)
    found: dict[str, float | int] = {}
    try:
        base = find("gemma-3-270m", home(), (), say)
    except ModelError as error:
        return {}, [f"AdvertiseGen: {error}"]
    adapter = tune(base, train, recipe(quick, device), adapter_folder(quick), home(), say)
    writer = LocalWriter.open(adapter.base, adapter.path, threads=2, device=device)
    tuned = evaluate(writer, test, lexicon, say, max_tokens=CUT)
    few = test[:CHECKED]
    parts = {
        "": tuned.scores,
        "retrieval_": retrieval(writer.tokenizer, train, test, tuned.references, lexicon),
        "reference_": score(tuned.references, tuned.references, test, lexicon),
        "checked_": evaluate(writer, few, lexicon, say, max_tokens=CUT, candidates=4).scores,
        "plain_": score(tuned.texts[: len(few)], tuned.references[: len(few)], few, lexicon),
        "base_": evaluate(
            LocalWriter.open(adapter.base, None, threads=2, device=device),
            few, lexicon, say, max_tokens=CUT,
        ).scores,
    }  # fmt: skip
    for prefix, scores in parts.items():
        found |= named(prefix, scores)
    found |= {
        "adgen_test_pairs": len(test),
        "adgen_train_seconds": adapter.seconds,
        "adgen_loss_before": adapter.loss_before,
        "adgen_loss_after": adapter.loss_after,
    }
    notes = [
        f"checked_, plain_ and base_ are means over {len(few)} test pairs, the others over "
        f"{len(test)}; checked_ takes the best supported of four sampled texts",
    ]
    return found, notes


def named(prefix: str, scores: Scores) -> dict[str, float]:
    """Figures with the names that the issue gives."""
    names = {
        "bleu4": scores.bleu4,
        "rouge_1": scores.rouge_1,
        "rouge_2": scores.rouge_2,
        "rouge_l": scores.rouge_l,
        "unsupported_pct": scores.unsupported_pct,
        "coverage_pct": scores.coverage_pct,
        "distinct_2": scores.distinct_2,
    }
    if prefix == "reference_":  # against itself, only what it states means something
        names = {name: names[name] for name in ("unsupported_pct", "coverage_pct", "distinct_2")}
    start = prefix if prefix == "retrieval_" else f"adgen_{prefix}"
    return {f"{start}{name}": value for name, value in names.items()}


def retrieval(
    tokenizer: Any,
    train: Sequence[Pair],
    test: Sequence[Pair],
    references: Sequence[str],
    lexicon: Lexicon,
) -> Scores:
    """The training text whose attributes are nearest, by TF-IDF of its names and values."""
    tables = TfidfVectorizer(analyzer=lambda one: [f"{k}#{v}" for k, v in one.attributes])
    known = tables.fit_transform(train)
    nearest = np.asarray((tables.transform(test) @ known.T).argmax(axis=1)).ravel()
    texts = [cut(tokenizer, train[one].completion, CUT) for one in nearest]
    return score(texts, references, test, lexicon)


def adapter_folder(quick: bool) -> Path:
    """Where the adapter lies between runs, so that one that was interrupted goes on."""
    return home().parent / "benchmarks" / ("advertisegen-quick" if quick else "advertisegen")


def say(message: str, fraction: float | None = None) -> None:
    """Steps go to standard error, which `--json` leaves alone."""
    if fraction is None or not sys.stderr.isatty():
        return
    print(f"\r{message:<60}", end="", file=sys.stderr, flush=True)
