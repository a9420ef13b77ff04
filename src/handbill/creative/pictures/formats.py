"""Formats: the sizes that ads are placed in, with what a picture of each has to keep to."""

from dataclasses import dataclass
from typing import Literal

from handbill.errors import SourceError

Shape = Literal["square", "tall", "wide", "box", "strip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One size.

    Attributes:
        name: As commands call it.
        width: Pixels.
        height: Pixels.
        shape: Which arrangement fits it.
        margin: Pixels along each edge that hold no text, where platforms crop or draw their own.
        least_text: Pixels of type below which a reader cannot read it at its usual size.
        most_bytes: What the place takes; 0 where it is far above any of ours.
    """

    name: str
    width: int
    height: int
    shape: Shape
    margin: int
    least_text: int
    most_bytes: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


FORMATS = {
    one.name: one
    for one in (
        Format(name="1:1", width=1080, height=1080, shape="square", margin=64, least_text=26),
        Format(name="4:5", width=1080, height=1350, shape="tall", margin=64, least_text=26),
        Format(name="16:9", width=1920, height=1080, shape="wide", margin=80, least_text=28),
        Format(
            name="300x250", width=300, height=250, shape="box",
            margin=14, least_text=11, most_bytes=150_000,
        ),
        Format(
            name="728x90", width=728, height=90, shape="strip",
            margin=10, least_text=11, most_bytes=150_000,
        ),
    )
}  # fmt: skip
"""Display sizes take 150 kB (Google Ads, uploaded display ads); feeds take many megabytes."""


def formats(names: tuple[str, ...]) -> tuple[Format, ...]:
    """Formats by name, all of them when none is named.

    Raises:
        SourceError: There is no such format.
    """
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise SourceError(f"no format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    return tuple(FORMATS[name] for name in names or FORMATS)
