from typing import Any

import pytest

from handbill.errors import ConfigError
from handbill.placement import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", -1),
        ("budget", float("nan")),
        ("budget", "400"),
        ("cost_per_message", 0),
        ("margin_per_redemption", -8),
        ("daily_budget", -1),
        ("fairness", 1.5),
        ("min_curve_answers", 1),
        ("exploration", 1.1),
        ("choice_temperature", 0),
        ("frequency_cap", -1),
        ("frequency_cap", 1.5),
        ("slots", 0),
        ("slots", True),
        ("quiet_from", 24),
        ("min_redeemers", 3),
        ("prior_rate", 0.9),
    ],
)
def test_a_bad_value_is_named_with_its_bound(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"placement\.{name} is .*must be a"):
        Settings(**{name: value})


def test_money_is_read_in_units_and_kept_in_micros() -> None:
    settings = Settings(budget=0.3, cost_per_message=0.1, margin_per_redemption=1)
    assert settings.budget_micros == 300_000
    assert settings.budget_micros // settings.cost_micros == 3
    assert settings.margin_micros == 1_000_000
