"""Letters: an e-mail on one product as text and as HTML that say the same."""

import functools
from collections.abc import Mapping, Sequence
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template

from handbill.types import Language

MARK: Mapping[Language, str] = {"en": "", "zh": "【广告】"}
"""Before the subject, as article 13 of the Measures for E-mail Services (MII order 38) asks."""

_FONTS: Mapping[Language, str] = {
    "en": "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
    "zh": "-apple-system,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif",
}
_TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans"}


def as_text(fields: Mapping[str, Sequence[str]], link: str) -> str:
    """The letter as plain text.

    Args:
        fields: Of the form `email`, facts filled in.
        link: Where the button leads; empty for nowhere.
    """
    (button,) = fields["button"]
    blocks = [*fields["greeting"], *fields["paragraph"]]
    if fields["fact"]:
        blocks.append("\n".join(f"- {line}" for line in fields["fact"]))
    blocks.append(f"{button}: {link}" if link else button)
    return "\n\n".join(blocks) + "\n\n-- \n" + "\n".join(fields["footer"]) + "\n"


def as_html(fields: Mapping[str, Sequence[str]], link: str, shop: str, language: Language) -> str:
    """The letter as a page without images, scripts or anything from elsewhere.

    Args:
        fields: Of the form `email`, facts filled in; everything is escaped.
        link: Where the button leads; empty for nowhere.
        shop: Its name.
        language: Of the letter.
    """
    colon = {"en": ": ", "zh": "："}[language]
    return _page().render(
        language=_TAGS[language],
        font=_FONTS[language],
        shop=shop,
        subject=fields["subject"][0],
        preheader=fields["preheader"][0],
        greeting=fields["greeting"][0],
        paragraphs=fields["paragraph"],
        facts=[line.partition(colon)[::2] for line in fields["fact"]],
        button=fields["button"][0],
        link=link,
        footer=fields["footer"],
    )


@functools.cache
def _page() -> Template:
    """The template, read once."""
    source = resources.files("handbill.creative.forms").joinpath("letter.html").read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
