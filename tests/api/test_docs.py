"""The examples of docs/collector.md do what they say."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from tests.api.conftest import KEY, Client

TEXT = Path(__file__).parents[2].joinpath("docs", "collector.md").read_text(encoding="utf-8")


def test_the_curl_examples(client: Client) -> None:
    client.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    posts = re.findall(r"localhost:8000(/v1/\w+) -d '(\{.*?\})'\n", TEXT, re.DOTALL)
    assert [path for path, _ in posts] == ["/v1/events", "/v1/track"]
    for path, body in posts:
        assert client.post(path, json.loads(body)).json["accepted"] == 1
    (query,) = re.findall(r"localhost:8000/v1/p\.gif\?k=\$KEY&([^\"]+)", TEXT)
    assert client.ask("GET", "/v1/p.gif", query=f"k={KEY}&{query}").status == 200
    assert len(client.records()) == 3


def test_the_reply_that_is_shown(client: Client) -> None:
    answer = client.post("/v1/events", {"event": "search", "user_id": "1"})
    assert answer.body.decode() in TEXT


def test_every_call_of_the_tag_is_shown() -> None:
    tag = Path(__file__).parents[2].joinpath("src/handbill/api/handbill.js").read_text()
    calls = re.findall(r"^    (\w+): ", tag.split("var api = {")[1], re.MULTILINE)
    for call in set(calls) - {"flush"}:
        assert f"handbill.{call}(" in TEXT or f"[]).{call}(" in TEXT, call
