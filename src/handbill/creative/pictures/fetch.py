"""Fetching: product photos from the addresses that a feed gives, kept when they are pictures."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from urllib.request import build_opener

from handbill.creative.goods import Product
from handbill.creative.pictures.photo import MOST_BYTES, decode, find_photo, is_file_name
from handbill.workspace import replacing

SECONDS = 20.0
"""Without a byte, after which an address is given up."""
AT_ONCE = 8


def fetch_photos(folder: Path, products: Iterable[Product]) -> Mapping[str, str]:
    """Load the photos that are missing from each product's `image_link`.

    Args:
        folder: `catalog/images` of a workspace.
        products: Those that are to have one.

    Returns:
        Product -> why it still has none.
    """
    wanted = [one for one in products if find_photo(folder, one.id) is None]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = pool.map(lambda one: _fetch(folder, one), wanted)
        return {one.id: why for one, why in zip(wanted, said, strict=True) if why}


def _fetch(folder: Path, product: Product) -> str:
    """Load one photo.

    Returns:
        Why it could not be loaded; nothing when it was.
    """
    if not is_file_name(product.id):
        return "its id cannot name a file"
    if not product.photo:
        return "the catalogue has no image_link that is a web address"
    opener = build_opener()
    opener.addheaders = [("User-Agent", "Handbill"), ("Accept", "image/jpeg,image/png,image/webp")]
    try:
        with opener.open(product.photo, timeout=SECONDS) as answer:
            content = answer.read(MOST_BYTES + 1)
    except (OSError, HTTPException, ValueError) as error:  # ValueError: an address of odd signs
        return f"{product.photo} cannot be loaded: {error}"
    photo = decode(content, product.photo)
    if isinstance(photo, str):
        return photo
    with replacing(folder / f"{product.id}{photo.suffix}") as part:
        part.write_bytes(content)
    return ""
