"""`handbill creative evidence`: what proves the claims of a shop's ads."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.words import AsJson, Folder
from handbill.errors import PolicyError

app = typer.Typer(help="What proves the claims of ads.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Who says so.")]


@app.callback()
def evidence(context: typer.Context, folder: Folder) -> None:
    """What proves the claims of ads."""
    context.obj = folder


@app.command()
def add(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help="Kind of claim, such as award or certification.")],
    says: Annotated[str, typer.Option(help="What it proves, in the words an ad may use.")],
    document: Annotated[str, typer.Option(help="Report, certificate or page.")],
    by: By,
    product: Annotated[str, typer.Option(help="Product; the whole shop without it.")] = "",
    until: Annotated[str, typer.Option(help="Last day, YYYY-MM-DD.")] = "",
) -> None:
    """Put a proof on record."""
    from handbill.creative import evidence as records
    from handbill.shop import Shop
    from handbill.state import closing_state

    try:
        last = date.fromisoformat(until) if until else None
    except ValueError as error:
        raise PolicyError(f"--until {until} is no day; write it as 2027-12-31") from error
    workspace = Shop.open(folder_of(context)).workspace
    with workspace.lock(), closing_state(workspace.state_url) as engine:
        record = records.add(
            engine,
            kind=kind,
            statement=says,
            document=document,
            by=by,
            now=datetime.now(UTC),
            product_id=product,
            valid_until=last,
        )
    print(f"{record.id} is on record.")


@app.command(name="list")
def list_records(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the records that stand."""
    from dataclasses import asdict

    from handbill.creative.evidence import standing
    from handbill.shop import Shop
    from handbill.state import closing_state

    with closing_state(Shop.open(folder_of(context)).workspace.state_url) as engine:
        found = standing(engine)
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        where = one.product_id or "the whole shop"
        until = f" until {one.valid_until}" if one.valid_until else ""
        print(f"{one.id}  {one.kind}: {one.statement} [{one.document}] for {where}{until}")
    print(f"{len(found)} on record.")


@app.command()
def withdraw(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="ID", help="As `list` names it.")],
    by: By,
    reason: Annotated[str, typer.Option(help="Why, in a few words.")],
) -> None:
    """Take a proof back, and every ad that rests on it."""
    from handbill.creative import evidence as records
    from handbill.shop import Shop
    from handbill.state import closing_state

    folder = folder_of(context)
    workspace = Shop.open(folder).workspace
    with workspace.lock(), closing_state(workspace.state_url) as engine:
        gone = records.withdraw(engine, record, by=by, reason=reason, now=datetime.now(UTC))
    print(f"Withdrawn, and {gone} ads with it. Next: handbill run {folder}")


def folder_of(context: typer.Context) -> Path:
    """The workspace that was named before the command."""
    return Path(context.obj)
