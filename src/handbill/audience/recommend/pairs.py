"""Pairs of a person and an item, scored: what the sparse and the dense sources have in common."""

from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from handbill.audience.recommend.histories import Floats, Histories, Ints, Items, Sparse

Scores: TypeAlias = "Floats | Sparse"
"""(P, I) dense, or CSR where an absent entry is no recommendation."""
BLOCK = 32
"""Columns of which only the largest is looked at first, in `_largest`."""


def best_items(
    scores: Scores, most: int, *, without: Histories | None = None
) -> tuple[Items, Items, Floats]:
    """Row, item and score of the largest scores of each row, best first; equal ones by item.

    Args:
        scores: (P, I)
        most: Of each row.
        without: (P) whose own items are left out; None leaves none out.
    """
    seen = without.counts() if without is not None else None
    if sp.issparse(scores):
        return top_entries(scores if seen is None else _without(scores, seen), most)
    dense = np.asarray(scores)
    if seen is not None:
        dense = dense.copy()
        dense[seen.nonzero()] = -np.inf
    most = min(most, dense.shape[1])
    items = _largest(dense, most)
    values = np.take_along_axis(dense, items, 1)
    order = np.lexsort((items, -values), axis=1)
    items, values = np.take_along_axis(items, order, 1), np.take_along_axis(values, order, 1)
    rows = np.repeat(np.arange(len(dense)), most)
    there = np.isfinite(values.ravel())
    return (
        rows[there].astype(np.int32),
        items.ravel()[there].astype(np.int32),
        values.ravel()[there].astype(np.float32),
    )


def _largest(dense: Floats, most: int) -> Ints:
    """(P, most) columns of the largest values of each row, in no order.

    Only the blocks whose largest values are the largest can hold any of them, and a maximum of a
    block is found much faster than a partition of the row.
    """
    size = dense.shape[1]
    blocks = size // BLOCK
    if blocks <= 2 * most:
        return np.argpartition(dense, -most, axis=1)[:, -most:]
    whole = blocks * BLOCK  # block b holds b, b + blocks, b + 2 * blocks, ...
    tops = dense[:, :whole].reshape(len(dense), BLOCK, blocks).max(1)
    chosen = np.argpartition(tops, -most, axis=1)[:, -most:]
    inside = (chosen[:, :, None] + np.arange(BLOCK) * blocks).reshape(len(dense), -1)
    rest = np.broadcast_to(np.arange(whole, size), (len(dense), size - whole))
    columns = np.concatenate([inside, rest], axis=1)
    best = np.argpartition(np.take_along_axis(dense, columns, 1), -most, axis=1)[:, -most:]
    return np.take_along_axis(columns, best, 1)


def top_entries(scores: Sparse, most: int) -> tuple[Items, Items, Floats]:
    """`best_items` of a CSR matrix's stored entries."""
    scores = strongest(scores, most)
    sizes = np.diff(scores.indptr)
    rows = np.repeat(np.arange(scores.shape[0], dtype=np.int32), sizes)
    order = np.lexsort((scores.indices, -scores.data, rows))
    return rows[order], scores.indices[order].astype(np.int32), scores.data[order]


def strongest(scores: Sparse, most: int) -> Sparse:
    """A CSR matrix with the largest entries of each row only; of equal ones the first columns."""
    scores = sp.csr_matrix(scores, dtype=np.float32)
    scores.sort_indices()  # in place, so that the next who asks finds it done
    kept = np.ones(scores.nnz, np.bool_)
    for row in np.flatnonzero(np.diff(scores.indptr) > most):
        some = slice(scores.indptr[row], scores.indptr[row + 1])
        values = scores.data[some]
        least = np.partition(values, -most)[-most]
        equal = np.flatnonzero(values == least)
        surplus = int((values >= least).sum()) - most
        kept[some] = values >= least
        kept[some.start + equal[len(equal) - surplus :]] = False
    indptr = np.concatenate([[0], np.cumsum(kept)])[scores.indptr]
    return sp.csr_matrix((scores.data[kept], scores.indices[kept], indptr), shape=scores.shape)


def look_up(scores: Scores, rows: Items, items: Items) -> Floats:
    """(M,) the scores of pairs; 0 where there is none."""
    if not sp.issparse(scores):
        found = np.asarray(scores)[rows, items]
        return np.where(np.isfinite(found), found, 0.0).astype(np.float32)
    entries: Sparse = sp.csr_matrix(scores)
    entries.sort_indices()
    width = entries.shape[1]
    owners = np.repeat(np.arange(entries.shape[0], dtype=np.int64), np.diff(entries.indptr))
    keys = owners * width + entries.indices
    wanted = rows.astype(np.int64) * width + items
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    if not len(keys):
        return np.zeros(len(wanted), np.float32)
    return np.where(keys[place] == wanted, entries.data[place], 0.0).astype(np.float32)


def ranks(rows: Items, values: Floats) -> Items:
    """(M,) place of each pair among its person's, from 0, by falling value; equal ones share.

    Args:
        rows: (M,) in rising order.
        values: (M,)
    """
    order = np.lexsort((-values, rows))
    sorted_rows, sorted_values = rows[order], values[order]
    start = np.searchsorted(sorted_rows, sorted_rows)
    new = np.ones(len(rows), bool)
    new[1:] = (sorted_rows[1:] != sorted_rows[:-1]) | (sorted_values[1:] != sorted_values[:-1])
    first = np.maximum.accumulate(np.where(new, np.arange(len(rows)), 0))
    found = np.empty(len(rows), np.int32)
    found[order] = first - start
    return found


def _without(scores: Sparse, seen: Sparse) -> Sparse:
    rows, items = seen.nonzero()
    entries = scores.tocoo()
    width = scores.shape[1]
    keys = entries.row.astype(np.int64) * width + entries.col
    kept = ~np.isin(keys, rows.astype(np.int64) * width + items)
    return sp.csr_matrix(
        (entries.data[kept], (entries.row[kept], entries.col[kept])), shape=scores.shape
    )
