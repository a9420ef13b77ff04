"""Copy sheets: files of copy that people wrote, proofread line by line."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from handbill.creative.claims import languages
from handbill.creative.evidence import Record
from handbill.creative.goods import NOTHING, Product, parse_json
from handbill.creative.packs import HOME, Outcome, read_pack
from handbill.creative.proof import Ruling, implied, proofread, worst
from handbill.errors import ConfigError, SourceError

TEXTS = ("text", "headline", "headlines", "title", "body", "description", "call_to_action", "copy")
"""Columns that hold copy; several make one ad."""

KEYS = ("product", "product_id", "id", "sku")
"""Columns that name the product."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One ad of a file.

    Attributes:
        line: Where it stands, from 1.
        text: Its copy; several fields on lines of their own.
        product: Id of what it is about; empty when it does not say.
    """

    line: int
    text: str
    product: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A piece with what was found.

    Attributes:
        piece: As read.
        product: Id of the product it was held against; empty for none.
        packs: That ruled.
        outcome: Of the whole piece.
        rulings: Claim by claim.
    """

    piece: Piece
    product: str
    packs: tuple[str, ...]
    outcome: Outcome
    rulings: tuple[Ruling, ...]


def read_copy(path: Path) -> tuple[Piece, ...]:
    """Read a file of copy.

    Args:
        path: `.txt` (one ad a line), `.csv`, `.tsv`, `.json` or `.jsonl` with columns of `TEXTS`
            and, when it names products, one of `KEYS`.

    Raises:
        SourceError: It is missing, not such a file, or holds no copy.
    """
    if not path.is_file():
        raise SourceError(f"no file {path}")
    try:
        pieces = tuple(one for one in _pieces(path) if one.text.strip())
    except (ValueError, TypeError, csv.Error) as error:
        raise SourceError(f"{path.name} cannot be read: {error}") from error
    if not pieces:
        raise SourceError(f"{path.name} holds no copy; columns are {', '.join(TEXTS)}")
    return pieces


def _pieces(path: Path) -> Iterator[Piece]:
    kind = path.suffix.casefold()
    if kind in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t" if kind == ".tsv" else ",")
            yield from (_piece(reader.line_num, row) for row in reader)
        return
    text = path.read_text(encoding="utf-8-sig")
    if kind in (".json", ".jsonl", ".ndjson"):
        for number, row in enumerate(parse_json(text), start=1):
            yield _piece(number, row)
    else:
        for number, line in enumerate(text.splitlines(), start=1):
            yield Piece(line=number, text=line, product="")


def _piece(line: int, row: Mapping[str, Any]) -> Piece:
    known = {str(name).strip().casefold(): value for name, value in row.items() if name}
    texts = [_words(known[name]) for name in TEXTS if known.get(name)]
    key = next((str(known[name]).strip() for name in KEYS if known.get(name)), "")
    return Piece(line=line, text="\n".join(texts), product=key)


def _words(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def check_copy(
    pieces: Iterable[Piece],
    goods: Mapping[str, Product],
    *,
    market: str = "",
    platforms: Sequence[str] = (),
    records: Sequence[Record] = (),
    suspicious: Callable[[Sequence[str]], list[bool]] | None = None,
    today: date,
) -> tuple[Checked, ...]:
    """Proofread the pieces of a file.

    Args:
        pieces: As read.
        goods: The catalogue, by id.
        market: `cn`, `eu`, `uk` or `us`; by the language of each piece when empty.
        platforms: Where it runs beside the market's law.
        records: Evidence that stands.
        suspicious: Asked about texts in which no claim was found; see `implied.Probe`.
        today: Records past their last day do not count.

    Raises:
        ConfigError: A market or platform is unknown.
        SourceError: A piece names a product that the catalogue does not have.
    """
    for name in (market, *platforms):
        if name and read_pack(name).platform != (name in platforms):
            raise ConfigError(f"{name} is no {'platform' if name in platforms else 'market'}")
    found = []
    for piece in pieces:
        product = _product(piece, goods)
        packs = (market or HOME[languages(piece.text)[0]], *platforms)
        fields = [one.field for one in records if one.holds(product.id, today)]
        rulings = proofread(piece.text, product, packs=packs, records=fields)
        found.append(
            Checked(
                piece=piece,
                product=product.id,
                packs=packs,
                outcome=worst(rulings),
                rulings=rulings,
            )
        )
    return tuple(found) if suspicious is None else _asked(found, suspicious)


def _asked(
    found: Sequence[Checked], suspicious: Callable[[Sequence[str]], list[bool]]
) -> tuple[Checked, ...]:
    """Send copy to a person that claims nothing in words and seems to claim something."""
    clear = [one for one in found if one.outcome == "pass"]
    doubts = dict(zip(map(id, clear), suspicious([one.piece.text for one in clear]), strict=True))
    return tuple(
        replace(one, outcome="evidence", rulings=(*one.rulings, implied(one.piece.text)))
        if doubts.get(id(one))
        else one
        for one in found
    )


def _product(piece: Piece, goods: Mapping[str, Product]) -> Product:
    """The product a piece names by id, else the only one whose title it has in full."""
    if piece.product:
        if piece.product not in goods:
            raise SourceError(f"line {piece.line}: no product {piece.product} in the catalogue")
        return goods[piece.product]
    if len(goods) == 1:
        return next(iter(goods.values()))
    text = _squeezed(piece.text)
    named = [
        one
        for one in goods.values()
        if len(title := _squeezed(one.value("title"))) >= 2 and title in text
    ]
    return max(named, key=lambda one: len(one.value("title"))) if named else NOTHING


def _squeezed(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()
