import re
import string
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from markupsafe import Markup

from handbill.console import words
from handbill.types import Text

CONSOLE = Path(words.__file__).parent


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", sorted(words.keys()))
def test_every_sentence_says_the_same_in_both_languages(key):
    sentence = words.sentence(key)
    assert sentence.en.strip() and sentence.zh.strip()
    assert places(sentence.en) == places(sentence.zh)


def test_chinese_sentences_are_chinese():
    plain = {"proof.of_expected", "key.of", "data.people", "column.auc"}
    for key in words.keys() - plain:
        assert re.search(r"[\u4e00-\u9fff]", words.sentence(key).zh), key


def test_templates_and_code_name_sentences_that_exist():
    named = set()
    for path in [*CONSOLE.rglob("*.html"), *CONSOLE.rglob("*.py")]:
        found = re.findall(r'\b(?:t|say|spoken)\(\s*"([a-z_.0-9]+)"', path.read_text())
        named |= {key for key in found if not key.endswith(".")}
    missing = {key for key in named if not words.known(key)}
    assert len(named) > 60
    assert not missing


def test_what_fills_a_place_is_escaped():
    said = words.spoken("data.people", count="<b>1</b>")
    assert Markup("{}").format(said) == "&lt;b&gt;1&lt;/b&gt;"


def test_a_text_is_written_once_when_the_languages_agree():
    assert Markup("{}").format(words.both(Text(en="AUC", zh="AUC"))) == "AUC"
    html = Markup("{}").format(words.both(Text(en="Cheese", zh="奶酪")))
    assert '<span class="en" lang="en">Cheese</span>' in html
    assert '<span class="zh" lang="zh-Hans">奶酪</span>' in html


def test_english_sentences_are_joined_by_spaces_and_chinese_ones_are_not():
    joined = words.prose(
        words.both(Text(en="One.", zh="一。")), None, words.both(Text(en="Two.", zh="二。"))
    )
    assert (joined.en, joined.zh) == ("One. Two.", "一。二。")


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0.2, "20%"),
        (0.024, "2.4%"),
        (0.02, "2%"),
        (0.0996, "10%"),
        (0, "0%"),
        (1, "100%"),
        (-0.051, "-5.1%"),
    ],
)
def test_percentages(share, shown):
    assert words.percent(share) == shown


@pytest.mark.parametrize(
    ("micros", "currency", "shown"),
    [
        (0, "USD", "$0"),
        (500_000, "USD", "$0.50"),
        (99_990_000, "CNY", "¥99.99"),
        (99_999_000, "USD", "$100"),
        (-2_000_000, "EUR", "-€2.00"),
        (1_234_567_000_000, "CHF", "CHF 1,234,567"),
    ],
)
def test_money(micros, currency, shown):
    assert words.money(micros, currency) == shown


def test_every_rule_that_can_stop_an_ad_has_a_name() -> None:
    own = {"unfamiliar-word", "typed-name", "typed-number", "typed-date", "unknown-slot", "length"}
    kinds = set(own)
    for language in ("en", "zh"):
        text = (
            files("handbill.creative")
            .joinpath(f"words/{language}.toml")
            .read_text(encoding="utf-8")
        )
        kinds |= tomllib.loads(text).keys() - {"version"}
    unnamed = sorted(kind for kind in kinds if not words.known(f"rule.{kind.replace('-', '_')}"))
    assert unnamed == []
    assert len(kinds) > 40
