"""People as points, read back from the tables of a finished stage."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handbill.audience.segments import BY_BOTH, BY_HABITS, Matrix, spaces_of
from handbill.audience.tastes import TOLD_CATEGORIES
from handbill.errors import SourceError
from handbill.workspace import Workspace


def read_points(workspace: Workspace, as_of: date) -> tuple[Matrix, list[str]]:
    """Habits and tastes of everyone as of the plan's day.

    Returns:
        (n, d) points and (n,) pseudonyms.

    Raises:
        SourceError: The audience stage has not run for this day.
    """
    path = workspace.tables / "customers" / f"as_of={as_of}" / "features.parquet"
    bought = workspace.tables / "customer_category.parquet"
    for one in (path, bought):
        if not one.exists():
            raise SourceError(f"{one} is missing; run: handbill run {workspace.root}")
    features = pq.read_table(path)
    spaces = spaces_of(features, _shares(features, pq.read_table(bought)))
    people: list[str] = features.column("person").to_pylist()
    return spaces.get(BY_BOTH, spaces[BY_HABITS]), people


def _shares(features: pa.Table, bought: pa.Table) -> dict[str, Matrix]:
    """Share of each person's spend in the largest categories, (n,) each."""
    totals = bought.group_by("category").aggregate([("spend_micros_365", "sum")])
    order = [("spend_micros_365_sum", "descending"), ("category", "ascending")]
    names = totals.sort_by(order).column("category").to_pylist()[:TOLD_CATEGORIES]
    place = {person: row for row, person in enumerate(features.column("person").to_pylist())}
    rank = {name: number for number, name in enumerate(names)}
    rows = bought.filter(pc.is_in(bought.column("category"), pa.array(names, pa.string())))
    shares = np.zeros((len(place), len(names)))
    people = [place[person] for person in rows.column("person").to_pylist()]
    columns = [rank[name] for name in rows.column("category").to_pylist()]
    shares[people, columns] = rows.column("share").fill_null(0.0).to_numpy()
    return {name: shares[:, number] for name, number in rank.items()}
