"""Recommendations as they are asked for: one person's rows out of the table."""

from dataclasses import dataclass

import pyarrow.parquet as pq

from handbill.errors import SourceError
from handbill.workspace import Workspace

TABLE = "recommendations.parquet"
NOBODY = ""
"""The person of the rows for those whom the log does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One recommended product.

    Attributes:
        rank: From 1.
        item_id: The shop's product id.
        title: As the catalogue has it.
        reason: Which source called for it loudest, such as `habit` or `follows`.
    """

    rank: int
    item_id: str
    title: str
    reason: str


def read_recommendations(
    workspace: Workspace, person: str, k: int
) -> tuple[tuple[Suggestion, ...], bool]:
    """What to recommend to a person.

    Args:
        workspace: Whose audience stage has run.
        person: A pseudonym.
        k: At most so many.

    Returns:
        The products, best first, and whether the log knows the person; who it does not gets what
        is popular.

    Raises:
        SourceError: There are no recommendations yet.
    """
    path = workspace.tables / TABLE
    if not path.exists():
        raise SourceError(f"no recommendations yet; run: handbill run {workspace.root}")
    rows = pq.read_table(path, filters=[("person", "in", [person, NOBODY])]).to_pylist()
    known = any(row["person"] == person for row in rows)
    mine = [row for row in rows if row["person"] == (person if known else NOBODY)]
    mine = sorted(mine, key=lambda row: int(row["rank"]))[:k]
    titles = _titles(workspace, [row["item_id"] for row in mine])
    found = (
        Suggestion(
            rank=row["rank"],
            item_id=row["item_id"],
            title=titles.get(row["item_id"]) or row["item_id"],
            reason=row["reason"],
        )
        for row in mine
    )
    return tuple(found), known


def _titles(workspace: Workspace, ids: list[str]) -> dict[str, str]:
    products = workspace.catalog / "products.parquet"
    if not ids or not products.exists():
        return {}
    rows = pq.read_table(products, columns=["id", "title"], filters=[("id", "in", ids)])
    return {row["id"]: row["title"] for row in rows.to_pylist()}
