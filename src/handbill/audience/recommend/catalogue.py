"""What is known of the items that may be recommended."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from handbill.audience.recommend.encoder import Matrix, clean, unit
from handbill.audience.recommend.histories import Floats, Items

MOST_AXES = 128
"""A pretrained encoder's vectors are turned onto so many main axes: smaller, and centred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """I items, in the order that histories count them in.

    Attributes:
        ids: (I,) the shop's own.
        vectors: (I, d) of the text, rows of length one or zero.
        brands: (I,) code, -1 where unknown.
        categories: (I,) code, -1 where unknown.
        prices: (I,) in units of currency, NaN where unknown.
        margins: (I,) share of the price that is left, NaN where unknown.
        in_stock: (I,) whether it can be sold now.
        encoder: What made the vectors.
    """

    ids: npt.NDArray[np.str_]
    vectors: Matrix
    brands: Items
    categories: Items
    prices: Floats
    margins: Floats
    in_stock: npt.NDArray[np.bool_]
    encoder: str

    @classmethod
    def of_titles(cls, titles: Sequence[str], vectors: Matrix, *, encoder: str = "") -> "Catalogue":
        """Items of which only titles are known; a title's first word stands for the brand.

        Args:
            titles: (I,)
            vectors: (I, d) as they are to be used.
            encoder: What made them.
        """
        size = len(titles)
        return cls(
            ids=np.array([str(number) for number in range(size)]),
            vectors=vectors,
            brands=codes([first_word(title) for title in titles]),
            categories=np.full(size, -1, np.int32),
            prices=np.full(size, np.nan, np.float32),
            margins=np.full(size, np.nan, np.float32),
            in_stock=np.ones(size, np.bool_),
            encoder=encoder,
        )

    def __len__(self) -> int:
        """Number of items."""
        return len(self.ids)


def codes(names: Sequence[str | None]) -> Items:
    """A number for each distinct name in the order of the alphabet, -1 for none.

    Example:
        >>> codes(["tea", None, "soap", "tea"]).tolist()
        [1, -1, 0, 1]
    """
    place = {name: number for number, name in enumerate(sorted({one for one in names if one}))}
    return np.array([place[name] if name else -1 for name in names], np.int32)


def first_word(title: str | None) -> str | None:
    """What a title opens with, in small letters: most often the brand.

    Example:
        >>> first_word("OPI Nail Lacquer"), first_word("")
        ('opi', None)
    """
    words = clean(title).casefold().split(" ", 1)
    return words[0] or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """A turn of vectors onto their main axes about their mean; smaller, and the mean says nothing.

    Attributes:
        mean: (v,)
        turn: (v, d)
    """

    mean: Floats
    turn: Floats

    @classmethod
    def of(cls, vectors: Matrix, size: int = MOST_AXES) -> "Axes | None":
        """The axes of some vectors; None where they are too few to have any.

        Args:
            vectors: (I, v) zero rows (no text) do not count.
            size: Most axes kept.
        """
        there = vectors[np.abs(vectors).sum(1) > 0]
        if vectors.shape[1] <= 1 or len(there) < 3:
            return None
        mean = there.mean(0)
        centred = (there - mean).astype(np.float64)
        _, turn = np.linalg.eigh(centred.T @ centred)
        return cls(mean=mean, turn=np.ascontiguousarray(turn[:, ::-1][:, :size], np.float32))

    def __call__(self, vectors: Matrix) -> Matrix:
        """(I, d) rows of length one; zero rows stay zero."""
        there = (np.abs(vectors).sum(1) > 0)[:, None]
        return unit(np.where(there, (vectors - self.mean) @ self.turn, 0.0).astype(np.float32))


def main_axes(vectors: Matrix) -> Matrix:
    """Vectors on their own main axes, see `Axes`; as they are where they have none."""
    axes = Axes.of(vectors)
    return vectors if axes is None else axes(vectors)
