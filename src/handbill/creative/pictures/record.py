"""Records: which pictures there are, what each shows, and whether that still holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handbill.creative.dossier import Dossier
from handbill.types import Finding
from handbill.workspace import Workspace, write_parquet

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("creative_id", pa.string()),
        ("digest", pa.string()),
        ("product_id", pa.string()),
        ("format", pa.string()),
        ("language", pa.string()),
        ("layout", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("bytes", pa.int64()),
        ("price", pa.string()),
        ("was", pa.string()),
        ("photo", pa.string()),
        ("look", pa.string()),
        ("status", pa.string()),
        ("findings", pa.string()),
    ]
)
"""Of `tables/pictures.parquet`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture.

    Attributes:
        id: SHA-256 of the file, and its name; of what was refused, of what it would have shown.
        creative_id: Of the ad; empty on a product's own card.
        digest: Hash of the ad's words and facts.
        product_id: Of the product in it; may be empty.
        format: Name of its size.
        language: `en` or `zh`.
        layout: `photo` or `type`.
        width: Pixels.
        height: Pixels.
        bytes: Of the file; 0 when it was refused.
        price: As printed in it; may be empty.
        was: The earlier price in it; may be empty.
        photo: SHA-256 of the product's photo; may be empty.
        look: Hash of what else decides how it looks: shop, colour, market.
        status: `approved`, `waiting`, `rejected` (by a person) or `refused` (by a check).
        findings: What was found.
    """

    id: str
    creative_id: str
    digest: str
    product_id: str
    format: str
    language: str
    layout: str
    width: int
    height: int
    bytes: int
    price: str
    was: str
    photo: str
    look: str
    status: str
    findings: tuple[Finding, ...]

    @property
    def subject(self) -> tuple[str, str]:
        """What it is a picture of."""
        return self.creative_id, self.product_id


def read_pictures(workspace: Workspace) -> tuple[Picture, ...]:
    """The pictures as they were last made; none before that."""
    path = workspace.tables / "pictures.parquet"
    if not path.is_file():
        return ()
    return tuple(_picture(row) for row in pq.ParquetFile(path).read().to_pylist())


def write_pictures(workspace: Workspace, pictures: Sequence[Picture]) -> None:
    """Write `tables/pictures.parquet`, and delete the files that no picture has any more."""
    rows = [
        {
            **asdict(one),
            "findings": json.dumps([asdict(f) for f in one.findings], ensure_ascii=False),
        }
        for one in sorted(pictures, key=lambda one: (*one.subject, one.format))
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    write_parquet(workspace.tables / "pictures.parquet", table)
    kept = {f"{one.id}.png" for one in pictures if one.bytes}
    for path in workspace.pictures.glob("*.png"):
        if path.name not in kept:
            path.unlink()


def standing(
    picture: Picture, ads: Mapping[str, Dossier], words: Mapping[tuple[str, str], str]
) -> bool:
    """Whether a picture still shows what is true: its ad approved and unchanged, its price today's.

    Args:
        picture: As it was made.
        ads: Every ad, by id.
        words: Subject -> hash of everything that its pictures show today.
    """
    ad = ads.get(picture.creative_id)
    if picture.creative_id and (
        ad is None or ad.state != "approved" or ad.digest != picture.digest
    ):
        return False
    return words.get(picture.subject) == picture.look


def _picture(row: Mapping[str, Any]) -> Picture:
    findings = tuple(Finding(**one) for one in json.loads(row["findings"]))
    return Picture(**{**row, "findings": findings})
