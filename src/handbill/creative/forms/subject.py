"""The subject of product copy: a product of the catalogue as facts that a text may use."""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from handbill.creative.brief import clean, mid_sentence
from handbill.creative.forms.form import OPEN, Form
from handbill.creative.goods import Product
from handbill.creative.prompt import EVERYONE
from handbill.creative.text import columns
from handbill.errors import SourceError
from handbill.types import Brief, Fact, Language, ShopProfile

NAME = 40
"""Columns of a product's name in running text, at most."""

VALUE = 120
"""Columns of any other fact, at most; a longer one is prose and stays out."""

WORDS = ("type", "category", "product_type")
"""Fields that say what a product is, the narrowest first."""

LATER = ("sender_address", "unsubscribe")
"""Slots of a letter's foot that are filled for each message."""

_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]{2,}")
_ODD = re.compile(r"https?:|www\.|[@#*_|\\^~=`]|[^\w\s]{3,}|\d{6,}", re.I)
_COMMA = re.compile(r"(?<=[\u3400-\u9fff]),\s*")
_UNITS = re.compile(r"\d[\d.,]*\s*[A-Za-zµ]{1,6}\b")
_EVERYONE: Mapping[Language, str] = {"en": "everyone", "zh": "全部顾客"}


@cache
def table() -> dict[str, dict[str, Any]]:
    """What of a catalogue may be said, and how, as `facts.toml` has it."""
    text = files("handbill.creative.forms").joinpath("facts.toml").read_text("utf-8")
    return tomllib.loads(text)


def subject(product: Product, form: Form, shop: ShopProfile, language: Language) -> Brief:
    """The facts of a product that copy in a language may rest on.

    Args:
        product: Of the catalogue.
        form: For which; facts that are rendered when a message is sent are there only for a form
            that is sent by us, and their value is their own slot.
        shop: Its name is a fact.
        language: A value in another script is left out, names of brands aside.

    Raises:
        SourceError: The catalogue has no name for it that can stand in a text of this language.
    """
    facts = [name_of(product, form, language)]
    facts.append(Fact(name="shop", value=clean(shop.name), source="handbill.toml#shop.name"))
    facts += _kind(product)
    facts += _facts(product, form, language)
    if form.name == "email":
        facts += [Fact(name=one, value=f"{{{one}}}", source="handbill.toml") for one in LATER]
    content = [
        form.channel, product.id, language,
        [[fact.name, fact.value, fact.source] for fact in facts],
    ]  # fmt: skip
    return Brief(
        id=hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:32],
        segment_id=EVERYONE,
        offer_id=product.id,
        language=language,
        channel=form.channel,
        facts=tuple(facts),
        audience=_EVERYONE[language],
    )


def name_of(product: Product, form: Form, language: Language) -> Fact:
    """What the product is called within a sentence: short, of the language, without its brand.

    The longest of its names that leaves a narrow field some room is taken.
    """
    copy = [field.width for field in form.fields if field.least and field.name not in OPEN]
    room = min([*copy, NAME])
    names = list(_names(product, language))
    if not names:
        word = {"en": "English", "zh": "Chinese"}[language]
        raise SourceError(
            f"product {product.id} has no short {word} name in the catalogue: its title, type or "
            f"category has to name it in at most {NAME} columns; complete it or choose another "
            "language"
        )
    fitting = [fact for fact in names if columns(fact.value) <= room - 4]
    return fitting[0] if fitting else min(names, key=lambda fact: columns(fact.value))


def _names(product: Product, language: Language) -> Iterator[Fact]:
    brand = clean(product.value("brand"))
    title = clean(product.value("title"))
    head = re.split(r"\s[-–—|/]\s|[,，(（\[【;；。!！]", title, maxsplit=1)[0].strip()
    if brand and head.casefold().startswith(brand.casefold()):
        head = head[len(brand) :].strip(" -–·")
    candidates = [("title", head)]
    for field in ("category_zh", *WORDS) if language == "zh" else WORDS:
        last = clean(product.value(field)).rsplit(">", 1)[-1].rsplit("/", 1)[-1]
        candidates.append((field, last.split(",")[0].strip()))
    for field, name in candidates:
        if 2 <= columns(name) <= NAME and _speaks(name, language) and not _ODD.search(name):
            # a maker's own title has a name in it; one that was made from codes has none
            own = language == "zh" or (field == "title" and brand)
            value = name if own else mid_sentence(name)
            yield Fact(name="product", value=value, source=f"catalog#{product.id}.{field}")


def _kind(product: Product) -> Iterator[Fact]:
    """What it is sold as: it decides which law applies, and no text prints it."""
    for field in ("product_type", "category", "type"):
        levels = [clean(level) for level in product.value(field).split(">")]
        if value := " / ".join(filter(None, levels)):
            yield Fact(name="category", value=value, source=f"catalog#{product.id}.{field}")
            return


def _facts(product: Product, form: Form, language: Language) -> Iterator[Fact]:
    for name, row in table().items():
        served = row.get("served", False)
        if served and not form.served:
            continue
        for field in row["fields"]:
            value = clean(product.value(field)).strip(" .;；。")
            if language == "zh":
                value = _COMMA.sub("，", value)
            if not value:
                continue
            source = f"catalog#{product.id}.{field}"
            if served:
                yield Fact(name=name, value=f"{{{name}}}", source=source)
            elif columns(value) <= VALUE and (name == "brand" or _speaks(value, language)):
                if not _ODD.search(value):
                    yield Fact(name=name, value=value, source=source)
            else:
                continue
            break


def _speaks(value: str, language: Language) -> bool:
    """Whether a value can stand in a text of the language: digits and units can in any."""
    if language == "en":
        return not _HAN.search(value) and any(sign.isalnum() for sign in value)
    return bool(_HAN.search(value)) or not _LATIN.search(_UNITS.sub(" ", value))
