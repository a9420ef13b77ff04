"""Everything the report says, in English and Chinese: one file for translators, and the formats.

`words.toml` holds every sentence under a dotted key with its `{places}`; only that file may carry
markup, and whatever fills a place is escaped.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

from handbill.types import MICROS, Interval, Language, Text

Value = Text | str | int
"""What may fill a place: counts are written with separators, a text in each language."""

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "JP¥", "HKD": "HK$", "INR": "₹"}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July",
    "August", "September", "October", "November", "December",
)  # fmt: skip


@cache
def _sentences() -> dict[str, Text]:
    source = files("handbill.console").joinpath("words.toml").read_text(encoding="utf-8")
    found: dict[str, Text] = {}

    def walk(prefix: str, node: dict[str, Any]) -> None:
        for key, value in node.items():
            if isinstance(value.get("en"), str):
                found[prefix + key] = Text(en=value["en"], zh=value["zh"])
            else:
                walk(f"{prefix}{key}.", value)

    walk("", tomllib.loads(source))
    return found


def known(key: str) -> bool:
    """Whether there is a sentence under this key."""
    return key in _sentences()


def keys() -> frozenset[str]:
    """All keys."""
    return frozenset(_sentences())


def sentence(key: str) -> Text:
    """A sentence with its places still open."""
    return _sentences()[key]


def say(key: str, /, **places: Value) -> Text:
    """A sentence with its places filled, as plain text.

    Example:
        >>> say("data.people", count=2469).en
        '2,469'
    """
    open_ = _sentences()[key]
    return Text(
        en=open_.en.format(**{name: _in(value, "en") for name, value in places.items()}),
        zh=open_.zh.format(**{name: _in(value, "zh") for name, value in places.items()}),
    )


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence as HTML in both languages; a template shows it as a span for each.

    Attributes:
        en: English, safe.
        zh: Chinese, safe.
    """

    en: Markup
    zh: Markup

    def __html__(self) -> str:
        """Both languages, of which the page shows one; once when they agree."""
        if self.en == self.zh:
            return self.en
        return Markup(
            '<span class="en" lang="en">{}</span><span class="zh" lang="zh-Hans">{}</span>'
        ).format(self.en, self.zh)


def both(text: Text | str) -> Spoken:
    """A text from the data as HTML, escaped."""
    if isinstance(text, str):
        return Spoken(escape(text), escape(text))
    return Spoken(escape(text.en), escape(text.zh))


def prose(*sentences: Spoken | None) -> Spoken:
    """Sentences of one paragraph: English puts spaces between them, Chinese does not."""
    said = [one for one in sentences if one is not None]
    return Spoken(Markup(" ").join(one.en for one in said), Markup("").join(one.zh for one in said))


def spoken(key: str, /, **places: Value) -> Spoken:
    """A sentence with its places filled, as HTML; what fills a place is escaped."""
    open_ = _sentences()[key]
    return Spoken(_filled(open_.en, "en", places), _filled(open_.zh, "zh", places))


def _filled(sentence: str, language: Language, places: Mapping[str, Value]) -> Markup:
    values = {name: _in(value, language) for name, value in places.items()}
    return Markup(sentence).format(**values)  # noqa: S704 - words.toml is ours; values are escaped


def _in(value: Value, language: Language) -> str:
    if isinstance(value, Text):
        return value.en if language == "en" else value.zh
    return count(value) if isinstance(value, int) else value


def count(value: float) -> str:
    """A whole number with separators.

    Example:
        >>> count(1469307)
        '1,469,307'
    """
    return f"{value:,.0f}"


def counted(number: int, thing: str) -> Text:
    """How many of a thing; Chinese has its measure word in the sentence.

    Example:
        >>> counted(1, "day").en, counted(1_200, "day").en, counted(1, "day").zh
        ('1 day', '1,200 days', '1')
    """
    return Text(en=f"{count(number)} {thing}{'s' * (number != 1)}", zh=count(number))


def percent(share: float) -> str:
    """A share as per cent, with a decimal where it is small.

    Example:
        >>> percent(0.5612), percent(0.0244)
        ('56%', '2.4%')
    """
    value = round(share * 100, 1)
    digits = 1 if abs(value) < 10 and value != round(value) else 0
    return f"{value:.{digits}f}%"


def chance(probability: float) -> str:
    """A probability as per cent; none is called certain or impossible.

    Example:
        >>> chance(0.9991), chance(0.0244), chance(0.0004)
        ('>99%', '2.4%', '<1%')
    """
    if probability > 0.99:
        return ">99%"
    return "<1%" if probability < 0.01 else percent(probability)


def decimal(value: float, digits: int = 2) -> str:
    """A number with so many decimals."""
    return f"{value:,.{digits}f}"


def money(micros: float, currency: str) -> str:
    """An amount of money, in whole units from a hundred on.

    Example:
        >>> money(1_250_000, "USD"), money(4_593_000_000, "CHF")
        ('$1.25', 'CHF 4,593')
    """
    units = round(micros / MICROS, 2)
    symbol = SYMBOLS.get(currency, f"{currency} ")
    digits = 0 if abs(units) >= 100 or units == 0 else 2
    return f"{'-' if units < 0 else ''}{symbol}{abs(units):,.{digits}f}"


def day(value: date) -> Text:
    """A day as people write it.

    Example:
        >>> day(date(2017, 10, 30))
        Text(en='30 October 2017', zh='2017年10月30日')
    """
    return Text(
        en=f"{value.day} {MONTHS[value.month - 1]} {value.year}",
        zh=f"{value.year}年{value.month}月{value.day}日",
    )


def short_day(value: date) -> Text:
    """A day for an axis.

    Example:
        >>> short_day(date(2017, 10, 30))
        Text(en='30 Oct', zh='10/30')
    """
    return Text(en=f"{value.day} {MONTHS[value.month - 1][:3]}", zh=f"{value.month}/{value.day}")


def percent_range(interval: Interval) -> str:
    """An interval of shares.

    Example:
        >>> percent_range(Interval(estimate=0.56, low=0.512, high=0.61))
        '51–61%'
    """
    low, high = percent(interval.low), percent(interval.high)
    return f"{low.removesuffix('%')}–{high}"


def number_range(interval: Interval, digits: int = 2) -> str:
    """An interval of numbers, such as `2.61–3.05`."""
    return f"{decimal(interval.low, digits)}–{decimal(interval.high, digits)}"
