"""A product feed in XML: RSS items and Atom entries, without anything that XML could smuggle in."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from handbill.errors import SourceError

ITEMS = frozenset({"item", "entry", "product"})
MAX_DEPTH = 12
MAX_ITEM = 1 << 20
"""Characters of one item."""
CHUNK = 1 << 16


class _Reader:
    """Builds a dict from each item; names lose their namespace (`g:price` is `price`)."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._depth = 0
        self._size = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise SourceError(f"nested deeper than {MAX_DEPTH}")
        local = name.rpartition(":")[2]
        if self._open or local in ITEMS:
            if not self._open:
                self._size = 0
            href = {"href": attributes["href"]} if "href" in attributes else {}
            self._open.append((local, dict(href), []))

    def text(self, data: str) -> None:
        if self._open:
            self._size += len(data)
            if self._size > MAX_ITEM:
                raise SourceError("an item of more than 1 MiB")
            self._open[-1][2].append(data)

    def end(self, _name: str) -> None:
        self._depth -= 1
        if not self._open:
            return
        local, children, texts = self._open.pop()
        text = "".join(texts).strip()
        if not self._open:
            self.done.append(children)
            return
        value: Any = children.get("href") if set(children) == {"href"} and not text else text
        if set(children) - {"href"}:
            value = children
        parent = self._open[-1][1]
        if local in parent:
            already = parent[local]
            parent[local] = [*already, value] if isinstance(already, list) else [already, value]
        elif value:
            parent[local] = value


def items_of(path: Path, name: str) -> Iterator[dict[str, Any]]:
    """The items of a feed, as they come.

    A document type is refused: entities are the only thing a feed could want one for, and they can
    fetch files or grow without bound.

    Args:
        path: The file, in the encoding that it declares.
        name: As messages call it.

    Raises:
        SourceError: It is not well-formed, or holds a document type.
    """
    reader = _Reader()
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        with path.open(encoding=_encoding(path)) as handle:
            while chunk := handle.read(CHUNK):
                parser.Parse(chunk.encode(), False)
                yield from reader.done
                reader.done.clear()
        parser.Parse(b"", True)
    except (expat.ExpatError, SourceError, LookupError, UnicodeError) as error:
        raise SourceError(f"cannot read {name} as a feed: {error}") from error


def _encoding(path: Path) -> str:
    """What the declaration says; a byte order mark says it better."""
    with path.open("rb") as handle:
        head = handle.read(200)
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    declared = re.match(rb"""\s*<\?xml[^>]*encoding=["']([\w.-]+)""", head)
    return declared.group(1).decode() if declared else "utf-8"


def _refuse_doctype(*_: object) -> None:
    raise SourceError("it declares a document type (<!DOCTYPE>); remove it")
