"""How far a training is, on disk after each epoch, so that the same training goes on from there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from handbill.audience.recommend.behaviour import Behaviour
from handbill.audience.recommend.histories import Floats, Histories
from handbill.workspace import read_json, replacing, write_json

MAY_CHANGE = ("epochs", "patience", "minutes", "tracker", "refit_epochs")
"""Settings with which a checkpoint may be gone on from."""


@dataclass(slots=True)
class Course:
    """How far training is.

    Attributes:
        folder: Of the checkpoint; None keeps none.
        key: Hash of what is learned from and how.
        epoch: Epochs that have ended.
        best: Best held-out NDCG.
        bad: Epochs since.
        best_weights: Of that epoch.
    """

    folder: Path | None
    key: str
    epoch: int
    best: float
    bad: int
    best_weights: dict[str, Tensor]

    @classmethod
    def open(
        cls, folder: Path | None, settings: Mapping[str, float], vectors: Floats,
        model: Behaviour, optimiser: torch.optim.Optimizer, histories: Histories,
    ) -> "Course":  # fmt: skip
        """From the checkpoint where one of the same key lies, else from the beginning."""
        # How long to train may change; the rest makes it another training.
        kept = {name: value for name, value in settings.items() if name not in MAY_CHANGE}
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
        for one in (histories.items, histories.offsets, histories.seconds, vectors):
            digest.update(one.tobytes())
        key = digest.hexdigest()
        fresh = cls(folder, key, 0, -1.0, 0, weights(model))
        card = folder / "checkpoint.json" if folder is not None else None
        if card is None or folder is None or not card.exists():
            return fresh
        record = read_json(card)
        if record["key"] != key:
            return fresh
        stored = load_file(folder / record["file"])
        model.load_state_dict(_part(stored, "model."), strict=False)
        _restore(optimiser, _part(stored, "optimiser."))
        best = _part(stored, "best.")
        return cls(folder, key, record["epoch"], record["best"], record["bad"], best)

    def ended(self, model: Behaviour, optimiser: torch.optim.Optimizer, ndcg: float) -> None:
        """Note an epoch's end, on disk where there is a folder."""
        self.epoch += 1
        self.bad += 1
        if ndcg > self.best:
            self.best, self.bad, self.best_weights = ndcg, 0, weights(model)
        if self.folder is None:
            return
        stored = {f"model.{name}": value for name, value in weights(model).items()}
        stored |= {f"best.{name}": value.clone() for name, value in self.best_weights.items()}
        for number, one in optimiser.state_dict()["state"].items():
            stored |= {f"optimiser.{number}.{name}": torch.as_tensor(one[name]) for name in one}
        name = f"checkpoint-{self.epoch % 2}.safetensors"
        with replacing(self.folder / name) as part:
            save_file({key: value.contiguous() for key, value in stored.items()}, part)
        record = {"key": self.key, "file": name, "epoch": self.epoch, "best": self.best}
        write_json(self.folder / "checkpoint.json", {**record, "bad": self.bad})


def weights(model: Behaviour) -> dict[str, Tensor]:
    """A copy of what was learned, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def _part(stored: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in stored.items()
        if name.startswith(prefix)
    }


def _restore(optimiser: torch.optim.Optimizer, stored: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in stored.items():
        number, what = name.split(".", 1)
        state.setdefault(int(number), {})[what] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
