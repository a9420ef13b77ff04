"""What becomes of an event at the door: its money, its person, its free fields, its refusal."""

import json
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.api.conftest import IDENTITY, NOW, SHOP, Client

from handbill.api.intake import REASONS, Intake
from handbill.events.collector import Settings
from handbill.events.compact import compact
from handbill.events.received import Kept, Line, Refused, unpack
from handbill.trust.identity import pseudonym
from handbill.workspace import Workspace

ORDER = {"event": "purchase", "user_id": "42", "transaction_id": "T"}
VIEW = {"event": "view_item", "anonymous_id": "a"}


def judge(fields: Any, user_agent: str = "", **bounds: int) -> Kept | Refused:
    intake = Intake(SHOP, Settings(**bounds), IDENTITY)
    return unpack(intake.judge(fields, now=NOW, user_agent=user_agent).arrived.body)


def kept(fields: Any, user_agent: str = "", **bounds: int) -> Kept:
    record = judge(fields, user_agent, **bounds)
    assert isinstance(record, Kept), record
    return record


def context(fields: Any, user_agent: str = "") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept(fields, user_agent).lines[0].context or "")
    return found


def money(fields: Any) -> list[tuple[int | None, int | None, int | None]]:
    return [(x.value_micros, x.discount_micros, x.coupon_micros) for x in kept(fields).lines]


def item(price: float | None, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"item_id": "sku", "quantity": quantity, "price": price} | more


def test_a_line_is_price_times_quantity() -> None:
    assert money(ORDER | {"items": [item(9.99, 3)]}) == [(29_970_000, 0, 0)]


def test_an_items_discount_is_of_one_unit_and_off_its_price_already() -> None:
    assert money(ORDER | {"items": [item(8.0, 2, discount=1.5)]}) == [(16_000_000, 3_000_000, 0)]


def test_an_orders_discount_is_spread_and_sums_to_what_was_paid() -> None:
    lines = money(ORDER | {"discount": 1, "items": [item(1.0), item(1.0), item(1.0)]})
    assert sum(value or 0 for value, _, _ in lines) == 2_000_000
    assert sum(off or 0 for _, off, _ in lines) == 1_000_000
    coupon = money(ORDER | {"discount": 1, "coupon": "SAVE", "items": [item(4.0)]})
    assert coupon == [(3_000_000, 0, 1_000_000)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 999), st.integers(1, 9)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_lines_always_sum_to_the_order(lines: list[tuple[float, int]], share: float) -> None:
    total = sum(round(price * 1e6) * quantity for price, quantity in lines)
    discount = int(total * share) / 1e6
    items = [item(price, quantity) for price, quantity in lines]
    found = money(ORDER | {"discount": discount, "items": items})
    assert sum(value or 0 for value, _, _ in found) == total - round(discount * 1e6)
    assert all((value or 0) >= 0 for value, _, _ in found)


def test_a_purchase_without_items_has_its_value() -> None:
    assert money(ORDER | {"value": 12.5}) == [(12_500_000, None, None)]
    assert money(ORDER | {"value": 12.5, "items": [item(None)]}) == [(12_500_000, 0, 0)]


def test_a_refund_is_negative() -> None:
    record = kept(ORDER | {"event": "refund", "items": [item(2.0, 3)]})
    assert (record.lines[0].quantity, record.lines[0].value_micros) == (-3, -6_000_000)
    whole = kept(ORDER | {"event": "refund"})
    assert whole.lines == (Line(context=whole.lines[0].context),)


def test_a_price_that_was_only_shown_moves_no_money() -> None:
    fields = VIEW | {"value": 5, "items": [item(5.0)]}
    assert kept(fields).lines[0].value_micros is None
    assert context(fields)["item"]["price"] == 5.0
    assert context(fields)["value"] == 5


def test_numbers_written_as_text_are_read() -> None:
    assert money(ORDER | {"items": [item("9.99", "2")]}) == [(19_980_000, 0, 0)]  # type: ignore[arg-type]


