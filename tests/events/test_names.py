import doctest
import re

import pytest

from handbill.events import names
from handbill.events.names import Names


@pytest.fixture(scope="module")
def book() -> Names:
    return Names.load()


def test_the_examples_in_the_manual_hold() -> None:
    assert doctest.testmod(names).failed == 0


@pytest.mark.parametrize(
    ("code", "english"),
    [
        ("FRZN MEAT ALTERNATIVES", "Frozen meat alternatives"),
        ("TORTILLA/NACHO CHIPS", "Tortilla and nacho chips"),
        ("WAFFLES/PANCAKES/FRENCH TOAST", "Waffles, pancakes and French toast"),
        ("BREAD:ITALIAN/FRENCH", "Bread, Italian and French"),
        ("POTATOES RUSSET (BULK&BAG)", "Potatoes, russet"),
        ("TOMATO JUICE (OVER 50% JCE", "Tomato juice"),
        ("SANDWICHES - (COLD)", "Sandwiches, cold"),
        ("FOOD-MAGAZINE", "Food magazines"),
        ("SEAFOOD-FRE-CATFISH", "Fresh seafood, catfish"),
        ("CORN CHIPS", "Corn chips"),
        ("ICE - CRUSHED/CUBED", "Crushed or cubed ice"),
        ("", ""),
    ],
)
def test_codes_read_well(book: Names, code: str, english: str) -> None:
    assert book.type_name(code, "Whatever") == english


def test_a_type_that_only_says_which_kind_takes_its_category_along(book: Names) -> None:
    assert book.type_name("LEAN", "Beef") == "Beef, lean"
    assert book.type_name("LEAN", None) == "Lean"
    assert book.type_name(None, "Beef") is None


def test_an_unlisted_category_is_read_but_has_no_chinese(book: Names) -> None:
    assert book.category_names("FRZN ICE") == ("Ice", "冰块")
    assert book.category_names("FRZN PLASMA") == ("Frozen plasma", None)
    assert book.category_names(None) == (None, None)


def test_a_categorys_name_is_its_own_in_both_languages(book: Names) -> None:
    for place in (0, 1):
        found = [pair[place].casefold() for pair in book.category.values()]
        assert len(set(found)) == len(found)


def test_chinese_is_chinese_and_english_is_not(book: Names) -> None:
    for english, chinese in [*book.category.values(), *book.department.values()]:
        assert re.fullmatch(r"[\u4e00-\u9fff、]+", chinese), chinese
        assert re.fullmatch(r"[A-Z][A-Za-z ,'&-]+", english), english
        assert not re.search(r"[A-Z]{2}", english), english
