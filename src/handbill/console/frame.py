"""The frame of every page: templates that speak both languages, one style, one script."""

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from handbill.console import words
from handbill.types import ShopProfile, Text


def draw(template: str, *, shop: ShopProfile, title: Text, tools: Any = None, **values: Any) -> str:
    """A page as one HTML document that loads nothing.

    Args:
        template: In `templates/`, built on `page.html`.
        shop: Whose page.
        title: Of the document.
        tools: More functions for the template, by name.
        values: What it shows.
    """
    environment = Environment(
        loader=PackageLoader("handbill.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=words.spoken, both=words.both, **(tools or {}))
    page = environment.get_template(template).render(
        shop=shop,
        title=title,
        style=inlined("report.css"),
        script=inlined("report.js"),
        **values,
    )
    return "\n".join(line for line in page.splitlines() if line.strip()) + "\n"


def inlined(name: str) -> Markup:
    """A style or script of ours, as it stands in a page."""
    text = files("handbill.console").joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own style and script, never data


def script_source() -> str:
    """The page's script as a Content-Security-Policy names it, so that no other may run."""
    digest = hashlib.sha256(str(inlined("report.js")).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