def test_people_are_pseudonyms_and_the_same_as_in_an_import() -> None:
    assert kept(ORDER | {"value": 1}).person == pseudonym(IDENTITY, "customer", "42")
    assert kept(ORDER | {"value": 1, "user_id": 42}).person == pseudonym(IDENTITY, "customer", "42")
    assert kept(VIEW).person == pseudonym(IDENTITY, "device", "a")
    both = VIEW | {"user_id": " 42 "}
    assert kept(both).person == pseudonym(IDENTITY, "customer", "42")
    assert context(both)["device"] == pseudonym(IDENTITY, "device", "a")


def test_nothing_that_identifies_reaches_the_disk(client: Client, workspace: Workspace) -> None:
    secrets = ["jane.doe@example.com", "Jane", "555-0199", "customer-77", "device-88", "hunter2"]
    event = {
        "event": "view_item",
        "event_id": "jane.doe@example.com/1",
        "user_id": "customer-77",
        "anonymous_id": "device-88",
        "email": "Jane.Doe@example.com",
        "first_name": "Jane",
        "billing": {"phone": "555-0199", "nested": [{"password": "hunter2"}]},
        "page": {"url": "https://x/?mail=jane.doe%40example.com&token=hunter2", "title": "Tea"},
        "note": "write to jane.doe@example.com",
    }
    client.post("/v1/events", [event, event | {"event": "purchase"}])
    messages = [
        {
            "type": "identify",
            "userId": "customer-77",
            "traits": {"email": secrets[0], "name": "Jane"},
        },
        {"type": "alias", "userId": "customer-77", "previousId": "device-88"},
        {"type": "track", "userId": "customer-77", "context": {"ip": "203.0.113.9"}},
    ]
    client.post("/v1/batch", {"batch": messages})
    compact(client.inbox, workspace)
    for file in (workspace.root / "log").rglob("*"):
        if not file.is_file():
            continue
        text = file.read_bytes().decode("latin-1").lower()
        if file.suffix == ".parquet":
            text += str(pq.read_table(file).to_pylist()).lower()
        for secret in [*secrets, "203.0.113.9"]:
            assert secret.lower() not in text, (file.name, secret)


def test_unknown_fields_are_kept() -> None:
    found = context(VIEW | {"color": "red", "page": {"title": "Tea"}, "context": {"ab": ["x", 1]}})
    assert (found["color"], found["page"], found["ab"]) == ("red", {"title": "Tea"}, ["x", 1])
    assert found["received_at"] == "2026-11-23T12:00:00Z"


def test_a_sender_cannot_write_what_the_collector_notes() -> None:
    found = context(VIEW | {"received_at": "2000-01-01", "context": {"received_at": "2001"}})
    assert found["received_at"] == "2026-11-23T12:00:00Z"


def test_an_event_keeps_its_own_time_and_a_wrong_clock_is_noted() -> None:
    hour_ahead = NOW + timedelta(hours=1)
    fields = VIEW | {"occurred_at": hour_ahead.isoformat(), "sent_at": hour_ahead.isoformat()}
    assert kept(fields).occurred_at == int(hour_ahead.timestamp()) * 1_000_000
    assert context(fields)["clock_skew_seconds"] == 3_600
    assert "clock_skew_seconds" not in context(VIEW | {"sent_at": NOW.isoformat()})
    assert kept(VIEW).occurred_at == int(NOW.timestamp()) * 1_000_000


def test_zones_are_honoured_to_the_microsecond() -> None:
    shanghai = VIEW | {"occurred_at": "2026-11-23T18:00:00.123456+08:00"}
    utc = VIEW | {"occurred_at": "2026-11-23T10:00:00.123456Z"}
    assert kept(shanghai).occurred_at == kept(utc).occurred_at
    assert kept(utc).occurred_at % 1_000_000 == 123_456


def test_the_collectors_clock_set_back_a_day_loses_nothing(client: Client) -> None:
    sent = [VIEW | {"event_id": str(n), "occurred_at": NOW.isoformat()} for n in range(3)]
    assert client.post("/v1/events", sent).json["accepted"] == 3
    client.now = NOW - timedelta(hours=23)
    later = VIEW | {"event_id": "later", "occurred_at": NOW.isoformat()}
    assert client.post("/v1/events", [*sent, later]).json == {"accepted": 1, "duplicate": 3}


