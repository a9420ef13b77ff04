"""Money read, and divided without losing a micro."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from handbill.types import MICROS

MOST = Decimal(10) ** 15
"""Beyond it a number is a mistake, whatever it counts."""


def number(value: Any) -> Decimal | None:
    """A number of an API's or export's, with a decimal point; None for what is none.

    Example:
        >>> number("19.90"), number(2), number("1,5"), number(None), number("NaN")
        (Decimal('19.90'), Decimal('2'), None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < MOST else None


def micros(amount: Decimal) -> int:
    """An amount in micros, rounded to the nearest.

    Example:
        >>> micros(Decimal("9.90"))
        9900000
    """
    return round(amount * MICROS)


def from_micros(amount: int) -> Decimal:
    """Micros as an amount."""
    return Decimal(amount) / MICROS


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
