"""The door: each event is typed, judged and made pseudonymous before it touches the disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec

from handbill.api.lines import PAID, Unfit, lines_of, text
from handbill.api.wire import EVENT_FIELDS, Event, parse_event, reason_of, unknown
from handbill.events.collector import Settings
from handbill.events.received import Kept, Refused, event_key, pack
from handbill.events.robots import is_declared_robot
from handbill.ports import Arrived
from handbill.trust.identity import pseudonym
from handbill.trust.privacy import scrub
from handbill.types import ShopProfile

REASONS: Mapping[str, str] = {
    "invalid": "not an object, or a field is of the wrong type",
    "missing_event": "no event name",
    "missing_customer": "neither user_id nor anonymous_id",
    "missing_order": "a purchase without transaction_id",
    "missing_paid": "a purchase whose money cannot be told: neither prices nor value",
    "unreadable_time": "a time that is not ISO 8601 with a zone",
    "unreadable_number": "a number that is none",
    "too_long": "an id, name or code longer than collector.max_text",
    "too_large": "more than collector.max_items products, or collector.max_context_kb of context",
    "future": "dated further ahead than collector.max_ahead_hours",
    "too_old": "dated longer ago than collector.max_age_days",
    "currency": "not the shop's currency",
    "impossible_quantity": "units outside 1 to collector.max_units",
    "impossible_value": "money below 0 or above collector.max_money, or a discount above the order",
    "unsupported_type": "a kind of Segment message that is not collected",
}
"""Reason code -> meaning, as docs/collector.md lists them."""

SKEW_NOTED_SECONDS = 60
REMEMBERED_PEOPLE = 65_536
RAW_TEXT = 100
RAW_FIELDS = 30
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_json = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An event on its way to the inbox.

    Attributes:
        arrived: As the inbox takes it.
        reason: Reason code when it is refused, else empty.
        detail: One sentence for the sender when it is refused.
    """

    arrived: Arrived
    reason: str = ""
    detail: str = ""


