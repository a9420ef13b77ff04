"""A mapping from a file's columns to ours: `map.toml`."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from handbill.errors import ConfigError
from handbill.events.headers import HEADERS, is_personal, missing_columns
from handbill.events.rows import Row, pick, rest
from handbill.events.texts import Decimals, Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMap:
    """What a file's columns are.

    Attributes:
        relation: What a row is: `orders`, `products`, `events`, ...
        columns: Our column -> the file's header; in JSON a dotted path reaches into objects.
        timezone: IANA zone of times without an offset; the shop's when empty.
        time_format: As in `strptime`, or `epoch`, `epoch_ms`, `epoch_us`; empty for ISO 8601.
        decimal: `.` or `,`.
        event_names: Their name of an event -> ours.
    """

    relation: str
    columns: Mapping[str, str]
    timezone: str = ""
    time_format: str = ""
    decimal: Decimals = "."
    event_names: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.relation not in HEADERS:
            raise ConfigError(f"map: no relation {self.relation!r}; known: {', '.join(HEADERS)}")
        ours = HEADERS[self.relation]
        for column in self.columns:
            if column not in ours:
                raise ConfigError(
                    f"map: {self.relation} has no column {column}; known: {', '.join(ours)}"
                )
        if missing := missing_columns(self.relation, self.columns):
            raise ConfigError(f"map: {self.relation} needs {', '.join(missing)} under [columns]")

    def writing(self, timezone: str) -> Writing:
        """How the file writes times and numbers.

        Args:
            timezone: The shop's.
        """
        return Writing(
            zone=self.timezone or timezone,
            time_format=self.time_format,
            decimal=self.decimal,
            event_names=self.event_names,
        )

    def toml(self) -> str:
        """The text of its map.toml."""
        return map_toml(**{name: getattr(self, name) for name in FileMap.__slots__})


def map_toml(
    *,
    relation: str,
    columns: Mapping[str, str],
    timezone: str = "",
    time_format: str = "",
    decimal: Decimals = ".",
    event_names: Mapping[str, str],
    missing: Sequence[str] = (),
) -> str:
    """The text of a map.toml.

    Args:
        relation: As in `FileMap`, like the next five.
        columns: See there.
        timezone: See there.
        time_format: See there.
        decimal: See there.
        event_names: See there.
        missing: Columns that a person has to fill in.
    """
    lines = [
        f"relation = {_quoted(relation)}",
        f"timezone = {_quoted(timezone)}  # of times without an offset; empty: the shop's",
        f"time_format = {_quoted(time_format)}  # empty: ISO 8601; or as in strptime, or epoch",
        f"decimal = {_quoted(decimal)}",
        "",
        "[columns]  # ours = the file's; other columns are kept in each row's context",
        *(f"{ours} = {_quoted(theirs)}" for ours, theirs in columns.items()),
        *(f'# {one} = ""  # needed' for one in missing),
    ]
    if event_names:
        lines += ["", "[event_names]  # theirs = ours"]
        lines += [f"{_quoted(a)} = {_quoted(b)}" for a, b in event_names.items()]
    return "\n".join(lines) + "\n"


def read_map(path: Path) -> FileMap:
    """A mapping from its file.

    Raises:
        ConfigError: It is missing, no TOML, or names something unknown.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the mapping {path}: {error}") from error
    for name in raw:
        if name not in FileMap.__slots__:
            raise ConfigError(
                f"{path}: unknown setting {name}; known: {', '.join(FileMap.__slots__)}"
            )
    try:
        return msgspec.convert(raw, FileMap)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}; see docs/import.md") from error


def mapped_row(fields: Mapping[str, Any], mapping: FileMap) -> Row:
    """The row of a record under a mapping."""
    values = {
        ours: fields[theirs] if theirs in fields else pick(fields, *theirs.split("."))
        for ours, theirs in mapping.columns.items()
    }
    people = mapping.relation != "products"
    context = rest(fields, mapping.columns.values())
    return Row(
        relation=mapping.relation,
        values=values,
        context={k: v for k, v in context.items() if not (people and is_personal(k))},
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a basic string of TOML is one of JSON
