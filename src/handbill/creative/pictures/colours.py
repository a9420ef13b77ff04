"""Colours: contrast as WCAG measures it, and inks that can be read on a ground."""

import numpy as np

Colour = tuple[int, int, int]
PAPER: Colour = (251, 250, 246)
INK: Colour = (24, 23, 21)
READABLE, LARGE = 4.5, 3.0
"""Least contrast of text, and of large text (24 px, or 18.66 px bold): WCAG 2.2, 1.4.3."""
LARGE_PX, LARGE_BOLD_PX, BOLD = 24.0, 18.66, 700


def parse(text: str) -> Colour:
    """A colour written as `#rrggbb`.

    Example:
        >>> parse("#12372a")
        (18, 55, 42)
    """
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def css(colour: Colour) -> str:
    """A colour as CSS writes it.

    Example:
        >>> css((18, 55, 42))
        '#12372a'
    """
    return "#{:02x}{:02x}{:02x}".format(*colour)


def luminance(pixels: np.ndarray) -> np.ndarray:
    """Relative luminance of sRGB colours.

    Args:
        pixels: (..., 3), 0 to 255.

    Returns:
        (...), 0 for black to 1 for white.

    Source: WCAG 2.2, relative luminance.
    """
    part = np.asarray(pixels, dtype=np.float64) / 255.0
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Contrast ratio of colours, 1 to 21.

    Example:
        >>> float(contrast(np.array([0, 0, 0]), np.array([255, 255, 255])))
        21.0
    """
    first, second = luminance(one), luminance(other)
    ratio = (np.maximum(first, second) + 0.05) / (np.minimum(first, second) + 0.05)
    return np.asarray(ratio)


def ink_on(ground: Colour) -> Colour:
    """Whichever of paper and ink is read better on a ground."""
    on = np.array(ground)
    return max((PAPER, INK), key=lambda ink: float(contrast(np.array(ink), on)))


def needed(size: float, weight: int) -> float:
    """Least contrast of type of a size in pixels and a weight."""
    bold = weight >= BOLD
    return LARGE if size >= (LARGE_BOLD_PX if bold else LARGE_PX) else READABLE
