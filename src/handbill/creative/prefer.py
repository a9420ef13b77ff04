"""A writer learns what people preferred, and takes its parent's place only if it is better.

Three parts, no brief in two of them: pairs that the writer learns from, tests that a judge learns
from, and briefs that parent and child both answer. The child ships when the judge prefers it beyond
chance, it says no more than its parent that its briefs do not bear, breaks no more rules, and shows
no new tics.
"""

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from handbill.creative import dpo, preference
from handbill.creative.judge import Reader, learn
from handbill.creative.models import ModelFolder
from handbill.creative.preference import Check, Preferences, prefer
from handbill.creative.promoted import promote
from handbill.creative.recipe import Recipe
from handbill.creative.shown import Shown
from handbill.creative.train import Course, fit
from handbill.creative.tune import Teacher, open_base, publish, untracked
from handbill.creative.verdict import Verdict, judged, record
from handbill.creative.writer import LocalWriter
from handbill.errors import ModelError
from handbill.ports import Progress
from handbill.types import Text
from handbill.workspace import read_json, write_json

FORMAT = "prefer-1"
"""Version of all that is fixed here; a change of it trains anew."""

PAIRS, JUDGE = 45, 90
"""Hundredths of the briefs that the writer learns from, and up to which the judge does."""

BRIEFS = 20
"""Briefs left over below which nobody can say who is better."""

HELD_OUT = 10
"""Of so many briefs of the pairs one only tells when to stop."""

Part = Literal["pairs", "judge", "briefs"]


def part_of(prompt: str) -> Part:
    """Which part a brief is in: by its hash, so that it is the same in every run."""
    number = _number(prompt)
    return "pairs" if number < PAIRS else "judge" if number < JUDGE else "briefs"


