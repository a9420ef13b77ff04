"""`handbill audience` and `handbill portrait`: who the customers are."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from handbill.cli.words import AsJson, Folder
from handbill.errors import ConfigError
from handbill.types import LANGUAGES

app = typer.Typer(help="Who the customers are.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Who the customers are."""


@app.command("segments")
def segments(folder: Folder, as_json: AsJson = False) -> None:
    """Show the segments, RFM's cells and the shop's own rules, with their people."""
    from handbill.shop import Shop

    found = Shop.open(folder).segments()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for one in found["segments"]:
        print(f"{one['id']:<6} {one['size']:>9,}  {one['name']['en']}  {one['name']['zh']}")
        for fact in one["facts"]:
            print(f"{'':18}{fact['en']}")
    for one in found["rfm"]:
        print(f"{'rfm':<6} {one['people']:>9,}  {one['name']['en']}  {one['name']['zh']}")
    for one in found["rules"]:
        small = "" if one["kept"] else "  (too few people, not kept)"
        print(f"{'rule':<6} {one['people']:>9,}  {one['rule']} = {one['text']}{small}")


@app.command("lookalikes")
def lookalikes(
    folder: Folder,
    listed: Annotated[
        Path,
        typer.Argument(metavar="LIST", help="CSV whose first column holds the shop's own ids."),
    ],
    most: Annotated[int, typer.Option("-n", min=1, help="How many people to find.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Find people like those of a list; how well that works is measured on the list itself."""
    from dataclasses import asdict

    from handbill.shop import Shop

    found = Shop.open(folder).lookalikes(read_list(listed), most=most)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
        return
    for person in found.people:
        print(person)
    unknown = f", {found.unknown} the shop does not know" if found.unknown else ""
    print(f"{found.members} people of the list{unknown}.", file=sys.stderr)
    if found.why is not None:
        print(found.why.en, file=sys.stderr)
    if found.lift is not None:
        print(
            f"Lift on people of the list that the model had not seen: {found.lift.estimate:.2f} "
            f"({found.lift.low:.2f} to {found.lift.high:.2f}; 1 is chance).",
            file=sys.stderr,
        )


def portrait(
    folder: Folder,
    customer: Annotated[
        str, typer.Option("--customer", metavar="ID", help="The shop's own id, or a pseudonym.")
    ],
    lang: Annotated[str, typer.Option("--lang", help="en or zh; the shop's when left out.")] = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page instead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what is known of one customer, and what to do next."""
    from dataclasses import asdict

    from handbill.console.portrait import plain, write_portrait
    from handbill.shop import Shop

    if lang and lang not in LANGUAGES:
        raise ConfigError(f"--lang is {lang!r}; it must be one of {', '.join(LANGUAGES)}")
    shop = Shop.open(folder)
    found = shop.portrait(customer)
    if html is not None:
        print(write_portrait(found, shop.settings.shop, html.expanduser()))
    elif as_json:
        print(json.dumps(asdict(found), ensure_ascii=False, default=str))
    else:
        print(plain(found, "zh" if (lang or shop.settings.shop.language) == "zh" else "en"))


def read_list(path: Path) -> list[str]:
    """The first column of a CSV file; a header is an id that nobody has.

    Raises:
        ConfigError: It cannot be read, or holds nothing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            ids = [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read {path} as a CSV of customer ids: {error}") from error
    if not ids:
        raise ConfigError(f"{path} holds no customer ids; give one in the first column of each row")
    return ids
