"""Support: which field of the catalogue, or which record, a claim rests on."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from handbill.creative.claims import VALUED, Claim, names, short_name
from handbill.creative.disguise import HAN, plain
from handbill.creative.goods import FREE_TEXT, Field, Product
from handbill.creative.packs import Rule
from handbill.creative.quantity import Quantity, known

State = Literal["supported", "contradicted", "unsupported"]

_EMPTY = frozenset(
    ["the", "and", "for", "with", "from", "your", "you", "our", "this", "that", "every", "only"]
)
_MIXED = re.compile(r"[,/+&;、，和与]|\d+ ?%")
_FILLED = {"material": ("material",), "origin": ("origin", "country_of_origin", "made_in")}
"""Fields that say all there is to say of a kind: another value is a contradiction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What the facts say of a claim.

    Attributes:
        state: Whether they bear it.
        source: The field or record that does, or that says otherwise.
        says: What that says, a few words.
    """

    state: State
    source: str = ""
    says: str = ""


NONE = Support(state="unsupported")


def support(claim: Claim, product: Product, records: Sequence[Field], rule: Rule) -> Support:
    """Look for what bears a claim.

    Args:
        claim: To be borne.
        product: Its fields.
        records: Evidence that people added, as fields named by the kind of claim it is for.
        rule: Says which fields count, and whether records do.
    """
    if rule.provable:
        for record in records:
            if record.name == claim.kind and _covers(claim, record):
                return Support(state="supported", source=record.source, says=record.value[:80])
    fields = [one for one in product.fields if "*" in rule.fields or one.name in rule.fields]
    if claim.kind in ("off", "price-cut", "price-lowest"):
        return _reduction(claim, product, rule, fields)
    if claim.quantity is not None:
        return _measured(claim, claim.quantity, fields)
    if claim.kind in VALUED:
        return _valued(claim, fields)
    return _worded(claim, fields)


def _covers(claim: Claim, record: Field) -> bool:
    """Whether a record states at least what the claim does."""
    if claim.quantity is not None:
        return any(claim.quantity.agrees(one) for one in quantities_of(record.value))
    if claim.value:
        pattern = dict(names(claim.kind))[claim.value]
        return pattern.search(_plain(record.value)) is not None
    return bare(claim.words) in bare(record.value)


def bare(text: str) -> str:
    """A text as words only, to look for others in it."""
    return re.sub(r"[\W_]+", " ", _plain(text)).strip()


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    return plain(text, "zh").text


@lru_cache(maxsize=4096)
def quantities_of(value: str) -> tuple[Quantity, ...]:
    """The numbers of a field."""
    return known([_plain(value)])


def _measured(claim: Claim, stated: Quantity, fields: Iterable[Field]) -> Support:
    exact = claim.kind == "price"
    other: Support | None = None
    for field in fields:
        for one in quantities_of(field.value):
            if exact and one.kind == "number":  # a price column without a currency
                one = Quantity(kind="price", value=one.value, start=0, end=0)
            if stated.kind in ("number", "count"):
                fits = _same_count(stated, one) and _same_things(claim, field)
            else:
                fits = stated.agrees(one)
            if fits:
                return Support(state="supported", source=field.source, says=field.value[:80])
            alike = one.kind == stated.kind and stated.kind not in ("number", "count", "percent")
            if alike and (exact or field.name not in FREE_TEXT) and other is None:
                other = Support(state="contradicted", source=field.source, says=field.value[:80])
    return other or NONE


def _same_count(stated: Quantity, one: Quantity) -> bool:
    alike = Quantity(kind="count", value=one.value, bound=one.bound, start=0, end=0)
    counted = Quantity(kind="count", value=stated.value, bound=stated.bound, start=0, end=0)
    return one.kind in ("number", "count") and counted.agrees(alike)


def _same_things(claim: Claim, field: Field) -> bool:
    """Whether a count in a field counts what the claim does: a word beside it says so."""
    if re.fullmatch(r"[\d.,]+", field.value):
        return True  # a column of counts says by its name what it counts
    words = _content(f"{claim.words} {claim.near}")
    return not words or bool(words & _content(f"{field.name} {_plain(field.value)}"))


@lru_cache(maxsize=4096)
def _content(text: str) -> frozenset[str]:
    """Stems of the words that mean something, and each Chinese character."""
    latin = (one for one in re.findall(r"[a-z]{3,}", text) if one not in _EMPTY)
    return frozenset(one[:4] for one in latin) | frozenset(
        re.findall(f"[{HAN}]", text)
    ) - frozenset("的了是有一个在和每只就")


def _valued(claim: Claim, fields: Sequence[Field]) -> Support:
    pattern = dict(names(claim.kind))[claim.value]
    short = short_name(claim.kind, claim.value)
    for field in fields:
        text = _plain(field.value)
        own = field.name in _FILLED.get(claim.kind, ())
        if (
            pattern.search(text)
            or (short and own and short.search(text))
            or _all_of_it(claim, field, text)
        ):
            return Support(state="supported", source=field.source, says=field.value[:80])
    for field in fields:
        if field.name in _FILLED.get(claim.kind, ()):
            return Support(state="contradicted", source=field.source, says=field.value[:80])
    return NONE


def _all_of_it(claim: Claim, field: Field, text: str) -> bool:
    """`material: cotton` bears "pure cotton"; `cotton, polyester` does not."""
    if claim.value != "pure cotton" or field.name != "material":
        return False
    if _MIXED.search(text):
        return False
    return re.search("棉", text) is not None or bool(dict(names("material"))["cotton"].search(text))


def _worded(claim: Claim, fields: Iterable[Field]) -> Support:
    words = bare(claim.words)
    for field in fields:
        says = bare(field.value)
        if words in says or (claim.kind == "deadline" and says in words):
            return Support(state="supported", source=field.source, says=field.value[:80])
    return NONE


def _money(value: str) -> float | None:
    found = [one for one in quantities_of(value) if one.kind in ("price", "number")]
    return found[0].value if found else None


def _reduction(claim: Claim, product: Product, rule: Rule, fields: Sequence[Field]) -> Support:
    """A reduction is the difference between the reference price and the sale price."""
    before, now = (_money(product.value(name)) for name in (rule.reference, "sale_price"))
    source = f"catalog#{product.id}.{rule.reference}"
    if claim.kind == "price-lowest" or before is None or now is None or not 0 < now < before:
        return _worded(claim, [one for one in fields if one.name == "discount"])
    off = 100 * (1 - now / before)
    says = f"{before:g} -> {now:g}"
    if claim.quantity is None:
        half = re.search(r"half|半价", claim.words)
        fits = abs(off - 50) <= 1 if half else True
        return Support(state="supported" if fits else "contradicted", source=source, says=says)
    most = claim.quantity.value
    fits = off > most if claim.quantity.bound == "over" else abs(off - most) <= 1
    return Support(state="supported" if fits else "contradicted", source=source, says=says)
