import pytest

from handbill.errors import PolicyError
from handbill.types import creative_digest, fill


def test_a_slot_that_opens_a_sentence_gets_a_capital() -> None:
    values = {"category": "frozen pizza"}
    assert fill("{category} tonight. {category} again", values) == (
        "Frozen pizza tonight. Frozen pizza again"
    )
    assert fill("More {category}", values) == "More frozen pizza"


def test_a_value_with_capitals_of_its_own_is_left_alone() -> None:
    assert fill("{brand} is here", {"brand": "iPhone"}) == "iPhone is here"


def test_values_are_not_expanded_again() -> None:
    values = {"product": "{shop} mug", "shop": "Acme"}
    assert fill("A {product} of {shop}", values) == "A {shop} mug of Acme"


def test_a_slot_without_a_fact_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"\{price\}.*category"):
        fill("Only {price}", {"category": "tea"})


@pytest.mark.parametrize(
    "change",
    [
        {"headline": "Hello {category}."},
        {"body": "other {category}"},
        {"call_to_action": "Go on"},
        {"slots": {"category": "coffee"}},
    ],
)
def test_any_change_a_reader_would_see_changes_the_digest(change: dict[str, object]) -> None:
    ad = {
        "headline": "Hello {category}",
        "body": "{category} for you",
        "call_to_action": "Go",
        "slots": {"category": "tea"},
    }
    assert creative_digest(**(ad | change)) != creative_digest(**ad)  # type: ignore[arg-type]


def test_the_digest_ignores_order_and_unused_facts() -> None:
    one = creative_digest("{a} {b}", "", "", {"a": "1", "b": "2"})
    assert one == creative_digest("{a} {b}", "", "", {"b": "2", "a": "1", "unused": "3"})


def test_texts_cannot_move_between_fields_unnoticed() -> None:
    assert creative_digest("ab", "c", "", {}) != creative_digest("a", "bc", "", {})
