"""Banners and feed cards: how many a minute, and what becomes of words that are hard to set.

Speed is of cards in type and with a photo, in all formats, English and Chinese, the browser's start
included. The hard set is made of headlines of every length that ads may have, on brand colours over
the whole circle, with photos that are bright, dark and busy; each rendering is measured on its
pixels by `examine`, and what it refuses is counted by rule.
"""

import colorsys
import itertools
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness import arguments, show
from handbill.creative.pictures.card import Card
from handbill.creative.pictures.checks import examine
from handbill.creative.pictures.colours import Colour
from handbill.creative.pictures.formats import FORMATS
from handbill.creative.pictures.photo import Photo, read_photo
from handbill.creative.pictures.studio import Studio, open_studio
from handbill.doctor import find_browser
from handbill.types import Language

EN = (
    "Tea",
    "House coffee, roasted on Mondays",
    "A jar of honey from the hill behind the town, for breakfast",
    "Everything that a kitchen of two people needs in the first week, chosen by those who cook",
)
ZH = (
    "新茶",
    "周一现烘的拼配咖啡",
    "山后村子里的一罐蜂蜜，配早餐的面包和酸奶",
    "两个人的厨房第一周所需要的一切，由每天做饭的人亲手挑选和试用过的三十件家什",
)
BODY: dict[Language, str] = {
    "en": "Ground for the pot you own. At the Corner Market until December 24.",
    "zh": "按您家的壶研磨，街角市场，活动到12月24日。",
}
SIDE = 1_200


def figures(quick: bool) -> tuple[dict[str, float | int], list[str]]:
    """The figures; none where there is no browser."""
    if find_browser() is None:
        return {}, ["pictures: no browser (Chromium): not measured"]
    colours = _circle(3 if quick else 12)
    with TemporaryDirectory() as folder:
        photos = [None, *_photos(Path(folder))]
        cards = [
            _card(language, headline, colour, photo)
            for language, texts in (("en", EN), ("zh", ZH))
            for headline, colour, photo in itertools.product(texts, colours, photos)
        ]
        easy = [one for one in cards if one.headline in (EN[1], ZH[1])][:8]
        begun = time.perf_counter()
        with open_studio() as studio:
            drawn, _ = _drawn(studio, easy)
        seconds = time.perf_counter() - begun
        with open_studio() as studio:
            hard, refused = _drawn(studio, cards)
    rules = ", ".join(f"{rule} {count}" for rule, count in refused.most_common())
    return {
        "pictures_per_min": round(60 * drawn / seconds, 1),
        "pictures_hard_set": hard,
        "pictures_refused": sum(refused.values()),
        "pictures_refused_contrast": refused["picture-contrast"],
        "pictures_refused_room": refused["picture-room"],
    }, [f"pictures: {drawn} for the speed; of {hard} hard ones refused: {rules or 'none'}"]


def _drawn(studio: Studio, cards: list[Card]) -> tuple[int, Counter[str]]:
    """How many pictures were rendered, and how many a rule refused, by the first rule."""
    refused: Counter[str] = Counter()
    for card, form in itertools.product(cards, FORMATS.values()):
        found = examine(studio.shoot(card, form), form)
        refused.update([found[0].rule] if found else [])
    return len(cards) * len(FORMATS), refused


def _card(language: Language, headline: str, brand: Colour, photo: Photo | None) -> Card:
    parts: dict[str, Any] = {"price": "$11.50", "was": "$13.20", "shop": "Corner Market"}
    if language == "zh":
        parts = {"price": "¥58.00", "was": "¥68.00", "shop": "街角市场"}
    return Card(
        headline=headline,
        body=BODY[language],
        call="领取优惠券" if language == "zh" else "Use my coupon",
        language=language,
        mark="AI生成" if language == "zh" else "AI-generated",
        mark_share=0.05,
        brand=brand,
        photo=photo,
        **parts,
    )


def _circle(hues: int) -> list[Colour]:
    """Brand colours: every hue, dull and bright, dark to light."""
    made = []
    for number in range(hues):
        hue, (light, full) = number / hues, ((0.2, 0.6), (0.5, 1.0), (0.8, 0.7))[number % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, light, full)
        made.append((round(255 * red), round(255 * green), round(255 * blue)))
    return made


def _photos(folder: Path) -> list[Photo]:
    """A bright one, a dark one and noise, drawn here."""
    rng = np.random.default_rng(7)
    across = np.linspace(0, 1, SIDE)[None, :, None]
    made = {
        "bright": np.broadcast_to(200 + 50 * across, (SIDE, SIDE, 3)),
        "dark": np.broadcast_to(60 * across, (SIDE, SIDE, 3)),
        "noise": rng.integers(0, 256, (SIDE, SIDE, 3)),
    }
    found = []
    for name, pixels in made.items():
        path = folder / f"{name}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        photo = read_photo(path)
        if isinstance(photo, str):
            raise ValueError(photo)
        found.append(photo)
    return found


if __name__ == "__main__":
    options = arguments(__doc__ or "")
    measured, notes = figures(options.quick)
    show(measured, notes, as_json=options.json)
