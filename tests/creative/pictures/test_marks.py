"""Marks are read back from the file, as those who look for them would."""

import io
import json
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from handbill.creative.pictures.marks import COMPOSITE, finish, markets, marks_of
from handbill.creative.settings import MARKETS

HOSTILE = 'A & B <"Market">'


def kept(market: str, origin: str) -> Image.Image:
    image = Image.new("RGB", (40, 40), "red")
    content = finish(
        image, marks_of(market, origin), producer=HOSTILE, content_id="c1", model="smollm2-135m"
    )
    return Image.open(io.BytesIO(content))


def test_every_market_of_the_settings_has_rules() -> None:
    assert markets() == MARKETS


@pytest.mark.parametrize("origin", ["template", "person"])
@pytest.mark.parametrize("market", MARKETS)
def test_what_no_model_wrote_is_not_marked(market: str, origin: str) -> None:
    assert marks_of(market, origin).visible is None
    assert not kept(market, origin).info


@pytest.mark.parametrize("market", ["cn", "anywhere"])
def test_china_is_told_in_sight_and_in_the_file(market: str) -> None:
    marks = marks_of(market, "model")
    assert marks.visible is not None and marks.visible.zh == "AI生成"
    assert marks.share == 0.05
    label = json.loads(kept(market, "model").info["AIGC"])
    assert (label["Label"], label["ContentProducer"], label["ProduceID"]) == ("1", HOSTILE, "c1")


@pytest.mark.parametrize("market", MARKETS)
def test_every_file_says_where_its_words_come_from(market: str) -> None:
    packet = kept(market, "model").info["XML:com.adobe.xmp"]
    root = ET.fromstring(packet.split("?>", 1)[1].rsplit("<?", 1)[0])  # noqa: S314  our own
    said = {element.tag.rsplit("}", 1)[1]: element.text for element in root.iter()}
    assert said["DigitalSourceType"] == COMPOSITE
    assert said["AISystemUsed"] == "smollm2-135m"
    assert said["li"] == HOSTILE
    assert ("AIGC" in said) == (market in ("cn", "anywhere"))


@pytest.mark.parametrize("market", ["eu", "uk", "us"])
def test_elsewhere_no_word_in_sight_is_asked(market: str) -> None:
    assert marks_of(market, "model").visible is None
    assert "AIGC" not in kept(market, "model").info


def test_the_same_picture_is_the_same_file() -> None:
    image, marks = Image.new("RGB", (9, 9)), marks_of("cn", "model")
    made = [finish(image, marks, producer="a", content_id="b", model="c") for _ in range(2)]
    assert made[0] == made[1]
