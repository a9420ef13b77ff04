"""The source's own rows and those of imported files under one name: `all_<relation>`.

Beside a relation's columns each has `person`, `seq` (the imported file's number, 0 for the source),
`origin` (importer and version) and `rank` (whom to believe about an order, the lowest first).
"""

import duckdb

from handbill.events.canonical import COLUMNS, IDENTIFIERS
from handbill.events.repeats import COLLECTOR_RANK
from handbill.events.texts import literal
from handbill.workspace import Workspace


def combine(connection: duckdb.DuckDBPyConnection, workspace: Workspace, source: str) -> None:
    """Make `all_<relation>` for every relation.

    Args:
        connection: With the source's `raw_<relation>`, `identities`, `heads` and `collected`.
        workspace: Whose imported files.
        source: The source's importer and version.
    """
    for name in COLUMNS:
        own = numbered(pseudonymous(connection, name), 0, origin_of(source, name), rank=0)
        paths = sorted(workspace.imports.glob(f"[0-9]*/{name}-*.parquet"))
        if paths:
            listed = ", ".join(literal(str(path)) for path in paths)
            imported = f"SELECT * FROM read_parquet([{listed}], union_by_name = true)"
            if name == "orders":
                imported = _with_buyers(connection, own, imported)
            own = f"{own} UNION ALL BY NAME {imported}"
        connection.execute(f"CREATE VIEW all_{name} AS {own}")


def origin_of(importer: str, relation: str) -> str:
    """Importer and version as the log records them.

    Events that a visitor's program sent are told from the shop's books by their origin.

    Example:
        >>> origin_of("csv/1", "orders"), origin_of("csv/1", "events"), origin_of("ga4/1", "events")
        ('csv/1', 'csv-events/1', 'ga4/1')
    """
    name, _, version = importer.partition("/")
    plain = relation == "events" and name in ("csv", "map")
    return f"{name}-events/{version}" if plain else importer


def pseudonymous(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """The query of `raw_<name>` with a pseudonym in place of each identifier."""
    there = connection.execute("SELECT DISTINCT kind FROM identities ORDER BY kind").fetchall()
    kinds = [kind for (kind,) in there if kind in COLUMNS[name]]
    joins = "".join(
        f" LEFT JOIN identities {kind} ON {kind}.kind = '{kind}' AND {kind}.identifier = r.{kind}"
        for kind in kinds
    )
    columns = [f"r.{column}" for column in COLUMNS[name] if column not in IDENTIFIERS]
    if len(kinds) == 2:  # where both are known, the device is the customer's
        columns[columns.index("r.context")] = (
            "if(customer.person IS NULL OR device.person IS NULL, r.context, "
            "json_merge_patch(coalesce(r.context, '{}')::JSON, "
            "json_object('device', device.person))::VARCHAR) AS context"
        )
    persons = ", ".join(["NULL", *(f"{kind}.person" for kind in kinds)])
    return (
        f"SELECT r.row, r.problem, r.raw, coalesce({persons})::VARCHAR AS person, "
        f"{', '.join(columns)} FROM raw_{name} r{joins}"
    )


def numbered(query: str, seq: int, origin: str, *, rank: int) -> str:
    """A relation's rows with the file they are from and how far it is believed."""
    return f"SELECT {seq} AS seq, {literal(origin)} AS origin, {rank} AS rank, * FROM ({query})"


def _with_buyers(connection: duckdb.DuckDBPyConnection, own: str, imported: str) -> str:
    """Give a refund or line that names nobody to the buyer of its order, wherever that came from.

    The buyer is who the most believed source says.
    """
    connection.execute(
        f"""CREATE TABLE buyers AS
        SELECT order_id, arg_min(person, (rank, seq, row)) AS buyer
        FROM (SELECT order_id, person, rank, seq, row FROM ({own}) UNION ALL
            SELECT order_id, person, 0, 0, 0 FROM heads WHERE relation = 'orders' UNION ALL
            SELECT order_id, person, {COLLECTOR_RANK}, 0, 0 FROM collected UNION ALL
            SELECT order_id, person, rank, seq, row FROM ({imported}))
        WHERE person IS NOT NULL
            AND order_id IN (SELECT order_id FROM ({imported}) WHERE person IS NULL)
        GROUP BY 1"""
    )
    return (
        f"SELECT * EXCLUDE buyer REPLACE (coalesce(person, buyer) AS person) "
        f"FROM ({imported}) LEFT JOIN buyers USING (order_id)"
    )
