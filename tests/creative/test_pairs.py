"""Pairs: read or named by their line, split by product, augmented and slotted without lying."""

import random
from pathlib import Path

import pytest

from handbill.creative.pairs import (
    Pair,
    augmented,
    data_hash,
    filled,
    read_pairs,
    slotted,
    split,
    write_pairs,
)
from handbill.errors import SourceError

DRESS = Pair(
    attributes=(("类型", "裙"), ("图案", "条纹"), ("图案", "撞色"), ("颜色", "红色")),
    completion="撞色条纹的红色连衣裙",
    product="1",
)


def test_pairs_go_out_and_come_back(tmp_path: Path) -> None:
    other = Pair(prompt="Write about tea", completion="Tea.", product="tea")
    path = tmp_path / "pairs.jsonl"
    path.write_text(write_pairs([DRESS, other]) + "\n", encoding="utf-8")
    assert read_pairs(path) == (DRESS, other)
    assert data_hash(read_pairs(path)) == data_hash([DRESS, other])


def test_attributes_may_be_an_object_and_the_product_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"attributes": {"color": ["red", "blue"], "size": 4}, "completion": "Nice"}')
    (pair,) = read_pairs(path)
    assert pair.request == "color:red,blue size:4"
    assert pair.product


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"prompt": "a"}',
        '{"prompt": "a", "completion": " "}',
        '{"completion": "a"}',
        '{"prompt": {"a": 1}, "completion": "b"}',
        '{"attributes": "red", "completion": "b"}',
        '{"prompt": true, "completion": "b"}',
    ],
)
def test_what_is_no_pair_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(f'{{"prompt": "a", "completion": "b"}}\n{line}\n')
    with pytest.raises(SourceError, match=r"pairs\.jsonl, line 2 is not a pair"):
        read_pairs(path)


def test_a_missing_or_empty_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot read the pairs"):
        read_pairs(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(SourceError, match="holds no pairs"):
        read_pairs(tmp_path / "empty.jsonl")


def test_a_product_is_on_one_side_only() -> None:
    pairs = [Pair(prompt=f"{n}", completion="x", product=f"{n % 17}") for n in range(170)]
    train, held = split(pairs, share=0.2, most=100, seed=1)
    assert not {one.product for one in train} & {one.product for one in held}
    assert len(train) + len(held) == 170
    assert len(held) == 30
    assert split(pairs, share=0.2, most=100, seed=1) == (train, held)
    assert split(pairs, share=0.2, most=100, seed=2) != (train, held)
    assert len(split(pairs, share=0.5, most=20, seed=1)[1]) == 20


def test_one_product_alone_is_trained_on() -> None:
    pairs = [Pair(prompt="a", completion=f"{n}", product="same") for n in range(9)]
    train, held = split(pairs, share=0.5, most=9, seed=1)
    assert (len(train), held) == (9, [])


def test_what_a_text_mentions_is_never_dropped() -> None:
    said = {("图案", "条纹"), ("图案", "撞色"), ("颜色", "红色"), ("类型", "裙")}
    pair = Pair(
        attributes=(*DRESS.attributes, ("材质", "棉")), completion=DRESS.completion, product="1"
    )
    seen = set()
    for seed in range(40):
        one = augmented(pair, shuffle=True, drop=0.5, chance=random.Random(seed))
        assert said <= set(one.attributes)
        assert one.completion == pair.completion
        seen.add(one.attributes)
    assert len(seen) > 10
    assert any(("材质", "棉") not in one for one in seen)
    assert augmented(pair, shuffle=False, drop=0.0, chance=random.Random(1)) == pair


def test_values_become_slots_and_come_back() -> None:
    one = slotted(DRESS)
    assert one.completion == "{图案2}{图案}的{颜色}连衣{类型}"
    assert filled(one.completion, DRESS) == DRESS.completion
    assert filled("{尺码}{颜色}", DRESS) == "红色"


def test_a_value_within_another_does_not_break_it() -> None:
    pair = Pair(
        attributes=(("a", "cotton"), ("b", "organic cotton"), ("c", "a")),
        completion="organic cotton, a cotton",
        product="1",
    )
    assert slotted(pair).completion == "{b}, {c} {a}"
