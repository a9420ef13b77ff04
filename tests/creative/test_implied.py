"""The probe on a model's states: it learns what is there, keeps it, and only ever asks."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from handbill.creative.implied import FALSE_ALARMS, Probe, learn
from handbill.creative.models import ModelFolder
from handbill.creative.sheet import Piece, check_copy


def test_it_finds_a_planted_difference_and_holds_the_false_alarms() -> None:
    rng = np.random.default_rng(5)
    claims = rng.random(600) < 0.5
    vectors = rng.normal(size=(600, 20)).astype(np.float32)
    vectors[claims, 0] += 3
    kept = learn(vectors[:400], claims[:400].tolist())
    probe = Probe(
        embed=lambda texts: vectors[[int(one) for one in texts]],
        weights=kept["weights"],
        mean=kept["mean"],
        spread=kept["spread"],
        threshold=float(kept["threshold"][0]),
    )
    found = np.array(probe.suspicious([str(one) for one in range(400, 600)]))
    assert found[claims[400:]].mean() > 0.9
    assert found[~claims[400:]].mean() < 2 * FALSE_ALARMS


def test_it_finds_nothing_where_there_is_nothing() -> None:
    rng = np.random.default_rng(6)
    claims = rng.random(400) < 0.5
    vectors = rng.normal(size=(400, 20)).astype(np.float32)
    kept = learn(vectors[:200], claims[:200].tolist())
    scores = ((vectors[200:] - kept["mean"]) / kept["spread"]) @ kept["weights"]
    assert (scores > kept["threshold"][0]).mean() < 0.25


def test_what_was_learned_is_kept(tiny_model: Path, tmp_path: Path) -> None:
    base = ModelFolder(id="tiny@1", path=str(tiny_model))
    texts = ["The kettle is on.", "Lamps peaked with this one."]
    first = Probe.open(base, tmp_path, threads=1)
    (path,) = tmp_path.glob("*/probe.safetensors")
    before = path.stat().st_mtime_ns
    again = Probe.open(base, tmp_path, threads=1)
    assert path.stat().st_mtime_ns == before
    assert again.suspicious(texts) == first.suspicious(texts)
    assert first.suspicious([]) == []


@pytest.mark.parametrize("doubt", [True, False])
def test_a_doubt_asks_a_person_and_blocks_nothing(doubt: bool) -> None:
    pieces = [
        Piece(line=1, text="Lamps peaked with this one.", product=""),
        Piece(line=2, text="It cures cancer.", product=""),
    ]
    asked: list[str] = []

    def suspicious(texts: object) -> list[bool]:
        asked.extend(texts)  # type: ignore[call-overload]
        return [doubt] * len(asked)

    first, second = check_copy(
        pieces, {}, market="us", suspicious=suspicious, today=date(2026, 11, 24)
    )
    assert asked == ["Lamps peaked with this one."]
    assert first.outcome == ("evidence" if doubt else "pass")
    assert second.outcome == "block"
