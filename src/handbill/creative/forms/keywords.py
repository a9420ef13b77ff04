"""Keywords: what customers call a product, from the catalogue's words and their own searches.

No model takes part: a keyword that nobody searched and no catalogue field says is a guess, and it
costs money.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from handbill.creative.brief import clean
from handbill.creative.forms.assemble import Assembled
from handbill.creative.forms.form import Field, Form
from handbill.creative.goods import Product, make_product
from handbill.creative.text import plain
from handbill.engine import connect
from handbill.errors import SourceError
from handbill.trust.reading import view_log
from handbill.types import Brief, Language
from handbill.workspace import Workspace

PEOPLE = 3
"""People who have to have searched a term: what one person typed may be about that person."""

MOST_WORDS = 10
"""Words of a keyword at most, as Google counts."""

TRAITS = ("brand", "material", "color", "origin", "size")
"""Facts that people add to a product's name when they search."""

UNWANTED: Mapping[Language, tuple[str, ...]] = {
    "en": ("free", "used", "second hand", "wholesale", "repair", "diy", "jobs", "how to make"),
    "zh": ("免费", "二手", "批发", "维修", "自制", "招聘", "怎么做", "图片"),
}
"""What people search who do not want to buy one, by language."""

_ONE_SIZE = re.compile(r"\d+(?:\.\d+)? ?[^\W\d]+")

