"""A rule says whom it means or where it cannot be read; it never runs anything."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.audience.rules import members_of, read_rules, rule_columns, rule_names
from handbill.errors import ConfigError

PEOPLE = pa.table(
    {
        "person": ["ann", "bob", "cy", "di"],
        "recency_days": pa.array([3, 40, 90, None], pa.int64()),
        "baskets_365": [12, 4, 1, 0],
        "spend_micros_90": [250_000_000, 60_000_000, 0, 0],
        "basket_micros": pa.array([20e6, 15e6, 8e6, None]),
    }
)
VALUE = pa.table(
    {
        "person": ["ann", "bob", "cy"],
        "alive": [0.9, 0.6, 0.1],
        "churn_30": [0.05, 0.5, 0.97],
        "purchases_30": [3.0, 1.0, 0.0],
        "purchases_30_low": [1.0, 0.0, 0.0],
        "spend_30_micros": [60_000_000, 9_000_000, 0],
        "spend_30_low_micros": [10_000_000, 0, 0],
        **{f"purchases_{days}": [9.0, 3.0, 0.0] for days in (90, 365)},
        **{f"spend_{days}_micros": [90_000_000, 9_000_000, 0] for days in (90, 365)},
    }
)
CATEGORIES = pa.table(
    {
        "person": ["ann", "ann", "bob"],
        "category": ["Tea", "Milk", "Tea"],
        "baskets_30": [1, 5, 0],
        "baskets_90": [3, 9, 1],
        "baskets_365": [7, 12, 4],
    }
)
COLUMNS = rule_columns(PEOPLE, VALUE)
NAMES = rule_names(PEOPLE)


def test_every_name_that_is_known_can_be_asked():
    assert set(COLUMNS.column_names) == {*NAMES, "person"}


def who(rule):
    (read,) = read_rules({"it": rule}, NAMES)
    return members_of([read], COLUMNS, CATEGORIES)["it"]


@pytest.mark.parametrize(
    ("rule", "people"),
    [
        ("baskets_365 >= 4", ["ann", "bob"]),
        ("baskets_365 > 4 or recency_days = 90", ["ann", "cy"]),
        ("not baskets_365 > 4", ["bob", "cy", "di"]),
        # and binds closer than or; not closer than and.
        ("baskets_365 = 0 or baskets_365 > 2 and recency_days > 10", ["bob", "di"]),
        ("not baskets_365 = 0 and recency_days > 10", ["bob", "cy"]),
        ("(baskets_365 = 0 or baskets_365 > 2) and recency_days > 10", ["bob"]),
        ("((baskets_365 > 4))", ["ann"]),
        ("(baskets_365 + 2) * 2 >= 12", ["ann", "bob"]),
        ("baskets_365 - 2 - 1 > 8", ["ann"]),
        ("recency_days / baskets_365 > 9.5", ["bob", "cy"]),  # di: unknown over nothing
        ("-baskets_365 < -5", ["ann"]),
        ("spend_90 >= 60", ["ann", "bob"]),
        ("spend_micros_90 >= 60000000", ["ann", "bob"]),
        ("basket > 10", ["ann", "bob"]),
        ("recency_days is missing", ["di"]),
        ("recency_days is not missing AND basket<16", ["bob", "cy"]),
        ("recency_days != 3", ["bob", "cy"]),
        ("expected_spend_30 > 5 and churn_30 < 0.3", ["ann"]),
        ("expected_purchases_30 >= 1", ["ann", "bob"]),
        ('bought("Tea", 90) >= 2', ["ann"]),
        ("bought('Tea', 365) > 0 and not bought('Milk', 30) > 0", ["bob"]),
        ('bought("Nothing of the kind", 30) = 0', ["ann", "bob", "cy", "di"]),
    ],
)
def test_a_rule_means_what_it_says(rule, people):
    assert who(rule) == people


@pytest.mark.parametrize(
    ("rule", "at", "why"),
    [
        ("", 1, "expected a number or a column, found the end"),
        ("baskets_365", 12, "expected one of"),
        ("baskets_365 >", 14, "found the end"),
        ("baskets_365 > 4 4", 17, "expected and, or or the end"),
        ("basket_365 > 4", 1, "there is no column basket_365"),
        ("__import__('os')", 1, "there is no column __import__"),
        ("baskets_365 > 4; drop", 16, "cannot read"),
        ("(baskets_365 > 4", 17, r"expected \)"),
        ('bought("Tea", 60) > 1', 15, "30, 90 or 365"),
        ("bought(Tea, 30) > 1", 8, "category"),
        ('bought("Tea) > 1', 8, "cannot read"),
        ("1 < baskets_365 < 9", 17, "expected and, or"),
        ("(" * 60 + "baskets_365 > 1" + ")" * 60, 41, "deep"),
        ("not " * 60 + "baskets_365 > 1", 161, "deep"),
        ("-" * 60 + "1 > 1", None, "deep"),
        ("baskets_365 > 1 or " * 200 + "alive > 0", 2000, "characters"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(rule, at, why):
    place = rf"character {at}" if at else "character"
    with pytest.raises(ConfigError, match=rf"audience\.rules\.it, {place}.*{why}"):
        read_rules({"it": rule}, NAMES)


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab_19.<>=!()+-*/ \"',not and or is missing bought", max_size=40))
def test_any_text_is_read_or_refused_by_name(text):
    try:
        read_rules({"it": text}, NAMES)
    except ConfigError as error:
        assert str(error).startswith("audience.rules.it, character ")


def test_unknown_values_never_hold():
    assert who("recency_days > 0 or recency_days <= 0") == ["ann", "bob", "cy"]
    assert np.isnan(PEOPLE.column("basket_micros").to_pandas().iloc[3])
