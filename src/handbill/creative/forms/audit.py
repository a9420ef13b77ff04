"""The audit: a piece of copy as a whole, field by field, line by line, and lines beside lines."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import permutations

from sqlalchemy import Engine

from handbill.creative.check import check, check_line, gate
from handbill.creative.evidence import standing
from handbill.creative.forms.assemble import ALIKE
from handbill.creative.forms.form import OPEN, PREFIX, Form, read_form
from handbill.creative.goods import Field, Product
from handbill.creative.packs import HOME
from handbill.creative.prompt import Draft
from handbill.creative.proof import Ruling, proofread
from handbill.creative.template import sentences
from handbill.creative.text import likeness, shingles
from handbill.types import SLOT, Brief, Finding, fill

ANY_ORDER = ("headline", "description")
"""Fields of a search ad, of which the platform shows any few beside each other."""


def audit(draft: Draft, brief: Brief, records: Sequence[Field] = ()) -> tuple[Finding, ...]:
    """Everything that is wrong with a draft, whatever its channel.

    Args:
        draft: As a template.
        brief: The facts it may rest on; its channel says which form it has.
        records: Evidence that people added.
    """
    if not brief.channel.startswith(PREFIX):
        return check(draft, brief, records)
    form = read_form(brief.channel, brief.language)
    known = {fact.name for fact in brief.facts}
    unknown = [name for name in SLOT.findall(draft.text) if name not in known]
    if unknown:
        reason = "No fact of the brief fills this slot."
        return tuple(
            _block("unknown-slot", f"{{{name}}}", reason) for name in dict.fromkeys(unknown)
        )
    found = [*_counts(draft, form), *_widths(draft, brief, form), *_alike(draft, brief, form)]
    found += _subject(draft, brief)
    for field in form.fields:
        if field.name not in OPEN:
            for line in form.unpack(draft)[field.name]:
                for sentence in sentences(line, brief.language):
                    found += check_line(sentence, brief, records)
    found += _claims(draft, brief, form, records)
    return (*dict.fromkeys(found), *gate(brief))


def records_for(engine: Engine, product: str, today: date) -> list[Field]:
    """Evidence that stands for a product."""
    return [one.field for one in standing(engine) if one.holds(product, today)]


def _block(rule: str, span: str, reason: str) -> Finding:
    return Finding(rule=rule, span=span, outcome="block", reason=reason)


def _counts(draft: Draft, form: Form) -> Iterator[Finding]:
    for field in form.fields:
        count = len(form.unpack(draft)[field.name])
        if not field.least <= count <= field.most:
            bounds = f"{field.least} to {field.most}"
            reason = f"A {form.name} has {bounds} of {field.name}; this one has {count}."
            yield _block("count", field.name, reason)


def _widths(draft: Draft, brief: Brief, form: Form) -> Iterator[Finding]:
    values = {fact.name: fact.value for fact in brief.facts}
    for field in form.fields:
        for line in form.unpack(draft)[field.name]:
            width = field.count(fill(line, values))
            if width > field.width:
                reason = f"The {field.name} takes {width} {field.counted} of {field.width}."
                yield _block("length", line, reason)


def _alike(draft: Draft, brief: Brief, form: Form) -> Iterator[Finding]:
    """Lines of one field that say one thing twice."""
    for field in form.fields:
        if field.name in OPEN or field.name == "fact":
            continue
        seen: list[frozenset[str]] = []
        for line in form.unpack(draft)[field.name]:
            pieces = shingles(line, brief.language)
            if likeness(pieces, seen) > ALIKE:
                yield _block("near-duplicate", line, f"Another {field.name} reads like it.")
            seen.append(pieces)


def _subject(draft: Draft, brief: Brief) -> Iterator[Finding]:
    if brief.channel != f"{PREFIX}keywords" and "{product}" not in draft.text:
        yield _block("missing-slot", "{product}", "It does not name what is offered.")


def _claims(draft: Draft, brief: Brief, form: Form, records: Sequence[Field]) -> Iterator[Finding]:
    """What the filled texts claim, by the law of the market and the rules of the platform.

    Lines that the platform may show beside any other are read beside every other, too: a claim
    that only two of them together make is nobody's.
    """
    packs = [HOME[brief.language], *([form.platform] if form.platform else [])]
    product = _product(brief)
    values = {fact.name: fact.value for fact in brief.facts}
    fields = form.unpack(draft)
    filled = {
        name: [fill(line, values) for line in lines]
        for name, lines in fields.items()
        if name not in OPEN
    }

    def ruled(text: str) -> tuple[Ruling, ...]:
        return proofread(text, product, packs=packs, records=records)

    alone: set[tuple[str, str]] = set()
    for lines in filled.values():
        for line in lines:
            for ruling in ruled(line):
                alone.add((ruling.kind, ruling.span))
                yield ruling.finding()
    if form.name == "rsa":
        together = [line for name in ANY_ORDER for line in filled[name]]
        for one, other in permutations(together, 2):
            for ruling in ruled(f"{one} {other}"):
                crosses = ruling.start < len(one) < ruling.end
                if crosses and ruling.outcome != "pass" and (ruling.kind, ruling.span) not in alone:
                    reason = f"Only “{one}” beside “{other}” says so: {ruling.finding().reason}"
                    yield _block("combination", ruling.span, reason)


def _product(brief: Brief) -> Product:
    """The product as its facts have it, for the rules that tie a claim to a field."""
    named = {"product": "title", "category": "product_type"}
    return Product(
        id=brief.offer_id,
        fields=tuple(
            Field(name=named.get(one.name, one.name), value=one.value, source=one.source)
            for one in brief.facts
        ),
    )
