"""Segments by rule: a small language of comparisons, read by a parser of its own, never evaluated.

    fading = 'spend_365 > 1000 and recency_days > 30 and churn_30 >= 0.5'
    tea_lovers = 'bought("Tea", 90) >= 3 and not bought("Coffee", 365) > 0'

A name is a column of the features, or `alive`, `churn_30`, `expected_purchases_N` or
`expected_spend_micros_N` of the value table; one with `_micros` in it is also known without, in the
shop's currency. `bought(category, days)` counts baskets with a category in the
last 30, 90 or 365 days. A comparison with something unknown is not true; `is missing` asks for it.

Grammar:
    rule   = either { "or" either }          either = each { "and" each }
    each   = "not" each | test | "(" rule ")"
    test   = sum ( "<" | "<=" | ">" | ">=" | "=" | "!=" ) sum | sum "is" [ "not" ] "missing"
    sum    = term { ("+" | "-") term }       term = factor { ("*" | "/") factor }
    factor = number | name | "bought" "(" text "," number ")" | "-" factor | "(" sum ")"
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import ibis
import pyarrow as pa
from ibis import Table
from ibis.expr.types import BooleanValue, NumericValue

from handbill.audience.value import CHURN_DAYS, HORIZONS
from handbill.engine import connect
from handbill.errors import ConfigError
from handbill.types import MICROS

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<text>\"[^\"]*\"|'[^']*')|(?P<sign><=|>=|!=|<|>|=|\+|-|\*|/|\(|\)|,))"
)
WORDS = ("and", "or", "not", "is", "missing", "bought")
WINDOWS = (30, 90, 365)
LONGEST, DEEPEST = 2000, 40
"""Characters of a rule and nesting in it: more is a mistake, or an attack."""

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
}


class Token(NamedTuple):
    """A piece of a rule.

    Attributes:
        kind: `number`, `name`, `text`, `sign` or `end`.
        value: As written.
        at: Where it begins, from 1.
    """

    kind: str
    value: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule that was read.

    Attributes:
        name: Of the segment.
        text: As written.
        holds: Gives the condition over a table of people; from `people_with`.
        categories: The `(category, days)` that it asks about.
    """

    name: str
    text: str
    holds: Callable[[Table], BooleanValue]
    categories: frozenset[tuple[str, int]]


def read_rules(texts: Mapping[str, str], columns: frozenset[str]) -> list[Rule]:
    """Read the rules of `[audience.rules]`.

    Args:
        texts: Name -> rule.
        columns: Numeric columns that a rule may name.

    Raises:
        ConfigError: A rule cannot be read; the message says which, where and why.
    """
    return [_Reader(name, text, columns).rule() for name, text in sorted(texts.items())]


def column_of(category: str, days: int) -> str:
    """The column that counts baskets with a category."""
    return f"bought {days} {category}"


def people_with(people: Table, categories: Table, rules: Sequence[Rule]) -> Table:
    """The table of people that rules are asked of, with the categories they speak of counted.

    Args:
        people: `person` and the numeric columns.
        categories: `customer_category`'s features.
        rules: From `read_rules`.
    """
    asked = sorted({pair for rule in rules for pair in rule.categories})
    if not asked:
        return people
    counts = categories.group_by("person").aggregate(
        **{
            column_of(category, days): categories[f"baskets_{days}"].sum(
                where=categories.category == category
            )
            for category, days in asked
        }
    )
    joined = people.left_join(counts, "person").drop("person_right")
    names = [column_of(category, days) for category, days in asked]
    return joined.mutate({name: joined[name].fill_null(0) for name in names})


Number = Callable[[Table], NumericValue]
Condition = Callable[[Table], BooleanValue]


