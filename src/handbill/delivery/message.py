"""One e-mail: text and HTML that say the same, and the headers that mail law asks for."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from importlib import resources
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template

from handbill.delivery.plan import Contact
from handbill.delivery.settings import REPLAY, Settings
from handbill.delivery.shelf import Ad
from handbill.types import ShopProfile, Text

NOWHERE = "recipient.invalid"
"""RFC 2606: never resolves. A pseudonym becomes an address only when a message is sent."""

POLICY = SMTP.clone(cte_type="7bit")
"""CRLF, folded headers, and bodies that every relay carries unchanged."""

_WHY = {
    "consent": Text(
        en="This is an advertisement from {shop}. You get it because you agreed to hear from us.",
        zh="这是 {shop} 发送的广告邮件。您收到它，是因为您同意接收我们的消息。",
    ),
    "soft-opt-in": Text(
        en="This is an advertisement from {shop}. You get it because you are our customer.",
        zh="这是 {shop} 发送的广告邮件。您收到它，是因为您是我们的顾客。",
    ),
    REPLAY: Text(
        en="This is an advertisement from {shop}, written in a replay of the past and not sent.",
        zh="这是 {shop} 的广告邮件，为回放历史数据而写，并未发送。",
    ),
}
_LEAVE = Text(en="Unsubscribe", zh="退订")
_FONTS = Text(
    en="-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
    zh="-apple-system,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif",
)
_LANGUAGES = Text(en="en", zh="zh-Hans")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who writes, complete: what a replay leaves open is filled with addresses that lead nowhere.

    Attributes:
        shop: Its name, as customers see it.
        address: The From header.
        why: Key of the sentence that says why the reader gets this.
        postal_address: Empty in a replay.
        unsubscribe: With `{contact}`.
        website: Where the call to action leads, empty for nowhere.
        zone: For the Date header.
    """

    shop: str
    address: Address
    why: str
    postal_address: str
    unsubscribe: str
    website: str
    zone: ZoneInfo

    @classmethod
    def of(cls, settings: Settings, shop: ShopProfile) -> "Sender":
        """From settings that `check_lawful` let through."""
        return cls(
            shop=shop.name,
            address=Address(
                settings.sender_name or one_line(shop.name),
                addr_spec=settings.sender or "offers@shop.invalid",
            ),
            why=settings.consent_basis,
            postal_address=settings.postal_address,
            unsubscribe=settings.unsubscribe or "mailto:unsubscribe@shop.invalid?subject={contact}",
            website=settings.website,
            zone=ZoneInfo(shop.timezone),
        )


def message_id(plan_id: str, contact_id: str, domain: str) -> str:
    """The Message-ID: the same contact of the same plan always has the same.

    Example:
        >>> message_id("plan", "contact", "example.com")
        '<a153e7c00a36858227d59148@example.com>'
    """
    digest = hashlib.sha256(f"{plan_id}\x1f{contact_id}".encode()).hexdigest()
    return f"<{digest[:24]}@{domain}>"


def compose(contact: Contact, ads: Sequence[Ad], plan_id: str, sender: Sender) -> EmailMessage:
    """Write the message of one contact.

    Args:
        contact: To whom, and when.
        ads: Its slots, the lead first; the lead's language is the message's.
        plan_id: For the Message-ID.
        sender: From whom.

    Returns:
        multipart/alternative, without any address of the recipient, remote image or tracking.

    Source: RFC 5322; RFC 2046, section 5.1.4; RFC 2369; RFC 8058; in Chinese the subject opens with
        the mark that article 13 of the Measures for E-mail Services (MII order 38, 2006) asks for.
    """
    lead, language = ads[0], ads[0].language
    subject = one_line(lead.headline)
    leave = sender.unsubscribe.replace("{contact}", quote(contact.id, safe=""))
    message = EmailMessage(policy=POLICY)
    message["From"] = sender.address
    message["To"] = f"{contact.person}@{NOWHERE}"
    message["Subject"] = f"【广告】{subject}" if language == "zh" else subject
    message["Date"] = contact.send_at.astimezone(sender.zone)
    message["Message-ID"] = message_id(plan_id, contact.id, sender.address.domain)
    message["List-Unsubscribe"] = f"<{leave}>"
    if leave.startswith("https:"):
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    foot = [said(_WHY[sender.why], language).format(shop=sender.shop)]
    if sender.postal_address:
        foot.append(one_line(sender.postal_address))
    foot_lines = [*foot, f"{said(_LEAVE, language)}: {leave}"]
    message.set_content(_text(ads, sender.website, foot_lines))
    html = _page().render(
        language=said(_LANGUAGES, language),
        font=said(_FONTS, language),
        shop=sender.shop,
        lead=lead,
        others=ads[1:],
        foot=foot,
        website=sender.website,
        unsubscribe=leave,
        leave=said(_LEAVE, language),
    )
    message.add_alternative(html, subtype="html")
    # Python's own boundary is random; the same plan must give the same bytes.
    message.set_boundary(hashlib.sha256(message["Message-ID"].encode()).hexdigest()[:40])
    return message


def said(text: Text, language: str) -> str:
    """A text in the language of the message."""
    return text.zh if language == "zh" else text.en


def one_line(text: str) -> str:
    r"""A text on one line, as a header needs it.

    Example:
        >>> one_line("Pizza\r\nBcc: all")
        'Pizza Bcc: all'
    """
    return " ".join(text.split())


def _text(ads: Sequence[Ad], website: str, foot: Sequence[str]) -> str:
    call = f"{ads[0].call_to_action}: {website}" if website else ads[0].call_to_action
    blocks = [f"{ads[0].headline}\n\n{ads[0].body}\n\n{call}"]
    blocks += [f"{ad.headline}\n{ad.body}" for ad in ads[1:]]
    return "\n\n* * *\n\n".join(blocks) + "\n\n-- \n" + "\n".join(foot) + "\n"


@functools.cache
def _page() -> Template:
    """The template, read once."""
    source = resources.files("handbill.delivery").joinpath("message.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(source)