def _number(prompt: str) -> int:
    return int(hashlib.sha256(prompt.encode()).hexdigest()[:8], 16) % 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How parent and child answer the briefs that they are judged on.

    Attributes:
        briefs: At most.
        samples: Texts of each.
        max_new_tokens: Room for one.
        lines: Lines that each has; 0 leaves it to the model.
        seed: Of sampling, the same for both.
    """

    briefs: int = 200
    samples: int = 2
    max_new_tokens: int = 64
    lines: int = 0
    seed: int = 7


def learn_preference(
    base: ModelFolder,
    parent: Path,
    shown: Sequence[Shown],
    check: Check,
    reader: Callable[[], Reader],
    folder: Path,
    models: Path,
    recipe: Recipe,
    writing: Writing,
    progress: Progress,
) -> Verdict:
    """Train a child of an adapter on outcomes, and judge it against its parent.

    Args:
        base: The model, whole.
        parent: Folder of the present adapter; its `card.json` has its version.
        shown: Outcomes.
        check: Finds what is wrong with a text; its faults outweigh every click.
        reader: Opens the model that the judge reads with.
        folder: The child becomes a folder in it, named by its version; where it ships,
            `promoted.json` there says so.
        models: Where models are kept.
        recipe: Of the training.
        writing: How both answer the held-out briefs.
        progress: Told each step.

    Returns:
        The verdict; where there is not enough data, nothing was trained and `why` says so.

    Raises:
        ModelError: A model does not load, or the loss is not a number.
        WorkspaceError: The disk is full; what was trained is kept.
    """
    progress("comparing results")
    parts: dict[Part, list[Shown]] = {"pairs": [], "judge": [], "briefs": []}
    for one in shown:
        parts[part_of(one.prompt)].append(one)
    found = prefer(parts["pairs"], check)
    briefs = list(dict.fromkeys(one.prompt for one in parts["briefs"]))[: writing.briefs]
    told: dict[str, Any] = {"counts": found.counts, "pairs": len(found.pairs)}
    if not found.enough or len(briefs) < BRIEFS:
        return Verdict(ships=False, why=(_few(found, len(briefs)),), **told)
    progress("reading the other tests")
    judge = learn(parts["judge"], reader(), recipe.seed)
    if judge is None or not judge.reliable:
        accuracy = judge.accuracy if judge else None
        return Verdict(ships=False, why=(NO_JUDGE,), accuracy=accuracy, **told)
    small = open_base(base, parent, models)
    identity = _identity(base, parent, shown, found, recipe)
    version = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / version
    if not (path / "card.json").is_file():
        _train(small, base, parent, found, path, identity | {"version": version}, recipe, progress)
    texts = [
        _write(small, one, briefs, writing, recipe, progress, who)
        for one, who in ((parent, "parent"), (path, "child"))
    ]
    verdict = judged(texts[0], texts[1], briefs, judge, check, told | {
        "version": version, "path": path, "accuracy": judge.accuracy,
    })  # fmt: skip
    judge.save(path / "judge")
    write_json(path / "verdict.json", record(verdict))
    if verdict.ships:
        promote(folder, identity["parent"], version)
    return verdict


def _identity(
    base: ModelFolder, parent: Path, shown: Sequence[Shown], found: Preferences, recipe: Recipe
) -> dict[str, Any]:
    rows = json.dumps([asdict(one) for one in found.pairs], ensure_ascii=False)
    return {
        "format": FORMAT,
        "base": base.id,
        "parent": read_json(parent / "card.json")["version"],
        "data": hashlib.sha256(rows.encode()).hexdigest(),
        "outcomes": len(shown),
        "beta": dpo.BETA,
        "anchor": dpo.ANCHOR,
        "recipe": asdict(recipe),
    }


def _train(
    small: ModelFolder,
    base: ModelFolder,
    parent: Path,
    found: Preferences,
    path: Path,
    identity: Mapping[str, Any],
    recipe: Recipe,
    progress: Progress,
) -> Course:
    """Train, and let the adapter appear whole; a run that was interrupted goes on."""
    part = path.with_name(f".{path.name}.part")
    part.mkdir(parents=True, exist_ok=True)
    progress("loading the writer")
    tunable, tokenizer = dpo.open_parent(small, parent, threads=recipe.threads)
    tunable.model.to(recipe.device)
    progress("asking the parent")
    duels = dpo.duels_of(tunable.model, Teacher(tokenizer, recipe), found.pairs)
    held = [_number(f"{pair.prompt}/held") % HELD_OUT == 0 for pair in found.pairs]
    looked = [duel for duel, out in zip(duels, held, strict=True) if out and duel is not None]
    rows = [duel for duel, out in zip(duels, held, strict=True) if not out and duel is not None]
    if not rows:
        raise ModelError("no pair is short enough to train on; shorten the requests")
    course = fit(
        tunable, lambda epoch: rows, looked, recipe, part / "checkpoint.safetensors", untracked,
        progress, aim=dpo.DUELS,
    )  # fmt: skip
    kept = parent / "vocabulary.json"
    card = dict(identity) | {
        "kind": "dpo",
        "parents": [base.id, identity["parent"]],
        "base_name": base.name or base.id,
        "pairs": len(rows),
        "held_out": len(looked),
        "counts": dict(found.counts),
        "steps": course.step,
        "stopped": course.stopped,
        "seconds": course.seconds,
        "losses": course.losses,
        "looks": [list(look) for look in course.looks],
        "loss_before": None,
        "loss_after": course.best if math.isfinite(course.best) else None,
    }
    publish(tunable, base, tokenizer, read_json(kept) if kept.is_file() else [], card, part, path)
    shutil.rmtree(part, ignore_errors=True)
    return course


def _write(
    small: ModelFolder,
    adapter: Path,
    briefs: Sequence[str],
    writing: Writing,
    recipe: Recipe,
    progress: Progress,
    who: str,
) -> list[str]:
    """Texts on every brief, brief after brief."""
    writer = LocalWriter.open(small, adapter, threads=recipe.threads, device=recipe.device)
    writer.lines = writing.lines
    found: list[str] = []
    step = 16
    for at in range(0, len(briefs), step):
        progress(f"the {who} writes", at / len(briefs))
        answers = writer.generate(
            briefs[at : at + step],
            samples=writing.samples,
            max_new_tokens=writing.max_new_tokens,
            seed=writing.seed + at,
        )
        found += [text.strip() for some in answers for text in some]
    return found


NO_JUDGE = Text(
    en="Not enough data: what people clicked in the tests set aside cannot be told from chance by "
    "their texts, so nobody could say whether a writer became better.",
    zh="数据不足：从留出的测试看，文案与点击之间的关系无法与随机区分，因此无法判断模型是否变好。",
)


def _few(found: Preferences, briefs: int) -> Text:
    tests = len({one.test for one in found.pairs})
    return Text(
        en=f"Not enough data: {len(found.pairs)} decided pairs of {tests} tests, and {briefs} "
        f"briefs to be judged on; it takes {preference.PAIRS} pairs of {preference.TESTS} tests "
        f"and {BRIEFS} briefs.",
        zh=f"数据不足：只有来自 {tests} 个测试的 {len(found.pairs)} 对有结论的文案，"
        f"以及 {briefs} 个用于评判的文案需求；至少需要 {preference.TESTS} 个测试的 "
        f"{preference.PAIRS} 对文案和 {BRIEFS} 个需求。",
    )