class Intake:
    """Judges events of one shop.

    Args:
        shop: Its currency is the only one that is taken.
        settings: Bounds.
        key: The identity key.
    """

    def __init__(self, shop: ShopProfile, settings: Settings, key: bytes) -> None:
        self._currency = shop.currency
        self._settings = settings
        self._ahead = timedelta(hours=settings.max_ahead_hours)
        self._age = timedelta(days=settings.max_age_days)

        @lru_cache(maxsize=REMEMBERED_PEOPLE)
        def person_of(kind: str, identifier: str) -> str:
            return pseudonym(key, kind, identifier)

        self._person_of: Callable[[str, str], str] = person_of

    def judge(self, fields: Any, *, now: datetime, user_agent: str = "", unfit: str = "") -> Judged:
        """Judge one event.

        Args:
            fields: Parsed JSON of one event, in Handbill's own format.
            now: When it arrived.
            user_agent: Of the visitor's browser; empty when the sender is a shop's server.
            unfit: Reason code that is known already.
        """
        if not isinstance(fields, dict):
            return self._refuse({}, "invalid", "an event is a JSON object")
        if unfit:
            return self._refuse(fields, unfit, REASONS[unfit])
        try:
            event = parse_event(fields)
            kept = self._keep(event, fields, now, user_agent)
        except msgspec.ValidationError as error:
            return self._refuse(fields, reason_of(error), str(error))
        except Unfit as refusal:
            return self._refuse(fields, refusal.reason, refusal.detail)
        return Judged(arrived=Arrived(bytes.fromhex(kept.event_id), pack(kept)))

    def _keep(
        self, event: Event, fields: Mapping[str, Any], now: datetime, user_agent: str
    ) -> Kept:
        self._check_lengths(event)
        self._check_time(event, now)
        if event.currency is not None and event.currency.upper() != self._currency:
            raise Unfit("currency", f"{event.currency} is not the shop's {self._currency}")
        person = self._customer(event.user_id) or self._device(event.anonymous_id)
        if person is None:
            raise Unfit("missing_customer", REASONS["missing_customer"])
        free = self._scrub(unknown(fields, EVENT_FIELDS) | (event.context or {}))
        agent = free.get("userAgent") or free.get("user_agent") or user_agent
        context = free | self._circumstances(event, now, user_agent)
        lines = []
        for number, (line, extra) in enumerate(lines_of(event, self._settings)):
            more = {"item": self._scrub(extra, "item")} if extra else {}
            packed = _json.encode((context | more) if number == 0 else more).decode()
            if len(packed) > self._settings.max_context_kb * 1_024:
                raise Unfit("too_large", "more context than collector.max_context_kb")
            lines.append(msgspec.structs.replace(line, context=packed))
        sent_id = None if event.event_id is None else str(event.event_id)
        return Kept(
            event_id=event_key(sent_id).hex(),
            event=event.event,
            person=person,
            occurred_at=((event.occurred_at or now) - EPOCH) // MICROSECOND,
            is_human=not is_declared_robot(str(agent)) and free.get("webdriver") is not True,
            lines=tuple(lines),
            transaction_id=text(event.transaction_id),
            affiliation=text(event.affiliation),
            promotion_id=text(event.promotion_id),
        )

    def _circumstances(self, event: Event, now: datetime, user_agent: str) -> dict[str, Any]:
        """What the log should know of how the event came; it overrides what the sender wrote."""
        found: dict[str, Any] = {"received_at": now}
        if event.user_id is not None and event.anonymous_id is not None:
            found["device"] = self._device(event.anonymous_id)
        if user_agent:
            found["user_agent"] = user_agent
        if event.value is not None and (event.event not in PAID or event.items):
            found["value"] = event.value
        if event.discount is not None and event.event not in PAID:
            found["discount"] = event.discount
        if event.sent_at is not None:
            skew = (event.sent_at - now).total_seconds()
            if abs(skew) > SKEW_NOTED_SECONDS:
                found["clock_skew_seconds"] = round(skew)
        return found

    def _check_lengths(self, event: Event) -> None:
        for value in (
            event.event_id, event.user_id, event.anonymous_id, event.transaction_id,
            event.affiliation, event.promotion_id, event.coupon,
        ):  # fmt: skip
            if isinstance(value, str) and len(value) > self._settings.max_text:
                raise Unfit("too_long", f"an id has more than {self._settings.max_text} characters")

    def _check_time(self, event: Event, now: datetime) -> None:
        if event.occurred_at is None:
            return
        if event.occurred_at > now + self._ahead:
            raise Unfit("future", f"{event.occurred_at.isoformat()} has not come yet")
        if event.occurred_at < now - self._age:
            raise Unfit(
                "too_old",
                f"{event.occurred_at.isoformat()} is more than {self._settings.max_age_days} days "
                "ago; import older events from a file",
            )

    def _customer(self, identifier: str | int | None) -> str | None:
        return self._person("customer", identifier)

    def _device(self, identifier: str | int | None) -> str | None:
        return self._person("device", identifier)

    def _person(self, kind: str, identifier: str | int | None) -> str | None:
        stripped = "" if identifier is None else str(identifier).strip()
        return self._person_of(kind, stripped) if stripped else None

    def _scrub(self, fields: Mapping[str, Any], parent: str = "") -> dict[str, Any]:
        return scrub(fields, self._email, parent=parent)

    def _email(self, address: str) -> str:
        return self._person_of("email", address)

    def _refuse(self, fields: Mapping[str, Any], reason: str, detail: str) -> Judged:
        """A refused event leaves its plain fields, cut short, so that it can be recognised."""
        raw: dict[str, Any] = {
            name[:RAW_TEXT]: value[:RAW_TEXT] if isinstance(value, str) else value
            for name, value in self._scrub(fields).items()
            if name not in ("user_id", "anonymous_id", "event_id")
            and isinstance(value, str | int | float | bool | None)
        }
        for name, kind in (("user_id", "customer"), ("anonymous_id", "device")):
            if isinstance(fields.get(name), str | int):
                raw[name] = self._person(kind, fields[name])
        packed = pack(
            Refused(reason=reason, raw=_json.encode(dict(islice(raw.items(), RAW_FIELDS))).decode())
        )
        return Judged(arrived=Arrived(b"", packed, reason), reason=reason, detail=detail)
