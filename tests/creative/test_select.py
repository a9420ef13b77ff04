"""Which of a brief's answers are kept, over a hand-written text model."""

from collections.abc import Sequence

import pytest

from handbill.creative.example import read_examples
from handbill.creative.prompt import EVERYONE
from handbill.creative.select import Choice, Maker, choose
from handbill.creative.voice import Voice
from handbill.types import Brief, Fact

MAKER = Maker(model="fake@1", adapter="a", prompt="p")
MORNING = "The morning cup\nThe kettle is on and the paper is here.\nPour a cup"
EVENING = "After dinner, something warm\nPush the plates aside and stay a while.\nTake a seat"
BANNED = "The best cup in town\nNothing else comes close to it.\nPour a cup"


class Scripted:
    """A text model that says what it was told to say."""

    name = "scripted@1"

    def __init__(self, *answers: str) -> None:
        self.answers = answers

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        return [list(self.answers[:samples]) for _ in prompts]


def brief(segment: str = EVERYONE) -> Brief:
    facts = {
        "offer": "coupon",
        "category": "coffee",
        "shop": "Corner Market",
        "offer_ends": "December 24",
    }
    return Brief(
        id="b",
        segment_id=segment,
        offer_id="o",
        language="en",
        channel="email",
        facts=tuple(Fact(name=key, value=value, source="test") for key, value in facts.items()),
        audience="everyone",
    )


def chosen(*answers: str, segment: str = EVERYONE, variants: int = 2) -> Choice:
    texts = Scripted(*answers).generate(["p"], samples=9, max_new_tokens=9, seed=0)[0]
    return choose(brief(segment), texts, MAKER, [], variants=variants)


def test_what_passes_is_kept_and_what_falls_keeps_its_reason() -> None:
    choice = chosen(MORNING, BANNED, "no ad at all", EVENING)
    assert {one.headline for one in choice.kept} == {
        "The morning cup",
        "After dinner, something warm",
    }
    assert all(one.origin == "model" and one.passed for one in choice.kept)
    reasons = {one.findings[0].rule for one in choice.rejected}
    assert reasons == {"absolute-claim", "unparsed"}


def test_the_terms_are_rendered_from_facts() -> None:
    (ad,) = chosen(MORNING).kept
    assert "{offer_ends}" in ad.body
    assert "{shop}" in ad.body
    assert "December" not in ad.body


def test_at_most_so_many_variants() -> None:
    choice = chosen(MORNING, EVENING, variants=1)
    assert len(choice.kept) == 1
    assert [one.findings[-1].rule for one in choice.rejected] == ["outranked"]


def test_variants_differ() -> None:
    choice = chosen(MORNING, MORNING.replace("Pour a cup", "Pour one"))
    assert len(choice.kept) == 1
    assert choice.rejected[0].findings[-1].rule == "near-duplicate"


def test_the_order_of_the_answers_does_not_matter() -> None:
    one, other = chosen(MORNING, EVENING), chosen(EVENING, MORNING)
    assert [ad.digest for ad in one.kept] == [ad.digest for ad in other.kept]


def test_a_text_that_other_ads_already_say_ranks_lower() -> None:
    shown: list[frozenset[str]] = []
    first = choose(brief(), [MORNING], MAKER, shown, variants=1).kept[0]
    assert len(shown) == 1
    again = choose(brief(), [MORNING, EVENING], MAKER, shown, variants=1).kept[0]
    assert again.headline != first.headline


def test_an_ad_that_names_what_is_offered_ranks_higher() -> None:
    named = MORNING.replace("Pour a cup", "See the coffee")
    assert chosen(EVENING, named, variants=1).kept[0].call_to_action == "See the coffee"


def test_a_voice_holds_the_model_to_words_people_used() -> None:
    voice = Voice.of(read_examples("en"), "en")
    answers = [MORNING, EVENING.replace("plates", "knickerbags")]
    choice = choose(brief(), answers, MAKER, [], variants=2, voice=voice)
    assert [one.findings[0].rule for one in choice.rejected] == ["unfamiliar-word"]


def test_the_template_stands_in_for_everyone_and_is_marked() -> None:
    choice = chosen(BANNED)
    (ad,) = choice.kept
    assert (ad.origin, ad.model, ad.adapter) == ("template", "", "")
    assert ad.passed


def test_a_segment_without_an_ad_of_its_own_has_none() -> None:
    assert chosen(BANNED, segment="s1").kept == ()


@pytest.mark.parametrize("garbage", ["", "\n\n\n", "{category}\n{shop}\n{offer_ends}", "\x00\x01"])
def test_garbage_is_no_ad(garbage: str) -> None:
    choice = chosen(garbage)
    assert [one.origin for one in choice.kept] == ["template"]
    assert len(choice.rejected) == 1


def test_the_same_ad_has_the_same_id_and_another_writer_another() -> None:
    assert chosen(MORNING).kept[0].id == chosen(MORNING).kept[0].id
    other = Maker(model="fake@2", adapter="a", prompt="p")
    (ad,) = choose(brief(), [MORNING], other, [], variants=1).kept
    assert ad.id != chosen(MORNING).kept[0].id
