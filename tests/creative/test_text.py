"""How the checks read a text, and the sentences that are rendered and not written."""

import pytest

from handbill.creative.example import read_examples
from handbill.creative.prompt import Draft, parse
from handbill.creative.template import has_terms, plain_ad, with_terms, without_terms
from handbill.creative.text import columns, likeness, normal, shingles
from handbill.types import LANGUAGES, SLOT, Language


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("The B.E.S.T cup", "en", "the best cup"),
        ("the \uff42\uff45\uff53\uff54 cup", "en", "the best cup"),
        ("the be\u200bst cup", "en", "the best cup"),
        ("Don\u2019t  miss {category}", "en", "don't miss §"),
        ("a b", "en", "a b"),
        ("最 - 佳，{category}", "zh", "最佳§"),
        ("最\u200b佳", "zh", "最佳"),
    ],
)
def test_a_disguise_does_not_help(text: str, language: Language, expected: str) -> None:
    assert normal(text, language) == expected


def test_columns() -> None:
    assert (columns("cup"), columns("咖啡"), columns("咖啡cup，")) == (3, 4, 9)


def test_likeness() -> None:
    one, same, other = (
        shingles(text, "en") for text in ("a warm cup", "A warm cup!", "the cold bowl here")
    )
    assert likeness(one, [same, other]) == 1
    assert likeness(one, [other]) == 0
    assert likeness(one, []) == 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_ad_without_its_terms_gets_them_back(language: Language) -> None:
    for one in read_examples(language):
        written = without_terms(one.draft, one.brief)
        whole = with_terms(written, one.brief)
        assert written.body
        if has_terms(one.brief):
            assert "{offer_ends}" not in written.text
            assert whole.body.count("{offer_ends}") == 1
            used = SLOT.findall(whole.body)
            assert len(used) == len(set(used))
        else:
            assert whole == written == one.draft


def test_terms_name_only_facts_there_are() -> None:
    for one in read_examples("en"):
        facts = {fact.name for fact in one.brief.facts}
        assert set(SLOT.findall(with_terms(plain_ad(one.brief), one.brief).body)) <= facts | {
            "offer_ends"
        }


@pytest.mark.parametrize("answer", ["", "one", "one\ntwo", "one\ntwo\nthree\nfour", "a\n\nb"])
def test_what_is_not_three_lines_is_no_ad(answer: str) -> None:
    assert parse(answer) is None


def test_three_lines_are() -> None:
    expected = Draft(headline="one", body="two", call_to_action="three")
    assert parse(" one \ntwo\n three\n") == expected
