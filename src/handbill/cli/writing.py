"""`handbill creative write | export`: copy for a product, and sheets that platforms import."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbill.cli.tuning import idle_threads_sleep
from handbill.cli.words import AsJson, Folder

if TYPE_CHECKING:
    from handbill.creative.forms.write import Copy

app = typer.Typer()

KINDS = "rsa, meta, taobao, douyin, email, push, title, description or keywords."

Kind = Annotated[str, typer.Option(metavar="KIND", help=KINDS)]


@app.command()
def write(
    folder: Folder,
    product: Annotated[str, typer.Option(metavar="ID", help="Of the catalogue.")],
    kind: Kind,
    language: Annotated[str, typer.Option(help="en or zh; without it the shop's own.")] = "",
    count: Annotated[
        int, typer.Option("-n", help="Candidates; rsa and keywords make one set.", min=1, max=50)
    ] = 8,
    show_all: Annotated[bool, typer.Option("--all", help="Show the lines that fell too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write copy for a product; each candidate is checked and waits for a person."""
    idle_threads_sleep()
    from handbill.errors import ConfigError
    from handbill.shop import Shop
    from handbill.types import LANGUAGES

    spoken = next((one for one in LANGUAGES if one == language), None)
    if language and spoken is None:
        raise ConfigError(f"--language {language}: one of {', '.join(LANGUAGES)}")
    shop = Shop.open(folder)
    if as_json:
        row = as_row(shop.write(product, kind, language=spoken, count=count))
        print(json.dumps(row, ensure_ascii=False))
        return
    from handbill.console import terminal

    with terminal.watching() as watch:
        tell = watch.begin("writing")
        copy = shop.write(product, kind, language=spoken, count=count, progress=tell)
    show(copy, show_all)
    ids = " ".join(one.id for one in copy.pieces if copy.statuses[one.id] == "waiting")
    step = f"approve {folder} {ids} --by NAME" if ids else f"export {folder} --kind {kind}"
    print(f"Next: handbill creative {step}")


@app.command()
def export(
    folder: Folder,
    kind: Kind,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of the terminal.")
    ] = None,
) -> None:
    """Give approved copy in the columns that its platform imports, as CSV."""
    import sys

    from handbill.shop import Shop

    exported = Shop.open(folder).export(kind)
    if out is None:
        print(exported.text, end="")
    else:
        from handbill.creative.forms.sheets import save

        save(exported, out)
    for one, why in exported.stale.items():
        print(f"left out: {one}: {why}", file=sys.stderr)
    print(f"{exported.count} of {kind} exported{f' to {out}' if out else ''}.", file=sys.stderr)


def show(copy: "Copy", show_all: bool) -> None:
    """Each candidate with its fields, what it rests on and what a person has to see to."""
    from handbill.types import fill

    for one in copy.pieces:
        values = {fact.name: fact.value for fact in one.brief.facts}
        origin = "plain facts" if one.origin == "template" else one.origin
        print(f"{one.id}   {copy.statuses[one.id]}   [{origin}]")
        for name, lines in copy.fields(one).items():
            field = copy.form.field(name)
            for line in lines:
                text = fill(line, values)
                print(f"  {name:<12} {text}   ({field.count(text)}/{field.width})")
        for found in one.findings:
            if found.outcome == "evidence":
                print(f"  asks for evidence: {found.span or found.rule}: {found.reason}")
        claims = copy.claims(one)
        if claims:
            print(f"  rests on: {'; '.join(claims)}")
        print()
    for lost in copy.fallen if show_all else ():
        why = "; ".join(found.reason for found in lost.findings if found.outcome == "block")
        print(f"fell: {lost.text}\n  {why}")
    fell = Counter(lost.findings[0].rule for lost in copy.fallen)
    said = ", ".join(f"{rule} {count}" for rule, count in fell.most_common(4))
    if copy.lines or copy.fallen:
        print(
            f"{copy.lines} of {copy.lines + len(copy.fallen)} lines of the model passed"
            f"{f'; fell: {said}' if said else ''}."
        )


def as_row(copy: "Copy") -> dict[str, Any]:
    """What was written, as JSON has it."""
    from handbill.types import fill

    def filled(one: Any) -> dict[str, list[str]]:
        values = {fact.name: fact.value for fact in one.brief.facts}
        fields = copy.fields(one).items()
        return {name: [fill(line, values) for line in lines] for name, lines in fields}

    return {
        "kind": copy.form.name,
        "lines_passed": copy.lines,
        "lines_fallen": len(copy.fallen),
        "pieces": [
            {
                "id": one.id,
                "status": copy.statuses[one.id],
                "origin": one.origin,
                "fields": filled(one),
                "claims": copy.claims(one),
                "findings": [
                    {"rule": found.rule, "span": found.span, "outcome": found.outcome,
                     "reason": found.reason}
                    for found in one.findings
                ],
            }
            for one in copy.pieces
        ],
    }  # fmt: skip
