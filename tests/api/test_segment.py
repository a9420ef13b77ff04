"""Segment's libraries can be pointed at the collector as they are."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.api.conftest import IDENTITY, Client

from handbill.events.received import Kept, Refused
from handbill.trust.identity import pseudonym

COMMON = {
    "messageId": "m-1",
    "anonymousId": "device-1",
    "timestamp": "2026-11-23T11:59:00.000Z",
    "sentAt": "2026-11-23T11:59:58.000Z",
    "context": {"library": {"name": "analytics.js"}, "ip": "203.0.113.9", "locale": "en-US"},
}


def context(record: Kept) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.lines[0].context or "")
    return found


def test_order_completed_is_a_purchase(client: Client) -> None:
    properties = {
        "order_id": "T-1",
        "affiliation": "Web",
        "total": 30.0,
        "revenue": 24.0,
        "shipping": 3,
        "tax": 3,
        "discount": 2.5,
        "coupon": "hasbros",
        "currency": "USD",
        "products": [
            {"product_id": "p1", "sku": "s1", "name": "Monopoly", "price": 19, "quantity": 1},
            {"sku": "s2", "price": 3.75, "quantity": 2, "category": "Games"},
        ],
    }
    answer = client.post(
        "/v1/track", COMMON | {"event": "Order Completed", "userId": "42", "properties": properties}
    )
    assert answer.json == {"success": True, "accepted": 1, "duplicate": 0}
    record = client.kept()
    assert (record.event, record.transaction_id, record.affiliation) == ("purchase", "T-1", "Web")
    assert record.person == pseudonym(IDENTITY, "customer", "42")
    assert [line.item_id for line in record.lines] == ["p1", "s2"]
    assert sum(line.value_micros or 0 for line in record.lines) == 24_000_000
    assert sum(line.coupon_micros or 0 for line in record.lines) == 2_500_000
    found = context(record)
    assert (found["shipping"], found["tax"], found["total"]) == (3, 3, 30.0)
    assert found["item"]["item_name"] == "Monopoly"
    assert found["library"] == {"name": "analytics.js"}
    assert "ip" not in found


def test_product_events(client: Client) -> None:
    names = {
        "Products Searched": "search",
        "Product Viewed": "view_item",
        "Product Added": "add_to_cart",
        "product removed": "remove_from_cart",
        "Promotion Viewed": "view_promotion",
        "Something Else Done": "something_else_done",
    }
    messages = [
        COMMON | {"type": "track", "messageId": name, "event": name, "properties": {"sku": "s"}}
        for name in names
    ]
    assert client.post("/v1/batch", {"batch": messages}).json["accepted"] == len(names)
    records = [record for record in client.records() if isinstance(record, Kept)]
    assert [record.event for record in records] == list(names.values())
    assert {record.lines[0].item_id for record in records} == {"s"}


def test_properties_cannot_pose_as_the_event(client: Client) -> None:
    properties = {"user_id": "mallory", "event_id": "x", "anonymous_id": "y", "occurred_at": "z"}
    message = COMMON | {"event": "Product Viewed", "properties": properties}
    client.post("/v1/track", message)
    assert client.kept().person == pseudonym(IDENTITY, "device", "device-1")
    assert client.post("/v1/track", message).json["duplicate"] == 1


def test_page_and_identify(client: Client) -> None:
    page = {"name": "Home", "properties": {"url": "https://x/", "title": "Tea"}}
    client.post("/v1/page", COMMON | page)
    client.post(
        "/v1/identify", COMMON | {"messageId": "m-2", "userId": "42", "traits": {"plan": "gold"}}
    )
    first, second = client.records()
    assert isinstance(first, Kept)
    assert isinstance(second, Kept)
    assert first.event == "page_view"
    assert context(first)["page"] == {"url": "https://x/", "title": "Tea", "name": "Home"}
    assert second.event == "identify"
    assert context(second)["device"] == pseudonym(IDENTITY, "device", "device-1")
    assert context(second)["traits"] == {"plan": "gold"}


def test_a_batch_shares_its_context_and_clock(client: Client) -> None:
    message = {k: v for k, v in COMMON.items() if k not in ("context", "sentAt")}
    batch = {
        "batch": [message | {"type": "page"}, message | {"type": "group", "messageId": "m-2"}, 5],
        "context": {"locale": "zh-CN"},
        "sentAt": "2026-11-23T13:00:00Z",
        "writeKey": "a-write-key",
    }
    answer = client.ask("POST", "/v1/batch", batch)
    assert [one["reason"] for one in answer.json["refused"]] == ["unsupported_type", "invalid"]
    first, *others = client.records()
    assert isinstance(first, Kept)
    assert all(isinstance(record, Refused) for record in others)
    assert context(first)["locale"] == "zh-CN"
    assert context(first)["clock_skew_seconds"] == 3_600


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["type", "event", "properties", "context", "traits", "name", "timestamp"]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.just([]), st.just({"a": []})),
    st.sampled_from(["track", "page", "identify", "screen"]),
)
def test_no_message_is_a_crash(client: Client, field: str, value: Any, kind: str) -> None:
    message = COMMON | {"type": kind, "event": "Product Viewed", field: value}
    assert client.post("/v1/batch", {"batch": [message]}).status in (200, 422)
    properties = {field: value, "products": [value, {"price": value}], "total": value}
    track = COMMON | {"event": "Order Completed", "properties": properties}
    assert client.post("/v1/track", track).status in (200, 422)


def test_the_write_key_may_stand_in_the_message(client: Client) -> None:
    message = COMMON | {"event": "Product Viewed", "writeKey": "a-write-key"}
    assert client.ask("POST", "/v1/track", message).status == 200
