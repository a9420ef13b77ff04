"""Quantities: every number that a text states, with its unit, brought to one scale."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal

Bound = Literal["is", "over", "least", "under", "most", "about"]

_WORDS = dict(
    zip(
        [
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "fifteen",
            "twenty",
            "thirty",
            "forty",
            "fifty",
            "sixty",
            "ninety",
            "hundred",
            "thousand",
            "half",
        ],
        (*range(1, 13), 15, 20, 30, 40, 50, 60, 90, 100, 1000, 0.5),
        strict=True,
    )
) | {
    "a hundred": 100,
    "a thousand": 1000,
    "a million": 1e6,
    "a dozen": 12,
    "half a": 0.5,
    "half an": 0.5,
}
_HAN_DIGITS = dict(zip("零一二三四五六七八九", range(10), strict=True)) | {"〇": 0, "两": 2}
_HAN_PLACES = {"十": 10, "百": 100, "千": 1000}
_DIGITS = r"(?:\d+(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+)"
_HAN_NUMBER = r"[零〇一二两三四五六七八九十百千万亿]+(?:点[零一二三四五六七八九]+)?半?|半"
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_BEFORE: tuple[tuple[Bound, str], ...] = (
    ("over", r"(?:over|more than|above|超过?|逾|不止|高于|大于)\s*$"),
    ("least", r"(?:at least|no less than|from|至少|不少于|不低于)\s*$"),
    ("under", r"(?:under|less than|below|不到|低于|少于|不足)\s*$"),
    (
        "most",
        r"(?:up to|at most|no more than|最多|最高可?达?|最长可?达?|不超过|长达|高达|可达)\s*$",
    ),
    ("about", r"(?:about|around|roughly|nearly|almost|approximately|约|大约|近|将近|差不多)\s*$"),
)
_AFTER: tuple[tuple[Bound, str], ...] = (
    ("least", r"(?:\+| or more| plus|以上)"),
    ("over", r"(?:多(?=[克升天年元块个片种款]))"),
    ("under", r"以[下内]"),
    ("about", r"(?:左右|上下)"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number as a text states it.

    Attributes:
        kind: `price`, `percent`, `off` (a share taken from the price), `date`, `number`, or what
            its unit measures.
        value: In the first unit of its kind; a price in `unit`.
        unit: Currency of a price; empty otherwise.
        bound: Whether it is exact.
        start: Where it begins in the text.
        end: Where it ends.
    """

    kind: str
    value: float
    unit: str = ""
    bound: Bound = "is"
    start: int
    end: int

    def agrees(self, stated: "Quantity") -> bool:
        """Whether a quantity that is known supports this one."""
        if self.kind != stated.kind or (self.unit and stated.unit and self.unit != stated.unit):
            return False
        near = abs(self.value - stated.value) <= 0.005 * max(abs(stated.value), 1e-9)
        match self.bound:
            case "over":
                return stated.value > self.value or (stated.bound == "over" and near)
            case "least":
                return stated.value >= self.value or near
            case "under":
                return stated.value < self.value or (stated.bound == "under" and near)
            case "most":
                return near or (stated.value > self.value and self.kind == "time")
            case "about":
                return abs(self.value - stated.value) <= 0.05 * abs(stated.value)
            case "is":
                return near


@cache
def _table() -> dict[str, Any]:
    text = files("handbill.creative").joinpath("words", "units.toml").read_text("utf-8")
    return tomllib.loads(text)


def _currency(sign: str) -> str:
    code: str = _table()["currency"][sign]
    return code


@cache
def _units() -> tuple[re.Pattern[str], dict[str, tuple[str, float]]]:
    """One pattern for all units, and by the name of its group the kind and size."""
    table = [
        (unit, kind, float(size))
        for kind, units in _table().items()
        if kind not in ("version", "currency")
        for unit, size in units.items()
    ]
    parts, meaning = [], {}
    for number, (unit, kind, size) in enumerate(sorted(table, key=lambda one: -len(one[0]))):
        edge = r"(?![a-z])" if re.match(r"[a-z°]", unit) else ""
        parts.append(f"(?P<u{number}>{unit}{edge})")
        meaning[f"u{number}"] = (kind, size)
    return re.compile("|".join(parts)), meaning


