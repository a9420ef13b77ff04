"""Forms: the fields of each place where copy appears, and how that place counts their width."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from handbill.creative.prompt import Draft
from handbill.creative.text import columns
from handbill.errors import ConfigError
from handbill.types import Language, Text

Place = Literal["headline", "body", "call_to_action"]
PLACES: tuple[Place, ...] = ("headline", "body", "call_to_action")
Fields = Mapping[str, Sequence[str]]
"""Name of a field to its texts, as templates."""

PREFIX = "copy:"
"""Before a form's name in an ad's channel: what is written for a product, not for an offer."""

OPEN = ("keyword", "negative", "path", "button", "greeting", "footer")
"""Fields whose texts are no lines of copy: words of the catalogue, and what every letter says."""


def _bytes(text: str) -> int:
    return len(text.encode("gb18030", errors="replace"))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", errors="replace")) // 2


COUNTERS: Mapping[str, Callable[[str], int]] = {
    "columns": columns,
    "bytes": _bytes,
    "units": _units,
}
"""How places count; none of them gives less than the place would."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form.

    Attributes:
        name: As exports and reviewers see it.
        place: Which of an ad's three texts holds it.
        least: Texts it needs.
        most: Texts it takes.
        width: Of each, at most, facts filled in.
        counted: Name of the counter.
    """

    name: str
    place: Place
    least: int
    most: int
    width: int
    counted: str

    def count(self, text: str) -> int:
        """Width of a text as this place counts it."""
        return COUNTERS[self.counted](text)

    def takes(self, text: str) -> bool:
        """Whether a text fits, facts filled in."""
        return bool(text) and self.count(text) <= self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of copy.

    Attributes:
        name: As commands name it.
        title: As people read it.
        fields: In the order of reading.
        platform: Policy pack of the platform; empty for none.
        served: Whether it is rendered when it is sent, so that price and stock may stand in it.
        source: Where its limits come from.
    """

    name: str
    title: Text
    fields: tuple[Field, ...]
    platform: str
    served: bool
    source: str

    @property
    def channel(self) -> str:
        """As ads of this form are recorded."""
        return f"{PREFIX}{self.name}"

    def field(self, name: str) -> Field:
        """A field by name."""
        return next(one for one in self.fields if one.name == name)

    def pack(self, fields: Fields) -> Draft:
        """Fields as the three texts of an ad: a line each, named where a text holds several."""
        texts = {}
        for place in PLACES:
            here = [one for one in self.fields if one.place == place]
            lines = [
                f"{one.name}: {line}" if len(here) > 1 else line
                for one in here
                for line in fields.get(one.name, ())
            ]
            texts[place] = "\n".join(lines)
        return Draft(**texts)

    def unpack(self, draft: Draft) -> dict[str, tuple[str, ...]]:
        """The fields of an ad, as `pack` put them there; what has no name goes to the last field.

        A person may have edited the texts, so nothing is lost and nothing raises.
        """
        found: dict[str, list[str]] = {one.name: [] for one in self.fields}
        for place in PLACES:
            here = [one.name for one in self.fields if one.place == place]
            for line in filter(None, map(str.strip, getattr(draft, place).splitlines())):
                name, mark, text = line.partition(": ")
                named = len(here) > 1 and mark and name in here
                if here:
                    found[name if named else here[-1]].append(text if named else line)
        return {name: tuple(lines) for name, lines in found.items()}


@cache
def _table() -> dict[str, Any]:
    text = files("handbill.creative.forms").joinpath("forms.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def kinds() -> tuple[str, ...]:
    """The forms there are."""
    return tuple(name for name, row in _table().items() if isinstance(row, dict))


@cache
def read_form(name: str, language: Language) -> Form:
    """A form by its name, or by the channel of an ad of this form.

    Raises:
        ConfigError: There is none of that name.
    """
    name = name.removeprefix(PREFIX)
    if name not in kinds():
        raise ConfigError(f"no kind of copy is called {name!r}; known: {', '.join(kinds())}")
    row = _table()[name]
    fields = tuple(
        Field(**{key: value for key, value in one.items() if key != "language"})
        for one in row["fields"]
        if one.get("language", language) == language
    )
    return Form(
        name=name,
        title=Text(**row["title"]),
        fields=fields,
        platform=row["platform"],
        served=row.get("served", False),
        source=row["source"],
    )
