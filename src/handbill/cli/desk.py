"""`handbill desk`, and `handbill access`: the pages on which people decide, and who may."""

from typing import Annotated

import typer

from handbill.cli.words import Folder

app = typer.Typer(help="Who may sign in to the desk.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="How they sign.")]


def desk(
    folder: Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8010,
) -> None:
    """Open the pages on which people approve, reject and rewrite ads."""
    import uvicorn

    from handbill.api.serve import listening
    from handbill.console.desk.app import Desk
    from handbill.errors import ConfigError
    from handbill.shop import Shop
    from handbill.trust.access import admitted

    shop = Shop.open(folder)
    if not admitted(shop.workspace.keys):
        raise ConfigError(f"nobody may sign in yet; run: handbill access add {folder} NAME")
    opened = Desk(
        office=shop,
        workspace=shop.workspace,
        shop=shop.settings.shop,
        signatures=shop.settings.creative.signatures,
    )
    with listening(host, port) as listener:
        print(f"The desk is open on http://{host}:{listener.getsockname()[1]} (stop: Ctrl-C)")
        settings = uvicorn.Config(
            opened.app(), log_level="warning", access_log=False, server_header=False
        )
        uvicorn.Server(settings).run(sockets=[listener])


@app.command()
def add(folder: Folder, name: Name) -> None:
    """Give someone a key, shown this once; a new one replaces the one they had."""
    from handbill.shop import Shop
    from handbill.trust.access import admit

    key = admit(Shop.open(folder).workspace.keys, name)
    print(f"{key}\nOnly {name} should know it. Next: handbill desk {folder}")


@app.command(name="list")
def list_people(folder: Folder) -> None:
    """Show who may sign in."""
    from handbill.shop import Shop
    from handbill.trust.access import admitted

    names = admitted(Shop.open(folder).workspace.keys)
    print("\n".join(names) or f"nobody yet. Next: handbill access add {folder} NAME")


@app.command()
def remove(folder: Folder, name: Name) -> None:
    """Let someone sign in no longer; what they signed stays signed."""
    from handbill.shop import Shop
    from handbill.trust.access import dismiss

    dismiss(Shop.open(folder).workspace.keys, name)
    print(f"{name} may not sign in any more")
