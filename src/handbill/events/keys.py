"""What makes a row itself, as a number: the id of its event, and how its repetition is known.

96 bits that depend on the row's values alone, so that importing an export twice, or a longer one
later, gives the same events the same ids. Text is hashed once per distinct value (MD5), and rows
mix those numbers; mixing is the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Words = npt.NDArray[np.uint64]

FACTORS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""One for each of the two words; odd, so that no bit is lost."""
SHIFT = np.uint64(31)
NULL = np.uint64(0x9E3779B97F4A7C15)
"""Stands for an absent value; a value that equals it makes two rows differ in nothing else."""
HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
DIGITS = 24
"""Hexadecimal characters of an id."""


@dataclass(frozen=True, slots=True)
class Keys:
    """96 bits for each row.

    Attributes:
        high: The first 64 bits.
        low: The other 32.
    """

    high: Words
    low: npt.NDArray[np.uint32]

    def take(self, rows: npt.NDArray[np.intp]) -> "Keys":
        """The keys of some rows, in that order."""
        return Keys(self.high[rows], self.low[rows])

    def ids(self) -> pa.StringArray:
        """As text: 24 hexadecimal characters each."""
        count = len(self.high)
        octets = np.empty((count, DIGITS // 2), np.uint8)
        octets[:, :8] = self.high.astype(">u8").view(np.uint8).reshape(count, 8)
        octets[:, 8:] = self.low.astype(">u4").view(np.uint8).reshape(count, 4)
        offsets = np.arange(count + 1, dtype=np.int32) * DIGITS
        return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(HEX[octets]))


def key_rows(connection: duckdb.DuckDBPyConnection, kind: str, columns: Sequence[pa.Array]) -> Keys:
    """The keys of rows.

    Args:
        connection: Any; nothing stays in it.
        kind: Importer and relation: equal rows of different kinds differ.
        columns: What makes a row itself: text (best dictionary-encoded), whole numbers, times or
            truth values; the order counts.
    """
    start = _hash_text(connection, pa.array([kind]))
    count = len(columns[0])
    words = [np.full(count, seed[0], np.uint64) for seed in start]
    for column in columns:
        for word, values, factor in zip(words, _words_of(connection, column), FACTORS, strict=True):
            # word = mix((word + value) * factor), in place: these arrays are large
            word += values
            word *= factor
            word ^= word >> SHIFT
    return Keys(words[0], (words[1] >> np.uint64(32)).astype(np.uint32))


def _words_of(connection: duckdb.DuckDBPyConnection, column: pa.Array) -> tuple[Words, Words]:
    """Two numbers for each row's value."""
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        numbers = column.cast(pa.int64()) if not pa.types.is_timestamp(column.type) else column
        words = pc.fill_null(numbers.view(pa.int64()), 0).to_numpy().view(np.uint64)
        if column.null_count:
            words = np.where(column.is_null().to_numpy(zero_copy_only=False), NULL, words)
        return words, words
    first, second = _hash_text(connection, column.dictionary)
    rows = pc.fill_null(column.indices, len(first)).to_numpy()
    return np.append(first, NULL)[rows], np.append(second, NULL)[rows]


def _hash_text(connection: duckdb.DuckDBPyConnection, texts: pa.Array) -> tuple[Words, Words]:
    connection.register("texts", pa.table({"text": texts}))
    hashed = connection.sql(
        f"SELECT coalesce(md5_number_lower(text), {NULL}) AS first, "
        f"coalesce(md5_number_upper(text), {NULL}) AS second FROM texts"
    ).to_arrow_table()
    connection.unregister("texts")
    return hashed["first"].to_numpy(), hashed["second"].to_numpy()
