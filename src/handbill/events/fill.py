"""What an export writes on the first line of a group only, on its other lines, too."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def filled(
    batches: Iterable[pa.RecordBatch], group: str, columns: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Give lines that follow each other and share a group the first value that one of them has.

    Args:
        batches: Dictionary-encoded text.
        group: Column that says which lines belong together; lines without one stay as they are.
        columns: Those to fill where a line has only blanks; others and absent ones are left alone.

    Yields:
        The batches; a group may reach over several.
    """
    last: dict[str, str | None] = {}
    for batch in batches:
        named = batch.schema.names
        gaps = [name for name in columns if name in named and _has_blank(batch.column(name))]
        if gaps and group in named:
            batch = _fill(batch, group, gaps, last)
        if group in named and batch.num_rows:
            kept = (group, *(name for name in columns if name in named))
            last = {name: batch.column(name)[-1].as_py() for name in kept}
        yield batch


def _has_blank(column: pa.DictionaryArray) -> bool:
    return bool(pc.any(_blank(column.dictionary)).as_py())


def _blank(texts: pa.StringArray) -> pa.BooleanArray:
    return pc.equal(pc.utf8_trim_whitespace(texts), "")


def _fill(
    batch: pa.RecordBatch, group: str, gaps: Sequence[str], last: dict[str, str | None]
) -> pa.RecordBatch:
    groups = batch.column(group)
    none = _blank(groups.dictionary).to_numpy(zero_copy_only=False)
    of_row = groups.indices.to_numpy()
    grouped = ~none[of_row]
    starts = np.flatnonzero(np.append(True, of_row[1:] != of_row[:-1]))
    goes_on = groups[0].as_py() == last.get(group)
    for name in gaps:
        column = batch.column(name)
        absent = _blank(column.dictionary).to_numpy(zero_copy_only=False)
        values = column.indices.to_numpy()
        first = _first_filled(values, ~absent[values], starts)
        texts = column.dictionary
        before = last.get(name)
        if goes_on and before is not None and before.strip() and first[0] < 0:
            texts = pa.concat_arrays([texts, pa.array([before])])
            first[0] = len(texts) - 1
        of_line = np.repeat(first, np.diff(np.append(starts, len(values))))
        taken = np.where(absent[values] & grouped & (of_line >= 0), of_line, values)
        array = pa.DictionaryArray.from_arrays(pa.array(taken, pa.int32()), texts)
        batch = batch.set_column(batch.schema.get_field_index(name), name, array)
    return batch


def _first_filled(
    values: npt.NDArray[np.int32], there: npt.NDArray[np.bool_], starts: npt.NDArray[np.intp]
) -> npt.NDArray[np.int64]:
    """Of each group the first value that is there; -1 where none is."""
    rows = np.where(there, np.arange(len(values)), len(values))
    first = np.minimum.reduceat(rows, starts)
    return np.where(first < len(values), values[first.clip(max=len(values) - 1)], -1)
