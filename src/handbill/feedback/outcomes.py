"""What the log knows of campaigns: who was mailed, and who redeemed within the window."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from handbill.engine import connect
from handbill.errors import SourceError
from handbill.trust.reading import view_log
from handbill.workspace import Workspace

Columns = dict[str, NDArray[Any]]

_VIEWS = """
CREATE TEMP TABLE response AS
    SELECT event, person, promotion_id AS campaign_id, occurred_at, is_human
    FROM log WHERE event IN ('view_promotion', 'select_promotion') AND promotion_id IS NOT NULL;
CREATE TEMP TABLE campaign AS
    SELECT id, kind, starts_at, ends_at,
        ends_at <= (SELECT date_trunc('day', max(occurred_at)) + INTERVAL 1 DAY FROM log) AS ended
    FROM campaigns;
CREATE TEMP TABLE mailed AS
    SELECT DISTINCT person, campaign_id FROM response WHERE event = 'view_promotion';
CREATE TEMP TABLE redeemed AS
    SELECT person, campaign_id, bool_or(is_human) AS human
    FROM response JOIN campaign ON campaign.id = campaign_id
    WHERE event = 'select_promotion' AND occurred_at >= starts_at AND occurred_at < ends_at
    GROUP BY ALL;
"""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The event log's answers, ready for questions in SQL.

    The tables: `campaign` (`id`, `kind`, `starts_at`, `ends_at`, `ended`: whether the log reaches
    its end), `mailed` (`person`, `campaign_id`) and `redeemed` (the same and `human`).

    Attributes:
        connection: DuckDB.
    """

    connection: duckdb.DuckDBPyConnection

    @classmethod
    def open(cls, workspace: Workspace, tables: Sequence[str]) -> "Outcomes":
        """Read the log once.

        Args:
            workspace: The shop.
            tables: Names under `tables/` to make available, such as `walk_forward`.

        Raises:
            SourceError: A table is missing or not as docs/tables.md says.
        """
        outcomes = cls(connect(threads=2).con)
        sources = {
            "campaigns": workspace.catalog / "campaigns.parquet",
            **{name: workspace.tables / f"{name}.parquet" for name in tables},
        }
        view_log(outcomes.connection, workspace, "log")
        for name, path in sources.items():
            outcomes._view(name, path)
        outcomes._execute(_VIEWS)
        return outcomes

    def ask(self, sql: str) -> Columns:
        """Run a query; columns as arrays.

        Raises:
            SourceError: A table lacks a column that the query needs.
        """
        return dict(self._execute(sql).fetchnumpy())

    def _view(self, name: str, path: Path) -> None:
        pattern = path / "**" / "*.parquet" if path.is_dir() else path
        quoted = str(pattern).replace("'", "''")
        try:
            self.connection.execute(
                f"CREATE TEMP VIEW {name} AS "
                f"SELECT * FROM read_parquet('{quoted}', hive_partitioning = false)"
            )
        except duckdb.Error as error:
            raise SourceError(
                f"cannot read {path} as Parquet: {str(error).splitlines()[0]}; "
                "run the stage that writes it again: handbill run DIR"
            ) from error

    def _execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return self.connection.execute(sql)
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise SourceError(
                f"a table that feedback reads is not as docs/tables.md says: {reason}; "
                "run the stages before it again"
            ) from error


def numbered(values: NDArray[Any]) -> NDArray[np.intp]:
    """Equal values get equal numbers from 0.

    Example:
        >>> numbered(np.array(["b", "a", "b"])).tolist()
        [1, 0, 1]
    """
    return np.unique(values, return_inverse=True)[1]
