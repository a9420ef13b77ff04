"""What a judge could be pleased with: counted, compared, and reported when it rises."""

import numpy as np
import pytest

from handbill.creative.faults import checker
from handbill.creative.grounding import Grounds
from handbill.creative.intervals import mean_interval
from handbill.creative.tics import TICS, repeated, tics

PLAIN = [f"Sort {n} of tea for the table by {n} friends" for n in range(30)]
BRIEFS = [str(n) for n in range(30)]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("length", lambda text: f"{text} and then some more of it"),
        ("exclamation_marks", lambda text: f"{text}!"),
        ("exclamation_marks", lambda text: f"{text}！"),
        ("question_marks", lambda text: f"{text}？"),
        ("capitals", lambda text: f"{text} NOW"),
        ("clickbait", lambda text: f"{text}. You won't believe it"),
        ("clickbait", lambda text: f"{text}，竟然这样"),
        ("repeats", lambda text: f"Warm it up, pour it out, be well, be glad {text[5:7]}"),
    ],
)
def test_a_rise_is_an_alarm_of_its_name(name: str, change) -> None:  # type: ignore[no-untyped-def]
    found = {tic.name: tic for tic in tics(PLAIN, [change(one) for one in PLAIN], BRIEFS)}
    assert found.keys() == {*TICS, "repeats"}
    assert found[name].alarm
    assert found[name].after > found[name].before
    back = {tic.name: tic for tic in tics([change(one) for one in PLAIN], PLAIN, BRIEFS)}
    assert not back[name].alarm


def test_nothing_new_and_a_rise_by_chance_are_no_alarm() -> None:
    assert not any(tic.alarm for tic in tics(PLAIN, PLAIN, BRIEFS))
    once = [*PLAIN[:-1], f"{PLAIN[-1]}!!!!"]  # a mean of .13, all of it one text's
    assert not any(tic.alarm for tic in tics(PLAIN, once, BRIEFS))


def test_what_stands_in_two_texts_is_repeated() -> None:
    first, second, third = repeated(["red wool socks", "red wool hats", "green tea"])
    assert first == pytest.approx(0.5)
    assert (second, third) == (pytest.approx(0.5), 0.0)


def test_the_interval_covers_the_truth_when_values_hang_together() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for seed in range(200):
        level = rng.normal(0.3, 1, 40)
        values = np.repeat(level, 5) + rng.normal(0, 0.1, 200)
        found = mean_interval(values, [str(n // 5) for n in range(200)], seed)
        held += found.low <= 0.3 <= found.high
    assert held >= 180  # drawing values one by one would hold it in about 90


def test_numbers_names_and_quotations_need_a_source() -> None:
    grounds = Grounds.of(["We saw Ann in Rome. I'm told the sun shone on Ann, and Rome slept."])
    assert grounds.names == {"ann", "rome"}
    source = "A walk of 3 hours with Ann, who said we should never have come here"
    assert grounds.unsupported(source, "3 Hours With Ann That You Should Take") == ()
    assert grounds.unsupported(source, "Ann's 3 Hours In Rome") == ("Rome",)
    assert grounds.unsupported(source, "5 hours, 3.5 of them free") == ("5", "3.5")
    assert grounds.unsupported(source, "“We should never have come”, she says") == ()
    said = grounds.unsupported(source, "“I would do it again”, she says")
    assert said == ("I would do it again",)


def test_a_request_bears_its_own_words_only() -> None:
    asked = "Coupon ad: frozen pizza, 20% off. For families. Slots: {category} {offer_ends}"
    check = checker([asked])
    assert not check(asked, "{category} on the table\nA coupon until {offer_ends}.\nSee it")
    assert not check(asked, "Pizza with 20% off")
    assert check(asked, "{price} only").unsupported == ("{price}",)
    assert check(asked, "Pizza with 50% off").unsupported == ("50",)
    assert check("咖啡广告", "全国第一的咖啡").blocked == ("absolute",)
    assert not check("咖啡广告：全国第一", "全国第一的咖啡")
