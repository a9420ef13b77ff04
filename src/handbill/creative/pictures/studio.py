"""The studio: one browser that renders cards, fits their type and measures what came out.

It is offline and runs no script of a page: product texts and photos are strangers'.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from handbill.creative.pictures.card import Card
from handbill.creative.pictures.colours import INK, PAPER, Colour, css, ink_on
from handbill.creative.pictures.formats import Format
from handbill.doctor import find_browser
from handbill.errors import PictureError

if TYPE_CHECKING:
    from playwright.sync_api import Page

FLAGS = (
    "--disable-background-networking", "--disable-component-update", "--disable-quic",
    "--disable-sync", "--no-first-run", "--font-render-hinting=none", "--force-color-profile=srgb",
)  # fmt: skip

SHORTEST_HEADLINE = 1.15
"""The headline is never set smaller than this, of the least readable type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a text stands.

    Attributes:
        name: Which text.
        left: Pixels, as the other three.
        top: From above.
        right: Past the end.
        bottom: Past the end.
        size: Of its type, in pixels.
        weight: 400 to 700.
        colour: Of its type.
    """

    name: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    weight: int
    colour: Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A card as it was rendered.

    Attributes:
        pixels: (H, W, 3).
        behind: The same without its words, (H, W, 3).
        boxes: Of the texts that are in it.
        fits: Whether all of them stand whole within the margins.
    """

    pixels: np.ndarray
    behind: np.ndarray
    boxes: tuple[Box, ...]
    fits: bool


@dataclass(frozen=True, slots=True)
class Studio:
    """An open browser.

    Attributes:
        page: Where cards are laid out.
    """

    page: "Page"

    def shoot(self, card: Card, form: Format) -> Proof:
        """Render a card in a format."""
        self.page.set_viewport_size({"width": form.width, "height": form.height})
        self.page.set_content(_page(card, form), wait_until="load")
        most = float(
            self.page.evaluate("getComputedStyle(document.body).getPropertyValue('--most')")[:-2]
        )
        found: Mapping[str, Any] = self.page.evaluate(
            _text("fit.js"), [most, form.least_text * SHORTEST_HEADLINE]
        )
        pixels = _pixels(self.page.screenshot())
        self.page.evaluate("document.body.classList.add('bare')")
        behind = _pixels(self.page.screenshot())
        boxes = tuple(Box(**{**box, "colour": _rgb(box["colour"])}) for box in found["boxes"])
        return Proof(pixels=pixels, behind=behind, boxes=boxes, fits=bool(found["fits"]))

    def writes(self, signs: str) -> bool:
        """Whether its fonts have these two signs: without them, both are the same empty box."""
        self.page.set_viewport_size({"width": 200, "height": 120})
        seen = []
        for sign in signs:
            self.page.set_content(f'<p style="font: 80px sans-serif">{sign}</p>')
            seen.append(self.page.screenshot())
        return seen[0] != seen[1]


@contextmanager
def open_studio() -> Iterator[Studio]:
    """A browser for the length of a block.

    Raises:
        PictureError: There is none, it does not start, or what drives it is not installed.
    """
    try:  # it takes a while to import, and only pictures need it
        from playwright.sync_api import Error, sync_playwright
    except ModuleNotFoundError as error:
        raise PictureError(
            f"pictures need {error.name}; run: pip install 'handbill[pictures]'"
        ) from error

    program = find_browser()
    if program is None:
        raise PictureError(
            "pictures need Chromium or Chrome; install one (Debian: apt-get install chromium), or "
            "name its program in CHROME"
        )
    with sync_playwright() as player:
        try:
            browser = player.chromium.launch(
                executable_path=program, args=list(FLAGS), chromium_sandbox=os.geteuid() != 0
            )
        except Error as error:
            reason = str(error).splitlines()[0]
            raise PictureError(f"{program} does not start: {reason}") from error
        try:
            context = browser.new_context(java_script_enabled=False, offline=True)
            yield Studio(context.new_page())
        finally:
            browser.close()


@cache
def layout_digest() -> str:
    """Hash of the layouts: pictures of another one are made anew."""
    parts = "".join(_text(name) for name in ("card.html", "card.css", "fit.js"))
    return hashlib.sha256(parts.encode()).hexdigest()


def _page(card: Card, form: Format) -> str:
    brand = card.brand
    ink = ink_on(brand)
    mark_px = max(form.least_text, card.mark_share * min(form.size))
    photo = card.photo
    page: str = _template().render(
        card=card,
        form=form,
        style=Markup(_text("card.css")),  # noqa: S704 - our own style, never data
        brand=css(brand),
        ink=css(ink),
        paper=css(PAPER),
        dark=css(INK),
        ground=css(photo.ground if photo and photo.ground else PAPER),
        mark_px=f"{mark_px:.1f}",
    )
    return page


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_text("card.html"))


@cache
def _text(name: str) -> str:
    return files("handbill.creative.pictures").joinpath(name).read_text(encoding="utf-8")


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def _rgb(text: str) -> Colour:
    """A computed colour, `rgb(1, 2, 3)`."""
    red, green, blue = (int(one) for one in text[text.index("(") + 1 : -1].split(",")[:3])
    return red, green, blue
