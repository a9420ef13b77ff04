"""One Ibis connection: DuckDB here, so that the same expressions can run on Spark there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import ibis
import pyarrow as pa
from ibis.backends.duckdb import Backend

from handbill.errors import ConfigError, SourceError

Engine: TypeAlias = Any
"""An Ibis backend: DuckDB's from `connect` or Spark's from `connect_spark`."""

DUCKDB = "duckdb"
PLACE = 7_130_951_843_276_501_993
"""Stands for the first parameter of a prepared query; the next ones count up from it."""


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
    backend.raw_sql(f"SET memory_limit = '{memory_gb}GB'")
    if threads is not None:
        backend.raw_sql(f"SET threads = {int(threads)}")
    return backend


def open_engine(name: str) -> Engine:
    """Open the engine that a setting names.

    Args:
        name: `duckdb`, or a Spark master: `local[2]`, `spark://host:port`, `yarn`, `k8s://...`.

    Raises:
        ConfigError: Spark cannot be reached.
    """
    return connect() if name == DUCKDB else connect_spark(name)


def connect_spark(master: str, *, memory_gb: float = 4.0, partitions: int = 64) -> Engine:
    """Open a Spark session through Ibis, with DuckDB's notion of time.

    Args:
        master: `spark://host:port`, `yarn`, `k8s://...`, or `local[n]` for n cores of this machine.
        memory_gb: Of the driver, and of each executor.
        partitions: That a shuffle makes; about three for each core of the cluster.

    Raises:
        ConfigError: pyspark or Java is missing, or the master does not answer.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigError(
            f"engine {master!r} needs pyspark; install it with: pip install 'handbill[spark]'"
        ) from error
    local = master.startswith("local")
    settings = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.shuffle.partitions": str(2 if local else partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.driver.memory": f"{round(memory_gb * 1024)}m",
        "spark.executor.memory": f"{round(memory_gb * 1024)}m",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if local:  # nothing listens on the network
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.appName("handbill").master(master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        raise ConfigError(
            f"Spark does not start at {master!r}: {str(error).splitlines()[0]}; it needs Java 17 "
            "or later and a master that can be reached"
        ) from error
    session.sparkContext.setLogLevel("ERROR")
    return ibis.pyspark.connect(session)


def read_parquet(backend: Engine, path: Path, *, dated: bool = False) -> "ibis.Table":
    """A Parquet file, or a folder of them, as an Ibis table.

    Args:
        backend: From `connect` or `connect_spark`.
        path: A file or a folder; of a folder every `*.parquet` below it is read.
        dated: Whether the folder is hive-partitioned (`date=...`), so that filters prune.

    Returns:
        A lazy table.

    Raises:
        SourceError: Nothing to read there, or it is not Parquet.
    """
    if not path.exists() or (path.is_dir() and next(path.rglob("*.parquet"), None) is None):
        raise SourceError(f"no Parquet at {path}; run the stage that writes it: handbill run DIR")
    if not isinstance(backend, Backend):
        return backend.read_parquet(str(path))
    pattern = path / "**" / "*.parquet" if path.is_dir() else path
    try:
        return backend.read_parquet(str(pattern), hive_partitioning=dated)
    except duckdb.Error as error:
        raise SourceError(f"cannot read {path} as Parquet: {str(error).splitlines()[0]}") from error


def keep(backend: Engine, name: str, table: "ibis.Table") -> "ibis.Table":
    """Compute a table once for many readers, in DuckDB's memory or that of Spark's executors."""
    if isinstance(backend, Backend):
        return backend.create_table(name, table)
    backend._session.sql(backend.compile(table)).cache().createOrReplaceTempView(name)
    return backend.table(name)


def discard(backend: Engine, name: str) -> None:
    """Forget a table from `keep`."""
    if isinstance(backend, Backend):
        backend.raw_sql(f"DROP TABLE {name}")
        return
    backend._session.table(name).unpersist()
    backend._session.catalog.dropTempView(name)


def collect(backend: Engine, table: "ibis.Table") -> pa.Table:
    """A table's rows; of Spark they come as Arrow, without pandas in between."""
    if isinstance(backend, Backend):
        return table.to_pyarrow()
    rows = backend._session.sql(backend.compile(table)).toArrow()
    return rows.cast(table.schema().to_pyarrow())


def prepare(
    backend: Engine, table: "ibis.Table", *parameters: "ibis.Value"
) -> Callable[..., pa.Table]:
    """Compile a query once that runs many times: Ibis takes as long to compile as DuckDB to run.

    Args:
        backend: Where it runs.
        table: The query.
        parameters: Whole numbers in it, from `ibis.param("int64")`.

    Returns:
        Gives the rows; takes one value for each parameter, in their order.
    """
    places = {parameter: PLACE + rank for rank, parameter in enumerate(parameters)}
    sql, schema = backend.compile(table, params=places), table.schema().to_pyarrow()
    if isinstance(backend, Backend):
        return lambda *values: backend.con.sql(_placed(sql, values)).to_arrow_table().cast(schema)
    return lambda *values: backend._session.sql(_placed(sql, values)).toArrow().cast(schema)


def _placed(sql: str, values: tuple[int, ...]) -> str:
    for rank, value in enumerate(values):
        sql = sql.replace(str(PLACE + rank), str(int(value)))
    return sql