_NUMBER = re.compile(
    rf"(?P<digits>(?<![a-z\d.]){_DIGITS})(?P<scale> ?(?:million|thousand|k(?![a-z])|万|亿|千|百))?"
    rf"|(?P<han>{_HAN_NUMBER})|(?<![a-z])(?P<word>{_WORD})(?![a-z])"
)
_SCALES = {"million": 1e6, "thousand": 1e3, "k": 1e3, "万": 1e4, "亿": 1e8, "千": 1e3, "百": 1e2}
_MONEY_BEFORE = re.compile(r"(us\$|\$|€|£|¥|￥|usd|eur|gbp|cny|rmb|人民币)\s*$")
_MONEY_AFTER = re.compile(
    r"\s*(美元|美金|欧元|英镑|日元|港[币元]|usd|eur|gbp|cny|rmb|dollars?|bucks|euros?|quid|元钱|元"
    r"|块钱|块(?=[钱。，,!！\s九八七六五四三二一]|$)|人民币|€|£)(?![a-z])"
)
_CENTS_AFTER = re.compile(r"\s*(?:cents?|pence|p|毛钱)(?![a-z])")
_PERCENT = re.compile(r"\s*(?:%|％|percent|per cent|个百分点)")
_OFF = re.compile(r"\s*(?:% |percent |% ?)?(?:off|discount|less)(?![a-z])")
_SAVED = re.compile(
    r"(?:sav(?:e|es|ing)|discount of|reduced by|立省|直降|降价?|省)\s*(?:up to|an extra|over)?\s*$"
)
_ALWAYS = re.compile(r".*(?<!\d)24/7(?!\d)")
_CLOCK = re.compile(r"(?:\s*(?:am|pm|a\.m|p\.m|o'clock)(?![a-z])|:\d\d|点(?!\d)|时(?!尚))")
_MONTH = re.compile(
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? $|\d月$|星期$|周$"
)
_SIDES = re.compile(r"(?:\s*[x×*乘]\s*\d+(?:\.\d+)?)+")
_DATE = re.compile(r"\s*(?:月\d{1,2}[日号]?|月(?:底|初|份)?|[日号])")
_LASTS = re.compile(
    r"(?:\bin|within|up to|only|just|over|lasts?|takes|for over|仅需|只需|只要|长达|续航|保温|质保"
    r"|保修|保质期|用上|可用|新鲜|持久|维持|达)\s*$"
)
_THEN = re.compile(
    r"[- ](?:warranty|guarantee|battery|supply)|[即就内]|搞定|见效|速|续航|保温|质保|保修|长效"
)
_IDLE_HAN = re.compile(r"^[一半两二]$")


def quantities(text: str) -> Iterator[Quantity]:
    """Every number that claims something.

    A number word claims something with a unit of measure or money; `one cup` and `一家人` do not.

    Args:
        text: Plain, in small letters.

    Example:
        >>> [(one.kind, one.value) for one in quantities("500 g for $4.99")]
        [('mass', 500.0), ('price', 4.99)]
        >>> [(one.kind, one.value) for one in quantities("八折，五百毫升")]
        [('off', 20.0), ('volume', 500.0)]
    """
    for match in _NUMBER.finditer(text):
        if (one := _quantity(text, match)) is not None:
            yield one


def _quantity(text: str, match: re.Match[str]) -> Quantity | None:
    start, end = match.span()
    typed = match["digits"] is not None
    value = _value(match)
    before, after = text[max(0, start - 14) : start], text[end : end + 24]
    kind, unit = "number", ""
    if money := _MONEY_BEFORE.search(before):
        start -= len(before) - money.start()
        kind, unit = "price", _currency(money[1])
        before = text[max(0, start - 14) : start]
    elif before.endswith("百分之"):
        start, kind = start - 3, "percent"
    elif (money := _MONEY_AFTER.match(after)) and (typed or not _IDLE_HAN.match(match.group())):
        end, kind, unit = end + money.end(), "price", _currency(money[1])
        value, end = _with_jiao(text, value, end, money[1])
    elif cents := _CENTS_AFTER.match(after):
        end, kind, value = (
            end + cents.end(),
            "price",
            value / (100 if cents[0].strip() != "毛钱" else 10),
        )
        unit = "CNY" if cents[0].strip() == "毛钱" else ""
    elif share := _PERCENT.match(after):
        end, kind = end + share.end(), "percent"
    elif re.match(r"折(?![叠返好痕合线])", after):
        end, kind, value = end + 1, "off", 100 - value * (10 if value < 10 else 1)
    elif re.match(r"成(?=[新价棉毛丝熟]|以上)", after):
        end, kind, value = end + 1, "percent", value * 10
    elif typed and (
        _ALWAYS.match(text[max(0, start - 3) : end + 3])
        or _CLOCK.match(after)
        or _DATE.match(after)
        or _MONTH.search(before)
        or re.search(r"\d[:/]$", before)
    ):
        return None
    elif re.search(r"spf ?$", before):
        start, kind = start - (len(before) - before.rindex("spf")), "sun"
    elif unit_found := _unit(text, end) or (_side(text, end) if typed else None):
        size, kind, length = unit_found
        if not _claims(text, start, end + length, kind, value, match):
            return None
        value, end = value * size, end + length
    elif not typed:
        return None
    if kind == "percent" and (off := _OFF.match(text[end : end + 12])):
        kind, end = "off", end + off.end()
    elif kind == "percent" and _SAVED.search(before):
        kind = "off"
    bound = _bound(text[max(0, start - 16) : start], text[end : end + 10])
    return Quantity(kind=kind, value=round(value, 6), unit=unit, bound=bound, start=start, end=end)


