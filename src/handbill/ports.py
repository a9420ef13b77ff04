"""What a stage asks of the outside, as protocols; one contract test runs over all who keep one."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


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
            prompts: (P,) requests; the implementation applies its model's own chat template.
            samples: Continuations per prompt, N.
            max_new_tokens: Bound on each continuation's length.
            seed: Same seed, same text on the same machine and versions.

        Returns:
            (P, N) continuations without the prompt, special tokens removed.

        Raises:
            ModelError: The model does not answer.
        """


class Arrived(NamedTuple):
    """An event at the inbox's door, pseudonymous already.

    Attributes:
        id: The same event has the same id however often it is sent; 12 bytes.
        body: What the log's compaction reads (`events/received.py`).
        refused: Reason code of an event that goes to quarantine; empty when it is kept.
    """

    id: bytes
    body: bytes
    refused: str = ""


class Waiting(NamedTuple):
    """A body that left the inbox but is not settled: it comes again until it is.

    Attributes:
        stream: Which sequence `position` counts in; never used again for another sequence.
        position: Grows along a stream; bodies that arrived together may share one.
        body: As it arrived.
    """

    stream: str
    position: int
    body: bytes


class EventInbox(Protocol):
    """A durable buffer between the collector's reply and the log."""

    def append(self, events: Sequence[Arrived]) -> list[bool]:
        """Take events in; when this returns, a power cut does not lose them.

        Args:
            events: In the order they came. Ids of refused ones are not remembered.

        Returns:
            For each event whether it is new as far as the inbox knows; one that it finds out to be
            a duplicate later is left out of `drain`.

        Raises:
            WorkspaceError: Not all was taken, as on a full disk. The same call may succeed later;
                what was taken is then a repeat.
        """

    def drain(self, limit: int) -> list[Waiting]:
        """The oldest bodies that are not settled, each accepted id once.

        Args:
            limit: About how many; bodies that share a position stay together.
        """

    def settle(self, waiting: Sequence[Waiting]) -> None:
        """Forget bodies that now lie in the log, durably; their ids stay known."""

    def counts(self) -> Mapping[str, int]:
        """`received`, `kept`, `duplicate`, and `quarantined:<reason>` for each reason, ever."""

    def close(self) -> None:
        """Let go of files and connections."""
