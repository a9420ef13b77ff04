"""Numbers as senders write them, and money divided without losing a micro."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from handbill.types import MICROS

LARGEST = Decimal(10) ** 15
"""Beyond any price in any currency; larger numbers are no numbers here."""


def number(value: Any) -> Decimal | None:
    """A JSON number or a number written as text; None for anything else.

    Example:
        >>> number("9.90"), number(2), number("1,5"), number(float("nan")), number(True)
        (Decimal('9.90'), Decimal('2'), None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < LARGEST else None


def micros(amount: Decimal) -> int:
    """An amount in micros of its currency."""
    return round(amount * MICROS)


def plain(amount: Decimal) -> str:
    """A number as text without an exponent.

    Example:
        >>> plain(Decimal("1E+3")), plain(Decimal("9.90"))
        ('1000', '9.90')
    """
    return f"{amount:f}"


def from_micros(amount: int) -> str:
    """Micros as a decimal text.

    Example:
        >>> from_micros(9_900_000), from_micros(-1)
        ('9.9', '-0.000001')
    """
    text = f"{Decimal(amount) / MICROS:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Divide an amount in proportion to weights; the parts sum to it exactly.

    Args:
        amount: At least 0.
        weights: (n,) each at least 0, not all 0.

    Source: largest remainder, kept in order by cumulative rounding.

    Example:
        >>> spread(10, [1, 1, 1])
        [3, 3, 4]
    """
    total, reached, given, parts = sum(weights), 0, 0, []
    for weight in weights:
        reached += weight
        upto = amount * reached // total
        parts.append(upto - given)
        given = upto
    return parts