def _claims(text: str, start: int, end: int, kind: str, value: float, match: re.Match[str]) -> bool:
    """Whether a number with a unit says something of a product, and not of a quiet minute."""
    if match["digits"] is not None:
        return True
    hyphen = text[match.end() : match.end() + 1] == "-"
    if kind == "time":
        return bool(
            hyphen
            or _LASTS.search(text[max(0, start - 12) : start])
            or _THEN.match(text[end : end + 12])
        )
    if kind == "count":
        return value >= 3 and (match["han"] is not None or hyphen or value >= 50)
    if kind in ("length", "threads"):
        return value >= 3
    if kind == "degrees":
        return False
    return not _IDLE_HAN.match(match.group()) or kind in ("volume",)


def _value(match: re.Match[str]) -> float:
    if match["digits"] is not None:
        scale = _SCALES[match["scale"].strip()] if match["scale"] else 1
        return float(match["digits"].replace(",", "")) * scale
    if match["word"] is not None:
        return float(_WORDS[match["word"]])
    return _han(match["han"])


def _han(text: str) -> float:
    """A number in Chinese characters.

    Example:
        >>> _han("一千二百三十"), _han("十九"), _han("二点五"), _han("三万")
        (1230.0, 19.0, 2.5, 30000.0)
    """
    half = text.endswith("半")
    whole, _, part = text.removesuffix("半").partition("点")
    total = section = digit = 0.0
    if whole and not set(whole) & set("十百千万亿"):
        total = float("".join(str(_HAN_DIGITS[one]) for one in whole))
        whole = ""
    for sign in whole:
        if sign in _HAN_DIGITS:
            digit = _HAN_DIGITS[sign]
        elif sign in _HAN_PLACES:
            section += (digit or 1) * _HAN_PLACES[sign]
            digit = 0
        else:
            total = (total + section + digit) * (1e4 if sign == "万" else 1e8)
            section = digit = 0
    total += section + digit
    if part:
        total += float("0." + "".join(str(_HAN_DIGITS[one]) for one in part))
    return total + (0.5 if half else 0)


def _with_jiao(text: str, value: float, end: int, unit: str) -> tuple[float, int]:
    """`十九块九` is 19.9."""
    if unit.startswith("块") and (jiao := re.match(r"[一二三四五六七八九]", text[end:])):
        return value + _HAN_DIGITS[jiao[0]] / 10, end + 1
    return value, end


def _unit(text: str, at: int) -> tuple[float, str, int] | None:
    """Size, kind and length of the unit that follows."""
    gap = re.match(r"[\s-]{0,2}", text[at:])
    skip = gap.end() if gap else 0
    pattern, meaning = _units()
    match = pattern.match(text, at + skip)
    if match is None or match.lastgroup is None:
        return None
    kind, size = meaning[match.lastgroup]
    return size, kind, skip + len(match.group())


def _side(text: str, at: int) -> tuple[float, str, int] | None:
    """Size and kind of a side's unit that only the last side carries: 130 x 170 cm."""
    sides = _SIDES.match(text, at)
    found = _unit(text, sides.end()) if sides else None
    return (found[0], "length", 0) if found and found[1] == "length" else None


def _bound(before: str, after: str) -> Bound:
    for bound, pattern in _BEFORE:
        if re.search(pattern, before):
            return bound
    for bound, pattern in _AFTER:
        if re.match(pattern, after):
            return bound
    return "is"


def known(texts: Iterable[str]) -> tuple[Quantity, ...]:
    """The quantities of some fields; a pack `6 x 330 ml` also holds what it comes to."""
    found: list[Quantity] = []
    for text in texts:
        mine = list(quantities(text))
        found += mine
        for one, other in pairwise(mine):
            between = text[one.end : other.start]
            if re.fullmatch(r"\s*[x×*]?\s*", between) and one.kind in ("number", "count"):
                whole = one.value * other.value
                found.append(Quantity(kind=other.kind, value=whole, start=one.start, end=other.end))
    return tuple(found)
