"""What a stage asks of the outside, as protocols; one contract test runs over all who keep one."""

from collections.abc import Sequence
from typing import Protocol


class Progress(Protocol):
    """Told how far a long step is; the terminal draws it, a notebook or a test may ignore it."""

    def __call__(self, message: str, fraction: float | None = None) -> None:
        """Report a step.

        Args:
            message: What is being done now, a few words.
            fraction: 0 to 1 when known.
        """


class TextModel(Protocol):
    """A causal language model that continues prompts."""

    @property
    def name(self) -> str:
        """Name and version, as the ledger records it."""

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        """Continue each prompt.

        Args:
            prompts: (P,) complete prompts, chat template applied.
            samples: Continuations per prompt, N.
            max_new_tokens: Bound on each continuation's length.
            seed: Same seed, same text on the same machine and versions.

        Returns:
            (P, N) continuations without the prompt, special tokens removed.

        Raises:
            ModelError: The model does not answer.
        """
