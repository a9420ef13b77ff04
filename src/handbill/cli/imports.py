"""`handbill events import`: files brought in one by one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbill.cli.words import AsJson, Folder
from handbill.errors import ConfigError

if TYPE_CHECKING:
    from handbill.events.guess import Guess
    from handbill.events.imports import Outcome
    from handbill.shop import Shop

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Exports, feeds, webhooks; packed or not.")
]
Map = Annotated[
    Path | None, typer.Option("--map", metavar="TOML", help="How the columns of a table are read.")
]
Ask = Annotated[
    bool, typer.Option("--guess", help="Propose and show a mapping; nothing is imported.")
]
Write = Annotated[
    Path | None,
    typer.Option("--write", metavar="TOML", help="With --guess: write the mapping there."),
]
Form = Annotated[
    str, typer.Option("--format", metavar="NAME", help="The format, where it cannot be told.")
]


def bring_in(
    folder: Folder,
    files: Files,
    map_: Map = None,
    guess: Ask = False,
    write: Write = None,
    format_: Form = "",
    as_json: AsJson = False,
) -> None:
    """Bring files in; the next `handbill run` judges them with everything else."""
    from handbill.shop import Shop

    if (map_ is not None) + guess + bool(format_) > 1 or (write is not None and not guess):
        raise ConfigError("give one of --map, --guess and --format; --write goes with --guess")
    shop = Shop.open(folder)
    if guess:
        if len(files) != 1:
            raise ConfigError("--guess looks at one file at a time")
        propose(shop, folder, files[0], write, as_json)
        return
    from handbill.console import terminal
    from handbill.events.imports import import_files
    from handbill.events.mapping import read_map

    mapping = read_map(map_) if map_ else None
    done: list[Outcome] = []
    with shop.workspace.lock(), terminal.watching() as watch:
        for outcome in import_files(
            shop.workspace, shop.settings.shop, files, mapping=mapping, format_name=format_,
            progress=watch.begin("import"),
        ):  # fmt: skip
            done.append(outcome)
            if not as_json:
                print(line(outcome))
    if as_json:
        print(json.dumps([record(one) for one in done], ensure_ascii=False))
    elif any(not one.already for one in done):
        print(f"Next: handbill run {folder}")


def line(outcome: "Outcome") -> str:
    """What became of a file, in one line."""
    one = outcome.imported
    if outcome.already:
        return f"{one.file}: already imported as {one.folder}; nothing was added"
    rows = ", ".join(f"{count:,} {relation}" for relation, count in one.rows.items())
    marks = "".join(f"; {count:,} times marked {mark}" for mark, count in one.marks.items())
    return f"{one.file}: {one.records:,} records read as {one.format}: {rows}{marks} ({one.folder})"


def record(outcome: "Outcome") -> dict[str, Any]:
    """What became of a file, for programs."""
    one = outcome.imported
    return {
        "file": one.file, "folder": one.folder, "format": one.format, "records": one.records,
        "rows": dict(one.rows), "marks": dict(one.marks), "already": outcome.already,
    }  # fmt: skip


def propose(shop: "Shop", folder: Path, path: Path, write: Path | None, as_json: bool) -> None:
    """Guess how a table would be read, show it, and write it down when asked."""
    from dataclasses import asdict

    from handbill.events.guess import guess_file
    from handbill.workspace import write_text

    if write is not None and write.exists():
        raise ConfigError(f"{write} is there already; name another file, or delete it")
    found = guess_file(path, shop.settings.shop.timezone)
    if write is not None:
        write_text(write, found.toml())
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
    elif found.known:
        print(f"{path.name} is in the format {found.known}, which needs no mapping:")
        print(f"handbill events import {folder} {path}")
    else:
        show(found, path)
        saved = f"Written to {write}" if write else "Save it with --write map.toml"
        print(f"\nNothing was imported. {saved}; then:")
        print(f"handbill events import {folder} {path} --map {write or 'map.toml'}")


def show(found: "Guess", path: Path) -> None:
    """Print a guess: each column before and after, and what becomes of the others."""
    from rich.console import Console
    from rich.table import Table

    times = found.time_format or "ISO 8601"
    times = "no format reads its times" if found.time_format is None else f"times as {times}"
    print(f"{path.name} looks like {found.relation}; {times}; decimal {found.decimal!r}\n")
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for title in ("ours", "its column", "because of", "first value", "is read as"):
        table.add_column(title, overflow="fold")
    for one in found.columns:
        table.add_row(one.ours, one.theirs, one.because, one.before, one.after or "nothing")
    Console(highlight=False, markup=False).print(table)
    for label, names in (
        ("needed, but not found", found.missing),
        ("kept in the context", found.kept),
        ("left out, for it says who someone is", found.left_out),
        ("events", [f"{theirs} becomes {ours}" for theirs, ours in found.event_names.items()]),
    ):
        if names:
            print(f"{label}: {', '.join(names)}")
