"""`handbill recommend`: what a customer will want next."""

import json
from typing import Annotated

import typer

from handbill.cli.words import AsJson, Folder


def recommend(
    folder: Folder,
    customer: Annotated[str, typer.Option(metavar="ID", help="The shop's own customer id.")],
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many products.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Say what a customer will want next, best first, and what each product rests on."""
    from dataclasses import asdict

    from handbill.shop import Shop

    found, known = Shop.open(folder).recommend(customer, k)
    if as_json:
        said = {"known": known, "items": [asdict(one) for one in found]}
        print(json.dumps(said, ensure_ascii=False))
        return
    if not known:
        print("The log does not know this customer; this is what is popular.")
    for one in found:
        print(f"{one.rank:>3}  {one.item_id:<16} {one.title}  [{one.reason}]")
