"""The desk's pages: what each shows, drawn from dossiers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from handbill.console import words
from handbill.console.chapters.ads import Span, spans
from handbill.console.drawings import rule_name
from handbill.console.frame import draw
from handbill.console.reading import offer_labels, reading, segment_names
from handbill.console.report import rule_reason
from handbill.creative.dossier import Decision, Dossier
from handbill.creative.pictures.record import Picture
from handbill.types import Finding, ShopProfile, Text
from handbill.workspace import Workspace

ADS_PER_PAGE = 24
EVERYONE = Text(en="Everyone", zh="全部顾客")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What every page knows.

    Attributes:
        shop: Whose desk.
        who: Who is signed in.
        waiting: Ads that wait for people.
        fallen: Ads that a check stopped.
        signatures: People who have to approve an ad.
        said: A sentence on what was just done.
        refused: What could not be done, and why.
    """

    shop: ShopProfile
    who: str
    waiting: int
    fallen: int
    signatures: int = 1
    said: Text | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What ids are called.

    Attributes:
        offers: By id.
        segments: By id.
    """

    offers: Mapping[str, Text]
    segments: Mapping[str, Text]

    def offer(self, one: Dossier) -> Text:
        """What an ad is about."""
        return self.offers.get(one.offer_id) or Text(en=one.offer_id, zh=one.offer_id)

    def segment(self, one: Dossier) -> Text:
        """Whom it is for."""
        return self.segments.get(one.segment_id, EVERYONE)


def read_names(workspace: Workspace, shop: ShopProfile) -> Names:
    """Names of offers and segments, as the tables have them."""
    with reading(workspace, shop.timezone) as reader:
        return Names(offers=offer_labels(reader), segments=segment_names(reader))


def draw_enter(shop: ShopProfile, *, wrong: bool = False) -> str:
    """The page on which someone shows a key."""
    return draw(
        "desk/enter.html", shop=shop, title=words.say("desk.title", shop=shop.name), wrong=wrong
    )


def draw_queue(
    visit: Visit, kind: str, found: Sequence[Dossier], names: Names, page: int, language: str
) -> str:
    """Ads by offer and segment.

    Args:
        visit: What every page knows.
        kind: `waiting` or `fallen`.
        found: All of that kind.
        names: Of offers and segments.
        page: From 1.
        language: Only these; all when empty.
    """
    chosen = sorted(
        (one for one in found if language in ("", one.language)),
        key=lambda one: (one.offer_id, one.segment_id, one.language, one.origin, one.id),
    )
    pages = max(1, -(-len(chosen) // ADS_PER_PAGE))
    page = min(page, pages)
    shown = chosen[(page - 1) * ADS_PER_PAGE : page * ADS_PER_PAGE]
    return _desk(
        visit, "desk/queue.html", f"desk.{kind}", kind=kind, groups=list(_groups(shown, names)),
        page=page, pages=pages, language=language, languages=sorted({o.language for o in found}),
        found=len(chosen),
    )  # fmt: skip


def draw_ad(
    visit: Visit,
    one: Dossier,
    names: Names,
    decided: Sequence[Decision],
    others: Sequence[Dossier] = (),
    pictures: Sequence[Picture] = (),
    typed: Mapping[str, str] | None = None,
    unfit: Sequence[Finding] = (),
) -> str:
    """One ad with all that is known of it, and the form to rewrite it.

    Args:
        visit: What every page knows.
        one: The ad.
        names: Of offers and segments.
        decided: What people decided on it.
        others: Ads that answer the same brief.
        pictures: Of it, as they are true today.
        typed: What the visitor typed, when it could not be taken.
        unfit: What blocks it.
    """
    draft = one.draft
    kept = {
        "headline": draft.headline,
        "body": draft.body,
        "call_to_action": draft.call_to_action,
    }
    return _desk(
        visit, "desk/ad.html", "desk.ad", ad=one, offer=names.offer(one),
        segment=names.segment(one), decided=decided, others=others, typed=typed or kept,
        pictures=sorted(pictures, key=lambda picture: -picture.height),
        unfit=unfit,
    )  # fmt: skip


def draw_decided(visit: Visit, decided: Sequence[Decision], ads: Mapping[str, Dossier]) -> str:
    """Who decided what, the newest first."""
    return _desk(visit, "desk/decided.html", "desk.decided", decided=decided, ads=ads)


def draw_sorry(visit: Visit, title: str) -> str:
    """A page that has only what could not be done."""
    return _desk(visit, "desk/sorry.html", title)


def _desk(visit: Visit, template: str, title: str, **values: object) -> str:
    return draw(
        template,
        shop=visit.shop,
        title=words.say("desk.title", shop=visit.shop.name),
        tools={
            "filled": filled,
            "rule_name": rule_name,
            "rule_reason": rule_reason,
            "day": words.day,
        },
        visit=visit,
        here=title,
        **values,
    )


def _groups(
    shown: Sequence[Dossier], names: Names
) -> Iterator[tuple[Text, Text, tuple[Dossier, ...]]]:
    for _, group in groupby(shown, key=lambda one: (one.offer_id, one.segment_id)):
        ads = tuple(group)
        yield names.offer(ads[0]), names.segment(ads[0]), ads


def filled(one: Dossier, template: str) -> tuple[Span, ...]:
    """One text of an ad, each fact with the field it comes from."""
    slots = {fact.name: {"value": fact.value, "source": fact.source} for fact in one.facts}
    return spans(template, slots)
