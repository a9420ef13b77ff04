"""Implied claims: a probe on a language model's states, for copy that claims without saying so.

"Every other kettle is a compromise" has no word that a rule could know. A linear probe on what a
model makes of the text tells most such copy from plain copy; it only ever asks a person.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from handbill.creative.models import ModelFolder, load
from handbill.workspace import write_json

Vectors = npt.NDArray[np.float32]
"""(N, D), one row per text."""

DEPTHS = (0.5, 0.75)
"""Layers that are read, as shares of the model's depth."""

FALSE_ALARMS = 0.1
"""Share of plain copy that may be asked about, on sentences that the probe did not learn from."""

BATCH = 16


@dataclass(frozen=True, slots=True)
class Probe:
    """Tells copy that seems to claim something from copy that does not.

    Attributes:
        embed: Texts to their vectors.
        weights: (D,) of the standardised vectors.
        mean: (D,) of the sentences learned from.
        spread: (D,) of them.
        threshold: Scores above it are suspicious.
    """

    embed: Callable[[Sequence[str]], Vectors]
    weights: Vectors
    mean: Vectors
    spread: Vectors
    threshold: float

    @classmethod
    def open(cls, base: ModelFolder, folder: Path, *, threads: int) -> "Probe":
        """The probe of a model: read from the folder, or learned once and kept there.

        Args:
            base: The model, ready to load.
            folder: Such as a workspace's `models/probe`.
            threads: Cores.

        Raises:
            ModelError: The model does not load.
        """
        model, tokenizer = load(base, threads=threads)
        table = files("handbill.creative").joinpath("words", "implied.tsv").read_text("utf-8")

        def embed(texts: Sequence[str]) -> Vectors:
            return states(model, tokenizer, texts)

        content = f"{base.id}\x1f{DEPTHS}\x1f{FALSE_ALARMS}\x1f{table}"
        path = folder / hashlib.sha256(content.encode()).hexdigest()[:16] / "probe.safetensors"
        if not path.is_file():
            rows = [line.split("\t", 1) for line in table.splitlines()]
            learned = learn(embed([text for _, text in rows]), [label == "1" for label, _ in rows])
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            save_file(learned, part)
            write_json(path.parent / "card.json", {"base": base.id, "sentences": len(rows)})
            part.replace(path)  # last: that it is there means that it is whole
        kept = load_file(path)
        return cls(
            embed, kept["weights"], kept["mean"], kept["spread"], float(kept["threshold"][0])
        )

    def suspicious(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text seems to claim something."""
        if not texts:
            return []
        scores = ((self.embed(texts) - self.mean) / self.spread) @ self.weights
        return [bool(score > self.threshold) for score in scores]


def learn(vectors: Vectors, claims: Sequence[bool]) -> dict[str, Vectors]:
    """Fit the probe; its threshold holds the false alarms on sentences left out of each fit.

    Args:
        vectors: (N, D).
        claims: (N,) whether each sentence claims something.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    mean, spread = vectors.mean(axis=0), vectors.std(axis=0) + 1e-6
    scaled = (vectors - mean) / spread
    labels = np.asarray(claims)
    model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=2000)
    scores = cross_val_predict(model, scaled, labels, cv=5, method="decision_function")
    fitted = model.fit(scaled, labels)
    threshold = np.quantile(scores[~labels], 1 - FALSE_ALARMS) - fitted.intercept_[0]
    return {
        "weights": fitted.coef_[0].astype(np.float32),
        "mean": mean.astype(np.float32),
        "spread": spread.astype(np.float32),
        "threshold": np.asarray([threshold], dtype=np.float32),
    }


def states(model: Any, tokenizer: Any, texts: Sequence[str]) -> Vectors:
    """What a model makes of texts: the mean over tokens of some layers' states, (N, D)."""
    import torch

    found = []
    for at in range(0, len(texts), BATCH):
        inputs = tokenizer(
            list(texts[at : at + BATCH]),
            return_tensors="pt",
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=256,
        )
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            layers = model(**inputs, output_hidden_states=True).hidden_states
        mask = inputs["attention_mask"].unsqueeze(-1)  # (B, T, 1)
        means = [
            (layers[int(len(layers) * depth)] * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            for depth in DEPTHS
        ]
        found.append(torch.cat(means, dim=1).float().numpy())
    return np.concatenate(found).astype(np.float32)