class _Reader:
    """Recursive descent over the grammar; every method reads one of its lines."""

    def __init__(self, name: str, text: str, columns: frozenset[str]) -> None:
        self.name, self.text, self.columns = name, text, columns
        self.categories: set[tuple[str, int]] = set()
        if len(text) > LONGEST:
            self._fail(LONGEST, f"a rule has at most {LONGEST} characters")
        self.tokens = self._split()
        self.next = 0
        self.depth = 0

    def rule(self) -> Rule:
        holds = self._or()
        if self._now().kind != "end":
            self._fail(self._now().at, f"expected and, or or the end, found {self._now().value!r}")
        return Rule(
            name=self.name, text=self.text, holds=holds, categories=frozenset(self.categories)
        )

    def _or(self) -> Condition:
        found = self._and()
        while self._take("or"):
            found = _both(found, self._and(), lambda one, other: one | other)
        return found

    def _and(self) -> Condition:
        found = self._each()
        while self._take("and"):
            found = _both(found, self._each(), lambda one, other: one & other)
        return found

    def _each(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail(self._now().at, f"a rule is at most {DEEPEST} deep")
        try:
            if self._take("not"):
                inner = self._each()
                return lambda people: ~inner(people)
            if self._opens_rule():
                self._take("(")
                found = self._or()
                self._expect(")")
                return found
            return self._test()
        finally:
            self.depth -= 1

    def _test(self) -> Condition:
        left = self._sum()
        if self._take("is"):
            wanted = not self._take("not")
            self._expect("missing")
            return lambda people: left(people).isnull() == wanted
        token = self._now()
        if token.value not in COMPARISONS or token.kind != "sign":
            signs = " ".join(COMPARISONS)
            self._fail(token.at, f"expected one of {signs} or is missing, found {_shown(token)}")
        self.next += 1
        compare, right = COMPARISONS[token.value], self._sum()
        return lambda people: compare(left(people), right(people)).fill_null(False)

    def _sum(self) -> Number:
        found = self._term()
        while (sign := self._now().value) in ("+", "-") and self._take(sign):
            found = _both(found, self._term(), _plus if sign == "+" else _minus)
        return found

    def _term(self) -> Number:
        found = self._factor()
        while (sign := self._now().value) in ("*", "/") and self._take(sign):
            found = _both(found, self._factor(), _times if sign == "*" else _over)
        return found

    def _factor(self) -> Number:
        token = self._now()
        self.next += 1
        if token.kind == "number":
            value = float(token.value)
            return lambda people: ibis.literal(value)
        if token.value == "-":
            inner = self._nested(self._factor)
            return lambda people: -inner(people)
        if token.value == "(":
            found = self._nested(self._sum)
            self._expect(")")
            return found
        if token.value == "bought":
            return self._bought()
        if token.kind == "name" and token.value not in WORDS:
            return self._column(token)
        self._fail(token.at, f"expected a number or a column, found {_shown(token)}")

    def _nested(self, read: Callable[[], Number]) -> Number:
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail(self._now().at, f"a rule is at most {DEEPEST} deep")
        found = read()
        self.depth -= 1
        return found

    def _column(self, token: Token) -> Number:
        name = token.value
        if name in self.columns:
            return lambda people: people[name].cast("float64")
        micros = _with_micros(name, self.columns)
        if micros is None:
            near = ", ".join(sorted(self.columns))
            self._fail(token.at, f"there is no column {name}; there are: {near}")
        return lambda people: people[micros] / float(MICROS)

    def _bought(self) -> Number:
        self._expect("(")
        token = self._now()
        if token.kind != "text":
            self._fail(token.at, f'expected a category like "Tea", found {_shown(token)}')
        category = token.value[1:-1]
        self.next += 1
        self._expect(",")
        days = self._now()
        if days.value not in {str(one) for one in WINDOWS}:
            self._fail(days.at, f"expected 30, 90 or 365 days, found {_shown(days)}")
        self.next += 1
        self._expect(")")
        self.categories.add((category, int(days.value)))
        name = column_of(category, int(days.value))
        return lambda people: people[name].cast("float64")

    def _opens_rule(self) -> bool:
        """Whether the parenthesis ahead holds a rule, not a sum: there is a comparison in it."""
        if self._now().value != "(":
            return False
        depth = 0
        for token in self.tokens[self.next :]:
            depth += (token.value == "(") - (token.value == ")")
            if depth == 0:
                return False
            if token.value in COMPARISONS or token.value in WORDS[:4]:
                return True
        return False

    def _split(self) -> list[Token]:
        tokens, at = [], 0
        while self.text[at:].strip():
            match = TOKEN.match(self.text, at)
            if match is None:
                rest = len(self.text) - len(self.text[at:].lstrip())
                self._fail(rest + 1, f"cannot read {self.text[rest : rest + 12]!r}")
            kind = match.lastgroup or ""
            value = match.group(kind)
            if kind == "name" and value.lower() in WORDS:
                value = value.lower()
            tokens.append(Token(kind, value, match.start(kind) + 1))
            at = match.end()
        return [*tokens, Token("end", "", len(self.text) + 1)]

    def _now(self) -> Token:
        return self.tokens[min(self.next, len(self.tokens) - 1)]

    def _take(self, value: str) -> bool:
        token = self._now()
        found = token.kind in ("sign", "name") and token.value == value
        self.next += found
        return found

    def _expect(self, value: str) -> None:
        if not self._take(value):
            self._fail(self._now().at, f"expected {value}, found {_shown(self._now())}")

    def _fail(self, at: int, why: str) -> NoReturn:
        raise ConfigError(f"audience.rules.{self.name}, character {at}: {why}")


def _with_micros(name: str, columns: frozenset[str]) -> str | None:
    """`basket` -> `basket_micros`, `spend_90` -> `spend_micros_90`."""
    head, _, window = name.rpartition("_")
    options = (f"{head}_micros_{window}", f"{name}_micros")
    return next((one for one in options if one in columns), None)


def _both(one: Any, other: Any, join: Callable[[Any, Any], Any]) -> Any:
    return lambda people: join(one(people), other(people))


def _plus(one: Any, other: Any) -> Any:
    return one + other


def _minus(one: Any, other: Any) -> Any:
    return one - other


def _times(one: Any, other: Any) -> Any:
    return one * other


def _over(one: Any, other: Any) -> Any:
    return one / ibis.coalesce(other, 0.0).nullif(0.0)


def _shown(token: Token) -> str:
    return "the end" if token.kind == "end" else repr(token.value)


def rule_names(features: pa.Table) -> frozenset[str]:
    """What a rule may name, where these are the features."""
    ahead = {
        f"expected_{kind}_{days}" for kind in ("purchases", "spend_micros") for days in HORIZONS
    }
    return frozenset({*features.column_names, "alive", f"churn_{CHURN_DAYS}", *ahead} - {"person"})


def rule_columns(features: pa.Table, value: pa.Table) -> pa.Table:
    """What a rule may name, one row per person: the features, and what is ahead of them."""
    ahead = {name: name for name in ("person", "alive", f"churn_{CHURN_DAYS}")}
    for days in HORIZONS:
        ahead |= {
            f"purchases_{days}": f"expected_purchases_{days}",
            f"spend_{days}_micros": f"expected_spend_micros_{days}",
        }
    looked = value.select(list(ahead)).rename_columns(list(ahead.values()))
    return features.join(looked, "person", join_type="left outer").sort_by("person")


def members_of(
    rules: Sequence[Rule], columns: pa.Table, categories: pa.Table
) -> dict[str, list[str]]:
    """Who each rule holds for, sorted.

    Args:
        rules: From `read_rules`.
        columns: From `rule_columns`.
        categories: `customer_category`'s features.
    """
    people = people_with(ibis.memtable(columns), ibis.memtable(categories), rules)
    backend = connect()
    try:
        return {
            rule.name: sorted(
                backend.to_pyarrow(people.filter(rule.holds(people)).select("person"))
                .column("person")
                .to_pylist()
            )
            for rule in rules
        }
    finally:
        backend.disconnect()
