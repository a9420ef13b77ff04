"""`handbill creative`: ads that wait for a person, copy to check, evidence to keep."""

import json
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli import copy, evidence, pictures
from handbill.cli.words import AsJson, Folder

app = typer.Typer(help="Ads: what waits for a person, checks, evidence.", no_args_is_help=True)
app.command(name="check")(copy.check)
app.add_typer(evidence.app, name="evidence")
app.command()(pictures.pictures)


@app.command(name="list")
def list_ads(folder: Folder, as_json: AsJson = False) -> None:
    """Show the ads that wait for a person."""
    from dataclasses import asdict

    from handbill.shop import Shop

    waiting = Shop.open(folder).waiting()
    if as_json:
        print(json.dumps([asdict(one) for one in waiting], ensure_ascii=False))
        return
    for one in waiting:
        asks = f"   [asks for evidence: {', '.join(one.findings)}]" if one.findings else ""
        print(f"{one.id}{asks}\n  {one.headline}\n  {one.body}\n  > {one.call_to_action}")
        if one.claims:
            print(f"  rests on: {'; '.join(one.claims)}")
        if one.signed:
            print(f"  approved so far by: {', '.join(one.signed)}")
        print()
    print(f"{len(waiting)} waiting. Next: handbill creative approve {folder} ID ... --by NAME")


Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ads, as `creative list` names.")]
By = Annotated[str, typer.Option("--by", help="Who decides.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words.")]


@app.command()
def approve(folder: Folder, ids: Ids, by: By = "", reason: Reason = "") -> None:
    """Let ads run, in your name."""
    decide(folder, ids, "approved", by, reason)


@app.command()
def reject(folder: Folder, ids: Ids, by: By = "", reason: Reason = "") -> None:
    """Keep ads from running, or take an approval back."""
    decide(folder, ids, "rejected", by, reason)


@app.command()
def edit(
    folder: Folder,
    one: Annotated[str, typer.Argument(metavar="ID", help="The ad to start from.")],
    by: By = "",
    headline: Annotated[str | None, typer.Option(help="New subject; facts as {slots}.")] = None,
    body: Annotated[str | None, typer.Option(help="New body.")] = None,
    button: Annotated[str | None, typer.Option(help="New words of the button.")] = None,
) -> None:
    """Put your own version of an ad beside it; it is checked and approved like any other."""
    from handbill.shop import Shop

    made = Shop.open(folder).edit(one, by=by, headline=headline, body=body, call_to_action=button)
    print(f"{made.id} waits. Next: handbill creative approve {folder} {made.id} --by SOMEONE ELSE")


def decide(folder: Path, ids: list[str], decision: str, by: str, reason: str) -> None:
    """Record a decision and say what comes next."""
    from handbill.shop import Shop

    count = Shop.open(folder).decide(ids, decision=decision, by=by, reason=reason)
    print(f"{count} {decision}. Next: handbill run {folder}")
