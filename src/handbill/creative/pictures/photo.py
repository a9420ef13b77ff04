"""Photos: a product's picture as a stranger's file, opened with care and made harmless."""

import base64
import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageOps

from handbill.creative.pictures.colours import Colour
from handbill.creative.pictures.formats import Format

FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
SUFFIXES = (*FORMATS.values(), ".jpeg")
MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
LONGEST = 1_920
"""Pixels; more than any format shows."""
QUALITY = 90
EDGE = 0.02
"""Of the longer side: the rim that is looked at to tell a cut-out from a scene."""
EVEN = 9.0
"""Standard deviation of the rim's brightness, 0 to 255, below which the ground is one colour."""

APART, AIR = 16, 0.06
"""Brightness by which a pixel stands out from such a ground; how much of it stays around."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A picture that is safe to show: decoded, upright, without its metadata.

    Attributes:
        digest: SHA-256 of the file it came from.
        suffix: Of that file, by what it is and not by its name.
        width: Pixels, upright.
        height: Pixels.
        address: The picture itself as a `data:` address.
        ground: Colour of its rim where that is one; a scene has none.
    """

    digest: str
    suffix: str
    width: int
    height: int
    address: str
    ground: Colour | None

    def fits(self, form: Format) -> bool:
        """Whether it has the pixels for its part of a format: half of the shorter side."""
        return min(self.width, self.height) >= min(form.size) * 0.5


def find_photo(folder: Path, product_id: str) -> Path | None:
    """The file of a product's photo: `catalog/images/<id>` and one of the usual endings.

    An id that is no plain file name has none.
    """
    if not is_file_name(product_id):
        return None
    named = (folder / f"{product_id}{suffix}" for suffix in SUFFIXES)
    return next((path for path in named if path.is_file()), None)


def is_file_name(product_id: str) -> bool:
    """Whether a photo may lie under a product's id as it is."""
    plain = product_id == Path(product_id).name and "\0" not in product_id
    return plain and bool(product_id) and not product_id.startswith(".")


def read_photo(path: Path) -> Photo | str:
    """Open a photo.

    Returns:
        The photo, or why it cannot be shown.
    """
    with path.open("rb") as file:
        return decode(file.read(MOST_BYTES + 1), path.name)


def decode(content: bytes, name: str) -> Photo | str:
    """A stranger's bytes as a photo.

    Args:
        content: Of the file; more than `MOST_BYTES` are refused.
        name: What a refusal calls it.

    Returns:
        The photo, or why it cannot be shown.
    """
    if len(content) > MOST_BYTES:
        return f"{name} has more than {MOST_BYTES:,} bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(content), formats=tuple(FORMATS))
            suffix = FORMATS.get(opened.format or "", "")
            if opened.width * opened.height > MOST_PIXELS:
                return f"{name} has more than {MOST_PIXELS:,} pixels"
            image = _flat(ImageOps.exif_transpose(opened))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        return f"{name} is no picture that can be read: {str(error).splitlines()[0]}"
    except Image.DecompressionBombWarning:
        return f"{name} has more than {MOST_PIXELS:,} pixels"
    width, height = image.size
    ground = _ground(np.asarray(image.reduce(max(1, max(image.size) // 1_000))))
    if ground is not None:
        image = _trimmed(image, ground)
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    image.save(packed, "JPEG", quality=QUALITY)
    return Photo(
        digest=hashlib.sha256(content).hexdigest(),
        suffix=suffix,
        width=width,
        height=height,
        address="data:image/jpeg;base64," + base64.b64encode(packed.getvalue()).decode(),
        ground=ground,
    )


def _flat(image: Image.Image) -> Image.Image:
    """On white where it is transparent."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(white, seen).convert("RGB")
    return image.convert("RGB")


def _trimmed(image: Image.Image, ground: Colour) -> Image.Image:
    """Without the empty ground around the product, but for a little."""
    apart = ImageChops.difference(image, Image.new("RGB", image.size, ground)).convert("L")
    seen = apart.point(lambda level: 255 if level > APART else 0).getbbox()
    if seen is None:
        return image
    air = round(AIR * max(seen[2] - seen[0], seen[3] - seen[1]))
    left, top, right, bottom = seen
    return image.crop(
        (max(0, left - air), max(0, top - air),
         min(image.width, right + air), min(image.height, bottom + air))
    )  # fmt: skip


def _ground(pixels: np.ndarray) -> Colour | None:
    """The one colour of the rim, if it is one; (H, W, 3)."""
    rim = max(1, round(max(pixels.shape[:2]) * EDGE))
    edges = (pixels[:rim], pixels[-rim:], pixels[:, :rim], pixels[:, -rim:])
    seen = np.concatenate([edge.reshape(-1, 3) for edge in edges]).astype(np.float64)
    if seen.mean(axis=1).std() > EVEN:
        return None
    red, green, blue = np.median(seen, axis=0).round().astype(int).tolist()
    return red, green, blue
