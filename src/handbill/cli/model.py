"""`handbill model`: the language models that write."""

import json
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.words import AsJson

app = typer.Typer(help="The language models that write.", no_args_is_help=True)

Shop = Annotated[
    Path | None,
    typer.Option(
        "--shop",
        metavar="DIR",
        help="Workspace that keeps them; else the one you stand in, else your cache folder.",
    ),
]


@app.command(name="list")
def list_models(shop: Shop = None, as_json: AsJson = False) -> None:
    """Show the models that have a name, their terms, and which lie here."""
    from dataclasses import asdict

    from handbill.creative.registry import home, listed

    found = listed(home(shop))
    if as_json:
        print(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        state = "ready" if one.ready else "not here yet"
        if not one.accepted:
            state += ", terms not accepted"
        print(f"{one.name}  ({state})\n  {one.licence}  {one.terms}\n  {one.source}")
        print(f"  SHA-256 {one.sha256}")


@app.command()
def pull(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `model list` names it.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You read the model's terms and accept them.")
    ] = False,
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="SOURCE", help="One of your own: a folder, or ORG/NAME@REVISION."
        ),
    ] = "",
    licence: Annotated[str, typer.Option(help="With --from: name of its licence.")] = "",
    sha256: Annotated[str, typer.Option(help="With --from: what its weights have to be.")] = "",
    shop: Shop = None,
) -> None:
    """Get a model, check that it is genuine, and make it ready."""
    from datetime import UTC, datetime

    from handbill.console import terminal
    from handbill.creative.registry import home, pull, pull_own
    from handbill.errors import ModelError

    folder = home(shop)
    with terminal.watching() as watch:
        tell = watch.begin("model")
        if source:
            if not licence:
                raise ModelError(f"name the licence that {name} comes under: --licence NAME")
            model = pull_own(name, source, folder, licence=licence, expected=sha256, progress=tell)
        else:
            model = pull(name, folder, accept=accept_licence, at=datetime.now(UTC), progress=tell)
    print(f"{model.id} is ready in {model.path}")