_SEARCHES = """
SELECT lower(trim(json_extract_string(context, '$.search_term'))) AS term,
       count(DISTINCT person) AS people
FROM searched WHERE event IN ('search', 'view_search_results') AND is_human
GROUP BY 1 HAVING term <> '' AND people >= ? ORDER BY people DESC, term
"""
_SIBLINGS = """
SELECT * FROM read_parquet($1) WHERE CAST(id AS VARCHAR) <> $2
AND (product_type = $3 OR (category = $4 AND type IS NOT DISTINCT FROM $5)) ORDER BY id LIMIT 500
"""
_BRANDS = "SELECT DISTINCT brand FROM read_parquet(?) WHERE brand IS NOT NULL ORDER BY brand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What stands beside a product.

    Attributes:
        siblings: Products of the same kind.
        brands: Other brands of the catalogue, normalised.
        searches: What at least `PEOPLE` people searched, and how many did.
    """

    siblings: tuple[Product, ...]
    brands: frozenset[str]
    searches: tuple[tuple[str, int], ...]


def keywords(workspace: Workspace, product: Product, brief: Brief, form: Form) -> Assembled:
    """Keywords with their match types, and what the ad should not be shown for.

    Written as search platforms write them: `[exact]`, `"phrase"`.

    Args:
        workspace: With catalogue and log.
        product: What is advertised.
        brief: Its facts.
        form: Bounds on number and width.
    """
    shelf = read_shelf(workspace, product)
    return Assembled(
        fields={
            "keyword": tuple(_matched(brief, shelf, form.field("keyword"))),
            "negative": tuple(_negatives(product, brief, shelf, form.field("negative"))),
        },
        written=False,
    )


def read_shelf(workspace: Workspace, product: Product) -> Shelf:
    """Siblings, other brands and searches of a workspace.

    Raises:
        SourceError: Its catalogue cannot be read.
    """
    backend = connect(threads=1)
    path = workspace.catalog / "products.parquet"
    try:
        con = backend.con
        kind = [product.value(name) or None for name in ("product_type", "category", "type")]
        rows = con.sql(_SIBLINGS, params=[str(path), product.id, *kind]).to_arrow_table()
        brands = con.sql(_BRANDS, params=[str(path)]).fetchall()
        searches = _searches(con, workspace)
    except duckdb.Error as error:
        raise SourceError(f"{path.name} cannot be read: {str(error).splitlines()[0]}") from error
    finally:
        backend.disconnect()
    own = term_of(product.value("brand"))
    others = {term_of(clean(brand)) for (brand,) in brands} - {own, ""}
    return Shelf(
        siblings=tuple(make_product(row, source="catalog") for row in rows.to_pylist()),
        brands=frozenset(others),
        searches=searches,
    )


def _searches(con: duckdb.DuckDBPyConnection, workspace: Workspace) -> tuple[tuple[str, int], ...]:
    if not any(Path(workspace.events).rglob("*.parquet")):
        return ()
    view_log(con, workspace, "searched")
    return tuple(
        (term_of(term), people) for term, people in con.execute(_SEARCHES, [PEOPLE]).fetchall()
    )


def term_of(text: str) -> str:
    """A text as a search term: small letters, no marks, single blanks.

    Example:
        >>> term_of("Harbour Ground-Coffee, 340 g!")
        'harbour ground coffee 340 g'
    """
    return " ".join(re.sub(r"[^\w.&']+", " ", plain(text).casefold()).strip(" .").split())


def _matched(brief: Brief, shelf: Shelf, field: Field) -> Iterator[str]:
    """Exact for what names this product, phrase for what names its kind; each term once."""
    seen: set[str] = set()
    count = 0
    for term, exact in _terms(brief, shelf):
        text = f"[{term}]" if exact else f'"{term}"'
        good = term and len(term.split()) <= MOST_WORDS and field.takes(text)
        if good and term not in seen and not _names(term, shelf.brands) and count < field.most:
            seen.add(term)
            count += 1
            yield text


def _terms(brief: Brief, shelf: Shelf) -> Iterator[tuple[str, bool]]:
    values = {fact.name: fact.value for fact in brief.facts}
    name, gap = term_of(values["product"]), " " if brief.language == "en" else ""
    traits = {one: term_of(values[one]) for one in TRAITS if one in values}
    levels = [term_of(one) for one in reversed(values.get("category", "").split("/"))]
    levels = [one for one in levels if _reads(one, brief.language)]
    if brand := traits.get("brand"):
        yield _joined(brand, name, " "), True
    yield name, True
    if _ONE_SIZE.fullmatch(traits.get("size", "")):
        yield _joined(name, traits["size"], " "), False
    for kind in ("material", "color", "origin"):
        for value in [*_words(values.get(kind, ""))][:1]:
            for subject in (name, *levels[:1]):
                yield _joined(value, subject, gap), False
    own = " ".join([name, *levels[:1]])
    for term, _ in shelf.searches:
        if _about(term, own, brief.language):
            yield term, True
    for level in levels[:1]:  # a wider one is what everybody sells
        yield level, False
        if brand:
            yield _joined(brand, level, " "), False


def _joined(one: str, other: str, gap: str) -> str:
    """Two terms as one; a word of the first is not said again."""
    return other if one in other else f"{one}{gap}{other}"


def _about(term: str, own: str, language: Language) -> bool:
    """Whether a search speaks of this product: it shares a word, in Chinese two signs."""
    if language == "zh":
        return any(own[at : at + 2] in term for at in range(len(own) - 1) if own[at + 1] != " ")
    words = {word.rstrip("s") for word in own.split() if len(word) > 2}
    return any(word.rstrip("s") in words for word in term.split())


def _negatives(product: Product, brief: Brief, shelf: Shelf, field: Field) -> Iterator[str]:
    """Searches for something else: not to buy, another brand, a trait that this one has not."""
    own = term_of(" ".join(one.value for one in product.fields))
    unwanted = list(UNWANTED[brief.language])
    unwanted += sorted({brand for one in shelf.siblings if (brand := term_of(one.value("brand")))})
    for trait in ("material", "color"):
        unwanted += sorted({word for one in shelf.siblings for word in _words(one.value(trait))})
    seen: set[str] = set()
    for term in unwanted:
        fresh = term not in seen and not _names(own, [term]) and _reads(term, brief.language)
        if fresh and field.takes(f'"{term}"') and len(seen) < field.most:
            seen.add(term)
            yield f'"{term}"'


def _words(value: str) -> Iterator[str]:
    """The names in a list of materials or colors, without their shares."""
    for part in re.split(r"[,;，；、/]| and ", value):
        word = term_of(re.sub(r"\d+(?:\.\d+)?\s*[%％]", " ", part))
        if word and len(word.split()) <= 2:
            yield word


def _names(term: str, brands: Iterable[str]) -> bool:
    """Whether a term has one of these in it, as whole words where words have edges."""
    return any(
        re.search(rf"(?<![a-z0-9]){re.escape(brand)}(?![a-z0-9])", term)
        for brand in brands
        if brand
    )


def _reads(term: str, language: Language) -> bool:
    has_han = re.search(r"[\u3400-\u9fff]", term) is not None
    return bool(term) and has_han == (language == "zh")
