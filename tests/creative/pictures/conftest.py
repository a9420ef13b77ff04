"""A shop with one approved ad of a product that has a price and a photo."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from handbill.creative.dossier import Dossier
from handbill.creative.pictures.card import Card
from handbill.creative.pictures.colours import parse
from handbill.creative.pictures.studio import Studio, open_studio
from handbill.creative.prompt import Draft
from handbill.types import Fact, ShopProfile
from handbill.workspace import Workspace

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SHOP = ShopProfile(
    name="Corner Market", currency="USD", timezone="UTC", language="en", as_of=date(2026, 11, 1)
)


def photo(size: tuple[int, int] = (900, 900), kind: str = "JPEG", **options: Any) -> bytes:
    """A jar on white."""
    image = Image.new("RGB", size, "white")
    width, height = size
    box = (width * 0.3, height * 0.2, width * 0.7, height * 0.9)
    ImageDraw.Draw(image).rectangle(box, fill="#cb5c3c")
    packed = io.BytesIO()
    image.save(packed, kind, **options)
    return packed.getvalue()


def card(**changes: Any) -> Card:
    parts: dict[str, Any] = {
        "headline": "House coffee, roasted on Mondays",
        "body": "Ground for the pot you own.",
        "call": "Use my coupon",
        "price": "$11.50",
        "was": "$13.20",
        "shop": "Corner Market",
        "language": "en",
        "mark": "AI-generated",
        "mark_share": 0.05,
        "brand": parse("#12372a"),
        "photo": None,
    }
    return Card(**{**parts, **changes})


def dossier(**changes: Any) -> Dossier:
    parts: dict[str, Any] = {
        "id": "c1",
        "segment_id": "all",
        "offer_id": "T-1",
        "language": "en",
        "channel": "meta",
        "origin": "model",
        "author": "smollm2-135m",
        "digest": "d1",
        "state": "approved",
        "draft": Draft(headline="{category} for two", body="Now {price}.", call_to_action="See it"),
        "facts": (
            Fact(name="category", value="house coffee", source="catalog#T-1.type"),
            Fact(name="price", value="{price}", source="catalog#T-1.price"),
        ),
        "findings": (),
        "signed": (),
        "created_at": NOW,
    }
    return Dossier(**{**parts, **changes})


def write_catalogue(workspace: Workspace, **fields: str) -> None:
    """One product, `T-1`, whose feed says these fields."""
    context = {"price": "13.20 USD", "sale_price": "11.50 USD", **fields}
    row = {"id": "T-1", "title": "House coffee", "context": json.dumps(context)}
    path = workspace.catalog / "products.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([row]), path)


def write_photo(workspace: Workspace, content: bytes, name: str = "T-1.jpg") -> Path:
    path = workspace.catalog / "images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def studio(needs: Callable[[str], str]) -> Iterator[Studio]:
    needs("chromium")
    with open_studio() as opened:
        yield opened
