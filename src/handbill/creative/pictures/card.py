"""Cards: what a picture shows, before it has a size."""

from dataclasses import dataclass

from handbill.creative.pictures.colours import Colour
from handbill.creative.pictures.photo import Photo
from handbill.types import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The parts of a picture.

    Attributes:
        headline: The largest words.
        body: A sentence or two, left out where there is no room; may be empty.
        call: What the button says; may be empty.
        price: As the catalogue has it on the day; may be empty.
        was: The price before, where the catalogue says so; may be empty.
        shop: Whose ad it is.
        language: Of the words.
        mark: That a model wrote them, where that has to be said; may be empty.
        mark_share: Least height of the mark, of the picture's shortest side.
        brand: Ground of the words.
        photo: Of the product.
    """

    headline: str
    body: str
    call: str
    price: str
    was: str
    shop: str
    language: Language
    mark: str
    mark_share: float
    brand: Colour
    photo: Photo | None
