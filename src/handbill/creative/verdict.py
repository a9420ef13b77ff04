"""The verdict on a child: what speaks for it, what against it, and whether it ships."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from handbill.creative.intervals import mean_interval
from handbill.creative.judge import Judge
from handbill.creative.preference import Check
from handbill.creative.tics import Tic, tics
from handbill.types import Interval, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it.

    Attributes:
        ships: Whether the child takes its parent's place.
        why: What speaks against it; empty when it ships.
        version: Of the child; empty when none was trained.
        path: Its folder; None when none was trained.
        counts: Of the pairs; see `Preferences`.
        pairs: Learned from.
        accuracy: Of the judge, on tests that it did not learn from.
        wins: How likely the judge prefers the child's text of a brief, on average.
        gain: Log-odds of a click by which it does.
        unsupported: By how much more of the child's texts say what their brief does not bear.
        blocked: By how much more of them break a rule.
        rates: Both shares, of parent and child.
        tics: Before and after.
        samples: A few briefs with a text of each.
    """

    ships: bool
    why: tuple[Text, ...]
    version: str = ""
    path: Path | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    pairs: int = 0
    accuracy: Interval | None = None
    wins: Interval | None = None
    gain: Interval | None = None
    unsupported: Interval | None = None
    blocked: Interval | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    tics: tuple[Tic, ...] = ()
    samples: tuple[tuple[str, str, str], ...] = ()


def record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON has it; the path, which is this machine's, left out."""
    row = asdict(verdict)
    del row["path"]
    return row


def judged(
    before: list[str],
    after: list[str],
    briefs: Sequence[str],
    judge: Judge,
    check: Check,
    told: Mapping[str, Any],
) -> Verdict:
    """Compare a child's texts with its parent's on the same briefs."""
    asked = [brief for brief in briefs for _ in range(len(before) // len(briefs))]
    faults = [
        [check(brief, text) for brief, text in zip(asked, texts, strict=True)]
        for texts in (before, after)
    ]
    rises: dict[str, Interval] = {}
    rates: dict[str, float] = {}
    for name in ("unsupported", "blocked"):
        shares = [[float(bool(getattr(one, name))) for one in some] for some in faults]
        rises[name] = mean_interval(np.subtract(shares[1], shares[0]), asked)
        rates |= {f"{name}_before": float(np.mean(shares[0])),
                  f"{name}_after": float(np.mean(shares[1]))}  # fmt: skip
    wins = mean_interval(judge.wins(after, before), asked)
    found = tics(before, after, asked)
    why = tuple(_against(wins, rises, found))
    shown = {brief: (before[at], after[at]) for at, brief in enumerate(asked)}
    return Verdict(
        ships=not why,
        why=why,
        wins=wins,
        gain=mean_interval(judge.score(after) - judge.score(before), asked),
        rates=rates,
        tics=found,
        samples=tuple((brief, *texts) for brief, texts in list(shown.items())[:5]),
        unsupported=rises["unsupported"],
        blocked=rises["blocked"],
        **told,
    )


def _against(wins: Interval, rises: Mapping[str, Interval], found: Iterable[Tic]) -> Iterable[Text]:
    """What keeps a child from shipping."""
    if wins.low <= 0.5:
        yield Text(
            en=f"It does not beat its parent: the judge prefers it with a chance of "
            f"{wins.estimate:.2f} ({wins.low:.2f} to {wins.high:.2f}).",
            zh=f"没有胜过原模型：评判模型偏好新模型的概率为 {wins.estimate:.2f}"
            f"（{wins.low:.2f} 至 {wins.high:.2f}）。",
        )
    words = {
        "unsupported": ("say what their brief does not bear", "含有需求中没有依据的说法"),
        "blocked": ("break a rule", "违反规则"),
    }
    for name, (english, chinese) in words.items():
        one = rises[name]
        if one.low > 0:
            yield Text(
                en=f"More of its texts {english}: {one.estimate:+.1%} ({one.low:+.1%} to "
                f"{one.high:+.1%}).",
                zh=f"新模型有更多文案{chinese}：{one.estimate:+.1%}"
                f"（{one.low:+.1%} 至 {one.high:+.1%}）。",
            )
    for tic in found:
        if tic.alarm:
            yield Text(
                en=f"It has picked up a tic, {tic.name.replace('_', ' ')}: {tic.before:.2f} -> "
                f"{tic.after:.2f} a text.",
                zh=f"新模型染上了坏习惯（{TIC_NAMES[tic.name]}）：每条 {tic.before:.2f} → "
                f"{tic.after:.2f}。",
            )


TIC_NAMES = {
    "length": "篇幅",
    "exclamation_marks": "感叹号",
    "question_marks": "问号",
    "capitals": "全大写",
    "clickbait": "标题党用语",
    "repeats": "雷同语句",
}
