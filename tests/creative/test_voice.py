"""A model is held to words that people have used."""

import pytest

from handbill.creative.example import read_examples
from handbill.creative.prompt import Draft
from handbill.creative.voice import Voice
from handbill.types import LANGUAGES, Brief, Fact, Language


def brief(language: Language, category: str) -> Brief:
    return Brief(
        id="b",
        segment_id="all",
        offer_id="o",
        language=language,
        channel="email",
        facts=(Fact(name="category", value=category, source="test"),),
        audience="everyone",
    )


def unfamiliar(language: Language, body: str, category: str = "coffee") -> list[str]:
    voice = Voice.of(read_examples(language), language)
    draft = Draft(headline="{category}", body=body, call_to_action="{shop}")
    return [finding.span for finding in voice.check(draft.text, brief(language, category))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_example_is_in_its_own_voice(language: Language) -> None:
    voice = Voice.of(read_examples(language), language)
    for one in read_examples(language):
        assert voice.check(one.draft.text, one.brief) == ()


def test_a_word_nobody_used_is_foreign() -> None:
    assert unfamiliar("en", "Keep a bottle by the knickerbag.") == ["knickerbag"]
    assert unfamiliar("zh", "把罐子放进饕餮柜。") == ["饕"]


def test_other_forms_of_a_known_word_are_not() -> None:
    assert unfamiliar("en", "Keeping bottles by the kettles.") == []


def test_the_products_own_name_may_be_said() -> None:
    assert unfamiliar("en", "Time for kombucha.") == ["kombucha"]
    assert unfamiliar("en", "Time for kombucha.", category="kombucha") == []


def test_the_voice_of_one_language_ignores_the_other() -> None:
    both = (*read_examples("en"), *read_examples("zh"))
    assert Voice.of(both, "en") == Voice.of(read_examples("en"), "en")


def test_words_that_people_put_side_by_side_are_near() -> None:
    voice = Voice.of(read_examples("en"), "en")
    human = read_examples("en")[0].draft
    shuffled = Draft(headline="Some the for", body="By of with a you and.", call_to_action="On is")
    assert voice.nearness(human.text) == 1.0
    assert voice.nearness(shuffled.text) < 0.5
