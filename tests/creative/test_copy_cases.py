"""Labelled copy: each case that the rules were learned on, and the held-out part as a whole."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from handbill.creative.goods import read_goods
from handbill.creative.proof import proofread, worst

COPY = Path(__file__).with_name("copy")
GOODS = read_goods(COPY / "goods.jsonl")


def cases(name: str) -> list[dict[str, str]]:
    with (COPY / f"{name}.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def outcome(case: dict[str, str]) -> str:
    packs = [one for one in (case["market"], case["platform"]) if one]
    return worst(proofread(case["text"], GOODS[case["product"]], packs=packs))


@pytest.mark.parametrize("case", cases("dev"), ids=lambda case: case["text"])
def test_copy_that_the_rules_were_learned_on(case: dict[str, str]) -> None:
    assert (
        (outcome(case) in ("block", "evidence"))
        if case["expect"] == "stop"
        else (outcome(case) == case["expect"])
    )


def test_held_out_copy_is_stopped_and_clean_copy_runs() -> None:
    found = Counter((case["expect"], outcome(case)) for case in cases("heldout"))
    stops = sum(count for (expect, _), count in found.items() if expect == "stop")
    clean = sum(count for (expect, _), count in found.items() if expect == "pass")
    assert stops >= 150
    assert clean >= 80
    assert 1 - found["stop", "pass"] / stops >= 0.95
    assert found["pass", "block"] / clean <= 0.05
    assert found["pass", "pass"] / clean >= 0.85


def test_the_parts_share_no_text() -> None:
    assert not {case["text"] for case in cases("dev")} & {case["text"] for case in cases("heldout")}


def test_every_span_is_a_stretch_of_the_text() -> None:
    for case in cases("dev"):
        for ruling in proofread(case["text"], GOODS[case["product"]], packs=[case["market"]]):
            assert case["text"][ruling.start : ruling.end] == ruling.span
            assert ruling.span or ruling.kind.startswith("gate:")
            assert ruling.article
