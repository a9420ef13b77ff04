"""Cards in a real browser: every format, kind words and hostile ones."""

from pathlib import Path

import numpy as np
import pytest
from tests.creative.pictures.conftest import card, photo, write_photo

from handbill.creative.pictures.checks import examine
from handbill.creative.pictures.colours import parse
from handbill.creative.pictures.formats import FORMATS
from handbill.creative.pictures.photo import Photo, read_photo
from handbill.creative.pictures.studio import Studio, open_studio
from handbill.doctor import browser
from handbill.errors import PictureError
from handbill.workspace import Workspace

LONG = "A little cheese and more can go a long way, and so can the coupon that you already have"


def read(workspace: Workspace, size: tuple[int, int]) -> Photo:
    found = read_photo(write_photo(workspace, photo(size)))
    assert isinstance(found, Photo)
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_passes_with_and_without_a_photo(
    studio: Studio, workspace: Workspace, name: str
) -> None:
    form = FORMATS[name]
    for size in ((900, 900), (2_000, 300), (300, 2_000)):
        for brand in ("#12372a", "#f2c14e", "#808080"):
            with_photo = card(photo=read(workspace, size), brand=parse(brand))
            proof = studio.shoot(with_photo, form)
            assert proof.pixels.shape == (form.height, form.width, 3)
            assert examine(proof, form) == ()
    assert examine(studio.shoot(card(), form), form) == ()
    chinese = card(
        headline="周一现烘的拼配咖啡", body="按您家的壶研磨。", call="领取优惠券", price="¥58.00",
        was="", shop="街角市场", language="zh", mark="AI生成",
    )  # fmt: skip
    if studio.writes("酬鑫"):
        assert examine(studio.shoot(chinese, form), form) == ()


def test_the_headline_grows_until_it_fills_its_place(studio: Studio) -> None:
    form = FORMATS["1:1"]
    sizes = {}
    for words in ("Tea", LONG):
        proof = studio.shoot(card(headline=words), form)
        assert examine(proof, form) == ()
        sizes[words] = next(box.size for box in proof.boxes if box.name == "headline")
    assert sizes["Tea"] > 1.5 * sizes[LONG]


def test_the_mark_is_as_high_as_the_law_asks(studio: Studio) -> None:
    for form in FORMATS.values():
        boxes = {box.name: box for box in studio.shoot(card(), form).boxes}
        assert boxes["mark"].size >= 0.05 * min(form.size)


@pytest.mark.parametrize(
    "headline",
    [
        "<script>document.title='x'</script><img src=x onerror=alert(1)>",
        "</style><style>*{display:none}</style>",
        "☕️🫖🍰 for two 👩‍👩‍👧‍👦",
        "قهوة البيت محمصة يوم الاثنين",
        "Ｆｕｌｌ　ｗｉｄｔｈ 咖啡 and Latin",
        "e\u0301" * 30,
    ],
)
def test_odd_words_are_shown_as_words_or_refused(studio: Studio, headline: str) -> None:
    for form in FORMATS.values():
        proof = studio.shoot(card(headline=headline), form)
        if proof.fits:
            assert proof.pixels.std() > 1  # something is there
            assert {box.name for box in proof.boxes} >= {"headline", "shop", "call"}


def test_words_that_cannot_stand_whole_are_refused(studio: Studio) -> None:
    for words in ("Donaudampfschifffahrtsgesellschaft" * 8, "word " * 2_000):
        for form in FORMATS.values():
            found = examine(studio.shoot(card(headline=words), form), form)
            assert [one.rule for one in found] == ["picture-room"]


def test_nothing_is_fetched_and_no_script_runs(studio: Studio) -> None:
    asked: list[str] = []
    studio.page.on("request", lambda request: asked.append(request.url))
    hostile = "<img src='http://127.0.0.1:9/x.png'><script>document.body.remove()</script>"
    proof = studio.shoot(card(headline="Tea", body=hostile), FORMATS["1:1"])
    assert [url for url in asked if not url.startswith(("data:", "about:"))] == []
    assert any(box.name == "headline" for box in proof.boxes)


def test_the_same_card_gives_the_same_pixels(studio: Studio) -> None:
    first, second = (studio.shoot(card(), FORMATS["300x250"]).pixels for _ in range(2))
    assert np.array_equal(first, second)


def test_without_a_browser_there_is_one_line(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHROME", str(tmp_path / "none"))
    assert browser().found.startswith("none")
    with pytest.raises(PictureError, match="install one"), open_studio():
        pass


def test_a_browser_that_does_not_start_is_one_line(monkeypatch, tmp_path: Path) -> None:
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CHROME", str(broken))
    with pytest.raises(PictureError, match="does not start") as error, open_studio():
        pass
    assert "\n" not in str(error.value)
