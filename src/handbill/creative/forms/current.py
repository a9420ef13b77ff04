"""Current: copy rests on the catalogue, and falls with the facts that it was approved on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, update

from handbill.creative.dossier import Dossier, dossiers
from handbill.creative.forms.form import PREFIX, read_form
from handbill.creative.forms.subject import subject
from handbill.creative.goods import Product, read_product
from handbill.errors import SourceError
from handbill.state import creatives
from handbill.types import SLOT, Fact, Language, ShopProfile, creative_digest, fill
from handbill.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A piece of copy that may leave the house.

    Attributes:
        id: Of the creative.
        product: As the catalogue has it now.
        language: Of the copy.
        fields: By name, facts filled in.
        shop: Its name.
        name: What the product is called in the copy.
    """

    id: str
    product: Product
    language: Language
    fields: Mapping[str, tuple[str, ...]]
    shop: str
    name: str


def current(workspace: Workspace, shop: ShopProfile, one: Dossier) -> Ready | str:
    """A piece with the facts of today's catalogue, or why it may no longer be used."""
    language: Language = "zh" if one.language == "zh" else "en"
    form = read_form(one.channel, language)
    try:
        product = read_product(workspace.root, one.offer_id)
        facts = subject(product, form, shop, language).facts
    except SourceError as error:
        return str(error)
    values = {fact.name: fact.value for fact in facts}
    draft = one.draft
    if gone := [name for name in _used(one) if name not in values]:
        return f"the catalogue no longer has {', '.join(gone)}"
    digest = creative_digest(draft.headline, draft.body, draft.call_to_action, values)
    if digest != one.digest:
        return f"changed since it was approved: {', '.join(_changed(one, facts))}"
    fields = {
        name: tuple(fill(line, values) for line in lines)
        for name, lines in form.unpack(draft).items()
    }
    return Ready(
        id=one.id,
        product=product,
        language=language,
        fields=fields,
        shop=shop.name,
        name=values["product"],
    )


def _used(one: Dossier) -> list[str]:
    return list(dict.fromkeys(SLOT.findall(one.draft.text)))


def _changed(one: Dossier, facts: Sequence[Fact]) -> Iterator[str]:
    now = {fact.name: fact.value for fact in facts}
    used = set(_used(one))
    for fact in one.facts:
        if fact.name in used and now.get(fact.name) != fact.value:
            yield f"{fact.source} is {now[fact.name]!r}, was {fact.value!r}"


def withdraw(workspace: Workspace, shop: ShopProfile, engine: Engine) -> dict[str, str]:
    """Withdraw the product copy that rests on facts which the catalogue no longer has.

    Args:
        workspace: With a catalogue.
        shop: Its name is a fact.
        engine: The state.

    Returns:
        Why, by id of what was withdrawn.
    """
    stale = {
        one.id: why
        for one in dossiers(engine)
        if one.channel.startswith(PREFIX)
        and one.state in ("waiting", "approved")
        and isinstance(why := current(workspace, shop, one), str)
    }
    with engine.begin() as connection:
        for gone in stale:
            change = update(creatives).where(creatives.c.id == gone)
            connection.execute(change.values(status="withdrawn"))
    return stale
