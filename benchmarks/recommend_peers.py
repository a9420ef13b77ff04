"""Other people's recommenders on a split of ours; run inside their own environment.

    python recommend_peers.py MODEL SPLIT.npz LISTS.npy

It imports nothing of ours: its environment has `rectools` and `implicit` only.
"""

import sys
from typing import Any

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.dataset import Dataset


def main() -> None:
    """Fit one model on what is known and write ten items for everyone."""
    name, source, target = sys.argv[1:]
    with np.load(source) as split:
        people, items, order = split["people"], split["items"], split["order"]
    frame = pd.DataFrame(
        {
            Columns.User: people,
            Columns.Item: items,
            Columns.Weight: 1.0,
            Columns.Datetime: pd.Timestamp("2020-01-01") + pd.to_timedelta(order, unit="D"),
        }
    )
    dataset = Dataset.construct(frame)
    model = made(name)
    model.fit(dataset)
    users = np.unique(people)
    found = model.recommend(users=users, dataset=dataset, k=10, filter_viewed=True)
    lists = np.full((users.max() + 1, 10), -1, np.int64)
    lists[found[Columns.User], found[Columns.Rank] - 1] = found[Columns.Item]
    np.save(target, lists)


def made(name: str) -> Any:
    """A model, with the settings its authors show where they show some."""
    if name == "popular":
        from rectools.models import PopularModel

        return PopularModel()
    if name == "item_knn":
        from implicit.nearest_neighbours import CosineRecommender
        from rectools.models import ImplicitItemKNNWrapperModel

        return ImplicitItemKNNWrapperModel(CosineRecommender(K=100, num_threads=2))
    if name == "als":
        from implicit.als import AlternatingLeastSquares
        from rectools.models import ImplicitALSWrapperModel

        return ImplicitALSWrapperModel(
            AlternatingLeastSquares(factors=128, alpha=10, random_state=0, num_threads=2)
        )
    if name == "ease":
        from rectools.models import EASEModel

        return EASEModel(regularization=250)
    from rectools.models import SASRecModel

    return SASRecModel(
        n_factors=64, n_blocks=2, n_heads=2, session_max_len=32, epochs=6, batch_size=256,
        loss="sampled_softmax", n_negatives=256, deterministic=True, verbose=0,
    )  # fmt: skip


if __name__ == "__main__":
    main()
