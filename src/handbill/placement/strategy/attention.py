"""How much of a reader's attention each slot of a message gets, likened to the printed mailer."""

from collections.abc import Sequence

import numpy as np

from handbill.placement.strategy.positions import Position

ATTENTION_CODES = ("D", "A", "C")
"""Mailer places that a message's slots are likened to: front page, interior feature, line item."""

ATTENTION_GUESS = (1.0, 0.6, 0.4)
"""What slots are worth against the lead where no mailer was measured."""


def attention(positions: Sequence[Position], slots: int) -> tuple[float, ...]:
    """What each slot of a message is worth against the lead, never more than the one before.

    The extra sales of the mailer's places at the same price cut, as a share of the front page's;
    a guess when they were not measured. Slots past the third are worth as much as the third.
    """
    extra = {
        one.code: (one.at_price or one.uplift)
        for one in positions
        if one.place == "mailer" and one.uplift is not None
    }
    found = [extra.get(code) for code in ATTENTION_CODES]
    shares = list(ATTENTION_GUESS)
    lead = found[0]
    if lead is not None and lead.low > 1:
        for rank, one in enumerate(found):
            if one is not None:
                shares[rank] = min(1.0, max(0.05, (one.estimate - 1) / (lead.estimate - 1)))
    falling = np.minimum.accumulate(np.array(shares))
    return tuple(float(falling[min(slot, len(falling) - 1)]) for slot in range(slots))
