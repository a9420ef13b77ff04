"""Files as they come: packed, in other encodings, damaged, or meant to do harm."""

import codecs
import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from handbill.errors import SourceError
from handbill.events.files import records, unpacked

from .conftest import SHOP, Bringing

TEXT = "id,title,link,availability\n1,Tee 茶,https://x.example,in_stock\n"
FIELDS = {"id": "1", "title": "Tee 茶", "link": "https://x.example", "availability": "in_stock"}


def read(path: Path) -> list[tuple[int, dict[str, object] | None]]:
    with unpacked(path) as members:
        return [
            (one.number, one.fields) for name, member in members for one in records(member, name)
        ]


def written(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("gb18030"),
        TEXT.replace(",", "\t").encode(),
        TEXT.replace(",", ";").encode(),
        TEXT.replace("\n", "\r\n").encode(),
        gzip.compress(TEXT.encode()),
        zipped(a=TEXT.encode()),
        json.dumps(FIELDS).encode(),
        json.dumps([FIELDS]).encode(),
        json.dumps({"products": [FIELDS]}, indent=1).encode(),
        json.dumps({"product": FIELDS}).encode(),
        json.dumps(FIELDS).encode("utf-16"),
        codecs.BOM_UTF8 + json.dumps(FIELDS).encode(),
    ],
)
def test_a_record_is_the_same_however_it_is_written(tmp_path: Path, content: bytes) -> None:
    assert read(written(tmp_path, content)) == [(0, FIELDS)]


def test_an_archive_is_each_file_in_it(tmp_path: Path) -> None:
    content = zipped(**{"b/2.csv": TEXT.encode(), "a.json": b'{"id": 1}', "__MACOSX/._a": b"x"})
    with unpacked(written(tmp_path, content, "x.zip")) as members:
        assert [name for name, _ in members] == ["x.zip/a.json", "x.zip/b/2.csv"]
        places = [path for _, path in members]
    assert not any(path.exists() for path in places)


def test_a_member_cannot_leave_its_place(tmp_path: Path) -> None:
    content = zipped(**{"../../outside.csv": TEXT.encode()})
    assert read(written(tmp_path, content, "x.zip")) == [(0, FIELDS)]
    assert not list(tmp_path.rglob("outside.csv"))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (gzip.compress(bytes(100 << 20)), "unpacks to more than"),
        (zipped(a=bytes(40 << 20), b=bytes(40 << 20)), "unpacks to more than"),
        (zipped(), "empty archive"),
        (zipped(**{"[Content_Types].xml": b"<x/>"}), "is a spreadsheet"),
        (zipped(a=b"x" * 100)[:-30], "damaged archive"),
        (gzip.compress(TEXT.encode())[:-10], "damaged archive"),
        (b"", "empty"),
        (b"\xff\xff\xff\xff,a\n", "neither UTF-8 nor GB18030"),
        (b"PAR1nothing", "as Parquet"),
        (b'[{"a": 1},', "as JSON"),
        (b"[" * 100_000, "as JSON"),
        (b"<rss><item>", "as a feed"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(SourceError, match=complaint):
        read(written(tmp_path, content))


def test_an_encrypted_archive_says_so(tmp_path: Path) -> None:
    content = bytearray(zipped(a=b"id\n1\n"))
    content[6] |= 1  # the flag in the member's header, and in the directory's
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(SourceError, match="is encrypted"):
        read(written(tmp_path, bytes(content)))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("prolog", "complaint"),
    [
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "declares a document type"),
        ("<!DOCTYPE r>", "declares a document type"),
        ('<?xml version="1.0" encoding="klingon"?>', "as a feed"),
    ],
)
def test_xml_brings_nothing_of_its_own(tmp_path: Path, prolog: str, complaint: str) -> None:
    content = f"{prolog}<rss><item><id>1</id></item></rss>".encode()
    with pytest.raises(SourceError, match=complaint):
        read(written(tmp_path, content))


@pytest.mark.parametrize("inside", ["<a>" * 20, f"<a>{'x' * (2 << 20)}</a>"])
def test_xml_is_bounded(tmp_path: Path, inside: str) -> None:
    with pytest.raises(SourceError, match=r"nested deeper|more than 1 MiB"):
        read(written(tmp_path, f"<rss><item>{inside}</item></rss>".encode()))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "iso-8859-1"])
def test_a_feed_is_in_the_encoding_that_it_declares(tmp_path: Path, encoding: str) -> None:
    title = "Café" if encoding == "iso-8859-1" else "Café 茶"
    text = f'<?xml version="1.0" encoding="{encoding}"?><rss><item><id>{title}</id></item></rss>'
    assert read(written(tmp_path, text.encode(encoding))) == [(0, {"id": title})]


def test_unreadable_lines_are_records_too(tmp_path: Path) -> None:
    lines = ['{"a": 1}', "nonsense", "", "[1]", '{"a": 2.50}']
    found = read(written(tmp_path, "\n".join(lines).encode()))
    assert [(number, None if one is None else str(one["a"])) for number, one in found] == [
        (0, "1"), (1, None), (3, None), (4, "2.50"),
    ]  # fmt: skip


def test_a_file_that_nobody_knows_says_what_to_do(bringing: Bringing) -> None:
    with pytest.raises(SourceError, match="--guess shows"):
        bringing(["colour,size", "red,9"])
    with pytest.raises(SourceError, match="no format 'gaffer'; the formats are shopify-orders"):
        bringing(["colour,size", "red,9"], format_name="gaffer")
    with pytest.raises(SourceError, match="has no records"):
        bringing(["id,title,link,availability"], format_name="feed")


def test_a_format_can_be_named(bringing: Bringing) -> None:
    """A feed with so few fields that it is not told from them."""
    done = bringing(["id,title", "1,Tea"], format_name="feed", profile=SHOP)
    assert (done.format, done.rows) == ("feed", {"products": 1})
