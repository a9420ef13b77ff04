"""`handbill creative pictures`: banners and feed cards."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.words import AsJson, Folder

Ads = Annotated[list[str] | None, typer.Option("--ad", metavar="ID", help="Of this approved ad.")]
Products = Annotated[
    list[str] | None, typer.Option("--product", metavar="ID", help="A card of this product.")
]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", help="1:1, 4:5, 16:9, 300x250 or 728x90; all unless one is named."),
]


def pictures(
    folder: Folder,
    ads: Ads = None,
    products: Products = None,
    formats: Formats = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many ads of the plan.")] = 50,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Load missing photos from the feed's image_link first.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Copy the approved ones there, named.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make banners of approved ads, and feed cards of products; prices are today's."""
    from dataclasses import asdict

    from handbill.shop import Shop

    shop = Shop.open(folder)
    made = shop.pictures(
        ads=ads or (), products=products or (), formats=formats or (), most=most, fetch=fetch
    )
    copies = shop.export_pictures(made, to) if to else ()
    if as_json:
        print(json.dumps([asdict(one) for one in made], ensure_ascii=False))
        return
    for one in made:
        for found in one.findings:
            if found.outcome == "block" or found.rule == "picture-photo":
                what = one.creative_id or one.product_id
                print(" ".join(f"{what} {one.format}: {found.span} {found.reason}".split()))
    count = Counter(one.status for one in made)
    said = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    print(
        f"{len(made)} pictures in {shop.workspace.pictures}: {said or 'nothing approved to show'}"
    )
    if to:
        print(f"{len(copies)} approved ones copied to {to}")
    if count["waiting"]:
        print(f"Next: handbill desk {folder}, to look at them and approve them")
