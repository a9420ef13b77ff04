"""Headlines from results: a writer tuned on winners, then on which of two headlines won.

A test is on one side only: half of them teach the writer, half the model that judges it, and the
briefs that both are judged on come from neither. The brief is the story's first words.
"""

import hashlib
import html
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.harness import run_parts
from benchmarks.upworthy import data_file
from handbill.creative.grounding import Grounds
from handbill.creative.judge import Reader
from handbill.creative.pairs import Pair
from handbill.creative.prefer import Writing, learn_preference, part_of
from handbill.creative.preference import Fault
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find, home
from handbill.creative.shown import Shown, by_test, merged
from handbill.creative.tune import tune
from handbill.creative.verdict import Verdict
from handbill.errors import ModelError

WORDS = 12, 60
"""A story told in fewer words asks too little; what stands behind the last is not read."""

REQUEST = "Headline for this story: "


def read(path: Path) -> tuple[Shown, ...]:
    """Headlines with their outcomes; under one test and picture people were drawn alike."""
    rows = pd.read_parquet(path).dropna(subset=["lede", "headline"])
    story = {
        test: REQUEST + " ".join(words[: WORDS[1]])
        for test, lede in rows.drop_duplicates("clickability_test_id")
        .set_index("clickability_test_id")["lede"]
        .items()
        if len(words := plain(lede).split()) >= WORDS[0]
    }
    return merged(
        Shown(
            test=f"{row.clickability_test_id}/{row.eyecatcher_id}",
            prompt=story[row.clickability_test_id],
            text=plain(row.headline),
            views=row.impressions,
            clicks=row.clicks,
        )
        for row in rows.itertuples()
        if row.clickability_test_id in story
    )


def plain(text: str) -> str:
    """Words without markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def winners(shown: Sequence[Shown]) -> tuple[Pair, ...]:
    """The headline of each test that was clicked most."""
    best = {
        texts[0].prompt: max(texts, key=lambda one: (one.clicks + 1) / (one.views + 50))
        for texts in by_test(shown)
    }
    return tuple(
        Pair(prompt=prompt, completion=one.text, product=prompt) for prompt, one in best.items()
    )


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """What the judge and the source say of the tuned writer and of its child."""
    path = data_file()
    if not path.is_file():
        return {}, ["headlines: its data is not here"]
    try:
        base = find("smollm2-135m", home(), (), say)
    except ModelError as error:
        return {}, [f"headlines: {error}"]
    shown = read(path)
    grounds = Grounds.of({one.prompt.removeprefix(REQUEST) for one in shown})

    def check(prompt: str, text: str) -> Fault:
        return Fault(unsupported=grounds.unsupported(prompt.removeprefix(REQUEST), text))

    taught = [one for one in shown if part_of(one.prompt) == "pairs"]
    sound = [one for one in winners(taught) if not check(one.prompt, one.completion)]
    kept = [one for one in shown if part_of(one.prompt) != "pairs" or _half(one)]
    with TemporaryDirectory() as folder:
        parent = tune(base, sound, recipe(quick), Path(folder, "parent"), home(), say)
        verdict = learn_preference(
            base, parent.path, kept, check, lambda: Reader.open(base, threads=2),
            Path(folder, "children"), home(), preference_recipe(quick),
            Writing(briefs=40 if quick else 200, max_new_tokens=40), say,
        )  # fmt: skip
    people = [one for one in shown if part_of(one.prompt) == "briefs"]
    said = {
        "dpo_people_unsupported_pct": 100
        * _share(bool(check(one.prompt, one.text)) for one in people)
    }
    return _figures(verdict) | said, _notes(verdict)


def recipe(quick: bool) -> Recipe:
    """One pass over the winners."""
    return Recipe(
        epochs=1, batch=16, micro_batch=8, learning_rate=4e-4, dropout=0.0, max_tokens=48,
        held_out=0.05, patience=0, looks=1, minutes=1.0 if quick else None, threads=2,
    )  # fmt: skip


def preference_recipe(quick: bool) -> Recipe:
    """One pass over the pairs."""
    return Recipe(
        epochs=1, batch=16, micro_batch=4, learning_rate=1e-4, dropout=0.0, max_tokens=48,
        patience=0, looks=1, minutes=1.0 if quick else None, threads=2,
    )  # fmt: skip


def _half(one: Shown) -> bool:
    """Of the writer's tests every second one: half the time, and still a thousand pairs."""
    return hashlib.sha256(f"{one.prompt}/half".encode()).digest()[0] % 2 == 0


def _figures(verdict: Verdict) -> dict[str, float | int]:
    found: dict[str, float | int] = {"dpo_pairs": verdict.pairs, "dpo_ships": int(verdict.ships)}
    for name, one, scale in (
        ("judge_accuracy", verdict.accuracy, 1.0),
        ("win_rate", verdict.wins, 1.0),
        ("gain_log_odds", verdict.gain, 1.0),
        ("unsupported_rise_pct", verdict.unsupported, 100.0),
    ):
        if one is not None:
            found |= {
                f"dpo_{name}": scale * one.estimate,
                f"dpo_{name}_low": scale * one.low,
                f"dpo_{name}_high": scale * one.high,
            }
    found |= {f"dpo_{name}_pct": 100 * rate for name, rate in verdict.rates.items()
              if name.startswith("unsupported")}  # fmt: skip
    for tic in verdict.tics:
        found |= {f"dpo_{tic.name}_before": tic.before, f"dpo_{tic.name}_after": tic.after}
    return found


def _notes(verdict: Verdict) -> list[str]:
    counted = ", ".join(f"{name} {count}" for name, count in verdict.counts.items())
    return [
        f"headlines: of all pairs {counted}",
        *(f"headlines: {one.en}" for one in verdict.why),
        *(f"headlines: {before!r} -> {after!r}" for _, before, after in verdict.samples),
    ]


def _share(values: Iterable[bool]) -> float:
    found = list(values)
    return sum(found) / max(1, len(found))


def say(message: str, fraction: float | None = None) -> None:
    """Steps go to standard error, which `--json` leaves alone."""
    end = "" if sys.stderr.isatty() else "\n"
    print(f"\r{message:<60}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_parts(__doc__ or "", (sys.modules[__name__],), quick="a minute of each training, 40 briefs")
