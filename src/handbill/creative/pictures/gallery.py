"""The gallery: all pictures of a shop, made anew where something changed, and who approved them."""

import re
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
from sqlalchemy import Engine

from handbill.creative.dossier import Dossier, dossiers
from handbill.creative.pictures.fetch import fetch_photos
from handbill.creative.pictures.formats import Format
from handbill.creative.pictures.make import Subject, draw, subjects
from handbill.creative.pictures.record import Picture, read_pictures, standing, write_pictures
from handbill.creative.pictures.studio import open_studio
from handbill.creative.settings import Settings
from handbill.creative.shelf import decisions
from handbill.errors import PictureError, PolicyError, SourceError
from handbill.ports import Progress
from handbill.state import approvals
from handbill.types import ShopProfile
from handbill.workspace import Workspace, replacing

SIGNS = {"en": "Rg", "zh": "酬鑫"}
"""Two signs of each language that look apart wherever there is a font for it."""


def make_pictures(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    engine: Engine,
    *,
    ads: Sequence[str] = (),
    products: Sequence[str] = (),
    forms: Sequence[Format],
    most: int,
    fetch: bool,
    progress: Progress,
) -> tuple[Picture, ...]:
    """Make the pictures that are missing or no longer true.

    Args:
        workspace: Where they go.
        shop: Its name and language.
        settings: Colour, market, who approves.
        engine: The state.
        ads: Approved ads; when neither these nor products are named, those that the plan uses,
            the most used first, or all approved ones without a plan.
        products: Products that get a card of their own.
        forms: In these sizes.
        most: At most so many ads.
        fetch: Load missing photos from the feed's `image_link` first.
        progress: Told of each picture.

    Returns:
        All pictures of what was asked for.

    Raises:
        PictureError: There is no browser, or no font for a language.
        PolicyError: An ad is not approved.
        SourceError: There is no such ad or product.
    """
    every = {one.id: one for one in dossiers(engine, settings.signatures)}
    chosen = _chosen(workspace, every, ads, most, named=bool(ads or products))
    wanted = list(subjects(workspace, shop, settings, chosen, products))
    if fetch:
        progress("loading photos")
        goods = {one.product.id: one.product for one in wanted if one.product.id}
        misses = fetch_photos(workspace.images, goods.values())
        wanted = list(subjects(workspace, shop, settings, chosen, products, misses))
    kept = _still_true(workspace, shop, settings, every)
    made = {(*one.subject, one.format): one for one in kept}
    todo = [
        (subject, form)
        for subject in wanted
        for form in forms
        if subject.card is not None
        and getattr(made.get((*subject.key, form.name)), "look", "") != subject.look
    ]
    if todo:
        with open_studio() as studio:
            for language in sorted({one.card.language for one, _ in todo if one.card}):
                if not studio.writes(SIGNS[language]):
                    raise PictureError(
                        f"the browser has no font for {language}; install one "
                        "(Debian: apt-get install fonts-noto-cjk)"
                    )
            for number, (subject, form) in enumerate(todo, start=1):
                progress(f"drawing picture {number} of {len(todo)}")
                made[*subject.key, form.name] = draw(studio, subject, form, shop, workspace)
    settled = settle(tuple(made.values()), settings, engine)
    write_pictures(workspace, settled)
    keys, names = {one.key for one in wanted}, {one.name for one in forms}
    return tuple(one for one in settled if one.subject in keys and one.format in names)


def export_pictures(
    workspace: Workspace, pictures: Iterable[Picture], folder: Path
) -> tuple[Path, ...]:
    """Copy pictures that may run, under names that people can read: the ad or product, the size.

    Args:
        workspace: Where they are.
        pictures: Those asked for; what is not approved stays behind.
        folder: Where the copies go; made if it is not there.

    Returns:
        The copies.
    """
    copies = []
    for one in pictures:
        if one.status != "approved":
            continue
        what = re.sub(r"[^\w.-]+", "-", one.creative_id or one.product_id).strip(".-")
        path = folder / f"{what or one.id[:12]}-{one.format.replace(':', 'x')}.png"
        with replacing(path) as part:
            shutil.copyfile(workspace.pictures / f"{one.id}.png", part)
        copies.append(path)
    return tuple(copies)


