"""How a writer is tuned: one frozen record, part of every adapter's identity."""

from dataclasses import dataclass
from typing import Literal

from handbill.errors import ConfigError

METHODS = ("lora", "adalora", "ia3", "full")
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What decides a tuning besides its data.

    Attributes:
        method: `lora`, `adalora`, `ia3` or `full`.
        epochs: Times each pair is seen.
        minutes: Stop after so many and let the learning rate fall in time; None: only by epochs.
        learning_rate: Peak of a cosine with a short warm-up.
        rank: Of the low-rank matrices.
        dropout: In front of them.
        weight_decay: Of AdamW.
        batch: Pairs a step.
        micro_batch: Pairs computed together; the rest of a step adds up. Less takes less memory.
        shuffle: Whether attributes come in another order each epoch.
        drop: Chance that an attribute which a text does not mention is left out of its request.
        slots: Whether texts hold `{name}` where they mention an attribute, to be copied in later.
        max_tokens: A longer text is cut there, without an end mark.
        held_out: Share of the pairs that is held out, whole products only.
        held_out_most: Pairs held out at most.
        patience: Looks at the held-out loss without a better one before it stops, and keeps the
            weights of the best; 0 trains to the end and keeps the last. On a hundred pairs the
            last write better than the best look's: their learning rate has come down.
        looks: Looks at the held-out loss, an epoch.
        checkpointing: Compute activations twice instead of keeping them.
        vocabulary: `corpus` cuts a large vocabulary to the data first; `full` keeps it.
        device: `cpu` or `cuda`.
        threads: Cores.
        seed: Of the split, the first weights, order, dropout and augmentation.
    """

    method: Literal["lora", "adalora", "ia3", "full"] = "lora"
    epochs: int = 3
    minutes: float | None = None
    learning_rate: float = 5e-4
    rank: int = 16
    dropout: float = 0.05
    weight_decay: float = 0.01
    batch: int = 16
    micro_batch: int = 4
    shuffle: bool = True
    drop: float = 0.1
    slots: bool = False
    max_tokens: int = 256
    held_out: float = 0.1
    held_out_most: int = 128
    patience: int = 2
    looks: int = 2
    checkpointing: bool = False
    vocabulary: Literal["corpus", "full"] = "corpus"
    device: Device = "cpu"
    threads: int = 2
    seed: int = 7

    def __post_init__(self) -> None:
        """Refuse what cannot work, by name."""
        for name, low in (
            ("epochs", 0),
            ("rank", 1),
            ("batch", 1),
            ("micro_batch", 1),
            ("max_tokens", 1),
            ("held_out_most", 0),
            ("patience", 0),
            ("looks", 1),
            ("threads", 1),
            ("seed", 0),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise ConfigError(f"tuning: {name} is {value!r}; it must be whole, from {low}")
        for name, high in (("dropout", 0.9), ("weight_decay", 1.0), ("drop", 1.0)):
            self._within(name, 0.0, high)
        self._within("held_out", 0.0, 0.5)
        if not 0 < self.learning_rate <= 0.1:
            raise ConfigError(
                f"tuning: learning_rate is {self.learning_rate}; it must be above 0, at most 0.1"
            )
        if self.minutes is not None and not 0 < self.minutes <= 100_000:
            raise ConfigError(f"tuning: minutes is {self.minutes}; it must be above 0")
        for name, known in (
            ("method", METHODS),
            ("vocabulary", ("corpus", "full")),
            ("device", ("cpu", "cuda")),
        ):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"tuning: {name} is {getattr(self, name)!r}; known: {', '.join(known)}"
                )

    def _within(self, name: str, low: float, high: float) -> None:
        if not low <= getattr(self, name) <= high:
            raise ConfigError(
                f"tuning: {name} is {getattr(self, name)}; it must lie in {low} to {high}"
            )
