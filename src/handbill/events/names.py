"""Readable names from a grocer's codes: "FRZN NOVELTIES/WTR ICE" is nobody's shopping list.

Departments and categories are translated by hand in `grocery_names.toml`, in English and Chinese;
the 2,378 types by hand where they sell most or read worst, else word by word.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import duckdb
import pyarrow as pa

SIZE = re.compile(r"(\d+(?:\.\d+)?) (OZ|CT|LB|L|ML|PK|GAL|QT|PT|FL OZ|DZ|SQ FT)")
UNITS = {"L": "L", "CT": "count", "PK": "pack", "DZ": "dozen"}


@dataclass(frozen=True, slots=True)
class Names:
    """The dictionary.

    Attributes:
        department: Code -> English, Chinese.
        category: Code -> English, Chinese.
        type: Code -> English.
        qualifier: Code that only says which kind of its category -> English.
        word: Abbreviation -> words.
        inverted: First words of codes that name the thing before its kind.
        capital: Lower-case word -> the same with its capital.
    """

    department: Mapping[str, Sequence[str]]
    category: Mapping[str, Sequence[str]]
    type: Mapping[str, str]
    qualifier: Mapping[str, str]
    word: Mapping[str, str]
    inverted: frozenset[str]
    capital: Mapping[str, str]

    @classmethod
    def load(cls) -> "Names":
        """Read `grocery_names.toml`."""
        text = files("handbill.events").joinpath("grocery_names.toml").read_text(encoding="utf-8")
        tables = tomllib.loads(text)
        capital = {word.lower(): word for word in tables["capital"]["words"]}
        return cls(
            department=tables["department"],
            category=tables["category"],
            type=tables["type"],
            qualifier=tables["qualifier"],
            word=tables["word"],
            inverted=frozenset(tables["inverted"]["words"]),
            capital=capital,
        )

    def department_name(self, code: str | None) -> str | None:
        """English name of a department; an unknown code is read word by word."""
        return None if code is None else self._listed(self.department, code)[0]

    def category_names(self, code: str | None) -> tuple[str | None, str | None]:
        """English and Chinese name of a category; Chinese is null when the code is unknown."""
        return (None, None) if code is None else self._listed(self.category, code)

    def type_name(self, code: str | None, category: str | None) -> str | None:
        """English name of a type.

        Args:
            code: As the source writes it, cut at 30 characters there.
            category: Readable category, for types that only say which kind of it.
        """
        if code is None:
            return None
        if code in self.qualifier and category is not None:
            return f"{category}, {self.qualifier[code]}"
        return self.type.get(code) or self.read(code)

    def read(self, code: str) -> str:
        """A code word by word.

        Example:
            >>> Names.load().read("FRZN MEAT ALTERNATIVES")
            'Frozen meat alternatives'
            >>> Names.load().read("PIES: FRUIT/NUT")
            'Pies, fruit and nut'
        """
        serving = ", hot" if "(HOT)" in code else ", cold" if "(COLD)" in code else ""
        text = re.sub(r"\([^)]*\)?", " ", code)  # brands and bounds, often cut off
        text = re.sub(r"^SEAFOOD-(FR[EZ])-", r"SEAFOOD-\1 - ", text)
        text = re.sub(r"-MAGAZINE$", " MAGAZINES", text)
        first, _, rest = text.partition(" ")
        if first in self.inverted and rest.strip()[:1].isalpha():
            text = f"{first}: {rest}"
        text = re.sub(r"\bN/(?=\w)", "non-", text).replace("W/O ", "without ").replace("W/", "W ")
        parts = [self._phrase(part) for part in re.split(r"\s*:\s*|\s+-\s*|(?<=\w{3})-\s+", text)]
        return _sentence(", ".join(part for part in parts if part) + serving)

    def _listed(self, table: Mapping[str, Sequence[str]], code: str) -> tuple[str, str | None]:
        if code in table:
            english, chinese = table[code]
            return english, chinese
        return self.read(code), None

    def _phrase(self, part: str) -> str:
        """One part without colons and dashes; slashes and ampersands become a list."""
        items = [self._words(item) for item in re.split(r"[/&]", part)]
        items = [item for item in items if item]
        return " and ".join(filter(None, (", ".join(items[:-1]), items[-1]))) if items else ""

    def _words(self, item: str) -> str:
        words = []
        for raw in item.split():
            word = raw.strip(".,;")
            if word.upper() in self.word:
                words.append(self.word[word.upper()])
            elif word == "S" and words:
                words[-1] += "'s"  # the source writes "WOMEN S"
            else:
                words.append(self.capital.get(word.lower(), word.lower()))
        return " ".join(word for word in words if word)


def readable_size(code: str | None) -> str | None:
    """A package size for people, null where the source's is no plain amount.

    Example:
        >>> readable_size("16 OZ"), readable_size("2 L"), readable_size("P 12 ASST")
        ('16 oz', '2 L', None)
    """
    match = SIZE.fullmatch(code) if code else None
    if match is None:
        return None
    amount, unit = match.groups()
    return f"{amount} {UNITS.get(unit, unit.lower())}"


def register_names(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `cj_names` and `cj_sizes`, the readable names of every code in `cj_products`.

    Args:
        connection: With the view `cj_products`.
    """
    names = Names.load()
    codes = connection.execute(
        "SELECT DISTINCT department, product_category, product_type FROM cj_products ORDER BY ALL"
    ).fetchall()
    rows = [_named(names, *code) for code in codes]
    _register(connection, "cj_names", NAME_COLUMNS, rows)
    sizes = connection.execute(
        "SELECT DISTINCT package_size FROM cj_products WHERE package_size IS NOT NULL ORDER BY ALL"
    ).fetchall()
    known = [(code, readable_size(code)) for (code,) in sizes if readable_size(code)]
    _register(connection, "cj_sizes", ("code", "readable"), known)


NAME_COLUMNS = (
    "department_code", "category_code", "type_code",
    "department", "category", "category_zh", "type", "title_stem",
)  # fmt: skip


def _named(
    names: Names, department: str | None, category: str | None, kind: str | None
) -> tuple[str | None, ...]:
    category_en, category_zh = names.category_names(category)
    department_en = names.department_name(department)
    type_en = names.type_name(kind, category_en)
    stem = type_en or category_en or department_en or "Product"
    return (
        department, category, kind, department_en, category_en, category_zh, type_en, stem,
    )  # fmt: skip


def _register(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    rows: Sequence[tuple[str | None, ...]],
) -> None:
    arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(columns))]
    connection.register("incoming", pa.table(arrays, names=list(columns)))
    connection.execute(f"CREATE TABLE {table} AS SELECT * FROM incoming")
    connection.unregister("incoming")


def _sentence(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,-")
    return text[:1].upper() + text[1:]
