"""What is said of a segment is true, solid and in both languages."""

import re

import numpy as np
import pytest

from handbill.audience.metrics import HABITS, category_metric
from handbill.audience.portraits import differences, name_segments
from handbill.types import Text

BY_NAME = {metric.name: metric for metric in HABITS}


def test_a_planted_ratio_is_recovered_and_said_with_its_numbers():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [200, 400])
    visits = rng.gamma(20, np.where(labels == 0, 6.0, 2.0) / 20)
    found = differences({"visits": visits}, [BY_NAME["visits"]], labels, 0)
    assert len(found) == 1
    assert found[0].ratio.low < 3.0 < found[0].ratio.high
    sentence = found[0].sentence("EUR")
    assert re.fullmatch(
        r"They shop \d\.\d times a month, 3\.\d times the others' 2\.\d\.|"
        r"They shop \d\.\d times a month, 2\.9 times the others' \d\.\d\.",
        sentence.en,
    )
    assert "倍" in sentence.zh and "每月购物" in sentence.zh


def test_noise_is_not_told():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 400)
    metrics = [category_metric(f"C{number}", None) for number in range(50)]
    values = {metric.name: rng.gamma(0.3, 0.1, 400) for metric in metrics}
    told = [differences(values, metrics, labels, one) for one in range(4)]
    assert sum(map(len, told)) <= 1


def test_people_without_a_value_do_not_count():
    values = np.array([np.nan, 4, 4.1, 3.9, 4.05, 1.0, 1.1, 0.9, np.nan, 1.05])
    labels = np.repeat([0, 1], 5)
    (found,) = differences({"visits": values}, [BY_NAME["visits"]], labels, 0)
    assert found.value == pytest.approx(4.0125)


@pytest.mark.parametrize("values", [np.zeros(10), np.full(10, np.nan), np.ones(10)])
def test_nothing_is_said_where_there_is_no_difference(values):
    labels = np.repeat([0, 1], 5)
    assert differences({"visits": values}, [BY_NAME["visits"]], labels, 0) == []


def test_names_are_unique_and_come_from_the_differences():
    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2, 3], 100)
    values = {
        "visits": rng.gamma(50, np.array([8.0, 8.0, 1.0, 3.0])[labels] / 50),
        "basket": rng.gamma(50, np.array([9e7, 9e7, 2e7, 2e7])[labels] / 50),
        "weekend": rng.beta(8, np.array([2.0, 16, 16, 16])[labels]),
    }
    metrics = [BY_NAME[name] for name in values]
    portraits = [differences(values, metrics, labels, one) for one in range(4)]
    names = name_segments(portraits)
    assert len({name.en for name in names}) == len({name.zh for name in names}) == 4
    assert names[0].en.startswith("Frequent") and names[2].en.startswith("Occasional")
    assert "weekend" in " ".join(name.en for name in names[:2])


def test_segments_with_nothing_to_say_still_have_different_names():
    names = name_segments([[], [], []])
    assert names[0] == Text(en="Typical shoppers", zh="普通顾客")
    assert len({name.en for name in names}) == 3


def test_a_category_with_braces_is_said_as_it_is():
    metric = category_metric("Tea {green}", "茶{绿}")
    labels = np.repeat([0, 1], 50)
    values = np.where(labels == 0, 0.4, 0.1) + np.linspace(0, 0.01, 100)
    (found,) = differences({metric.name: values}, [metric], labels, 0)
    assert "tea {green}" in found.sentence("EUR").en
    assert "茶{绿}" in found.sentence("EUR").zh
