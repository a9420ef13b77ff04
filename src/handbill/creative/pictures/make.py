"""Making pictures: of ads that people or the checks approved, and of products."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import duckdb
from PIL import Image

from handbill.creative.dossier import Dossier
from handbill.creative.goods import NOTHING, Product, read_some
from handbill.creative.pictures.card import Card
from handbill.creative.pictures.checks import examine
from handbill.creative.pictures.colours import parse
from handbill.creative.pictures.formats import Format
from handbill.creative.pictures.marks import Marks, finish, marks_of
from handbill.creative.pictures.photo import Photo, find_photo, read_photo
from handbill.creative.pictures.record import Picture
from handbill.creative.pictures.studio import Proof, Studio, layout_digest
from handbill.creative.pictures.wording import MOST_SIGNS, named, price_of, spoken
from handbill.creative.settings import Settings
from handbill.engine import connect
from handbill.errors import SourceError
from handbill.types import Finding, Language, ShopProfile
from handbill.workspace import Workspace, replacing

COLOURS = 256
SPLIT = "\n"
NO_MISSES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a picture is of.

    Attributes:
        ad: The ad; None for a product's own card.
        product: The product; `NOTHING` where an ad is about many.
        card: What it shows; None where a fact that it needs is missing.
        marks: What has to be marked.
        photo: SHA-256 of the photo; may be empty.
        notes: What was found before it was drawn.
    """

    ad: Dossier | None
    product: Product
    card: Card | None
    marks: Marks
    photo: str
    notes: tuple[Finding, ...]

    @property
    def look(self) -> str:
        """Hash of everything that its pictures show."""
        if self.card is None:
            return ""
        card = replace(self.card, photo=None)
        said = "\x1f".join((repr(card), self.photo, self.marks.market, layout_digest()))
        return hashlib.sha256(said.encode()).hexdigest()

    @property
    def key(self) -> tuple[str, str]:
        """Ad and product."""
        return (self.ad.id if self.ad else "", self.product.id)


def subjects(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    ads: Sequence[Dossier],
    products: Sequence[str],
    misses: Mapping[str, str] = NO_MISSES,
) -> Iterator[Subject]:
    """What there is to draw.

    Args:
        workspace: Whose catalogue and photos.
        shop: Its name and language.
        settings: Colour and market.
        ads: Ads, approved ones.
        products: Ids of products that get a card of their own.
        misses: Product -> why its photo could not be loaded.

    Raises:
        SourceError: There is no such product.
    """
    if not ads and not products:
        return
    single = _single_products(workspace)
    about = [*products, *(key for ad in ads for key in (ad.offer_id, single.get(ad.offer_id, "")))]
    goods = read_some(workspace.root, sorted(set(about)))
    for key in products:
        if key not in goods:
            raise SourceError(f"no product {key!r} in the catalogue; give the id that it has there")
    for ad in ads:
        product = goods.get(ad.offer_id) or goods.get(single.get(ad.offer_id, "")) or NOTHING
        yield _with_miss(_of_ad(workspace, shop, settings, ad, product), misses)
    for key in products:
        yield _with_miss(_of_product(workspace, shop, settings, goods[key]), misses)


def draw(
    studio: Studio, subject: Subject, form: Format, shop: ShopProfile, workspace: Workspace
) -> Picture:
    """Render, measure and keep one picture; the file is there only when nothing blocks it."""
    card, findings = subject.card, subject.notes
    assert card is not None  # noqa: S101  the caller leaves those out
    if card.photo is not None and not card.photo.fits(form):
        findings = (*findings, _small(card.photo, form))
        card = replace(card, photo=None)
    proof = studio.shoot(card, form)
    findings = (*findings, *examine(proof, form))
    content = _packed(proof, form, subject, shop)
    if form.most_bytes and len(content) > form.most_bytes:
        reason = f"{len(content):,} bytes; {form.name} takes {form.most_bytes:,}."
        findings = (
            *findings,
            Finding(rule="picture-bytes", span="", outcome="block", reason=reason),
        )
    blocked = any(one.outcome == "block" for one in findings)
    id_ = hashlib.sha256(content).hexdigest()
    if not blocked:
        with replacing(workspace.pictures / f"{id_}.png") as part:
            part.write_bytes(content)
    return Picture(
        id=id_,
        creative_id=subject.key[0],
        digest=subject.ad.digest if subject.ad else "",
        product_id=subject.product.id,
        format=form.name,
        language=card.language,
        layout="photo" if card.photo else "type",
        width=form.width,
        height=form.height,
        bytes=0 if blocked else len(content),
        price=card.price,
        was=card.was,
        photo=subject.photo if card.photo else "",
        look=subject.look,
        status="refused" if blocked else "waiting",
        findings=findings,
    )


