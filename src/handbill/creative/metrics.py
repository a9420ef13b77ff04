"""How near written texts come to a person's, and how far they keep to the facts they were given."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from handbill.creative.pairs import Pair
from handbill.errors import ModelError

_HAN = re.compile(r"[\u4e00-\u9fff]")
_INSTALL = "scores need jieba, rouge-chinese and nltk; run: pip install 'handbill[scores]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Means over texts; percentages are 0 to 100.

    Attributes:
        bleu4: BLEU-4 over characters (Chinese) or words, smoothing 3.
        rouge_1: F of single words.
        rouge_2: F of neighbouring words.
        rouge_l: F of the longest common subsequence.
        coverage_pct: Attribute values of the request that a text holds.
        unsupported_pct: Of the attribute values that texts state, those of no attribute of theirs.
        stated: How many values texts state.
        distinct_2: Different pairs of neighbouring words to all of them.
    """

    bleu4: float
    rouge_1: float
    rouge_2: float
    rouge_l: float
    coverage_pct: float
    unsupported_pct: float
    stated: int
    distinct_2: float


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Attribute values known from pairs: what a text may state.

    Attributes:
        values: To the names of attributes that take them.
    """

    values: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> "Lexicon":
        """The values of two signs or more; a single one is part of too many words."""
        names: dict[str, set[str]] = {}
        for pair in pairs:
            for name, value in pair.attributes:
                if len(value) > 1:
                    names.setdefault(value, set()).add(name)
        return cls({value: frozenset(some) for value, some in names.items()})

    def stated(self, text: str) -> list[str]:
        """Values in a text, the longest first; none within another."""
        longest = max(map(len, self.values), default=0)
        found, at = [], 0
        while at < len(text):
            for length in range(min(longest, len(text) - at), 1, -1):
                if text[at : at + length] in self.values:
                    found.append(text[at : at + length])
                    at += length
                    break
            else:
                at += 1
        return found

    def unsupported(self, text: str, pair: Pair) -> list[str]:
        """Values in a text that are neither the pair's nor a part of one."""
        own = [value for _, value in pair.attributes]
        return [
            one
            for one in self.stated(text)
            if not any(one in value or value in one for value in own if len(value) > 1)
        ]


def score(texts: Sequence[str], references: Sequence[str], pairs: Sequence[Pair],
          lexicon: Lexicon) -> Scores:  # fmt: skip
    """Score texts, one of each pair.

    Args:
        texts: What was written.
        references: What a person wrote, cut as the texts are.
        pairs: What was asked.
        lexicon: Values that count as stated.

    Raises:
        ModelError: A library is not installed.
        ValueError: There are no texts, or not one of each pair.

    Source: the metric of ChatGLM's fine-tuning on AdvertiseGen (rouge-chinese over jieba words,
        BLEU-4 over characters with NLTK's smoothing 3, means over examples); distinct-2 of
        Li et al. 2016.
    """
    if not texts or not len(texts) == len(references) == len(pairs):
        raise ValueError(f"{len(texts)} texts, {len(references)} references, {len(pairs)} pairs")
    bleu = [_bleu(text, reference) for text, reference in zip(texts, references, strict=True)]
    rouge = [_rouge(text, reference) for text, reference in zip(texts, references, strict=True)]
    stated = sum(len(lexicon.stated(text)) for text in texts)
    wrong = sum(
        len(lexicon.unsupported(text, pair)) for text, pair in zip(texts, pairs, strict=True)
    )
    values = [(value, text) for text, pair in zip(texts, pairs, strict=True)
              for _, value in pair.attributes]  # fmt: skip
    bigrams = Counter(
        pair for text in texts for words in [_words(text)] for pair in pairwise(words)
    )
    return Scores(
        bleu4=100 * sum(bleu) / len(bleu),
        rouge_1=100 * sum(one[0] for one in rouge) / len(rouge),
        rouge_2=100 * sum(one[1] for one in rouge) / len(rouge),
        rouge_l=100 * sum(one[2] for one in rouge) / len(rouge),
        coverage_pct=100 * sum(value in text for value, text in values) / max(1, len(values)),
        unsupported_pct=100 * wrong / max(1, stated),
        stated=stated,
        distinct_2=len(bigrams) / max(1, bigrams.total()),
    )


def _bleu(text: str, reference: str) -> float:
    try:
        from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
    except ImportError as error:
        raise ModelError(_INSTALL) from error
    units = list if _HAN.search(reference) else str.split
    if not text.strip():
        return 0.0
    smooth = SmoothingFunction().method3
    value: float = sentence_bleu([units(reference)], units(text), smoothing_function=smooth)
    return value


def _rouge(text: str, reference: str) -> tuple[float, float, float]:
    written, wanted = " ".join(_words(text)), " ".join(_words(reference))
    if not written or not wanted:
        return 0.0, 0.0, 0.0
    found = _rouge_of().get_scores(written, wanted)[0]
    return found["rouge-1"]["f"], found["rouge-2"]["f"], found["rouge-l"]["f"]


@cache
def _rouge_of() -> Any:
    try:
        from rouge_chinese import Rouge
    except ImportError as error:
        raise ModelError(_INSTALL) from error
    return Rouge()


def _words(text: str) -> list[str]:
    if not _HAN.search(text):
        return text.split()
    return [word for word in _cutter().lcut(text) if word.strip()]


@cache
def _cutter() -> Any:
    try:
        import jieba
    except ImportError as error:
        raise ModelError(_INSTALL) from error
    jieba.setLogLevel(30)
    return jieba
