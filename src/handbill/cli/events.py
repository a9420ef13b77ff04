"""`handbill events`: what came in, and bringing files in."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbill.cli.words import AsJson, Folder
from handbill.errors import ConfigError

if TYPE_CHECKING:
    from handbill.events.guess import Guess
    from handbill.events.imports import Outcome

app = typer.Typer(help="What came in.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """What came in."""


@app.command("import")
def import_(
    folder: Folder,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Exports, feeds, webhooks; packed or not."),
    ],
    map_: Annotated[
        Path | None,
        typer.Option("--map", metavar="TOML", help="How the columns of a table are read."),
    ] = None,
    guess: Annotated[
        bool, typer.Option("--guess", help="Propose and show a mapping; nothing is imported.")
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="TOML", help="With --guess: write the mapping there."),
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="Format, where it cannot be told.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Bring files in; the next `handbill run` judges them with everything else."""
    from handbill.shop import Shop

    if sum((map_ is not None, guess, bool(format_))) > 1 or (write is not None and not guess):
        raise ConfigError("give one of --map, --guess and --format; --write goes with --guess")
    shop = Shop.open(folder)
    if guess:
        from handbill.events.guess import guess_file

        if len(files) != 1:
            raise ConfigError("--guess looks at one file at a time")
        _show_guess(
            folder, files[0], guess_file(files[0], shop.settings.shop.timezone), write, as_json
        )
        return
    from handbill.events.imports import import_file
    from handbill.events.mapping import read_map

    mapping = read_map(map_) if map_ else None
    done: list[Outcome] = []
    with shop.workspace.lock():
        for path in files:
            for outcome in import_file(
                shop.workspace, shop.settings.shop, path, mapping=mapping, format_name=format_,
                progress=lambda message, fraction=None: None,
            ):  # fmt: skip
                done.append(outcome)
                if not as_json:
                    print(_line(outcome))
    if as_json:
        print(json.dumps([_record(one) for one in done], ensure_ascii=False))
    elif any(not one.already for one in done):
        print(f"Next: handbill run {folder}")


def _line(outcome: "Outcome") -> str:
    one = outcome.imported
    rows = ", ".join(f"{count:,} {relation}" for relation, count in one.rows.items())
    if outcome.already:
        return f"{one.file}: already imported as {one.folder}; nothing was added"
    marks = "".join(f"; {count:,} times marked {mark}" for mark, count in one.marks.items())
    return f"{one.file}: {one.records:,} records read as {one.format}: {rows}{marks} ({one.folder})"


def _record(outcome: "Outcome") -> dict[str, Any]:
    one = outcome.imported
    return {
        "file": one.file, "folder": one.folder, "format": one.format, "records": one.records,
        "rows": dict(one.rows), "marks": dict(one.marks), "already": outcome.already,
    }  # fmt: skip


def _show_guess(
    folder: Path, path: Path, found: "Guess", write: Path | None, as_json: bool
) -> None:
    from dataclasses import asdict

    from handbill.workspace import write_text

    if write is not None:
        write_text(write, found.toml())
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
        return
    times = (
        "no format reads its times"
        if found.time_format is None
        else (f"times as {found.time_format or 'ISO 8601'}")
    )
    print(f"{path.name} looks like {found.relation}; {times}; decimal {found.decimal!r}\n")
    table = [("ours", "its column", "because of", "first value", "is read as")]
    table += [(c.ours, c.theirs, c.because, c.before[:40], c.after or "-") for c in found.columns]
    widths = [max(len(row[n]) for row in table) for n in range(5)]
    for row in table:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    for label, names in (
        ("not found, but needed", found.missing),
        ("kept in the context", found.kept),
        ("left out, for it says who someone is", found.left_out),
    ):
        if names:
            print(f"{label}: {', '.join(names)}")
    for theirs, ours in found.event_names.items():
        print(f"event {theirs} becomes {ours}")
    where = write or "map.toml"
    saved = "Written to" if write else "Save it with --write"
    print(f"\nNothing was imported. {saved} {where}; then:")
    print(f"handbill events import {folder} {path} --map {where}")


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
    if not all(one.reconciles for one in found):
        raise typer.Exit(2)
