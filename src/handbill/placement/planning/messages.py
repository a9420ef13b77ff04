"""The plan's rows: which creative stands in which slot of whose message."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from handbill.placement.arrays import Floats, Ints
from handbill.placement.planning.interest import Interest
from handbill.placement.planning.slate import Slates, fill_slots
from handbill.placement.settings import Settings

EVERYONE = "all"
"""Segment of creatives that are written for nobody in particular."""

Creatives = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Offer -> segment -> ids of its approved creatives, sorted."""

CELLS = 4_000_000
"""Probabilities that are held at once: messages x slots x offers."""

ROWS = pa.schema(
    [
        ("message", pa.int64()),
        ("offer_id", pa.string()),
        ("creative_id", pa.string()),
        ("slot", pa.int32()),
        ("value", pa.float64()),
        ("candidates", pa.list_(pa.string())),
        ("propensities", pa.list_(pa.float64())),
        ("propensity", pa.float64()),
    ]
)


def variants(creatives: Creatives, offer_id: str, segment_id: str) -> tuple[str, ...]:
    """The creatives of an offer for a segment: its own, else those for everyone."""
    by_segment = creatives.get(offer_id, {})
    return by_segment.get(segment_id) or by_segment.get(EVERYONE, ())


def fill_messages(
    messages: pd.DataFrame,
    offers: Mapping[str, Mapping[str, str]],
    creatives: Creatives,
    interest: Interest,
    attention: Sequence[float],
    settings: Settings,
    rng: np.random.Generator,
) -> pa.Table:
    """Fill the slots of all messages.

    A slot's candidates are creatives: an offer is drawn, then one of its creatives evenly. The
    message's value is split over its slots by attention and interest, nothing in a log says
    which of them brought a redemption.

    Args:
        messages: `person`, `segment_id`, `campaign_id`, `propensity` (of the pair's selection) and
            `value` (expected, micros), each of a campaign with an offer that has a creative.
        offers: Campaign -> its offers' ids, each with what it is on.
        creatives: Approved ones.
        interest: Score by person and offer.
        attention: What a slot is worth against the lead, by slot.
        settings: Of the stage.
        rng: Draws.

    Returns:
        One row per filled slot as `ROWS` says; `message` is the message's place in `messages`.
    """
    tables = [ROWS.empty_table()]
    for (campaign, segment), some in messages.groupby(["campaign_id", "segment_id"], sort=True):
        choice = {
            offer: found
            for offer in sorted(offers[str(campaign)])
            if (found := variants(creatives, offer, str(segment)))
        }
        labels = [offers[str(campaign)][offer] for offer in choice]
        kinds = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        for part in _parts(some, len(choice) * settings.slots):
            liked = interest.of(part["person"].tolist(), list(choice))
            slates = fill_slots(
                liked,
                kinds,
                slots=settings.slots,
                temperature=settings.choice_temperature,
                max_candidates=settings.max_candidates,
                rng=rng,
            )
            weights = _weights(slates, liked, attention)
            tables += [
                _slot_rows(part, slot, slates, choice, weights[:, slot], rng)
                for slot in range(slates.chosen.shape[1])
            ]
    return pa.concat_tables(tables)


def _parts(messages: pd.DataFrame, width: int) -> Iterator[pd.DataFrame]:
    step = max(1, CELLS // max(1, width))
    for start in range(0, len(messages), step):
        yield messages.iloc[start : start + step]


def _weights(slates: Slates, liked: Floats, attention: Sequence[float]) -> Floats:
    """(N, S) share of each slot in its message's value; 0 for those that stay empty."""
    chosen = slates.chosen
    scores = np.take_along_axis(liked, np.maximum(chosen, 0), axis=1)
    weights = np.asarray(attention)[: chosen.shape[1]] * (scores + 1e-3) * (chosen >= 0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _slot_rows(
    messages: pd.DataFrame,
    slot: int,
    slates: Slates,
    choice: Mapping[str, tuple[str, ...]],
    weight: Floats,
    rng: np.random.Generator,
) -> pa.Table:
    """The rows of one slot of messages that share their candidates."""
    counts = np.array([len(some) for some in choice.values()], dtype=np.int64)
    first = np.cumsum(counts) - counts
    names = pa.array([one for some in choice.values() for one in some], pa.string())
    filled = np.flatnonzero(slates.chosen[:, slot] >= 0)
    offer = slates.chosen[filled, slot]
    p = slates.probabilities[filled, slot]  # (n, O)
    row, other = np.nonzero(p)
    ways = counts[other]
    within = np.arange(ways.sum()) - np.repeat(np.cumsum(ways) - ways, ways)
    sizes = np.bincount(row, ways, len(filled)).astype(np.int64)
    pick = np.minimum((rng.random(len(filled)) * counts[offer]).astype(np.int64), counts[offer] - 1)
    selected = messages["propensity"].to_numpy(dtype=np.float64)[filled]
    value = messages["value"].to_numpy(dtype=np.float64)[filled]
    return pa.table(
        [
            pa.array(messages.index.to_numpy(dtype=np.int64)[filled]),
            pa.array(list(choice), pa.string()).take(pa.array(offer)),
            names.take(pa.array(first[offer] + pick)),
            pa.array(np.full(len(filled), slot, dtype=np.int32)),
            pa.array(value * weight[filled]),
            _lists(sizes, names.take(pa.array(np.repeat(first[other], ways) + within))),
            _lists(sizes, pa.array(np.repeat(p[row, other] / ways, ways))),
            pa.array(p[np.arange(len(filled)), offer] / counts[offer] * selected),
        ],
        schema=ROWS,
    )


def _lists(sizes: Ints, values: pa.Array) -> pa.Array:
    ends = np.append(0, np.cumsum(sizes)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), values)
