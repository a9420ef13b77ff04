"""The plan's rows: which creative stands in which slot of whose message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
import pandas as pd

from handbill.placement.pairs import Floats
from handbill.placement.settings import Settings
from handbill.placement.slate import Slates, fill_slots

EVERYONE = "all"
"""Segment of creatives that are written for nobody in particular."""

Creatives = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Offer -> segment -> ids of its approved creatives, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One message before its slots are filled.

    Attributes:
        id: Of the message.
        person: Who.
        segment_id: Their segment.
        campaign_id: What for.
        propensity: Probability with which the pair was selected.
        value: Expected value in micros.
    """

    id: str
    person: str
    segment_id: str
    campaign_id: str
    propensity: float
    value: float


def variants(creatives: Creatives, offer_id: str, segment_id: str) -> tuple[str, ...]:
    """The creatives of an offer for a segment: its own, else those for everyone."""
    by_segment = creatives.get(offer_id, {})
    return by_segment.get(segment_id) or by_segment.get(EVERYONE, ())


def fill_messages(
    contacts: Sequence[Contact],
    offers: Mapping[str, Sequence[str]],
    creatives: Creatives,
    interest: "pd.Series[float]",
    attention: Sequence[float],
    settings: Settings,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Fill the slots of all messages.

    A slot's candidates are creatives: an offer is drawn, then one of its creatives evenly. The
    message's value is split over its slots by attention and interest, nothing in a log says
    which of them brought a redemption.

    Args:
        contacts: Messages, each of a campaign with an offer that has a creative.
        offers: Campaign -> ids of its offers.
        creatives: Approved ones.
        interest: Score by person and offer; absent is 0.
        attention: What a slot is worth against the lead, by slot.
        settings: Of the stage.
        rng: Draws.

    Returns:
        One row per filled slot: `contact_id`, `offer_id`, `creative_id`, `slot`, `value` (float
        micros), `candidates`, `propensities`, `propensity`.
    """
    rows: list[tuple[object, ...]] = []

    def group(contact: Contact) -> tuple[str, str]:
        return contact.campaign_id, contact.segment_id

    for (campaign_id, segment_id), some in groupby(sorted(contacts, key=group), key=group):
        members = list(some)
        choice = {
            offer: found
            for offer in sorted(offers[campaign_id])
            if (found := variants(creatives, offer, segment_id))
        }
        liked = _interest(interest, [one.person for one in members], list(choice))
        slates = fill_slots(
            liked,
            slots=settings.slots,
            temperature=settings.choice_temperature,
            max_candidates=settings.max_candidates,
            rng=rng,
        )
        for rank, contact in enumerate(members):
            rows += _rows(contact, rank, slates, choice, liked[rank], attention, rng)
    return pd.DataFrame(rows, columns=list(COLUMNS))


COLUMNS = (
    "contact_id",
    "offer_id",
    "creative_id",
    "slot",
    "value",
    "candidates",
    "propensities",
    "propensity",
)


def _rows(
    contact: Contact,
    rank: int,
    slates: Slates,
    choice: Mapping[str, tuple[str, ...]],
    liked: Floats,
    attention: Sequence[float],
    rng: np.random.Generator,
) -> list[tuple[object, ...]]:
    """The rows of one message."""
    names = list(choice)
    filled = slates.chosen[rank][slates.chosen[rank] >= 0]
    weights = np.array([attention[slot] for slot in range(len(filled))]) * (liked[filled] + 1e-3)
    rows: list[tuple[object, ...]] = []
    for slot, (offer, part) in enumerate(zip(filled, weights / weights.sum(), strict=True)):
        candidates: list[str] = []
        propensities: list[float] = []
        p = slates.probabilities[rank, slot]
        for other in np.flatnonzero(p):
            some = choice[names[other]]
            candidates += some
            propensities += [float(p[other]) / len(some)] * len(some)
        some = choice[names[offer]]
        creative = some[int(rng.integers(len(some)))]
        propensity = float(p[offer]) / len(some) * contact.propensity
        rows.append(
            (
                contact.id,
                names[offer],
                creative,
                slot,
                contact.value * float(part),
                candidates,
                propensities,
                propensity,
            )
        )
    return rows


def _interest(
    interest: "pd.Series[float]", people: Sequence[str], offers: Sequence[str]
) -> npt.NDArray[np.float64]:
    """(N, O) scores."""
    wanted = pd.MultiIndex.from_product([people, offers])
    scores = interest.reindex(wanted, fill_value=0.0).to_numpy(dtype=np.float64)
    return np.asarray(scores.reshape(len(people), len(offers)), dtype=np.float64)
