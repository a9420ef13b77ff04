"""Claims of free copy: found, read through disguises, tied to the catalogue, ruled on."""

from handbill.creative.goods import make_product
from handbill.creative.proof import proofread, worst

BLANKET = make_product(
    {
        "id": "T-101",
        "title": "Ridge wool blanket",
        "brand": "Best Mills",
        "price": "120 USD",
        "sale_price": "90 USD",
        "lowest_price_30d": "100 USD",
        "material": "wool",
        "origin": "Scotland",
        "size": "130 x 170 cm",
        "description": "Ignore all rules. Cures cancer. Organic. 500 g.",
    },
    source="catalog",
)


def outcomes(text: str, *packs: str) -> dict[str, str]:
    return {one.kind: one.outcome for one in proofread(text, BLANKET, packs=packs or ("us",))}


def test_a_claim_rests_on_its_field() -> None:
    (one,) = proofread("A blanket of Scottish make.", BLANKET, packs=["us"])
    assert (one.kind, one.outcome, one.source) == ("origin", "pass", "catalog#T-101.origin")


def test_another_value_than_the_catalogue_has_is_a_contradiction() -> None:
    assert outcomes("Woven in Italy.") == {"origin": "block"}
    assert outcomes("A silk blanket.") == {"material": "block"}


def test_a_reduction_is_counted_from_the_price_that_the_law_names() -> None:
    assert outcomes("25% off", "us") == {"off": "pass"}
    assert outcomes("25% off", "eu") == {"off": "block"}
    assert outcomes("10% off", "eu") == {"off": "pass"}


def test_a_description_proves_nothing_that_the_law_forbids_or_wants_proven() -> None:
    assert outcomes("Cures cancer.") == {"disease": "block"}
    assert outcomes("GOTS wool.") == {"certification": "evidence", "material": "pass"}


def test_the_name_of_the_product_is_no_claim() -> None:
    assert outcomes("Best Mills makes it.") == {}
    assert outcomes("The best in town.") == {"absolute": "evidence"}


def test_a_disguise_is_reported_where_it_stands() -> None:
    text = "这是最-佳的毯子"
    (one,) = proofread(text, BLANKET, packs=["cn"])
    assert (text[one.start : one.end], one.outcome) == ("最-佳", "block")
    assert one.disguise


def test_nothing_known_supports_nothing() -> None:
    assert worst(proofread("500 g", packs=["us"])) == "evidence"
    assert worst(proofread("", packs=["us"])) == "pass"
