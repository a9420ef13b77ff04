"""Numbers of copy: what counts as one, and when two are the same."""

import pytest

from handbill.creative.quantity import known, quantities


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("500 g for $4.99", [("mass", 500.0), ("price", 4.99)]),
        ("12 oz", [("mass", 340.194)]),
        ("save 20%", [("off", 20.0)]),
        ("100% wool", [("percent", 100.0)]),
        ("八折", [("off", 20.0)]),
        ("8.5折", [("off", 15.0)]),
        ("十九块九", [("price", 19.9)]),
        ("百分之五十", [("percent", 50.0)]),
        ("五百毫升", [("volume", 500.0)]),
        ("1,200 lumens", [("lumens", 1200.0)]),
        ("130 x 170 cm", [("length", 1300.0), ("length", 1700.0)]),
        ("a two-year warranty", [("time", 63115200.0)]),
        ("thirty quid", [("price", 30.0)]),
    ],
)
def test_a_number_that_claims(text: str, found: list[tuple[str, float]]) -> None:
    assert [(one.kind, one.value) for one in quantities(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "one cup", "two mugs and a chair", "一家人喝一杯", "三分钟热度的人", "at 7 am", "24/7",
        "take five minutes for yourself", "五月天", "晚上八点", "until may 5", "3月15日",
    ],
)  # fmt: skip
def test_a_number_that_claims_nothing(text: str) -> None:
    assert [one.kind for one in quantities(text)] == []


@pytest.mark.parametrize(
    ("said", "field", "agrees"),
    [
        ("1 kg", "1000 g", True),
        ("over 900 g", "1 kg", True),
        ("over 1 kg", "1 kg", False),
        ("about 2 kg", "2.05 kg", True),
        ("about 2 kg", "2.3 kg", False),
        ("up to 20 hours", "24 hours", True),
        ("up to 20 hours", "18 hours", False),
        ("at least 5 l", "6 l", True),
        ("$5", "5 usd", True),
        ("$5", "5 eur", False),
        ("500 g", "500 ml", False),
        ("1980 ml", "6 x 330 ml", True),
    ],
)
def test_what_a_field_bears(said: str, field: str, agrees: bool) -> None:
    (stated,) = quantities(said)
    assert any(stated.agrees(one) for one in known([field])) is agrees
