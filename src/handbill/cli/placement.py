"""`handbill placement`: what other choices would have brought."""

import json
from typing import Annotated

import typer

from handbill.cli.words import AsJson, Folder

app = typer.Typer(help="The plan: what other choices would have brought.", no_args_is_help=True)

Sharpen = Annotated[
    list[float],
    typer.Option(
        "--sharpen",
        metavar="POWER",
        help="Powers of the logged probabilities to judge: 2 halves the choice's temperature.",
    ),
]


@app.callback()
def root() -> None:
    """The plan: what other choices would have brought."""


@app.command()
def compare(folder: Folder, sharpen: Sharpen = [2.0], as_json: AsJson = False) -> None:  # noqa: B006
    """Judge other ways to fill messages by what the ledger's own choices brought."""
    from dataclasses import asdict

    from handbill.placement.offpolicy import judge
    from handbill.shop import Shop
    from handbill.types import Text

    shop = Shop.open(folder)
    found = judge(shop.workspace, shop.settings.shop.as_of, sharpen)
    if as_json:
        record = {"why": asdict(found)} if isinstance(found, Text) else [asdict(x) for x in found]
        print(json.dumps(record, ensure_ascii=False))
        return
    zh = shop.settings.shop.language == "zh"
    if isinstance(found, Text):
        print(found.zh if zh else found.en)
        return
    for one in found:
        print(one.policy)
        for estimate in one.found:
            if estimate.value is None:
                why = estimate.refusal or Text(en="", zh="")
                print(f"  {estimate.method:<11} {why.zh if zh else why.en}")
            else:
                value = estimate.value
                print(
                    f"  {estimate.method:<11} {value.estimate:.4f} redemptions a message "
                    f"({value.low:.4f} to {value.high:.4f})"
                )
