"""The command line: one command per thing a user does, one clear line when it cannot be done."""

import errno
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from handbill import __version__
from handbill.cli import (
    audience,
    creative,
    desk,
    events,
    model,
    placement,
    preferring,
    recommend,
    tuning,
    writing,
)
from handbill.cli.words import AsJson, Folder
from handbill.errors import HandbillError

app = typer.Typer(
    name="handbill",
    help="The marketing department of an online shop, as software the shop runs itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line; what a user can mend becomes one line and exit code 2."""
    try:
        app()
    except HandbillError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted; run the same command again to go on where it stopped", code=130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        where = f" at {error.filename}" if error.filename else ""
        fail(f"{error.strerror}{where}; free space or fix the permissions, then run again")


def fail(message: str, code: int = 2) -> None:
    """Say what went wrong in one line and leave."""
    print(f"handbill: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(code)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """The marketing department of an online shop, as software the shop runs itself."""
    if version:
        print(f"handbill {__version__}")
        raise typer.Exit


@app.command()
def init(
    folder: Folder,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="complete-journey (a real grocer's year), a folder of your own CSV exports, "
            "or imports: files that you bring in with `handbill events import`.",
        ),
    ] = "complete-journey",
) -> None:
    """Make a workspace with a handbill.toml to adjust."""
    from handbill.shop import Shop

    shop = Shop.create(folder, source=source)
    print(f"Made {shop.workspace.root}\nNext: handbill run {folder}")


@app.command()
def run(
    folder: Folder,
    until: Annotated[
        str,
        typer.Option(
            metavar="STAGE",
            help="Last stage: events, audience, creative, placement, delivery or feedback.",
        ),
    ] = "feedback",
    as_json: AsJson = False,
) -> None:
    """Run the loop; stages whose inputs have not changed are skipped."""
    from handbill.shop import Shop

    shop = Shop.open(folder)
    if as_json:
        runs = shop.run(until=until)
        print(json.dumps(summary(runs, shop.report()), ensure_ascii=False))
        return
    from handbill.console import terminal

    with terminal.watching() as watch:
        runs = shop.run(until=until, on_stage=watch.ended, progress=watch.begin)
        report_path = shop.report()
    terminal.show(shop.settings.shop, shop.workspace, runs, report_path)


@app.command()
def report(folder: Folder) -> None:
    """Write the report again from what has run."""
    from handbill.shop import Shop

    print(Shop.open(folder).report())


@app.command()
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8000,
) -> None:
    """Collect events over HTTP; a reply of 2xx means that they are on disk."""
    from handbill.api.serve import serve as collect
    from handbill.shop import Shop

    shop = Shop.open(folder)
    collect(shop.workspace, shop.settings.shop, shop.settings.collector, host=host, port=port)


@app.command()
def unlink(
    folder: Folder,
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER", help="The shop's own id.")],
    again: Annotated[bool, typer.Option("--again", help="Permit the merge again.")] = False,
    reason: Annotated[str, typer.Option(help="Where it was said, for the record.")] = "command",
) -> None:
    """Part a person's anonymous history from the signed-in one, when they withdraw consent."""
    from datetime import UTC, datetime

    from handbill.shop import Shop
    from handbill.trust.people import change_link

    shop = Shop.open(folder)
    devices = change_link(
        shop.workspace, customer, granted=again, reason=reason, at=datetime.now(UTC),
        people_per_device=shop.settings.events.people_per_device,
    )  # fmt: skip
    print(f"{'Permitted' if again else 'Withdrawn'}; {devices} devices are merged with a person")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, what is missing and the one command that mends it."""
    from dataclasses import asdict

    from handbill.doctor import examine

    checks = examine(Path.cwd())
    if as_json:
        print(json.dumps([asdict(check) for check in checks], ensure_ascii=False))
    else:
        from handbill.console import terminal

        terminal.show_checks(checks)
    if not all(check.ok for check in checks):
        raise typer.Exit(2)


def summary(runs: Any, report_path: Path) -> dict[str, Any]:
    """What `handbill run --json` prints."""
    return {
        "stages": [
            {
                "name": one.name,
                "skipped": one.skipped,
                "seconds": one.seconds,
                "figures": dict(one.result.figures),
                "notes": [note.en for note in one.result.notes],
            }
            for one in runs
        ],
        "report": str(report_path),
    }


app.add_typer(events.app, name="events")
app.add_typer(audience.app, name="audience")
app.command()(audience.portrait)
app.add_typer(creative.app, name="creative")
app.command()(desk.desk)
app.add_typer(desk.app, name="access")
app.add_typer(placement.app, name="placement")
creative.app.add_typer(tuning.app)
creative.app.add_typer(preferring.app)
creative.app.add_typer(writing.app)
app.add_typer(model.app, name="model")
app.command()(recommend.recommend)
