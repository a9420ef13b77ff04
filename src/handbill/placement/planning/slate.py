"""Which offers fill a message's slots: drawn one after the other, each with a known probability."""

from dataclasses import dataclass

import numpy as np

from handbill.placement.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Slates:
    """Filled slots of N messages that share their candidates.

    Attributes:
        chosen: (N, S) number of the offer in each slot, -1 once the candidates have run out.
        probabilities: (N, S, O) probability of each offer given the slots before; 0 where it could
            not stand.
    """

    chosen: Ints
    probabilities: Floats


def fill_slots(
    interest: Floats,
    kinds: Ints,
    *,
    slots: int,
    temperature: float,
    max_candidates: int,
    rng: np.random.Generator,
) -> Slates:
    """Fill the slots of N messages, lead first.

    Args:
        interest: (N, O) score of each offer for the message's person.
        kinds: (O,) what each offer is on; a message has one of a kind, since two coupons for baby
            food read like a mistake.
        slots: S, offers per message at most.
        temperature: Of the choice; see `Settings.choice_temperature`.
        max_candidates: Only so many of the best-liked offers are considered.
        rng: Draws.

    Returns:
        What was chosen, and with which probabilities it could have been otherwise.

    Source: Plackett, The analysis of permutations (1975); Luce, Individual choice behavior (1959).
    """
    count, offers = interest.shape
    slots = min(slots, offers)
    logit = np.where(_best(interest, max_candidates), interest / temperature, -np.inf)
    chosen = np.full((count, slots), -1, dtype=np.int64)
    probabilities = np.zeros((count, slots, offers))
    for slot in range(slots):
        left = np.asarray(np.isfinite(logit).any(axis=1))
        if not left.any():
            break
        p = np.zeros_like(logit)
        shifted = logit[left] - logit[left].max(axis=1, keepdims=True)
        p[left] = np.exp(np.maximum(shifted, FLOOR)) * np.isfinite(shifted)
        p[left] /= p[left].sum(axis=1, keepdims=True)
        pick = np.where(left, _draw(p, np.asarray(rng.random(count))), -1)
        chosen[:, slot] = pick
        probabilities[:, slot] = p
        same = np.equal.outer(kinds[pick], kinds)  # (N, O)
        logit = np.where(same & left[:, None], -np.inf, logit)
    return Slates(chosen=chosen, probabilities=probabilities)


FLOOR = -12.0
"""Least log-odds against the best-liked offer: what could stand here keeps a probability that
off-policy estimates can divide by."""


def _best(interest: Floats, count: int) -> Bools:
    """(N, O) whether an offer is among the row's best; ties go to the earlier column."""
    rank = np.argsort(np.argsort(-interest, axis=1, kind="stable"), axis=1)
    return np.asarray(rank < count, dtype=np.bool_)


def _draw(p: Floats, u: Floats) -> Ints:
    """(N,) columns drawn by (N,) uniform numbers; never one of probability 0."""
    heap = p.cumsum(axis=1)
    heap = heap / np.maximum(heap[:, -1:], 1e-300)
    column = (heap <= u[:, None]).sum(axis=1)
    last = p.shape[1] - 1 - (p[:, ::-1] > 0).argmax(axis=1)
    return np.asarray(np.minimum(column, last), dtype=np.int64)
