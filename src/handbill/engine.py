"""One Ibis connection: DuckDB here, so that the same expressions can run on another engine."""

from pathlib import Path

import duckdb
import ibis
from ibis.backends.duckdb import Backend

from handbill.errors import SourceError


def connect(*, memory_gb: float = 4.0, threads: int | None = None) -> Backend:
    """Open an in-memory DuckDB through Ibis.

    Times are read and written as UTC whatever the machine's zone is, and row order is free, which
    lets DuckDB stream.

    Args:
        memory_gb: DuckDB's own limit; beyond it, it spills to disk.
        threads: Cores to use; all of them when None.

    Returns:
        The Ibis backend; `.con` is the DuckDB connection for plain SQL.
    """
    backend = ibis.duckdb.connect()
    backend.raw_sql("SET TimeZone = 'UTC'")
    backend.raw_sql("SET preserve_insertion_order = false")
    backend.raw_sql("SET enable_progress_bar = false")
    backend.raw_sql(f"SET memory_limit = '{memory_gb}GB'")
    if threads is not None:
        backend.raw_sql(f"SET threads = {int(threads)}")
    return backend


def read_parquet(backend: Backend, path: Path, *, dated: bool = False) -> "ibis.Table":
    """A Parquet file, or a folder of them, as an Ibis table.

    Args:
        backend: From `connect`.
        path: A file or a folder; of a folder every `*.parquet` below it is read.
        dated: Whether the folder is hive-partitioned (`date=...`), so that filters prune.

    Returns:
        A lazy table.

    Raises:
        SourceError: Nothing to read there, or it is not Parquet.
    """
    pattern = path / "**" / "*.parquet" if path.is_dir() else path
    if not path.exists() or (path.is_dir() and next(path.rglob("*.parquet"), None) is None):
        raise SourceError(f"no Parquet at {path}; run the stage that writes it: handbill run DIR")
    try:
        return backend.read_parquet(str(pattern), hive_partitioning=dated)
    except duckdb.Error as error:
        raise SourceError(f"cannot read {path} as Parquet: {str(error).splitlines()[0]}") from error
