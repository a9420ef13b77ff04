import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.creative.pictures.conftest import photo

from handbill.creative.pictures import photo as photos
from handbill.creative.pictures.formats import FORMATS
from handbill.creative.pictures.photo import Photo, find_photo, read_photo


def shown(one: Photo) -> Image.Image:
    import base64

    return Image.open(io.BytesIO(base64.b64decode(one.address.split(",", 1)[1])))


def write(folder: Path, content: bytes, name: str = "T-1.jpg") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_cut_out_is_told_from_a_scene(tmp_path: Path) -> None:
    plain = read_photo(write(tmp_path, photo()))
    assert isinstance(plain, Photo)
    assert plain.ground == (255, 255, 255)
    noise = np.random.default_rng(7).integers(0, 255, (600, 800, 3), dtype=np.uint8)
    packed = io.BytesIO()
    Image.fromarray(noise).save(packed, "PNG")
    scene = read_photo(write(tmp_path, packed.getvalue(), "scene.png"))
    assert isinstance(scene, Photo)
    assert scene.ground is None


def test_empty_ground_is_cut_away_but_for_a_little(tmp_path: Path) -> None:
    one = read_photo(write(tmp_path, photo((900, 900))))
    assert isinstance(one, Photo)
    seen = shown(one).size
    assert (one.width, one.height) == (900, 900)
    assert 360 < seen[0] < 480 and 630 < seen[1] < 760  # the jar is 360 x 630


def test_a_photo_stands_upright_and_loses_its_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif.get_ifd(0x8825)[2] = (31.0, 13.0, 49.0)  # where it was taken
    one = read_photo(write(tmp_path, photo((800, 400), exif=exif)))
    assert isinstance(one, Photo)
    assert (one.width, one.height) == (400, 800)
    assert not shown(one).getexif()


def test_a_transparent_photo_stands_on_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (600, 600), (0, 0, 0, 0))
    image.paste((200, 30, 30, 255), (200, 200, 400, 400))
    packed = io.BytesIO()
    image.save(packed, "PNG")
    one = read_photo(write(tmp_path, packed.getvalue(), "T-1.png"))
    assert isinstance(one, Photo)
    assert one.ground == (255, 255, 255)


def huge_png(width: int, height: int) -> bytes:
    """A small file that says that it is a large picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no picture"),
        (b"not a picture", "no picture"),
        (SVG, "no picture"),
        (photo()[:2_000], "no picture"),
        (huge_png(9_000, 9_000), "pixels"),
        (huge_png(100_000, 100_000), "pixels"),
    ],
)
def test_what_is_no_picture_is_said_in_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    found = read_photo(write(tmp_path, content))
    assert isinstance(found, str)
    assert why in found
    assert "\n" not in found and str(tmp_path) not in found


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(photos, "MOST_BYTES", 100)
    assert "more than 100 bytes" in str(read_photo(write(tmp_path, photo())))


@pytest.mark.parametrize("key", ["../secret", "a/b", "..", "", ".hidden", "/etc/passwd"])
def test_an_id_that_is_no_file_name_has_no_photo(tmp_path: Path, key: str) -> None:
    (tmp_path / "images").mkdir()
    write(tmp_path, photo(), "secret.jpg")
    assert find_photo(tmp_path / "images", key) is None


def test_a_photo_is_found_by_the_products_id(tmp_path: Path) -> None:
    path = write(tmp_path, photo(), "T-1.webp")
    assert find_photo(tmp_path, "T-1") == path
    assert find_photo(tmp_path, "T-2") is None


def test_a_small_photo_fits_small_formats_only(tmp_path: Path) -> None:
    one = read_photo(write(tmp_path, photo((200, 200))))
    assert isinstance(one, Photo)
    assert [name for name, form in FORMATS.items() if one.fits(form)] == ["300x250", "728x90"]
