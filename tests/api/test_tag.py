"""handbill.js in a real browser, against a live collector on loopback."""

import contextlib
import gzip
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.api.conftest import IDENTITY, KEY, Live, started

from handbill.trust.identity import pseudonym
from handbill.workspace import Workspace

TAG = Path(__file__).parents[2] / "src" / "handbill" / "api" / "handbill.js"
PAGE = """<!doctype html><meta charset="utf-8"><title>Tea</title><body>
<script>{before}</script>
<script src="http://127.0.0.1:{port}/handbill.js" data-key="{key}"></script>
<script>
  {during}
  setTimeout(function () {{
    document.body.textContent = "";
    document.documentElement.dataset.found = JSON.stringify(
      {{ cookie: document.cookie, stored: window.localStorage.getItem("handbill") }});
  }}, {milliseconds});
</script></body>"""
GPC = "Object.defineProperty(navigator, 'globalPrivacyControl', { get: () => true });"
IDENTITY_KEY = "identity.key"


def test_the_tag_is_under_five_kilobytes_and_sets_no_cookie() -> None:
    source = TAG.read_text(encoding="utf-8")
    assert len(gzip.compress(source.encode(), 9)) < 5_000
    assert "document.cookie" not in source
    assert "sessionStorage" not in source


@dataclass
class Browser:
    """Opens pages that carry the tag; one profile, so storage lasts from page to page."""

    program: str
    profile: Path
    live: Live
    shop_port: int = 0

    def open(self, during: str, *, before: str = "", milliseconds: int = 600) -> dict[str, Any]:
        """Load a page; what the browser held when the page had run.

        Args:
            during: Script behind the tag.
            before: Script before it.
            milliseconds: How long the page stays open after that.
        """
        html = PAGE.format(
            before=before,
            during=during,
            port=self.live.port,
            key=KEY,
            milliseconds=milliseconds,
        )
        with shop_page(html, self.shop_port) as port:
            self.shop_port = port  # always the same origin, so that storage is the same
            command = [
                self.program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-dev-shm-usage", f"--user-data-dir={self.profile}",
                f"--virtual-time-budget={milliseconds * 5}", "--dump-dom",
                f"http://127.0.0.1:{port}/tea?q=1",
            ]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
        mark = 'data-found="'
        assert mark in done.stdout, done.stdout + done.stderr[-1_000:]
        found = done.stdout.split(mark)[1].split('"')[0].replace("&quot;", '"')
        result: dict[str, Any] = json.loads(found)
        return result


@contextlib.contextmanager
def shop_page(html: str, port: int) -> Iterator[int]:
    """A shop's page on loopback."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def browser(workspace: Workspace, tmp_path: Path, needs: Callable[[str], str]) -> Iterator[Browser]:
    program = needs("chromium")
    workspace.keys.mkdir(mode=0o700)
    (workspace.keys / IDENTITY_KEY).write_bytes(IDENTITY)
    with started(workspace) as live:
        yield Browser(program, tmp_path / "profile", live)


def events(browser: Browser, workspace: Workspace) -> list[dict[str, Any]]:
    """What arrived, in order of time; ends the collector."""
    assert browser.live.stop() == 0
    paths = workspace.events.glob("date=*/*.parquet")
    rows = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
    for row in rows:
        row["context"] = json.loads(row["context"])
    return sorted(rows, key=lambda row: row["occurred_at"])


def test_without_consent_nothing_is_stored_and_nobody_is_recognised(
    browser: Browser, workspace: Workspace
) -> None:
    script = """
      handbill.identify("customer-42");
      handbill.view({ item_id: "sku-1", price: 9.99 });
      handbill.cart({ item_id: "sku-1", quantity: 2, price: 9.99 });
      handbill.purchase({ transaction_id: "T-1", currency: "USD",
        items: [{ item_id: "sku-1", quantity: 2, price: 9.99 }] });
    """
    assert browser.open(script) == {"cookie": "", "stored": None}
    assert browser.open("") == {"cookie": "", "stored": None}
    found = events(browser, workspace)
    names = sorted(row["event"] for row in found)
    assert names == ["add_to_cart", "page_view", "page_view", "purchase", "view_item"]
    assert len({row["person"] for row in found}) == 2  # one for each page
    assert pseudonym(IDENTITY, "customer", "customer-42") not in {row["person"] for row in found}
    (purchase,) = [row for row in found if row["event"] == "purchase"]
    assert (purchase["value_micros"], purchase["quantity"]) == (19_980_000, 2)
    assert purchase["context"]["page"]["title"] == "Tea"
    assert not purchase["is_human"]  # a headless browser says what it is


def test_consent_recognises_the_visitor_until_it_is_withdrawn(
    browser: Browser, workspace: Workspace
) -> None:
    first = browser.open('handbill.consent(true); handbill.identify("customer-42");')
    assert json.loads(first["stored"])["queue"] == []
    browser.open("")
    assert browser.open("handbill.consent(false);")["stored"] is None
    browser.open("")
    found = events(browser, workspace)
    customer = pseudonym(IDENTITY, "customer", "customer-42")
    views = [row for row in found if row["event"] == "page_view"]
    assert len(views) == 4
    assert [row["person"] == customer for row in views] == [False, True, True, False]
    (link,) = [row for row in found if row["event"] == "identify"]
    assert link["person"] == customer
    assert link["context"]["device"] == views[0]["person"]  # the same device before it signed in
    assert views[3]["person"] != views[0]["person"]


def test_global_privacy_control_outweighs_consent(browser: Browser, workspace: Workspace) -> None:
    browser.open("handbill.consent(true);")
    script = 'handbill.consent(true); handbill.identify("customer-42");'
    assert browser.open(script, before=GPC) == {"cookie": "", "stored": None}
    found = events(browser, workspace)
    assert len({row["person"] for row in found}) == 2
    assert all("device" not in row["context"] for row in found)


def test_what_cannot_be_sent_is_sent_later_and_counts_once(
    browser: Browser, workspace: Workspace
) -> None:
    offline = """
      const send = window.fetch; let failures = 2;
      window.fetch = (...request) => failures-- > 0
        ? send(...request).then(() => Promise.reject(new TypeError("lost the reply")))
        : send(...request);
    """
    browser.open("", before=offline, milliseconds=6_000)
    unreachable = """
      window.fetch = () => Promise.reject(new TypeError("offline"));
      navigator.sendBeacon = () => false;
    """
    script = 'handbill.consent(true); handbill.search("green tea");'
    stored = browser.open(script, before=unreachable)["stored"]
    assert [one["event"] for one in json.loads(stored)["queue"]] == ["page_view", "search"]
    after = browser.open("", milliseconds=1_500)["stored"]
    assert json.loads(after)["queue"] == []
    found = events(browser, workspace)
    assert [row["event"] for row in found] == ["page_view", "page_view", "search", "page_view"]


def test_calls_before_the_tag_has_loaded_are_made_up_for(
    browser: Browser, workspace: Workspace
) -> None:
    browser.open("", before='handbill = []; handbill.push(["track", "sign_up", { method: "x" }]);')
    found = events(browser, workspace)
    assert sorted(row["event"] for row in found) == ["page_view", "sign_up"]