def settle(pictures: Sequence[Picture], settings: Settings, engine: Engine) -> tuple[Picture, ...]:
    """Where each picture stands: what a check refused stays refused, the others are decided on.

    A product's own card holds nothing but its catalogue fields and waits for nobody.
    """
    with engine.connect() as connection:
        decided = decisions(connection, settings.signatures)

    def status(one: Picture) -> str:
        if one.status == "refused" or not one.creative_id:
            return one.status if one.status == "refused" else "approved"
        unasked = "approved" if settings.approval == "checks" else "signed"
        found = decided.get((one.creative_id, one.id), unasked)
        return "waiting" if found == "signed" else found

    return tuple(replace(one, status=status(one)) for one in pictures)


def current_pictures(
    workspace: Workspace, shop: ShopProfile, settings: Settings, engine: Engine
) -> tuple[Picture, ...]:
    """The pictures that are still true today, with where each stands."""
    every = {one.id: one for one in dossiers(engine, settings.signatures)}
    return settle(_still_true(workspace, shop, settings, every), settings, engine)


def sign_pictures(
    engine: Engine,
    pictures: Sequence[Picture],
    *,
    decision: str,
    by: str,
    reason: str,
    now: datetime,
) -> int:
    """Record one decision on each of some pictures of ads.

    Returns:
        Number of decisions recorded.

    Raises:
        PolicyError: Nobody signs, a reason is missing, or a check refused a picture.
    """
    if not by.strip() or by.startswith("policy:"):
        raise PolicyError("say who decides: --by NAME")
    if decision == "rejected" and not reason.strip():
        raise PolicyError("say why it is rejected: --reason TEXT")
    ours = [one for one in pictures if one.creative_id]
    for one in ours:
        if one.status == "refused":
            raise PolicyError(f"the picture {one.id[:12]} was refused by a check")
    with engine.begin() as connection:
        for one in ours:
            connection.execute(
                approvals.insert().values(
                    id="a_" + uuid.uuid4().hex[:26],
                    creative_id=one.creative_id,
                    digest=one.id,
                    decision=decision,
                    decided_by=by.strip(),
                    reason=reason.strip() or f"picture {one.format}",
                    decided_at=now,
                )
            )
    return len(ours)


def _chosen(
    workspace: Workspace, every: dict[str, Dossier], ads: Sequence[str], most: int, *, named: bool
) -> list[Dossier]:
    for one in ads:
        if one not in every:
            raise SourceError(f"no ad {one}; list them with: handbill creative list DIR")
        if every[one].state != "approved":
            raise PolicyError(f"the ad {one} is {every[one].state}; only approved ads get pictures")
    if named:
        return [every[one] for one in dict.fromkeys(ads)]
    uses = _planned(workspace)
    approved = [one for one in every.values() if one.state == "approved"]
    planned = [one for one in approved if one.id in uses] or approved
    return sorted(planned, key=lambda one: (-uses[one.id], one.id))[:most]


def _planned(workspace: Workspace) -> Counter[str]:
    path = workspace.tables / "plan.parquet"
    if not path.is_file():
        return Counter()
    return Counter(pq.ParquetFile(path).read(["creative_id"]).column(0).to_pylist())


def _still_true(
    workspace: Workspace, shop: ShopProfile, settings: Settings, every: dict[str, Dossier]
) -> tuple[Picture, ...]:
    before = read_pictures(workspace)
    ads = [every[key] for key in sorted({one.creative_id for one in before}) if key in every]
    goods = sorted({one.product_id for one in before if not one.creative_id})
    try:
        today: list[Subject] = list(subjects(workspace, shop, settings, ads, goods))
    except SourceError:  # a product is gone: its card goes too, the others are looked at alone
        today = list(subjects(workspace, shop, settings, ads, ()))
    looks = {one.key: one.look for one in today}
    return tuple(
        one
        for one in before
        if standing(one, every, looks)
        and (one.status == "refused" or (workspace.pictures / f"{one.id}.png").is_file())
    )
