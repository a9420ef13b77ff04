"""Scores: known values on texts made for them."""

import pytest

from handbill.creative.metrics import Lexicon, score
from handbill.creative.pairs import Pair

pytest.importorskip("jieba")
pytest.importorskip("nltk")
pytest.importorskip("rouge_chinese")

DRESS = Pair(
    attributes=(("材质", "雪纺"), ("图案", "条纹"), ("类型", "裙")),
    completion="雪纺条纹裙清爽透气",
    product="1",
)
COAT = Pair(
    attributes=(("材质", "羊毛混纺"), ("颜色", "驼色")), completion="驼色羊毛混纺大衣", product="2"
)
LEXICON = Lexicon.of([DRESS, COAT])


def test_the_same_text_scores_full() -> None:
    texts = [DRESS.completion, COAT.completion]
    found = score(texts, texts, [DRESS, COAT], LEXICON)
    for value in (found.bleu4, found.rouge_1, found.rouge_2, found.rouge_l, found.coverage_pct):
        assert value == pytest.approx(100, abs=0.01)
    assert (found.unsupported_pct, found.stated, found.distinct_2) == (0, 4, 1)


def test_nothing_in_common_scores_nothing() -> None:
    found = score(["abc"], [DRESS.completion], [DRESS], LEXICON)
    assert (found.rouge_1, found.rouge_l, found.coverage_pct) == (0, 0, 0)
    assert found.bleu4 < 1


def test_what_no_attribute_supports_is_counted() -> None:
    found = score(["驼色雪纺裙，羊毛混纺"], [DRESS.completion], [DRESS], LEXICON)
    assert (found.stated, found.unsupported_pct) == (3, pytest.approx(100 * 2 / 3))
    assert found.coverage_pct == pytest.approx(100 * 2 / 3)
    assert LEXICON.unsupported("羊毛混纺", COAT) == []


def test_the_longest_value_counts_and_none_within_it() -> None:
    words = Lexicon.of([Pair(attributes=(("a", "棉"), ("a", "纯棉"), ("a", "纯棉布")),
                             completion="x", product="1")])  # fmt: skip
    assert words.stated("这是纯棉布，也是纯棉") == ["纯棉布", "纯棉"]


def test_saying_the_same_again_is_seen() -> None:
    again = score(["好看好看好看好看"] * 2, ["好看"] * 2, [DRESS, COAT], LEXICON)
    assert again.distinct_2 < 0.4


def test_english_is_scored_in_words() -> None:
    text = "a light linen dress for long days"
    pair = Pair(prompt="linen dress", completion=text, product="1")
    found = score([text], [text], [pair], Lexicon.of([pair]))
    assert found.bleu4 == pytest.approx(100)


def test_texts_and_pairs_have_to_match() -> None:
    with pytest.raises(ValueError, match="0 texts"):
        score([], [], [], LEXICON)
