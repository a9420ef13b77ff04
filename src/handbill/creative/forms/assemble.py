"""Assembling: checked lines put together as the fields of a form."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from handbill.creative.forms.form import Fields, Form
from handbill.creative.forms.lines import ROLES, Line, Role, borrowed
from handbill.creative.forms.plain import labelled, plain_lines
from handbill.creative.text import likeness
from handbill.types import Brief, Language, fill

ALIKE = 0.5
"""Two lines of one ad that share more of their word pairs than this say one thing twice."""

TOLD_HEADLINES = 10
"""Headlines of a search ad that are told; the others say what the facts are."""

_BUTTON: Mapping[Language, str] = {"en": "Shop now", "zh": "去逛逛"}
_GREETING: Mapping[Language, str] = {"en": "Hello,", "zh": "您好，"}
_FOOTER: Mapping[Language, tuple[str, str]] = {
    "en": ("This is an advertisement from {shop}, {sender_address}.", "Leave: {unsubscribe}"),
    "zh": ("本邮件是{shop}的广告，地址：{sender_address}。", "退订：{unsubscribe}"),
}
_TITLED: Mapping[Language, tuple[str, ...]] = {
    "en": ("material", "color", "size"),
    "zh": ("origin", "material", "color", "size"),
}
_GAP: Mapping[Language, str] = {"en": " ", "zh": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """One piece of copy.

    Attributes:
        fields: By name, as templates.
        written: Whether a model wrote any of it.
    """

    fields: Fields
    written: bool


class Pool:
    """The lines that may be used for a product: told ones first, then what its facts say.

    Told are those that a model wrote, and those that people wrote for the same kind of thing.

    Attributes:
        brief: What they are about.
        form: Where they go.
    """

    def __init__(self, brief: Brief, form: Form, written: Sequence[Line]) -> None:
        self.brief = brief
        self.form = form
        told = [*written, *(one for role in ROLES for one in borrowed(brief, role))]
        self._told = sorted(told, key=lambda one: (-one.rank, one.text))
        self._plain = {role: plain_lines(brief, role) for role in ROLES}

    def lines(self, role: Role, field: str, *, plain: bool | None = None) -> list[Line]:
        """Lines that a field takes, no two alike, best first.

        Args:
            role: Headline or sentence.
            field: Of the form.
            plain: Only lines from facts, only told ones, or both.
        """
        told = [one for one in self._told if one.role == role]
        some = [*told, *self._plain[role]]
        if plain is not None:
            some = self._plain[role] if plain else told
        bound = self.form.field(field)
        return self.apart([one for one in some if bound.takes(one.filled)])

    def apart(self, lines: Sequence[Line], others: Sequence[Line] = ()) -> list[Line]:
        """Of lines that say one thing, the first."""
        kept: list[Line] = []
        for one in lines:
            pieces = one.pieces(self.brief.language)
            said = (other.pieces(self.brief.language) for other in (*others, *kept))
            if likeness(pieces, said) <= ALIKE:
                kept.append(one)
        return kept

    def fits(self, field: str, text: str) -> bool:
        """Whether a field takes a template, facts filled in."""
        values = {fact.name: fact.value for fact in self.brief.facts}
        return self.form.field(field).takes(fill(text, values))


def assemble(pool: Pool, count: int) -> list[Assembled]:
    """Put a form's candidates together, the best first.

    Args:
        pool: Lines to use.
        count: Candidates at most; a search ad is one set of texts.
    """
    found: list[Assembled] = []
    for one in _MAKERS[pool.form.name](pool):
        if len(found) == count:
            break
        if one.fields not in [other.fields for other in found]:
            found.append(one)
    return found


def _search_ad(pool: Pool) -> Iterator[Assembled]:
    headline, description = pool.form.field("headline"), pool.form.field("description")
    named = [one for one in pool.lines("headline", "headline") if "{product}" in one.text]
    model = pool.lines("headline", "headline", plain=False)[:TOLD_HEADLINES]
    facts = pool.lines("headline", "headline", plain=True)
    heads = pool.apart([*named[:1], *model, *facts])[: headline.most]
    told = pool.lines("sentence", "description", plain=False)[: description.most - 1]
    known = pool.lines("sentence", "description", plain=True)
    texts = pool.apart([*told, *known], heads)[: description.most]
    if len(texts) < description.least:
        texts = pool.apart([*told, *known])[: description.most]
    yield _piece(
        [*heads, *texts],
        headline=[one.text for one in heads],
        description=[one.text for one in texts],
        path=list(_paths(pool)),
    )


def _paths(pool: Pool) -> Iterator[str]:
    """Words of the catalogue as the address shows them; never cut, so a long one is left out."""
    field = pool.form.field("path")
    values = {fact.name: fact.value for fact in pool.brief.facts}
    levels = [*values.get("category", "").split("/"), values["product"]]
    words = ["-".join(level.replace(",", " ").split()) for level in levels]
    fitting = [word for word in dict.fromkeys(words) if field.takes(word) and "/" not in word]
    yield from fitting[-field.most :]


def _meta(pool: Pool) -> Iterator[Assembled]:
    facts = pool.lines("headline", "description", plain=True)
    for number, (head, text) in enumerate(_pairs(pool, "headline", "primary")):
        told = pool.apart(facts, [head]) or facts
        if not told:
            return
        small = told[number % len(told)]
        yield _piece(
            [head, text],
            headline=[head.text],
            primary=[text.text],
            description=[small.text],
            button=[_BUTTON[pool.brief.language]],
        )


def _push(pool: Pool) -> Iterator[Assembled]:
    for head, text in _pairs(pool, "title", "body"):
        yield _piece([head, text], title=[head.text], body=[text.text])


def _pairs(pool: Pool, head_field: str, text_field: str) -> Iterator[tuple[Line, Line]]:
    """A headline with a sentence that says something else; one of them names the product.

    Each headline comes once; sentences come round again when there are fewer of them.
    """
    heads = pool.lines("headline", head_field)
    texts = pool.lines("sentence", text_field)
    used: list[Line] = []
    for head in heads:
        rest = [one for one in texts if one not in used] or texts
        for text in [*rest, *texts]:
            named = "{product}" in head.text or "{product}" in text.text
            if named and pool.apart([text], [head]):
                used.append(text)
                yield head, text
                break


def _one_line(pool: Pool) -> Iterator[Assembled]:
    """A title that names the product: a sentence or a headline, or one after the other."""
    heads, texts = pool.lines("headline", "title"), pool.lines("sentence", "title")
    alone = [one for one in (*heads, *texts) if "{product}" in one.text]
    mark = {"en": ": ", "zh": "："}[pool.brief.language]
    for one in sorted(alone, key=lambda line: -line.rank):
        yield _piece([one], title=[one.text.rstrip("。")])
    for one in heads:
        text = f"{{product}}{mark}{one.text}"
        if "{product}" not in one.text and pool.fits("title", text):
            yield _piece([one], title=[text])


def _letter(pool: Pool) -> Iterator[Assembled]:
    language = pool.brief.language
    gap = _GAP[language]
    facts = [text for _, text in labelled(pool.brief) if pool.fits("fact", text)]
    told = pool.lines("sentence", "preheader", plain=False)
    plain = pool.lines("sentence", "preheader", plain=True)
    sentences = told if len(told) >= 3 else [*told, *plain]
    for number, head in enumerate(pool.lines("headline", "subject")):
        turn = [*sentences[number:], *sentences[:number]]
        others = pool.apart(turn, [head])
        first, *rest = others or turn
        if not rest:
            return
        known = pool.apart(plain, [first, *rest[:2]])[:2] or plain[:1]
        paragraphs = [
            gap.join(one.text for one in rest[:2]),
            gap.join(one.text for one in known),
        ]
        named = "{product}" in "".join([head.text, *paragraphs])
        if named and all(pool.fits("paragraph", one) for one in paragraphs):
            yield _piece(
                [head, first, *rest[:2]],
                subject=[head.text],
                preheader=[first.text],
                greeting=[_GREETING[language]],
                paragraph=paragraphs,
                fact=facts[: pool.form.field("fact").most],
                button=[_BUTTON[language]],
                footer=list(_FOOTER[language]),
            )


def _description(pool: Pool) -> Iterator[Assembled]:
    gap, stop = _GAP[pool.brief.language], {"en": ".", "zh": "。"}[pool.brief.language]
    facts = [f"{text}{stop}" for _, text in labelled(pool.brief)]
    told = pool.lines("sentence", "description", plain=False)
    plain = pool.lines("sentence", "description", plain=True)
    starts = [list(pair) for pair in zip(told, [*told[1:], *told[:1]], strict=True)]
    for some in [*starts, plain[:1]]:
        lines = pool.apart(some)
        parts = [one.text for one in lines]
        if not any("{product}" in part for part in parts):
            parts += [one.text for one in plain[:1]]
        for fact in facts:
            if pool.fits("description", gap.join([*parts, fact])):
                parts.append(fact)
        yield _piece(lines, description=[gap.join(parts)])


def _title(pool: Pool) -> Iterator[Assembled]:
    """Brand, kind, material, color and size in the order that the channel reads them."""
    brief = pool.brief
    values = {fact.name: fact.value for fact in brief.facts}
    said = values["product"].casefold()
    extra = [
        name
        for name in _TITLED[brief.language]
        if name in values and len(values[name]) <= 30 and values[name].casefold() not in said
        if name == "size" or not re.search(r"[\d,，;；]", values[name])  # a mixture is no title
    ]
    brand = "brand" in values and values["brand"].casefold() not in said
    subsets = [extra, *([name for name in extra if name != left] for left in reversed(extra)), []]
    for chosen in subsets:
        text = _ordered(chosen, brand, brief.language)
        if pool.fits("title", text):
            yield Assembled(fields={"title": (text,)}, written=False)


def _ordered(chosen: Sequence[str], brand: bool, language: Language) -> str:
    if language == "en":
        name = "{brand} {product}" if brand else "{product}"
        return ", ".join([name, *(f"{{{one}}}" for one in chosen)])
    before = "".join(f"{{{one}}}" for one in ("origin", "material") if one in chosen)
    after = [f"{{{one}}}" for one in ("color", "size") if one in chosen]
    return " ".join([*(["{brand}"] if brand else []), f"{before}{{product}}", *after])


def _piece(lines: Sequence[Line], **fields: Sequence[str]) -> Assembled:
    return Assembled(
        fields={name: tuple(texts) for name, texts in fields.items()},
        written=any(one.written for one in lines),
    )


_MAKERS: Mapping[str, Callable[[Pool], Iterator[Assembled]]] = {
    "rsa": _search_ad,
    "meta": _meta,
    "taobao": _one_line,
    "douyin": _one_line,
    "email": _letter,
    "push": _push,
    "title": _title,
    "description": _description,
}
