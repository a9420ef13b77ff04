"""Policy packs: every one is whole, names its sources, and rules where its law does."""

import pytest

from handbill.creative.claims import VALUED, find, kinds
from handbill.creative.goods import make_product
from handbill.creative.packs import GROUND, MARKETS, PLATFORMS, read_pack, rules_for
from handbill.creative.proof import proofread
from handbill.errors import ConfigError
from handbill.types import LANGUAGES

ALL = (*MARKETS, *PLATFORMS, GROUND)
KINDS = {kind.name for language in LANGUAGES for kind in kinds(language)}
COUNTED = {"number", "percent", "price", "off"}


@pytest.mark.parametrize("name", ALL)
def test_a_pack_names_itself_its_version_and_its_sources(name: str) -> None:
    pack = read_pack(name)
    assert (pack.name, pack.platform) == (name, name in PLATFORMS)
    assert pack.version
    assert pack.sources
    for source in pack.sources:
        assert source["name"]
        assert source["address"].startswith("http")
        assert len(source["date"]) == 10


@pytest.mark.parametrize("name", ALL)
def test_a_pack_rules_only_on_kinds_that_can_be_found(name: str) -> None:
    for kind, rule in read_pack(name).rules.items():
        assert kind in KINDS | COUNTED | set(VALUED)
        assert rule.article
        for text in (rule.why, rule.way):
            assert text.en.endswith(".")
            assert text.zh.endswith("。")


def test_every_kind_is_ruled_on_everywhere() -> None:
    quiet = {"editorial"}  # a matter of platforms
    for market in MARKETS:
        for kind in (KINDS | COUNTED | set(VALUED)) - quiet:
            assert rules_for(kind, [market]), (market, kind)


def test_an_unknown_pack_is_named() -> None:
    with pytest.raises(ConfigError, match="no policy pack 'mars'"):
        read_pack("mars")


@pytest.mark.parametrize(
    ("pack", "title", "outcome"),
    [
        ("cn", "经典香烟", "block"),
        ("cn", "婴儿配方奶粉", "block"),
        ("cn", "干红葡萄酒", "evidence"),
        ("cn", "维生素片", "evidence"),
        ("cn", "红酒杯", None),
        ("uk", "Infant formula", "block"),
        ("uk", "Pale ale beer", "evidence"),
        ("us", "Red wine vinegar", None),
        ("us", "Vitamin C dietary supplement", "evidence"),
        ("eu", "Menthol e-cigarette", "block"),
    ],
)
def test_goods_that_are_not_advertised_like_bread(
    pack: str, title: str, outcome: str | None
) -> None:
    product = make_product({"id": "x", "title": title}, source="catalog")
    text = "慢慢来。" if pack == "cn" else "Take your time."
    found = [one.outcome for one in proofread(text, product, packs=[pack])]
    assert found == ([outcome] if outcome else [])


def test_a_gate_opens_to_the_words_that_it_asks_for() -> None:
    product = make_product({"id": "x", "title": "维生素片"}, source="catalog")
    assert proofread("本品不能代替药物。", product, packs=["cn"]) == () or all(
        not one.kind.startswith("gate:")
        for one in proofread("本品不能代替药物。", product, packs=["cn"])
    )
    assert proofread("慢慢来。", product, packs=["cn"])[0].kind == "gate:supplements"


@pytest.mark.parametrize(
    ("text", "kind", "span"),
    [
        ("Simply the b e s t of all", "absolute", "the b e s t of all"),
        ("🥇 in town", "absolute", "🥇"),
        ("这是 最🔥佳 的", "absolute", "最🔥佳"),
        ("頂級享受", "absolute", "頂級"),
        ("罪佳口感", "absolute", "罪佳"),
        ("百分之五十的棉", "percent", "百分之五十"),
        ("part of a 12-pack", "number", "12-pack"),
    ],
)
def test_claims_are_reported_where_they_stand(text: str, kind: str, span: str) -> None:
    assert span in [text[one.start : one.end] for one in find(text) if one.kind == kind]
