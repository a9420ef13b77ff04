"""AdvertiseGen: Chinese copy from product attributes, 4,500 pairs to learn from, 500 to write."""

import json
import os
from pathlib import Path

from handbill.creative.pairs import Pair

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
