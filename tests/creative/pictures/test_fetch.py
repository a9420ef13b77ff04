"""Photos from a feed's addresses: loaded once, and only what is a picture."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.creative.pictures.conftest import photo

from handbill.creative.goods import make_product
from handbill.creative.pictures.fetch import fetch_photos
from handbill.creative.pictures.photo import MOST_BYTES, find_photo

ANSWERS = {
    "/jar.jpg": photo(),
    "/jar": photo(kind="PNG"),
    "/page": b"<html>Not found, says a shop that answers 200</html>",
    "/endless": bytes(1_000_000),
}


@pytest.fixture
def host() -> Iterator[tuple[str, list[str]]]:
    """A shop's image server, and what it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if self.path == "/moved":
                self.send_response(301)
                self.send_header("Location", "/jar.jpg")
                self.end_headers()
                return
            body = ANSWERS.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            many = MOST_BYTES // 1_000_000 + 2 if self.path == "/endless" else 1
            try:
                for _ in range(many):
                    self.wfile.write(body or b"")
            except ConnectionError:  # who has read enough hangs up
                return

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def fetch(folder: Path, address: str, key: str = "T-1") -> str:
    product = make_product({"id": key, "title": "Jar", "image_link": address}, source="catalog")
    return fetch_photos(folder, [product]).get(key, "")


@pytest.mark.parametrize(
    ("path", "name"), [("/jar.jpg", "T-1.jpg"), ("/jar", "T-1.png"), ("/moved", "T-1.jpg")]
)
def test_a_photo_is_loaded_once_and_named_by_what_it_is(
    tmp_path: Path, host: tuple[str, list[str]], path: str, name: str
) -> None:
    address, asked = host
    assert fetch(tmp_path, address + path) == ""
    assert [one.name for one in tmp_path.iterdir()] == [name]
    count = len(asked)
    assert fetch(tmp_path, address + path) == ""
    assert len(asked) == count


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/page", "is no picture that can be read"),
        ("/none", "HTTP Error 404"),
        ("/endless", "has more than 20,000,000 bytes"),
    ],
)
def test_what_is_no_photo_is_not_kept(
    tmp_path: Path, host: tuple[str, list[str]], path: str, why: str
) -> None:
    assert why in fetch(tmp_path, host[0] + path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "key", "why"),
    [
        ("", "T-1", "has no image_link that is"),
        ("file:///etc/hostname", "T-1", "has no image_link that is"),
        ("http://127.0.0.1:9/jar.jpg", "T-1", "cannot be loaded"),
        ("http://exa mple/jar.jpg", "T-1", "has no image_link that is"),
        ("http://[::1/jar.jpg", "T-1", "cannot be loaded"),
        ("http://127.0.0.1:9/jar.jpg", "../T-1", "cannot name a file"),
    ],
)
def test_addresses_that_lead_nowhere_are_told(
    tmp_path: Path, address: str, key: str, why: str
) -> None:
    assert why in fetch(tmp_path, address, key)
    assert find_photo(tmp_path, key) is None
