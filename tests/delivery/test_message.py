"""Every message parses back without a defect and says what the plan says."""

import email
import re
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

import pytest
from tests.delivery.conftest import SEND_AT, Delivery, contact

from handbill.delivery import Settings
from handbill.delivery.message import NOWHERE

LAWFUL = Settings(
    consent_basis="consent",
    sender="offers@example.com",
    sender_name="街角小店，优惠与消息",
    postal_address="1 Market Street, Springfield",
    unsubscribe="https://example.com/leave?c={contact}",
    website="https://example.com/coupons",
)


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v for k, v in attrs if k in ("href", "src", "background") and v]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=SMTP)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture(params=["replay", "consent"])
def messages(request: pytest.FixtureRequest, delivery: Delivery) -> dict[str, bytes]:
    delivery.run(None if request.param == "replay" else LAWFUL)
    return {path.stem: path.read_bytes() for path in delivery.letters()}


def test_every_message_parses_without_defects(messages: dict[str, bytes]) -> None:
    assert sorted(messages) == ["c0", "c1", "c2"]
    for raw in messages.values():
        message = parsed(raw)
        for part in message.walk():
            assert part.defects == []
            for header in part.values():
                assert header.defects == ()
        assert message.get_content_type() == "multipart/alternative"
        kinds = [part.get_content_type() for part in message.iter_parts()]
        assert kinds == ["text/plain", "text/html"]


def test_lines_are_short_ascii_and_end_in_crlf(messages: dict[str, bytes]) -> None:
    for raw in messages.values():
        raw.decode("ascii")
        assert raw.count(b"\n") == raw.count(b"\r\n")
        assert max(len(line) for line in raw.split(b"\r\n")) <= 998
        head, _, body = raw.partition(b"\r\n\r\n")
        assert max(len(line) for line in head.split(b"\r\n")) <= 78
        assert max(len(line) for line in body.split(b"\r\n")) <= 78


def test_headers(messages: dict[str, bytes]) -> None:
    first = parsed(messages["c0"])
    assert first["To"].addresses[0].addr_spec == f"p_{0:026d}@{NOWHERE}"
    assert first["Subject"] == "Frozen pizza for Friday"
    assert parsedate_to_datetime(first["Date"]) == SEND_AT
    assert first["Date"].datetime.utcoffset() == timedelta(hours=8)
    ids = [parsed(raw)["Message-ID"] for raw in messages.values()]
    assert len(set(ids)) == 3
    for one in ids:
        assert re.fullmatch(r"<[0-9a-f]{24}@[a-z.]+>", one)


def test_a_chinese_message_is_whole(messages: dict[str, bytes]) -> None:
    message = parsed(messages["c1"])
    headline = "冷冻披萨优惠券到了，周五晚餐不用愁，一家人围坐在一起慢慢吃"
    assert message["Subject"] == f"【广告】{headline}"
    text, html = (part.get_content() for part in message.iter_parts())
    for content in (text, html):
        assert headline in content
        assert "凭券购买冷冻披萨，12月24日前有效。" in content
        assert "退订" in content
    assert 'lang="zh-Hans"' in html


def test_text_and_html_say_the_same_in_slot_order(messages: dict[str, bytes]) -> None:
    text, html = (part.get_content() for part in parsed(messages["c0"]).iter_parts())
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    for content in (text, tags.text):
        lead, second = content.index("Frozen pizza for Friday"), content.index("A pot of soup")
        assert lead < second
        assert "until 24 December & works on <any> size." in content
        assert "Bring the coupon" in content
        assert "advertisement from Corner Shop" in content
    assert "<any>" not in html


def test_nothing_remote_is_loaded(messages: dict[str, bytes]) -> None:
    for raw in messages.values():
        html = list(parsed(raw).iter_parts())[1].get_content()
        tags = Tags()
        tags.feed(html)
        ways = {"https://example.com/coupons"} & set(tags.links)
        assert len(tags.links) == 1 + len(ways)  # the way out, the way in, and nothing else
        assert "<img" not in html
        assert "url(" not in html


def test_one_click_unsubscribe_and_who_writes(delivery: Delivery) -> None:
    delivery.run(LAWFUL)
    message = parsed(delivery.letters()[0].read_bytes())
    assert message["List-Unsubscribe"] == "<https://example.com/leave?c=c0>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["From"].addresses[0].display_name == "街角小店，优惠与消息"
    assert message["From"].addresses[0].addr_spec == "offers@example.com"
    for part in message.iter_parts():
        assert "1 Market Street, Springfield" in part.get_content()
        assert "https://example.com/leave?c=c0" in part.get_content()
        assert "https://example.com/coupons" in part.get_content()
        assert "you agreed" in part.get_content()


def test_a_replay_says_so_and_leads_nowhere(delivery: Delivery) -> None:
    delivery.run()
    raw = delivery.letters()[0].read_bytes()
    message = parsed(raw)
    assert "not sent" in next(iter(message.iter_parts())).get_content()
    content = "".join(part.get_content() for part in message.iter_parts())
    said = " ".join([content, *(str(value) for value in message.values())])
    addresses = re.findall(r"[\w.-]+@[\w.-]+", said)
    assert len(addresses) >= 5
    assert [one for one in addresses if not one.endswith(".invalid")] == []


def test_a_line_break_in_a_fact_cannot_add_a_header(delivery: Delivery) -> None:
    evil = {
        "id": "cr_evil",
        "language": "en",
        "headline": "Hello {category}",
        "body": "Body",
        "call_to_action": "Go",
        "slots": {"category": "soup\r\nBcc: all@example.com"},
    }
    delivery.shelve((evil,))
    delivery.plan(contact(7, ("cr_evil",)), budget=10**9)
    delivery.run()
    message = parsed(delivery.letters()[0].read_bytes())
    assert message["Bcc"] is None
    assert message["Subject"] == "Hello soup Bcc: all@example.com"


def test_the_same_plan_gives_the_same_bytes(delivery: Delivery) -> None:
    delivery.run()
    before = {path: path.read_bytes() for path in delivery.letters()}
    delivery.run()
    assert {path: path.read_bytes() for path in delivery.letters()} == before
