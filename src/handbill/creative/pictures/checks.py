"""Checks on a rendered picture: measured on its pixels, not read from its style."""

from collections.abc import Iterator

import numpy as np

from handbill.creative.pictures.colours import contrast, needed
from handbill.creative.pictures.formats import Format
from handbill.creative.pictures.studio import Box, Proof
from handbill.types import Finding

WORST = 5.0
"""Per cent of what lies behind a text that may be worse than the contrast it is given."""


def examine(proof: Proof, form: Format) -> tuple[Finding, ...]:
    """What is wrong with a picture; nothing, when it can run."""
    return tuple(_findings(proof, form))


def _findings(proof: Proof, form: Format) -> Iterator[Finding]:
    height, width = proof.pixels.shape[:2]
    if (width, height) != form.size:
        yield _block("picture-size", f"{width}x{height}", f"It has to be {form.name} exactly.")
    if not proof.fits:
        yield _block(
            "picture-room", "headline",
            "The words do not fit whole, at a size that can be read; shorten them.",
        )  # fmt: skip
        return
    for box in proof.boxes:
        if box.size < form.least_text:
            yield _block(
                "picture-text-size", box.name,
                f"{box.size:.0f} px of type; {form.least_text} px can be read at this size.",
            )  # fmt: skip
        edge = min(box.left, box.top, form.width - box.right, form.height - box.bottom)
        if edge < form.margin - box.size * 0.3:
            yield _block(
                "picture-margin", box.name,
                f"It stands {edge:.0f} px from the edge; {form.margin} px stay free.",
            )  # fmt: skip
        measured, least = measure_contrast(proof, box), needed(box.size, box.weight)
        if measured < least:
            yield _block(
                "picture-contrast", box.name,
                f"Contrast {measured:.1f}; {least:.1f} is needed: WCAG 2.2, 1.4.3.",
            )  # fmt: skip


def measure_contrast(proof: Proof, box: Box) -> float:
    """Contrast of a text with what lies behind it, the worst twentieth left out."""
    left, top = max(0, int(box.left)), max(0, int(box.top))
    behind = proof.behind[top : int(np.ceil(box.bottom)), left : int(np.ceil(box.right))]
    if not behind.size:
        return 1.0
    return float(np.percentile(contrast(behind, np.array(box.colour)), WORST))


def _block(rule: str, span: str, reason: str) -> Finding:
    return Finding(rule=rule, span=span, outcome="block", reason=reason)