@pytest.mark.parametrize(
    ("agent", "more", "human"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", {}, True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1)", {}, False),
        ("", {}, True),
        ("", {"context": {"userAgent": "Mozilla/5.0 (compatible; bingbot/2.0)"}}, False),
        ("Mozilla/5.0 Firefox/140.0", {"webdriver": True}, False),
    ],
)
def test_declared_robots_are_flagged(agent: str, more: dict[str, Any], human: bool) -> None:
    assert kept(VIEW | more, agent).is_human is human


FAR = {"occurred_at": (NOW + timedelta(hours=25)).isoformat()}
LONG_AGO = {"occurred_at": (NOW - timedelta(days=31)).isoformat()}
REFUSALS = [
    (7, "invalid"),
    (VIEW | {"items": "none"}, "invalid"),
    (VIEW | {"items": [7]}, "invalid"),
    (VIEW | {"context": []}, "invalid"),
    (VIEW | {"user_id": {}}, "invalid"),
    (VIEW | {"event": ""}, "invalid"),
    ({"anonymous_id": "a"}, "missing_event"),
    ({"event": "search"}, "missing_customer"),
    ({"event": "search", "user_id": "  "}, "missing_customer"),
    ({"event": "purchase", "user_id": 1, "value": 1}, "missing_order"),
    (ORDER, "missing_paid"),
    (ORDER | {"items": [item(None), item(1.0)]}, "missing_paid"),
    (VIEW | {"occurred_at": "yesterday"}, "unreadable_time"),
    (VIEW | {"occurred_at": "2026-11-23T10:00:00"}, "unreadable_time"),
    (VIEW | {"occurred_at": 1763892000000000}, "unreadable_time"),
    (ORDER | {"value": "much"}, "unreadable_number"),
    (ORDER | {"items": [item(1.0, "two")]}, "unreadable_number"),  # type: ignore[arg-type]
    (ORDER | {"items": [item(1.0, 1.5)]}, "unreadable_number"),  # type: ignore[arg-type]
    (VIEW | {"user_id": "x" * 257}, "too_long"),
    (VIEW | {"note": "x" * 17_000}, "too_large"),
    (VIEW | {"items": [{}] * 10_001}, "too_large"),
    (VIEW | FAR, "future"),
    (VIEW | LONG_AGO, "too_old"),
    (ORDER | {"value": 1, "currency": "EUR"}, "currency"),
    (ORDER | {"items": [item(1.0, 0)]}, "impossible_quantity"),
    (ORDER | {"items": [item(1.0, 10_001)]}, "impossible_quantity"),
    (ORDER | {"value": -1}, "impossible_value"),
    (ORDER | {"value": 1e300}, "impossible_value"),
    (ORDER | {"items": [item(999_999.0, 9_999)]}, "impossible_value"),
    (ORDER | {"discount": 2, "items": [item(1.0)]}, "impossible_value"),
]


@pytest.mark.parametrize(("fields", "reason"), REFUSALS)
def test_a_bad_event_is_refused_with_its_reason(fields: Any, reason: str) -> None:
    record = judge(fields)
    assert isinstance(record, Refused)
    assert record.reason == reason
    assert json.loads(record.raw) is not None
    assert len(record.raw) < 10_000


def test_every_reason_is_tried() -> None:
    assert {reason for _, reason in REFUSALS} == set(REASONS) - {"unsupported_type"}


def test_an_order_of_ten_thousand_lines_is_kept() -> None:
    record = kept(ORDER | {"items": [item(0.01, 1, item_name=f"n{n}") for n in range(10_000)]})
    assert len(record.lines) == 10_000


def test_deep_nesting_ends() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"in": deep}
    assert context(VIEW | {"deep": deep})


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_no_json_is_a_crash(value: Any) -> None:
    value = json.loads(json.dumps(value))
    names = [*VIEW, "items", "value", "currency", "occurred_at", "context", "coupon", "page"]
    assert judge(value)
    for name in names:
        assert judge(VIEW | {name: value})
