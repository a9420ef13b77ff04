"""Writing: candidates of one kind for one product, checked and on the shelf for a person."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from handbill.creative.author import Author, open_author
from handbill.creative.forms.assemble import Assembled, Pool, assemble
from handbill.creative.forms.audit import audit, records_for
from handbill.creative.forms.form import Form, read_form
from handbill.creative.forms.keywords import keywords
from handbill.creative.forms.lines import Fallen, Line, Role, ask, lesson, voice_of
from handbill.creative.forms.subject import subject
from handbill.creative.goods import Field, read_product
from handbill.creative.prompt import Draft
from handbill.creative.select import Maker
from handbill.creative.settings import Settings
from handbill.creative.shelf import put
from handbill.errors import SourceError
from handbill.ports import Progress
from handbill.state import closing_state
from handbill.types import SLOT, Brief, Creative, Language, ShopProfile, creative_digest
from handbill.workspace import Workspace

ROLES: dict[str, tuple[Role, ...]] = {
    "rsa": ("headline", "sentence"),
    "meta": ("headline", "sentence"),
    "taobao": ("headline", "sentence"),
    "douyin": ("headline", "sentence"),
    "email": ("headline", "sentence"),
    "push": ("headline", "sentence"),
    "description": ("sentence",),
}
"""What a model writes of each form; of the others it writes nothing."""

SAMPLES = 24
"""Answers to each prompt."""

SETS = ("rsa", "keywords")
"""Forms of which one piece holds all candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """What was written.

    Attributes:
        form: Its kind.
        pieces: Candidates that passed, best first, each with what was found.
        statuses: Of each piece by id: `approved`, `waiting` or `rejected`.
        lines: Lines that a model wrote and that passed.
        fallen: Lines that a model wrote and that fell, with why.
        barred: Pieces that may not run although their lines may, with why.
    """

    form: Form
    pieces: tuple[Creative, ...]
    statuses: dict[str, str]
    lines: int
    fallen: tuple[Fallen, ...]
    barred: tuple[Creative, ...]

    def fields(self, one: Creative) -> dict[str, tuple[str, ...]]:
        """The fields of a piece, as templates."""
        return self.form.unpack(draft_of(one))

    def claims(self, one: Creative) -> list[str]:
        """What each fact in a piece rests on."""
        used = set(SLOT.findall(draft_of(one).text))
        return [f"{fact.value} [{fact.source}]" for fact in one.brief.facts if fact.name in used]


def draft_of(one: Creative) -> Draft:
    """The texts of a piece."""
    return Draft(headline=one.headline, body=one.body, call_to_action=one.call_to_action)


def write(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    product: str,
    kind: str,
    language: Language,
    *,
    count: int,
    now: datetime,
    progress: Progress,
) -> Copy:
    """Write copy for a product, check it, and put it on the shelf.

    Args:
        workspace: With a catalogue.
        shop: Its name is a fact.
        settings: Of the creative stage; a language without a model gets what the facts say.
        product: Id of the catalogue.
        kind: A form's name.
        language: Of the copy.
        count: Candidates at most.
        now: When.
        progress: Told each step.

    Raises:
        ConfigError: No such kind.
        SourceError: No such product, or too little is known of it.
        ModelError: The model is not there, or does not answer.
    """
    form = read_form(kind, language)
    goods = read_product(workspace.root, product)
    brief = subject(goods, form, shop, language)
    maker = Maker(model="", adapter="", prompt="")
    lines: list[Line] = []
    fallen: list[Fallen] = []
    if kind == "keywords":
        found = [keywords(workspace, goods, brief, form)]
    else:
        name = settings.models.get(language)
        if name and kind in ROLES:
            author = open_author(workspace, settings, name, lesson(language), progress)
            maker = author.maker
            lines, fallen = _lines(author, brief, kind, settings.seed, progress)
        found = assemble(Pool(brief, form, lines), 1 if kind in SETS else count)
    with closing_state(workspace.state_url) as engine:
        records = records_for(engine, product, now.date())
        pieces = [_creative(one, brief, form, maker, records) for one in found]
        kept = [one for one in pieces if not _blocked(one)]
        barred = tuple(one for one in pieces if _blocked(one))
        if not kept:
            raise SourceError(_nothing(product, form, barred))
        # candidates are alternatives: a person chooses, whatever the shop lets the checks approve
        statuses = put(engine, kept, barred, "person", now, settings.signatures)
    return Copy(
        form=form,
        pieces=tuple(kept),
        statuses=statuses,
        lines=len(lines),
        fallen=tuple(fallen),
        barred=barred,
    )


def _lines(
    author: Author, brief: Brief, kind: str, seed: int, progress: Progress
) -> tuple[list[Line], list[Fallen]]:
    return ask(
        brief,
        author,
        voice_of(brief.language),
        ROLES[kind],
        samples=SAMPLES,
        seed=seed,
        progress=progress,
    )


def _blocked(one: Creative) -> bool:
    return any(finding.outcome == "block" for finding in one.findings)


def _nothing(product: str, form: Form, barred: Sequence[Creative]) -> str:
    """Why no candidate is left, in one line."""
    reasons = {
        finding.reason: finding.span
        for one in barred
        for finding in one.findings
        if finding.outcome == "block"
    }
    said = "; ".join(f"{span!r}: {reason}" if span else reason for reason, span in reasons.items())
    least = ", ".join(f"{one.least} {one.name}" for one in form.fields if one.least)
    return f"no {form.name} can be written for product {product}: " + (
        said or f"its facts do not make up {least}; complete the catalogue"
    )


def _creative(
    one: Assembled, brief: Brief, form: Form, maker: Maker, records: Sequence[Field]
) -> Creative:
    draft = form.pack(one.fields)
    values = {fact.name: fact.value for fact in brief.facts}
    digest = creative_digest(draft.headline, draft.body, draft.call_to_action, values)
    author = maker if one.written else Maker(model="", adapter="", prompt="")
    identity = "\x1f".join((brief.id, digest, author.model, author.adapter, author.prompt))
    return Creative(
        id="c_" + hashlib.sha256(identity.encode()).hexdigest()[:26],
        brief=brief,
        headline=draft.headline,
        body=draft.body,
        call_to_action=draft.call_to_action,
        origin="model" if one.written else "template",
        model=author.model,
        adapter=author.adapter,
        prompt=author.prompt,
        findings=audit(draft, brief, records),
        digest=digest,
    )
