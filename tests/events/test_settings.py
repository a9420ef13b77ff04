from typing import Any

import pytest

from handbill.errors import ConfigError
from handbill.events import COMPLETE_JOURNEY, Settings


def test_every_setting_has_a_default() -> None:
    assert Settings().source == COMPLETE_JOURNEY


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first_year", 1969),
        ("days_ahead", -1),
        ("max_units", 0),
        ("max_paid", 0.0),
        ("price_days", 0),
    ],
)
def test_a_bound_names_setting_value_and_bound(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"events\.{name} is {value}; it must be from"):
        Settings(**{name: value})


@pytest.mark.parametrize("source", ["", "exports", "../exports"])
def test_a_source_that_depends_on_the_current_folder_is_refused(source: str) -> None:
    with pytest.raises(ConfigError, match="full path"):
        Settings(source=source)
