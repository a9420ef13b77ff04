"""What sets a segment apart, in sentences with numbers, and a short name made from them.

A difference is told when the ratio of the means, segment over everyone else, has an interval that
excludes 1 (delta method on its logarithm) and is at least `TELLING`; the strongest in standard
deviations come first. The intervals describe the people at hand: the segments were found in the
same data, so the measures they were found by differ by construction.

Source: Hauschke et al. (1999), confidence intervals for the ratio of two means; Cohen (1988), d.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from handbill.audience.metrics import Metric
from handbill.audience.segments import Labels, Matrix
from handbill.types import Interval, Text

TELLING = 1.2
"""Smallest ratio, or its inverse, that is worth a sentence."""
LEVEL, Z = 0.999, 3.2905
"""Coverage of the intervals and its normal quantile: high, because many measures are looked at."""
MOST_FACTS = 6
EVERYONE = Text(en="Everyone", zh="全部顾客")
ORDINARY = Text(en="Typical shoppers", zh="普通顾客")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How a segment differs from everyone else in one measure.

    Attributes:
        metric: The measure.
        value: Mean in the segment.
        others: Mean of everyone else.
        ratio: `value / others` with its interval.
        effect: Difference of the means in standard deviations of all people.
    """

    metric: Metric
    value: float
    others: float
    ratio: Interval
    effect: float

    @property
    def solid(self) -> bool:
        """Whether it is worth telling: large enough, and the interval excludes no difference."""
        large = self.ratio.estimate >= TELLING or self.ratio.estimate <= 1 / TELLING
        seen = self.value >= self.metric.least
        return large and seen and (self.ratio.low > 1 or self.ratio.high < 1)

    @property
    def word(self) -> Text | None:
        """The name it lends."""
        return self.metric.high if self.ratio.estimate > 1 else self.metric.low

    def sentence(self, currency: str) -> Text:
        """The difference in words."""
        value = self.metric.write(self.value, currency)
        others = self.metric.write(self.others, currency)
        times = f"{self.ratio.estimate:.1f}"
        if self.ratio.estimate > 1:
            compared = Text(
                en=f"{times} times the others' {others.en}",
                zh=f"是其他顾客（{others.zh}）的 {times} 倍",
            )
        else:
            compared = Text(en=f"the others {others.en}", zh=f"其他顾客为 {others.zh}")
        words = self.metric.sentence
        return Text(
            en=words.en.format(value=value.en, compared=compared.en),
            zh=words.zh.format(value=value.zh, compared=compared.zh),
        )


def differences(
    values: Mapping[str, Matrix], metrics: Sequence[Metric], labels: Labels, segment: int
) -> list[Difference]:
    """The solid differences of one segment, strongest first, one of each family.

    Args:
        values: (n,) per metric name, NaN where a person has none.
        metrics: What to look at.
        labels: (n,) segment of each person.
        segment: Which one.
    """
    found = []
    for metric in metrics:
        difference = _difference(metric, values[metric.name], labels == segment)
        if difference is not None and difference.solid and difference.word is not None:
            found.append(difference)
    found.sort(key=lambda one: (-abs(one.effect), one.metric.name))
    families: set[str] = set()
    strongest = []
    for one in found:
        if one.metric.family not in families:
            families.add(one.metric.family)
            strongest.append(one)
    return strongest


def name_segments(portraits: Sequence[Sequence[Difference]]) -> list[Text]:
    """Short names, all different, each made only from what its segment's differences say.

    Args:
        portraits: The differences of each segment, strongest first.
    """
    names: list[Text] = []
    for portrait in portraits:
        taken = {name.en for name in names} | {name.zh for name in names}
        candidates = _candidates(portrait)
        free = [one for one in candidates if one.en not in taken and one.zh not in taken]
        if free:
            names.append(free[0])
            continue
        last, number = candidates[-1], len(names) + 1
        names.append(Text(en=f"{last.en} ({number})", zh=f"{last.zh}（{number}）"))
    return names


def _candidates(portrait: Sequence[Difference]) -> list[Text]:
    """Names from the plainest to the longest: how often, then what is most particular."""
    rhythm: Text | None = None
    traits: list[Text] = []
    for one in portrait:
        word = one.word
        if word is None:
            continue
        if one.metric.family in ("volume", "recency"):
            # Who has not been back for long is that first, however seldom they came before.
            rhythm = word if rhythm is None or one.metric.family == "recency" else rhythm
        else:
            traits.append(word)
    singles = [[trait] for trait in traits]
    pairs = [[traits[0], trait] for trait in traits[1:]]
    start = [rhythm] if rhythm else []
    combined = [start + rest for rest in [*singles, *pairs, []] if start + rest]
    return [_join(words) for words in combined] or [ORDINARY]


def _join(words: Sequence[Text]) -> Text:
    en = ", ".join(word.en for word in words)
    return Text(en=en[0].upper() + en[1:], zh="·".join(word.zh for word in words))


def _difference(metric: Metric, values: Matrix, inside: Labels) -> Difference | None:
    known = ~np.isnan(values)
    ours, theirs = values[inside & known], values[~inside & known]
    if len(ours) < 2 or len(theirs) < 2:
        return None
    value, others = float(ours.mean()), float(theirs.mean())
    spread = float(values[known].std())
    if value <= 0 or others <= 0 or spread == 0:
        return None
    error = Z * np.sqrt(
        ours.var(ddof=1) / len(ours) / value**2 + theirs.var(ddof=1) / len(theirs) / others**2
    )
    ratio = value / others
    return Difference(
        metric=metric,
        value=value,
        others=others,
        ratio=Interval(
            estimate=ratio,
            low=float(ratio * np.exp(-error)),
            high=float(ratio * np.exp(error)),
            level=LEVEL,
        ),
        effect=(value - others) / spread,
    )
