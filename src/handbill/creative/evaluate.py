"""What an adapter is worth on pairs it has not seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from handbill.creative.metrics import Lexicon, Scores, score
from handbill.creative.models import ModelFolder
from handbill.creative.pairs import Pair, filled
from handbill.creative.registry import find
from handbill.creative.tune import open_base
from handbill.creative.writer import LocalWriter
from handbill.errors import ModelError
from handbill.ports import Progress
from handbill.workspace import read_json

AT_ONCE = 32
"""Requests asked together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """An adapter's texts and what they are worth.

    Attributes:
        texts: One of each pair.
        references: What they were compared with.
        scores: Means over them.
        seconds: Spent writing.
        tokens: Written.
    """

    texts: tuple[str, ...]
    references: tuple[str, ...]
    scores: Scores
    seconds: float
    tokens: int

    @property
    def figures(self) -> dict[str, float | int]:
        """All numbers, by name."""
        found: dict[str, float | int] = {"pairs": len(self.texts), **asdict(self.scores)}
        return found | {
            "seconds": self.seconds,
            "tokens_per_second": self.tokens / max(self.seconds, 1e-9),
        }


def open_adapter(
    adapter: Path, models: Path, accepted: Sequence[str], *, threads: int, device: str = "cpu"
) -> tuple[LocalWriter, bool]:
    """A writer with an adapter, as its card says.

    Returns:
        The writer, and whether it was taught to write slots.

    Raises:
        ModelError: There is no adapter, or its base is not the one it was trained on.
    """
    base, card = base_of(adapter, models, accepted)
    writer = LocalWriter.open(
        open_base(base, adapter, models), adapter, threads=threads, device=device
    )
    return writer, bool(card["recipe"]["slots"])


def base_of(
    adapter: Path, models: Path, accepted: Sequence[str]
) -> tuple[ModelFolder, dict[str, Any]]:
    """The whole model that an adapter was trained on, and the adapter's card.

    Raises:
        ModelError: There is no adapter, or its base is not the one it was trained on.
    """
    if not (adapter / "card.json").is_file():
        raise ModelError(f"{adapter} holds no adapter; make one with: handbill creative tune")
    card = read_json(adapter / "card.json")
    base = find(card["base_name"], models, accepted, _silent)
    if base.id != card["base"]:
        raise ModelError(f"{adapter} was trained on {card['base']}, but {base.id} is here")
    return base, card


def evaluate(
    writer: LocalWriter,
    pairs: Sequence[Pair],
    lexicon: Lexicon,
    progress: Progress,
    *,
    max_tokens: int,
    slotted: bool = False,
    candidates: int = 1,
) -> Evaluation:
    """Let a writer answer the pairs' requests, and compare.

    Args:
        writer: Greedy when there is one candidate.
        pairs: Requests with a person's texts.
        lexicon: Values that count as stated.
        progress: Told how far it is.
        max_tokens: Texts and references are cut there.
        slotted: Whether it writes slots, which are filled.
        candidates: Texts written of each; the one with the fewest unsupported values is taken, of
            these the one that holds the most of its own, of these the likeliest.
    """
    plain = writer.greedy if candidates == 1 else writer
    texts: list[str] = []
    for at in range(0, len(pairs), AT_ONCE):
        progress("writing", at / len(pairs))
        some = pairs[at : at + AT_ONCE]
        answers = plain.generate(
            [one.request for one in some], samples=candidates, max_new_tokens=max_tokens, seed=at
        )
        for pair, answer in zip(some, answers, strict=True):
            whole = [filled(one, pair) if slotted else one for one in answer]
            # the first of equals is the likeliest
            texts.append(min(whole, key=partial(_faults, pair=pair, lexicon=lexicon)).strip())
    references = tuple(cut(writer.tokenizer, one.completion, max_tokens) for one in pairs)
    return Evaluation(
        texts=tuple(texts),
        references=references,
        scores=score(texts, references, pairs, lexicon),
        seconds=plain.seconds,
        tokens=plain.tokens,
    )


def base_writer(base: ModelFolder, *, threads: int) -> LocalWriter:
    """The model before any tuning, to compare with."""
    return LocalWriter.open(base, None, threads=threads)


def cut(tokenizer: Any, text: str, tokens: int) -> str:
    """A text's first tokens."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"][:tokens]
    whole: str = tokenizer.decode(ids, skip_special_tokens=True)
    return whole


def _faults(text: str, pair: Pair, lexicon: Lexicon) -> tuple[int, int]:
    """Unsupported values, and own ones that are missing."""
    missing = sum(value not in text for _, value in pair.attributes)
    return len(lexicon.unsupported(text, pair)), missing


def _silent(message: str, fraction: float | None = None) -> None:
    """Tell nobody."""
