"""Marks: what a picture says, in sight and in its file, about words that a model wrote."""

import io
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from handbill.types import Text

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = f"{IPTC}compositeWithTrainedAlgorithmicMedia"
"""A composite with parts, here the words, that a trained model made."""
XMP = "XML:com.adobe.xmp"
LABEL = "AIGC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What one market asks.

    Attributes:
        market: Its name.
        visible: Words in the picture; None where there are none.
        share: Least height of these words, of the picture's shortest side.
        label: Whether the file carries China's implicit label.
        source: Whether its XMP says where the words come from.
    """

    market: str
    visible: Text | None
    share: float
    label: bool
    source: bool


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    text = files("handbill.creative.pictures").joinpath("marks.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def markets() -> tuple[str, ...]:
    """Markets that have rules."""
    return tuple(_table())


def marks_of(market: str, origin: str) -> Marks:
    """What has to be marked.

    Args:
        market: One of `markets()`.
        origin: Who wrote the words; only a model's are marked.
    """
    row = _table()[market]
    if origin != "model":
        return Marks(market=market, visible=None, share=0.0, label=False, source=False)
    visible = row.get("visible")
    return Marks(
        market=market,
        visible=Text(**visible) if visible else None,
        share=float(row.get("share", 0.0)),
        label=bool(row["label"]),
        source=bool(row["source"]),
    )


def finish(
    image: Image.Image, marks: Marks, *, producer: str, content_id: str, model: str
) -> bytes:
    """A picture as the PNG that is kept, with the marks in its file.

    Args:
        image: RGB, or with a palette.
        marks: What to say.
        producer: Who answers for it: the shop.
        content_id: The creative's.
        model: Which model wrote.
    """
    info = PngInfo()
    label = json.dumps(_label(producer, content_id), ensure_ascii=False) if marks.label else ""
    if label:
        info.add_itxt(LABEL, label)
    if marks.source:
        info.add_itxt(XMP, _xmp(producer, model, label))
    kept = io.BytesIO()
    image.save(kept, "PNG", optimize=True, pnginfo=info)
    return kept.getvalue()


def _label(producer: str, content_id: str) -> dict[str, str]:
    """GB 45438-2025, annex E: that it is generated, who made it, and its number there."""
    return {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": content_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }


def _xmp(producer: str, model: str, label: str) -> str:
    aigc = f"<TC260:AIGC>{escape(label)}</TC260:AIGC>" if label else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about=""'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        ' xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}</Iptc4xmpExt:DigitalSourceType>"
        f"<Iptc4xmpExt:AISystemUsed>{escape(model)}</Iptc4xmpExt:AISystemUsed>"
        f"<dc:creator><rdf:Seq><rdf:li>{escape(producer)}</rdf:li></rdf:Seq></dc:creator>"
        f'{aigc}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
