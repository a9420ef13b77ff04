"""The `[delivery]` section of handbill.toml, and what marketing mail must say by law."""

import re
from dataclasses import dataclass
from typing import Literal

from handbill.errors import ConfigError, PolicyError

REPLAY = "replay"
"""Consent basis of a replay of the past: nobody is written to, so nobody needs to have agreed."""

BASES = ("consent", "soft-opt-in", REPLAY)

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_NEEDED = {
    "sender": "the address the messages come from (CAN-SPAM 7704(a)(1))",
    "postal_address": "the shop's postal address (CAN-SPAM 7704(a)(5); ePrivacy art. 13(4))",
    "unsubscribe": "an https: or mailto: address to leave by (GDPR art. 21(3); RFC 8058)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Who writes, and on what ground.

    Attributes:
        consent_basis: Why these people may be written to: `consent` (they agreed), `soft-opt-in`
            (customers, own similar products, told at the sale) or `replay` (a replay of the past).
            Without it nothing is delivered.
        sender: E-mail address the messages come from.
        sender_name: Name beside it; the shop's when empty.
        postal_address: Printed at the foot of every message.
        unsubscribe: `https:` or `mailto:` address to leave by; `{contact}` in it becomes the
            contact's id. `https:` must accept a one-click POST (RFC 8058).
        website: `https:` address that the call to action leads to; without it, it is plain words.
    """

    consent_basis: Literal["", "consent", "soft-opt-in", "replay"] = ""
    sender: str = ""
    sender_name: str = ""
    postal_address: str = ""
    unsubscribe: str = ""
    website: str = ""

    def __post_init__(self) -> None:
        if self.consent_basis and self.consent_basis not in BASES:
            raise ConfigError(
                f"delivery.consent_basis = {self.consent_basis!r}: one of {', '.join(BASES)}"
            )
        if self.sender and _ADDRESS.fullmatch(self.sender) is None:
            raise ConfigError(
                f"delivery.sender = {self.sender!r}: give one address like offers@example.com"
            )
        if any(ord(letter) < 32 for letter in self.sender_name):
            raise ConfigError(f"delivery.sender_name = {self.sender_name!r}: one line of text")
        if (
            self.unsubscribe
            and re.fullmatch(r"(https://|mailto:)[!-;=?-~]+", self.unsubscribe) is None
        ):
            raise ConfigError(
                f"delivery.unsubscribe = {self.unsubscribe!r}: give an https: or mailto: address "
                "in ASCII without spaces"
            )
        if self.website and re.fullmatch(r"https://[!-;=?-~]+", self.website) is None:
            raise ConfigError(
                f"delivery.website = {self.website!r}: give an https: address in ASCII without "
                "spaces"
            )


def check_lawful(settings: Settings) -> None:
    """Refuse to write marketing mail that lacks its ground or what the law asks it to say.

    Raises:
        PolicyError: A setting is missing; the message names it.
    """
    if not settings.consent_basis:
        raise PolicyError(
            "delivery.consent_basis is empty: set it to why these people may be written to "
            f"({', '.join(BASES)}) under [delivery] in handbill.toml"
        )
    if settings.consent_basis == REPLAY:
        return
    for name, meaning in _NEEDED.items():
        if not getattr(settings, name):
            raise PolicyError(
                f"delivery.{name} is empty: give {meaning} under [delivery] in handbill.toml"
            )
