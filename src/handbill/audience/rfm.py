"""Recency, frequency and money as people know them: quintiles and ten names.

Each measure is cut into fifths of the buyers, 5 the best; equal people get equal scores. The name
comes from recency and frequency, as in the usual grid; money is shown beside it.

Source: Hughes (1994), Strategic Database Marketing; the grid of names is the one that e-mail
marketing tools have made common.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata

from handbill.audience.segments import Matrix, column
from handbill.types import Text

Scores = NDArray[np.int64]

CELLS: Mapping[str, Text] = {
    "champions": Text(en="Champions", zh="冠军客户"),
    "loyal": Text(en="Loyal customers", zh="忠诚客户"),
    "potential_loyalists": Text(en="Potential loyalists", zh="潜在忠诚客户"),
    "new": Text(en="New customers", zh="新客户"),
    "promising": Text(en="Promising", zh="潜力客户"),
    "need_attention": Text(en="Need attention", zh="需要关注"),
    "about_to_sleep": Text(en="About to sleep", zh="即将沉睡"),
    "at_risk": Text(en="At risk", zh="有流失风险"),
    "cannot_lose": Text(en="Cannot lose them", zh="不可流失"),
    "hibernating": Text(en="Hibernating", zh="沉睡客户"),
}
"""Every name, from the best to the last."""

GRID = (
    ("hibernating", "hibernating", "about_to_sleep", "promising", "new"),
    ("hibernating", "hibernating", "about_to_sleep", "potential_loyalists", "potential_loyalists"),
    ("at_risk", "at_risk", "need_attention", "potential_loyalists", "potential_loyalists"),
    ("at_risk", "at_risk", "loyal", "loyal", "champions"),
    ("cannot_lose", "cannot_lose", "loyal", "loyal", "champions"),
)
"""Name by frequency (rows, 1 to 5) and recency (columns, 1 to 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rfm:
    """The scores of those who bought in the last 365 days.

    Attributes:
        people: (n,) pseudonyms.
        recency: (n,) 1 to 5, 5 the latest.
        frequency: (n,) 1 to 5, 5 the most baskets.
        money: (n,) 1 to 5, 5 the most spent.
        cells: (n,) key of the name.
        spend: (n,) paid in the last 365 days, micros.
    """

    people: list[str]
    recency: Scores
    frequency: Scores
    money: Scores
    cells: list[str]
    spend: Matrix


def rfm_of(features: pa.Table) -> Rfm:
    """Score everyone who bought in the last 365 days.

    Args:
        features: Of a day.
    """
    baskets = column(features, "baskets_365")
    buyers = np.flatnonzero(baskets > 0)
    recency = fifths(-column(features, "recency_days")[buyers])
    frequency = fifths(baskets[buyers])
    spend = column(features, "spend_micros_365")[buyers]
    people = features.column("person").to_pylist()
    return Rfm(
        people=[people[row] for row in buyers],
        recency=recency,
        frequency=frequency,
        money=fifths(spend),
        cells=[GRID[f - 1][r - 1] for r, f in zip(recency, frequency, strict=True)],
        spend=spend,
    )


def fifths(values: Matrix) -> Scores:
    """Scores from 1 to 5 by rank; equal values get the score of their mean rank.

    Example:
        >>> fifths(np.array([1.0, 2.0, 3.0, 4.0, 5.0])).tolist()
        [1, 2, 3, 4, 5]
        >>> fifths(np.array([1.0, 1.0, 1.0, 9.0])).tolist()
        [3, 3, 3, 5]
    """
    if not len(values):
        return np.empty(0, dtype=np.int64)
    ranks = rankdata(values)
    return np.asarray(np.ceil(5 * ranks / len(values))).clip(1, 5).astype(np.int64)


def rfm_table(rfm: Rfm) -> pa.Table:
    """`tables/rfm.parquet`."""
    return pa.table(
        {
            "person": pa.array(rfm.people, pa.string()),
            "recency": pa.array(rfm.recency, pa.int64()),
            "frequency": pa.array(rfm.frequency, pa.int64()),
            "money": pa.array(rfm.money, pa.int64()),
            "cell": pa.array(rfm.cells, pa.string()),
        }
    )


def rfm_record(rfm: Rfm) -> list[dict[str, Any]]:
    """`tables/rfm.json`: each name with its people and their share of what was spent."""
    cells, total = np.array(rfm.cells), max(float(rfm.spend.sum()), 1.0)
    return [
        {
            "cell": name,
            "name": {"en": text.en, "zh": text.zh},
            "people": int((cells == name).sum()),
            "share_spend": float(rfm.spend[cells == name].sum() / total),
        }
        for name, text in CELLS.items()
    ]
