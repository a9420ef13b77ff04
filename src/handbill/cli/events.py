"""`handbill events`: what came in."""

import json

import typer

from handbill.cli import imports
from handbill.cli.words import AsJson, Folder

app = typer.Typer(help="What came in.", no_args_is_help=True)
app.command(name="import")(imports.bring_in)


@app.callback()
def root() -> None:
    """What came in."""


@app.command("status")
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Account for every row received: kept, duplicate, or quarantined with its reason."""
    from dataclasses import asdict

    from handbill.events.status import read_status
    from handbill.workspace import Workspace

    found = read_status(Workspace.open(folder))
    if as_json:
        rows = [{**asdict(one), "reconciles": one.reconciles} for one in found]
        print(json.dumps(rows, ensure_ascii=False))
    else:
        for one in found:
            sign = "=" if one.reconciles else "is not"
            print(
                f"{one.source}{one.file and f' ({one.file})'}: {one.received:,} received {sign} "
                f"{one.kept:,} kept + {one.duplicate:,} duplicate + {one.quarantined:,} quarantined"
            )
            for reason, count in one.reasons.items():
                print(f"  {reason}: {count:,}")
                for raw in one.examples[reason]:
                    print(f"    {raw}")
            for order in one.differing:
                print(
                    f"  another total: {order.event} {order.transaction_id}, "
                    f"{order.said} collected, {order.counts} counts"
                )
    if not all(one.reconciles for one in found):
        raise typer.Exit(2)
