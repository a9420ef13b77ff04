"""Plain lines: what the facts of a product say by themselves, in words that no model wrote."""

from collections.abc import Iterator

from handbill.creative.forms.lines import Line, Role, read
from handbill.creative.forms.subject import table
from handbill.types import SLOT, Brief, Language

COLON: dict[Language, str] = {"en": ": ", "zh": "："}


def plain_lines(brief: Brief, role: Role) -> list[Line]:
    """Every way that `facts.toml` has of saying this product's facts; none that may not run."""
    known = {fact.name for fact in brief.facts}
    found = []
    for row in table().values():
        for text in row.get(role, {}).get(brief.language, ()):
            if set(SLOT.findall(text)) <= known:
                line = read(text, brief, role)
                if isinstance(line, Line):
                    found.append(line)
    return found


def labelled(brief: Brief) -> Iterator[tuple[str, str]]:
    """Facts with their label, as lists and descriptions show them: name and template.

    Example:
        `("material", "Material: {material}")`
    """
    known = {fact.name for fact in brief.facts}
    for name, row in table().items():
        if name in known and name != "product":
            yield name, f"{row['label'][brief.language]}{COLON[brief.language]}{{{name}}}"
