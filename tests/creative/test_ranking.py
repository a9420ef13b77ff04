"""Ranking by results: learned where they tell, kept, used by the next run, and never in its way."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from handbill import creative
from handbill.creative import ranking
from handbill.creative.judge import Reader, learn
from handbill.creative.promoted import promote
from handbill.creative.ranking import learn_ranking, open_judge
from handbill.creative.registry import find
from handbill.creative.results import Label, Result
from handbill.creative.select import Maker, choose
from handbill.creative.settings import Settings
from handbill.creative.shown import Shown
from handbill.types import Brief, Fact, ShopProfile
from handbill.workspace import Workspace

MORNING = "The morning cup\nThe kettle is on and the paper is here.\nPour a cup"
EVENING = "After dinner, something warm\nPush the plates aside and stay a while.\nTake a seat"


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


def brief(number: int) -> Brief:
    facts = {"offer": "coupon", "category": f"coffee {number}", "shop": "Corner Market",
             "offer_ends": "December 24"}  # fmt: skip
    return Brief(
        id=f"b{number}", segment_id="all", offer_id="o", language="en", channel="email",
        facts=tuple(Fact(name=key, value=value, source="test") for key, value in facts.items()),
        audience="everyone",
    )  # fmt: skip


def results(effect: float) -> list[Result]:
    """Of two texts for each of 60 briefs, the one about the morning is clicked more."""
    rng = np.random.default_rng(6)
    found = []
    for number in range(24_000):
        one = number % 120
        text = (MORNING, EVENING)[one % 2]
        rate = 0.15 + effect * (text == MORNING)
        label: Label = "click" if rng.random() < rate else "none"
        found.append(
            Result(person=f"p{number % 997}", at=datetime(2026, 1, 1, tzinfo=UTC)
                   + timedelta(minutes=5 * number), brief=brief(one // 2), text=text, segment="s",
                   slot=0, weight=1.0, label=label, complained=False)
        )  # fmt: skip
    return found


def settings(model: Path) -> Settings:
    return Settings(languages=("en",), models={"en": str(model)}, max_briefs=1, candidates=2,
                    epochs=1, rank=2, threads=1, approval="checks")  # fmt: skip


def given(monkeypatch: pytest.MonkeyPatch, rows: Sequence[Result]) -> None:
    monkeypatch.setattr(ranking, "read_results", lambda workspace: tuple(rows))


def test_results_that_tell_texts_apart_rank_the_next_run(
    shop: Workspace, profile: ShopProfile, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(tiny_model)
    assert creative.run(shop, profile, chosen, quiet).figures["ranked_by_en"] == "form"
    untaught = creative.taught(shop)
    given(monkeypatch, results(0.15))
    (learned,) = learn_ranking(shop, chosen, quiet)
    assert learned.ranks
    assert creative.taught(shop) != untaught  # so that the next run does not skip the stage
    assert learned.judge is not None
    assert learned.outlook.gain is not None
    assert learned.outlook.gain.low > 0
    judge = open_judge(shop, chosen, "en", quiet)
    assert judge is not None
    liked = judge.liked([f" {MORNING}\n", EVENING])
    assert liked[MORNING] > 0 > liked[EVENING]
    said = creative.run(shop, profile, chosen, quiet).figures["ranked_by_en"]
    assert said == f"results {learned.judge.version}"
    # results that no longer bear it out take it away
    given(monkeypatch, results(0.0))
    (again,) = learn_ranking(shop, chosen, quiet)
    assert not again.ranks
    assert creative.taught(shop) == untaught
    assert creative.run(shop, profile, chosen, quiet).figures["ranked_by_en"] == "form"


def test_a_judge_that_reads_with_another_model_ranks_nothing(
    shop: Workspace, tiny_model: Path, tmp_path: Path
) -> None:
    base = find(str(tiny_model), tmp_path, (), quiet)
    rows = [Shown(test="t", prompt="p", text=text, views=900, clicks=clicks)
            for text, clicks in ((MORNING, 90), (EVENING, 30))]  # fmt: skip
    judge = learn(rows, replace(Reader.open(base, threads=1), id="other@1"))
    assert judge is not None
    judge.save(shop.models / "judge" / "en")
    assert open_judge(shop, settings(tiny_model), "en", quiet) is None


@pytest.mark.parametrize("first", [MORNING, EVENING])
def test_what_people_take_to_ranks_first_and_moves_no_check(first: str) -> None:
    banned = "The best cup in town\nNothing else comes close to it.\nPour a cup"
    liked = {MORNING: -1.0, EVENING: -1.0, banned: 1.0} | {first: 1.0}
    maker = Maker(model="m", adapter="", prompt="p")
    found = choose(brief(1), [MORNING, EVENING, banned], maker, [], variants=2, liked=liked)
    assert found.kept[0].headline == first.split("\n")[0]
    assert len(found.kept) == 2
    assert [one.headline for one in found.rejected] == ["The best cup in town"]


def test_a_promoted_child_writes_the_next_ads(
    shop: Workspace, profile: ShopProfile, tiny_model: Path
) -> None:
    chosen = settings(tiny_model)
    creative.run(shop, profile, chosen, quiet)
    table = shop.tables / "creatives.parquet"

    def adapters() -> set[str]:
        return {row["adapter"] for row in pq.read_table(table).to_pylist() if row["adapter"]}

    (parent,) = adapters()
    folder = shop.models / "adapter"
    shutil.copytree(folder / parent, folder / "child", ignore=shutil.ignore_patterns("answers"))
    untaught = creative.taught(shop)
    promote(folder, parent, "child")
    assert creative.taught(shop) != untaught
    creative.run(shop, profile, chosen, quiet)
    assert adapters() == {"child"}
    shutil.rmtree(folder / "child")
    creative.run(shop, profile, chosen, quiet)
    assert adapters() == {parent}
