"""Rows on their way into the log: set aside by day on disk, then written a day at a time.

Memory holds one batch and one day for each thread, whatever the size of the export and whatever
the order of its rows. A repetition has the time of what it repeats, so it is found within its day.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from handbill.events.compact import DAY_MICROS, EPOCH, EVENTS
from handbill.events.keys import Keys

KEY_COLUMNS = {"key_high": pa.uint64(), "key_low": pa.uint32()}
ROWS = pa.schema([field for field in EVENTS if field.name != "event_id"])
"""What a row brings; its id is its key."""
FILE = "import_0.parquet"
PLAIN = ("event_id", "occurred_at")
"""Columns of which hardly two values are equal: a dictionary would only cost."""
COMPRESSION = {name: "none" if name == "event_id" else "zstd" for name in EVENTS.names}
"""An id is random: nothing makes it smaller."""


class Spool:
    """A folder of batches by day.

    Args:
        folder: Emptied first; gone after `write`.
    """

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._folder = folder

    def add(self, part: int, batch: int, rows: pa.Table, keys: Keys) -> None:
        """Set rows aside; threads may do so at once.

        Args:
            part: Number of the file the rows are from, for the count of repetitions. Of two equal
                rows the one of the lower part counts, within a part the one of the lower batch.
            batch: Number of the batch within the part.
            rows: The columns of `ROWS`, `occurred_at` without nulls.
            keys: Of those rows.
        """
        if not rows.num_rows:
            return
        table = rows.select(ROWS.names).cast(ROWS)
        table = table.append_column("key_high", pa.array(keys.high))
        table = table.append_column("key_low", pa.array(keys.low))
        days = _days(table)
        first, last = int(days.min()), int(days.max())
        if first == last:
            self._put(first, part, batch, table)
            return
        if (np.diff(days) < 0).any():
            order = np.argsort(days, kind="stable")
            table, days = table.take(pa.array(order)), days[order]
        for start, end in _runs(days):
            self._put(int(days[start]), part, batch, table.slice(start, end - start))

    def _put(self, day: int, part: int, batch: int, table: pa.Table) -> None:
        folder = self._folder / str(EPOCH + timedelta(days=day))
        folder.mkdir(exist_ok=True)
        path = folder / f"{part:06}-{batch:09}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)

    def write(self, root: Path, threads: int) -> Mapping[int, int]:
        """Write `date=YYYY-MM-DD/import_0.parquet` for every day, in order of time.

        Rows of one time stand in the order in which they came.

        Args:
            root: Folder of the log; made when absent.
            threads: Days written at once.

        Returns:
            Repetitions left out, by part.
        """
        root.mkdir(parents=True, exist_ok=True)
        repeated: Counter[int] = Counter()
        days = sorted(self._folder.iterdir())
        with ThreadPoolExecutor(threads) as pool:
            for found in pool.map(lambda day: _write_day(day, root), days):
                repeated.update(found)
        shutil.rmtree(self._folder)
        return repeated


def _write_day(day: Path, root: Path) -> Mapping[int, int]:
    files = sorted(day.iterdir())
    tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in files]
    parts = np.repeat([int(path.name[:6]) for path in files], [one.num_rows for one in tables])
    table = pa.concat_tables(tables).combine_chunks()
    keys = Keys(table["key_high"].to_numpy(), table["key_low"].to_numpy())
    first = _first_of_equals(keys)
    rows = np.flatnonzero(first)
    times = table["occurred_at"].to_numpy()
    late = bool((np.diff(times) < np.timedelta64(0)).any())
    if late:
        rows = rows[np.argsort(times[rows], kind="stable")]
    if late or len(rows) < len(first):
        table, keys = table.take(pa.array(rows)), keys.take(rows)
    log = table.drop_columns(list(KEY_COLUMNS)).add_column(0, EVENTS.field("event_id"), keys.ids())
    folder = root / f"date={date.fromisoformat(day.name)}"
    folder.mkdir()
    pq.write_table(
        log,
        folder / FILE,
        compression=COMPRESSION,
        use_dictionary=[name for name in EVENTS.names if name not in PLAIN],
        store_schema=False,
    )
    shutil.rmtree(day)
    return Counter(parts[~first].tolist())


def _first_of_equals(keys: Keys) -> npt.NDArray[np.bool_]:
    """Whether a row is the first of its key."""
    first = np.ones(len(keys.high), bool)
    ordered = np.sort(keys.high)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if twice.size:  # few rows, mostly: only those are looked at closely
        place = np.searchsorted(twice, keys.high).clip(max=twice.size - 1)
        seen = np.flatnonzero(twice[place] == keys.high)
        seen = seen[
            np.lexsort((keys.low[seen], keys.high[seen]))
        ]  # stable: equals keep their order
        high, low = keys.high[seen], keys.low[seen]
        first[seen[1:][(high[1:] == high[:-1]) & (low[1:] == low[:-1])]] = False
    return first


def _days(table: pa.Table) -> npt.NDArray[np.int64]:
    """UTC days since 1970, by row."""
    micros = table["occurred_at"].combine_chunks().view(pa.int64()).to_numpy()
    return np.asarray(micros // DAY_MICROS, np.int64)


def _runs(values: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Start and end of each run of equal values."""
    ends = [*np.flatnonzero(np.diff(values)) + 1, len(values)]
    yield from zip([0, *ends[:-1]], ends, strict=True)
