"""What makes a row itself, as a number: the id of its event, and how its repetition is known.

96 bits that depend on the row's values alone, so that importing an export twice, or a longer one
later, gives the same events the same ids. Text is hashed once per distinct value, eight bytes at a
time; then rows mix their values' numbers. Each mixing step is one of SplitMix64's (Steele, Lea and
Flood 2014). It is fast and spreads well; it is no secret.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

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
LONG = 128
"""Bytes; a longer text is hashed alone (BLAKE2), so that one novel does not widen every row."""
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


def key_rows(kind: str, columns: Sequence[pa.Array]) -> Keys:
    """The keys of rows.

    Args:
        kind: Importer and relation: equal rows of different kinds differ.
        columns: What makes a row itself: text (best dictionary-encoded), whole numbers, times or
            truth values; the order counts.
    """
    start = _hash_text(pa.array([kind]))
    words = tuple(np.full(len(columns[0]), seed[0], np.uint64) for seed in start)
    for column in columns:
        _mix(words, _words_of(column))
    return Keys(words[0], (words[1] >> np.uint64(32)).astype(np.uint32))


def _mix(words: Sequence[Words], values: Sequence[Words]) -> None:
    """Take one more value into each word, in place: these arrays are large."""
    for word, value, factor in zip(words, values, FACTORS, strict=True):
        word += value
        word *= factor
        word ^= word >> SHIFT


def _words_of(column: pa.Array) -> tuple[Words, Words]:
    """Two numbers for each row's value."""
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if pa.types.is_dictionary(column.type):
        first, second = _hash_text(column.dictionary)
        rows = pc.fill_null(column.indices, len(first)).to_numpy()
        return np.append(first, NULL)[rows], np.append(second, NULL)[rows]
    if not pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    words = pc.fill_null(column.view(pa.int64()), 0).to_numpy().view(np.uint64)
    if column.null_count:
        words = np.where(column.is_null().to_numpy(zero_copy_only=False), NULL, words)
    return words, words


def _hash_text(texts: pa.StringArray) -> tuple[Words, Words]:
    """Two numbers for each text."""
    lengths = pc.fill_null(pc.binary_length(texts), 0).to_numpy()
    words = (lengths.astype(np.uint64), ~lengths.astype(np.uint64))
    for column in _octets(texts, lengths).T:
        _mix(words, (column, column))
    for row in np.flatnonzero(lengths > LONG):
        digest = hashlib.blake2b(texts[row].as_py().encode(), digest_size=16).digest()
        words[0][row], words[1][row] = np.frombuffer(digest, "<u8")
    if texts.null_count:
        absent = texts.is_null().to_numpy(zero_copy_only=False)
        words[0][absent] = words[1][absent] = NULL
    return words


def _octets(texts: pa.StringArray, lengths: npt.NDArray[np.int32]) -> Words:
    """The bytes of short texts, eight to a number, padded with zeros: rows x numbers."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    taken = np.where(lengths > LONG, 0, lengths)
    width = -(-int(taken.max(initial=0)) // 8) * 8
    octets = np.zeros((len(texts), width), np.uint8)
    places = offsets[:-1, None] + np.arange(width)
    filled = np.arange(width) < taken[:, None]
    octets[filled] = data[places[filled]]
    return octets.view("<u8")
