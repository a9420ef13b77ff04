"""Pictures of a shop: made once, approved by people, gone when what they show is no longer true."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.creative.pictures.conftest import NOW, SHOP, photo, write_catalogue, write_photo

from handbill.creative.pictures.formats import FORMATS, formats
from handbill.creative.pictures.gallery import (
    current_pictures,
    export_pictures,
    make_pictures,
    sign_pictures,
)
from handbill.creative.pictures.record import Picture, read_pictures
from handbill.creative.review import decide
from handbill.creative.settings import Settings
from handbill.creative.shelf import put
from handbill.errors import PolicyError, SourceError
from handbill.state import closing_state
from handbill.types import Brief, Creative, Fact, creative_digest
from handbill.workspace import Workspace

SMALL = formats(("300x250", "728x90"))
SETTINGS = Settings()


def ad(**changes: str) -> Creative:
    texts = {"headline": "{category} for two", "body": "Only {price}.", "call_to_action": "See it"}
    texts |= changes
    values = {"category": "house coffee", "price": "{price}"}
    facts = tuple(Fact(name=n, value=v, source=f"catalog#T-1.{n}") for n, v in values.items())
    return Creative(
        id=f"c_{texts['headline'][:9]}",
        brief=Brief(
            id="b1", segment_id="all", offer_id="T-1", language="en", channel="meta",
            facts=facts, audience="everyone",
        ),
        **texts, origin="model", model="smollm2-135m", adapter="", prompt="", findings=(),
        digest=creative_digest(*texts.values(), values),
    )  # fmt: skip


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[Engine]:
    write_catalogue(workspace)
    write_photo(workspace, photo())
    with closing_state(workspace.state_url) as opened:
        yield opened


@pytest.fixture
def approved(engine: Engine) -> Creative:
    one = ad()
    put(engine, [one], [], "person", NOW)
    decide(engine, [one.id], decision="approved", by="Ana", reason="", now=NOW)
    return one


def make(workspace: Workspace, engine: Engine, settings: Settings = SETTINGS, **asked):
    told: list[str] = []

    def progress(message: str, fraction: float | None = None) -> None:
        told.append(message)

    asked = {"forms": SMALL, "most": 50, "fetch": False, **asked}
    made = make_pictures(workspace, SHOP, settings, engine, progress=progress, **asked)
    return made, len(told)


def sign(
    engine: Engine, pictures: tuple[Picture, ...], decision: str = "approved", reason=""
) -> int:
    return sign_pictures(engine, pictures, decision=decision, by="Wang", reason=reason, now=NOW)


@pytest.fixture(autouse=True)
def _browser(needs) -> None:
    needs("chromium")


def test_an_approved_ad_gets_its_pictures_once(
    workspace: Workspace, engine: Engine, approved: Creative
) -> None:
    made, drawn = make(workspace, engine)
    assert [(one.format, one.status, one.layout) for one in made] == [
        ("300x250", "waiting", "photo"),
        ("728x90", "waiting", "photo"),
    ]
    assert {(one.price, one.was) for one in made} == {("$11.50", "$13.20")}
    for one in made:
        path = workspace.pictures / f"{one.id}.png"
        assert path.stat().st_size == one.bytes <= FORMATS[one.format].most_bytes
    assert drawn == 2
    again, drawn = make(workspace, engine)
    assert (again, drawn) == (made, 0)


def test_a_person_approves_exactly_what_they_saw(
    workspace: Workspace, engine: Engine, approved: Creative
) -> None:
    made, _ = make(workspace, engine)
    sign(engine, made[:1])
    sign(engine, made[1:], "rejected", "too small")
    assert [one.status for one in current_pictures(workspace, SHOP, SETTINGS, engine)] == [
        "approved",
        "rejected",
    ]
    write_catalogue(workspace, sale_price="12.00 USD")
    assert current_pictures(workspace, SHOP, SETTINGS, engine) == ()
    changed, _ = make(workspace, engine)
    assert {one.price for one in changed} == {"$12.00"}
    assert {one.status for one in changed} == {"waiting"}
    assert {path.stem for path in workspace.pictures.iterdir()} == {one.id for one in changed}


@pytest.mark.parametrize("change", ["photo", "colour", "rejected", "file"])
def test_a_picture_goes_with_what_it_shows(
    workspace: Workspace, engine: Engine, approved: Creative, change: str
) -> None:
    made, _ = make(workspace, engine)
    sign(engine, made)
    settings = SETTINGS
    if change == "photo":
        write_photo(workspace, photo((901, 901)))
    elif change == "colour":
        settings = Settings(brand_color="#7a1f12")
    elif change == "rejected":
        later = NOW + timedelta(hours=1)
        decide(engine, [approved.id], decision="rejected", by="Ana", reason="no", now=later)
    else:
        for one in made:
            (workspace.pictures / f"{one.id}.png").unlink()
    assert current_pictures(workspace, SHOP, settings, engine) == ()


def test_pictures_follow_the_checks_where_the_shop_lets_them(
    workspace: Workspace, engine: Engine
) -> None:
    settings = Settings(approval="checks")
    put(engine, [ad()], [], "checks", NOW)
    made, _ = make(workspace, engine, settings)
    assert {one.status for one in made} == {"approved"}


def test_what_the_checks_refuse_has_no_file_and_cannot_be_approved(
    workspace: Workspace, engine: Engine
) -> None:
    put(engine, [ad(headline="Donaudampfschifffahrt" * 9)], [], "checks", NOW)
    made, _ = make(workspace, engine, Settings(approval="checks"))
    assert {one.status for one in made} == {"refused"}
    assert {one.findings[0].rule for one in made} == {"picture-room"}
    assert list(workspace.pictures.glob("*")) == []
    with pytest.raises(PolicyError, match="refused by a check"):
        sign(engine, made)


def test_an_ad_whose_price_is_gone_gets_no_picture(
    workspace: Workspace, engine: Engine, approved: Creative
) -> None:
    write_catalogue(workspace, price="", sale_price="")
    assert make(workspace, engine) == ((), 0)


def test_only_approved_ads_get_pictures(workspace: Workspace, engine: Engine) -> None:
    one = ad()
    put(engine, [one], [], "person", NOW)
    assert make(workspace, engine) == ((), 0)
    with pytest.raises(PolicyError, match="only approved ads"):
        make(workspace, engine, ads=[one.id])
    with pytest.raises(SourceError, match="no ad c_none"):
        make(workspace, engine, ads=["c_none"])


def test_a_product_gets_a_card_of_its_own_that_waits_for_nobody(
    workspace: Workspace, engine: Engine
) -> None:
    made, _ = make(workspace, engine, products=["T-1"])
    assert {(one.creative_id, one.product_id, one.status) for one in made} == {
        ("", "T-1", "approved")
    }
    with pytest.raises(SourceError, match="no product 'T-9'"):
        make(workspace, engine, products=["T-9"])


def test_a_photo_that_cannot_be_read_leaves_a_card_in_type(
    workspace: Workspace, engine: Engine, approved: Creative
) -> None:
    write_photo(workspace, b"<svg onload=alert(1)>")
    made, _ = make(workspace, engine)
    assert {one.layout for one in made} == {"type"}
    assert {found.rule for one in made for found in one.findings} == {"picture-photo"}
    assert {one.status for one in made} == {"waiting"}


def test_what_may_run_is_copied_under_names_that_people_can_read(
    workspace: Workspace, engine: Engine, approved: Creative, tmp_path: Path
) -> None:
    made, _ = make(workspace, engine)
    sign(engine, made[:1])
    settled = current_pictures(workspace, SHOP, SETTINGS, engine)
    (copy,) = export_pictures(workspace, settled, tmp_path / "out")
    assert copy.name == "c_-category-300x250.png"
    assert hashlib.sha256(copy.read_bytes()).hexdigest() == settled[0].id


def test_photos_are_loaded_from_the_feed_when_asked(
    workspace: Workspace, engine: Engine, approved: Creative
) -> None:
    write_catalogue(workspace, image_link="ftp://example.com/jar.jpg")
    (workspace.images / "T-1.jpg").unlink()
    made, _ = make(workspace, engine, fetch=True)
    assert {one.layout for one in made} == {"type"}
    assert {found.reason for one in made for found in one.findings} == {
        "No photo: the catalogue has no image_link that is a web address."
    }


def test_pictures_of_other_ads_are_left_alone(
    workspace: Workspace, engine: Engine, approved: Creative
) -> None:
    make(workspace, engine)
    make(workspace, engine, products=["T-1"], forms=formats(("728x90",)))
    assert len(read_pictures(workspace)) == 3
