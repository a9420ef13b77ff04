"""What a picture is measured for, on pictures whose faults the test planted."""

import numpy as np
import pytest

from handbill.creative.pictures.checks import examine, measure_contrast
from handbill.creative.pictures.colours import contrast, ink_on, needed, parse
from handbill.creative.pictures.formats import FORMATS, formats
from handbill.creative.pictures.studio import Box, Proof
from handbill.errors import SourceError

FORM = FORMATS["300x250"]


def proof(behind: np.ndarray, *boxes: Box, fits: bool = True) -> Proof:
    return Proof(pixels=behind, behind=behind, boxes=boxes, fits=fits)


def ground(grey: int) -> np.ndarray:
    return np.full((FORM.height, FORM.width, 3), grey, dtype=np.uint8)


def box(**changes) -> Box:
    parts = {
        "name": "headline", "left": 40.0, "top": 40.0, "right": 200.0, "bottom": 80.0,
        "size": 16.0, "weight": 400, "colour": (255, 255, 255),
    }  # fmt: skip
    return Box(**{**parts, **changes})


def rules(found) -> list[str]:
    return [one.rule for one in found]


def test_contrast_is_that_of_the_standard() -> None:
    white = np.array([255, 255, 255])
    for grey, ratio in ((0, 21.0), (118, 4.54), (119, 4.48), (255, 1.0)):
        assert float(contrast(np.array([grey] * 3), white)) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(("grey", "passes"), [(118, True), (119, False)])
def test_small_type_needs_four_and_a_half(grey: int, passes: bool) -> None:
    found = rules(examine(proof(ground(grey), box()), FORM))
    assert found == ([] if passes else ["picture-contrast"])


def test_large_type_needs_three() -> None:
    assert rules(examine(proof(ground(148), box(size=24.0)), FORM)) == []
    assert rules(examine(proof(ground(150), box(size=24.0)), FORM)) == ["picture-contrast"]
    assert (needed(18.7, 700), needed(18.7, 600)) == (3.0, 4.5)


def test_a_bright_patch_behind_a_text_is_found() -> None:
    behind = ground(0)
    behind[40:80, 150:200] = 250  # under a third of the words
    assert measure_contrast(proof(behind), box()) < 1.1
    behind = ground(0)
    behind[40:44, 40:60] = 250  # a speck that nobody trips over
    assert measure_contrast(proof(behind), box()) == pytest.approx(21.0)


def test_type_that_is_too_small_or_too_near_the_edge_is_found() -> None:
    assert rules(examine(proof(ground(0), box(size=10.0)), FORM)) == ["picture-text-size"]
    near = box(left=2.0, right=160.0)
    assert rules(examine(proof(ground(0), near), FORM)) == ["picture-margin"]


def test_words_without_room_and_wrong_sizes_are_found() -> None:
    assert rules(examine(proof(ground(0), fits=False), FORM)) == ["picture-room"]
    assert "picture-size" in rules(examine(proof(ground(0)), FORMATS["728x90"]))


@pytest.mark.parametrize(
    "brand", ["#000000", "#ffffff", "#12372a", "#f2c14e", "#808080", "#ff0000"]
)
def test_some_ink_can_be_read_on_every_colour(brand: str) -> None:
    on = parse(brand)
    assert float(contrast(np.array(ink_on(on)), np.array(on))) >= 3.9


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(SourceError, match="there are 1:1, 4:5"):
        formats(("9:16",))
