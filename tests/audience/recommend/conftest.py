"""Shops with a planted truth: what comes next follows from what was last."""

import numpy as np
import pytest

from handbill.audience.recommend.catalogue import Catalogue
from handbill.audience.recommend.histories import Histories

ITEMS = 40


def chain(people: int, seed: int, length: int = 12) -> list[list[int]]:
    """Item i is followed by i + 7 with probability 0.8, else by any."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(people):
        one = [int(rng.integers(ITEMS))]
        while len(one) < length:
            follows = rng.random() < 0.8
            one.append((one[-1] + 7) % ITEMS if follows else int(rng.integers(ITEMS)))
        found.append(one)
    return found


def plain(titles: list[str], size: int = 8) -> Catalogue:
    """A catalogue whose texts say nothing of what follows."""
    vectors = np.random.default_rng(3).normal(size=(len(titles), size)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Catalogue.of_titles(titles, vectors)


@pytest.fixture
def markov() -> Histories:
    return Histories.of_sequences(chain(300, 1), ITEMS)


@pytest.fixture
def catalogue() -> Catalogue:
    return plain([f"item {number}" for number in range(ITEMS)])
