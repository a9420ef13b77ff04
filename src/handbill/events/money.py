"""Money divided without losing a micro."""

from collections.abc import Sequence


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
