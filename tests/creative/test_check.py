"""The checks on labelled sentences, on whole ads and on the examples that come with Handbill."""

import dataclasses
import json
from pathlib import Path

import pytest

from handbill.creative.check import check, gate
from handbill.creative.example import read_examples
from handbill.creative.prompt import Draft
from handbill.types import LANGUAGES, Brief, Fact, Language

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("cases.jsonl").read_text("utf-8").splitlines()
]
FACTS: dict[Language, dict[str, str]] = {
    "en": {
        "offer": "coupon",
        "category": "coffee",
        "shop": "Corner Market",
        "offer_ends": "December 24",
        "products": "12",
    },
    "zh": {
        "offer": "优惠券",
        "category": "咖啡",
        "shop": "街角超市",
        "offer_ends": "12月24日",
        "products": "12",
    },
}
GOOD: dict[Language, Draft] = {
    "en": Draft(
        headline="The morning cup",
        body="Your coupon for {category} is good at {shop} through {offer_ends}.",
        call_to_action="Use my coupon",
    ),
    "zh": Draft(
        headline="早晨的一杯",
        body="{category}优惠券在{shop}可用，有效期至{offer_ends}。",
        call_to_action="去用券",
    ),
}


def brief(language: Language = "en", audience: str = "everyone", **facts: str) -> Brief:
    named = FACTS[language] | facts
    return Brief(
        id="b",
        segment_id="all",
        offer_id="o",
        language=language,
        channel="email",
        facts=tuple(Fact(name=key, value=value, source="test") for key, value in named.items()),
        audience=audience,
    )


def draft(language: Language = "en", **fields: str) -> Draft:
    good = GOOD[language]
    texts = {"headline": good.headline, "body": good.body, "call_to_action": good.call_to_action}
    return Draft(**(texts | fields))


def blocked(one: Draft, about: Brief) -> set[str]:
    return {finding.rule for finding in check(one, about) if finding.outcome == "block"}


def found_in(case: dict[str, str]) -> set[str]:
    language: Language = "zh" if case["language"] == "zh" else "en"
    space = " " if language == "en" else ""
    body = f"{case['text']}{space}{GOOD[language].body}"
    return blocked(draft(language, body=body), brief(language))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_labelled_sentence(case: dict[str, str]) -> None:
    found = found_in(case)
    assert found == set() if case["expect"] == "clean" else case["expect"] in found


def test_there_are_enough_cases_of_both_kinds_in_both_languages() -> None:
    for language in LANGUAGES:
        labels = [case["expect"] for case in CASES if case["language"] == language]
        assert labels.count("clean") >= 15
        assert len(labels) - labels.count("clean") >= 30


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_example_passes_every_check(language: Language) -> None:
    examples = read_examples(language)
    assert len(examples) >= 60
    found = {one.draft.headline: check(one.draft, one.brief) for one in examples}
    assert {headline: what for headline, what in found.items() if what} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_examples_are_not_copies_of_each_other(language: Language) -> None:
    headlines = [one.draft.headline for one in read_examples(language)]
    assert len(set(headlines)) == len(headlines)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"headline": "{category} for {price}"}, "unknown-slot"),
        ({"body": "Your coupon for {category} is waiting at {shop}."}, "missing-slot"),
        ({"body": "Your coupon is good at {shop} through {offer_ends}."}, "missing-slot"),
        (
            {"headline": "A subject line that goes on and on until nobody wants to read it"},
            "length",
        ),
        ({"call_to_action": "Use my coupon for it right now"}, "length"),
        ({"body": "Your coupon for {category} starts {offer_ends} at {shop}."}, "slot-context"),
        ({"body": "Pick from {products} kinds. Coupon for {category} through {offer_ends}."}, ""),
        ({"body": "{products} at {shop}: coupon for {category} to {offer_ends}."}, "slot-context"),
        (
            {
                "body": "All {category} is good at {shop} through {offer_ends}.",
                "call_to_action": "Go on",
            },
            "offer-unsaid",
        ),
        ({"body": "Your coupon for {category} is good through {offer_ends} at the"}, "form"),
        ({"headline": "A {category} for the table"}, "slot-context"),
        ({"headline": "A bowl of {category}"}, ""),
        ({"call_to_action": "Use my coupon."}, "form"),
        ({"headline": "A cup {of"}, "markup"),
    ],
)
def test_whole_ads(fields: dict[str, str], rule: str) -> None:
    found = blocked(draft(**fields), brief())
    assert rule in found if rule else not found & {"slot-context"}


def test_a_fact_supports_what_it_says_and_nothing_else() -> None:
    cheap = draft(body="Save today. " + GOOD["en"].body)
    assert "discount" in blocked(cheap, brief())
    assert "discount" not in blocked(cheap, brief(discount="20% off"))
    assert "free" in blocked(draft(headline="A free mug"), brief(discount="20% off"))


def test_a_word_of_the_products_own_name_is_no_claim() -> None:
    flowers = brief(category="fresh-cut flowers")
    assert "freshness" not in blocked(draft(headline="Fresh-cut flowers tonight"), flowers)
    assert "freshness" in blocked(draft(headline="Fresh-cut coffee tonight"), brief())


def test_the_length_counts_what_the_reader_sees() -> None:
    wide = draft(headline="Something for you from {category} and the rest")
    assert "length" not in blocked(wide, brief())
    assert "length" in blocked(wide, brief(category="refrigerated juices and drinks"))


def test_chinese_characters_take_two_columns() -> None:
    assert "length" not in blocked(draft("zh", headline="早" * 3 + "晨安静坐着"), brief("zh"))
    long = "趁世界还安静先喝一杯再慢慢想今天要做些什么事情好不好呀来吧朋友"
    assert "length" in blocked(draft("zh", headline=long), brief("zh"))


def test_the_reader_is_not_told_their_segment() -> None:
    about = dataclasses.replace(brief(audience="Weekend bakers"), segment_id="s1")
    assert "personal-attribute" in blocked(draft(headline="For weekend bakers"), about)
    assert "personal-attribute" not in blocked(draft(headline="For everyone"), brief())


@pytest.mark.parametrize(
    ("language", "category", "outcome"),
    [
        ("en", "cigarettes", "block"),
        ("en", "infant formula", "block"),
        ("en", "beers and ales", "evidence"),
        ("en", "pain relief", "evidence"),
        ("zh", "香烟", "block"),
        ("zh", "婴儿配方奶粉", "block"),
        ("zh", "啤酒", "evidence"),
        ("zh", "感冒药", "evidence"),
    ],
)
def test_what_may_not_be_advertised_like_bread(
    language: Language, category: str, outcome: str
) -> None:
    assert [one.outcome for one in gate(brief(language, category=category))] == [outcome]


@pytest.mark.parametrize("category", ["red wine vinegar", "root beer", "coffee"])
def test_names_that_only_sound_like_it(category: str) -> None:
    assert gate(brief(category=category)) == ()


def test_every_finding_names_its_source_or_reason() -> None:
    for case in CASES:
        language: Language = "zh" if case["language"] == "zh" else "en"
        body = f"{case['text']} {GOOD[language].body}"
        for finding in check(draft(language, body=body), brief(language)):
            assert finding.reason.endswith(".")
            assert len(finding.reason) > 10