def _with_miss(subject: Subject, misses: Mapping[str, str]) -> Subject:
    why = misses.get(subject.product.id)
    if not why:
        return subject
    note = Finding(rule="picture-photo", span="", outcome="pass", reason=f"No photo: {why}.")
    return replace(subject, notes=(*subject.notes, note))


def _of_ad(
    workspace: Workspace, shop: ShopProfile, settings: Settings, ad: Dossier, product: Product
) -> Subject:
    facts = {fact.name: fact.value for fact in ad.facts}
    texts = (ad.draft.headline, ad.draft.body, ad.draft.call_to_action)
    said = [spoken(text.split(SPLIT)[0], facts, product) for text in texts]
    language: Language = "zh" if ad.language == "zh" else "en"
    marks = marks_of(settings.market, ad.origin)
    if any(one is None for one in said):
        gone = "A fact that its words need is not in the catalogue."
        note = Finding(rule="picture-fact", span="", outcome="block", reason=gone)
        return Subject(ad=ad, product=product, card=None, marks=marks, photo="", notes=(note,))
    headline, body, call = (one or "" for one in said)
    return _subject(workspace, shop, settings, ad, product, marks, language, headline, body, call)


def _of_product(
    workspace: Workspace, shop: ShopProfile, settings: Settings, product: Product
) -> Subject:
    marks = marks_of(settings.market, "template")
    headline = named(product, shop.language)
    return _subject(
        workspace, shop, settings, None, product, marks, shop.language, headline, "", ""
    )


def _subject(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    ad: Dossier | None,
    product: Product,
    marks: Marks,
    language: Language,
    headline: str,
    body: str,
    call: str,
) -> Subject:
    price, was = price_of(product)
    photo, digest, notes = _photo(workspace, product)
    visible = marks.visible
    card = Card(
        headline=headline[:MOST_SIGNS],
        body=body[: 2 * MOST_SIGNS],
        call=call,
        price=price,
        was=was,
        shop=shop.name,
        language=language,
        mark="" if visible is None else visible.zh if language == "zh" else visible.en,
        mark_share=marks.share,
        brand=parse(settings.brand_color),
        photo=photo,
    )
    return Subject(
        ad=ad,
        product=product,
        card=card if headline else None,
        marks=marks,
        photo=digest,
        notes=notes,
    )


def _photo(workspace: Workspace, product: Product) -> tuple[Photo | None, str, tuple[Finding, ...]]:
    path = find_photo(workspace.images, product.id)
    if path is None:
        return None, "", ()
    found = read_photo(path)
    if isinstance(found, str):
        note = Finding(rule="picture-photo", span=path.name, outcome="pass", reason=f"{found}.")
        return None, "", (note,)
    return found, found.digest, ()


def _small(photo: Photo, form: Format) -> Finding:
    return Finding(
        rule="picture-photo",
        span=f"{photo.width}x{photo.height}",
        outcome="pass",
        reason=f"The photo is too small for {form.name}; the card is set in type.",
    )


def _packed(proof: Proof, form: Format, subject: Subject, shop: ShopProfile) -> bytes:
    """The PNG, with fewer colours where the place takes only so many bytes."""
    image = Image.fromarray(proof.pixels)
    ad = subject.ad
    said = {
        "producer": shop.name,
        "content_id": ad.id if ad else subject.product.id,
        "model": ad.author if ad else "",
    }
    content = finish(image, subject.marks, **said)
    if form.most_bytes and len(content) > form.most_bytes:
        content = finish(image.quantize(COLOURS), subject.marks, **said)
    return content


def _single_products(workspace: Workspace) -> Mapping[str, str]:
    """Offer -> its product, for offers of one product only."""
    path = workspace.catalog / "offer_products.parquet"
    if not path.is_file():
        return {}
    backend = connect(threads=1)
    try:
        rows = backend.con.execute(
            "SELECT offer_id, min(product_id) FROM read_parquet(?) GROUP BY 1 "
            "HAVING count(DISTINCT product_id) = 1",
            [str(path)],
        ).fetchall()
    except duckdb.Error as error:
        raise SourceError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    finally:
        backend.disconnect()
    return dict(rows)
