"""Direct preference optimisation: a writer's adapter learns which of two texts people preferred.

The reference is the parent: its log-probabilities are computed once, before the first step, and no
second model is held in memory. The loop, its checkpoints and its schedule are `train`'s.

Source: Rafailov et al. 2023, equation 7; labels smoothed by how sure the result is, Mitchell 2023;
the chosen text's own likelihood added, so that it does not fall, Pang et al. 2024, equation 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy, logsigmoid

from handbill.creative.method import Tunable
from handbill.creative.models import ModelFolder, load, quiet
from handbill.creative.pairs import Pair
from handbill.creative.preference import Preference
from handbill.creative.train import Aim, Row, autocast, positions
from handbill.creative.tune import Teacher
from handbill.errors import ModelError

BETA = 0.1
"""How firmly the writer is held to its parent."""

ANCHOR = 0.2
"""Share of the chosen text's own loss per token."""


@dataclass(frozen=True, slots=True)
class Duel:
    """A preference as the training sees it.

    Attributes:
        chosen: Ids of the request and the better text.
        rejected: Ids of the request and the other.
        sure: Probability that it is the better one.
        weight: Of the pair.
        ahead: Log-probability of the chosen text less that of the other, to the parent.
    """

    chosen: Row
    rejected: Row
    sure: float
    weight: float
    ahead: float = 0.0


def open_parent(base: ModelFolder, parent: Path, *, threads: int) -> tuple[Tunable, Any]:
    """A model with the adapter of its parent, which goes on learning, and its tokenizer.

    Raises:
        ModelError: One of them does not load.
    """
    from peft import PeftModel
    from safetensors import SafetensorError

    if (parent / "model.safetensors").is_file():
        whole = ModelFolder(id=base.id, path=str(parent), name=base.name)
        model, tokenizer = load(whole, threads=threads)
        return Tunable(model=model, wrapped=model, method="full"), tokenizer
    model, tokenizer = load(base, threads=threads)
    try:
        with quiet():
            wrapped = PeftModel.from_pretrained(model, str(parent), is_trainable=True)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"the adapter in {parent} does not load: {reason}") from error
    # however the parent's ranks were found, they stay as they are
    return Tunable(model=model, wrapped=wrapped, method="lora"), tokenizer


def duels_of(
    model: Any, teacher: Teacher, pairs: Sequence[Preference], batch: int = 8
) -> list[Duel | None]:
    """Preferences as rows of ids, with what a model thinks of them; None where one asks too much.

    Args:
        model: The parent.
        teacher: Turns texts to ids.
        pairs: What people preferred.
        batch: Pairs computed together.
    """
    found = [_duel(teacher, one) for one in pairs]
    order = sorted((DUELS.length(one), at) for at, one in enumerate(found) if one is not None)
    model.eval()
    with torch.inference_mode(), autocast(model):
        for start in range(0, len(order), batch):
            places = [at for _, at in order[start : start + batch]]
            duels = [one for at in places if (one := found[at]) is not None]
            chosen, rejected, _ = likelihoods(model, duels)
            for at, duel, ahead in zip(places, duels, (chosen - rejected).tolist(), strict=True):
                found[at] = replace(duel, ahead=ahead)
    return found


def _duel(teacher: Teacher, one: Preference) -> Duel | None:
    asked = [
        Pair(prompt=one.prompt, completion=text, product=one.test)
        for text in (one.chosen, one.rejected)
    ]
    rows = teacher.rows(asked)
    if len(rows) < len(asked):
        return None
    return Duel(chosen=rows[0], rejected=rows[1], sure=one.sure, weight=one.weight)


def likelihoods(
    model: Any, duels: Sequence[Duel]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Log-probabilities of the chosen and of the rejected texts, and the chosen ones' tokens.

    Returns:
        (N,) each.
    """
    rows = [one.chosen for one in duels] + [one.rejected for one in duels]
    scores, ids = positions(model, rows)
    each = -cross_entropy(scores.float(), ids, reduction="none")
    counts = torch.tensor([len(ids) - start for ids, start in rows], device=each.device)
    row = torch.repeat_interleave(torch.arange(len(rows), device=each.device), counts)
    sums = torch.zeros(len(rows), device=each.device).index_add(0, row, each)
    return sums[: len(duels)], sums[len(duels) :], counts[: len(duels)]


def duel_loss(model: Any, duels: Sequence[Duel]) -> tuple[torch.Tensor, int]:
    """Summed loss of pairs, and how many they are."""
    chosen, rejected, tokens = likelihoods(model, duels)
    ahead, sure, weight = (
        torch.tensor([getattr(one, name) for one in duels], device=chosen.device)
        for name in ("ahead", "sure", "weight")
    )
    margin = BETA * (chosen - rejected - ahead)
    wrong = -(sure * logsigmoid(margin) + (1 - sure) * logsigmoid(-margin))
    return (weight * (wrong - ANCHOR * chosen / tokens)).sum(), len(duels)


DUELS = Aim(
    length=lambda duel: len(duel.chosen[0]) + len(duel.rejected[0]),
    counts=lambda duel: 1,
    loss=duel_loss,
)
"""The loss of preferences: `Duel`s."""
