"""What became of texts that were shown: people who saw them, clicked them, complained of them."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from handbill.errors import SourceError

SHAPE = (
    '{"test": "...", "prompt": "...", "completion": "...", "views": 3052, "clicks": 150, '
    '"complaints": 0}'
)

LEVELS = (np.arange(512) + 0.5) / 512
"""Where a posterior is read: 512 parts of equal chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text and what came of it.

    Attributes:
        test: Those who saw the texts of one test were drawn alike.
        prompt: What the writer was asked.
        text: What was shown.
        views: People who saw it; weighted ones may be a fraction.
        clicks: Of them, who did what the ad is for.
        complaints: Of them, who complained or left the list.
    """

    test: str
    prompt: str
    text: str
    views: float
    clicks: float
    complaints: float = 0.0

    def __post_init__(self) -> None:
        counts = (self.views, self.clicks, self.complaints)
        if not all(map(math.isfinite, counts)) or min(counts) < 0:
            raise ValueError("a count is not a number from 0")
        if max(self.clicks, self.complaints) > self.views:
            raise ValueError("more answers than views")


def write_shown(shown: Iterable[Shown]) -> str:
    """Outcomes as JSON lines."""
    rows = (
        {"test": one.test, "prompt": one.prompt, "completion": one.text, "views": one.views,
         "clicks": one.clicks, "complaints": one.complaints}
        for one in shown
    )  # fmt: skip
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_shown(path: Path) -> tuple[Shown, ...]:
    """Read outcomes from JSON lines; blank lines are passed over.

    Raises:
        SourceError: The file is missing, or a line is not an outcome.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read the outcomes in {path}: {error}") from error
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            found.append(_shown(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{path}, line {number} is not an outcome ({error}); one is {SHAPE}"
            ) from error
    if not found:
        raise SourceError(f"{path} holds no outcomes; one a line: {SHAPE}")
    return merged(found)


def _shown(row: dict[str, Any]) -> Shown:
    texts = [row["test"], row["prompt"], row["completion"]]
    if not all(isinstance(one, str) and one.strip() for one in texts):
        raise ValueError("test, prompt and completion are words")
    test, prompt, text = texts
    views, clicks = float(row["views"]), float(row["clicks"])
    complaints = float(row.get("complaints", 0.0))
    return Shown(
        test=test, prompt=prompt, text=text, views=views, clicks=clicks, complaints=complaints
    )


def merged(shown: Iterable[Shown]) -> tuple[Shown, ...]:
    """The same text of one test and prompt counted together, in order of first sight."""
    sums: dict[tuple[str, str, str], list[float]] = {}
    for one in shown:
        counts = sums.setdefault((one.test, one.prompt, one.text), [0.0, 0.0, 0.0])
        for place, count in enumerate((one.views, one.clicks, one.complaints)):
            counts[place] += count
    return tuple(
        Shown(test=test, prompt=prompt, text=text, views=counts[0], clicks=counts[1],
              complaints=counts[2])
        for (test, prompt, text), counts in sums.items()
    )  # fmt: skip


def by_test(shown: Sequence[Shown]) -> Iterator[list[Shown]]:
    """The texts that can be compared: of one test and one prompt."""
    groups: dict[tuple[str, str], list[Shown]] = {}
    for one in shown:
        groups.setdefault((one.test, one.prompt), []).append(one)
    yield from groups.values()


def beats(hits: float, views: float, other_hits: float, other_views: float) -> float:
    """Posterior probability that the first rate is the higher one, both with uniform priors.

    Example:
        >>> round(beats(10, 100, 10, 100), 3)
        0.5
        >>> round(beats(30, 100, 10, 100), 3)
        1.0
    """
    rates = beta.ppf(LEVELS, 1 + hits, 1 + views - hits)
    return float(beta.cdf(rates, 1 + other_hits, 1 + other_views - other_hits).mean())
