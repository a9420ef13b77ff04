"""`handbill creative check`: copy that people wrote, against the catalogue and the law."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.words import AsJson

if TYPE_CHECKING:
    from handbill.creative.evidence import Record
    from handbill.creative.sheet import Checked

Catalogue = Annotated[
    Path,
    typer.Option(
        "--catalog",
        help="A workspace, or a feed: CSV, TSV, JSON, JSON lines or Parquet with an id.",
    ),
]
Market = Annotated[
    str, typer.Option(help="cn, eu, uk or us; without it cn for Chinese and us for English.")
]
Platforms = Annotated[list[str] | None, typer.Option("--platform", help="google, meta.")]
Model = Annotated[
    str,
    typer.Option(
        help="A model of the workspace, such as gemma-3-270m, to ask about copy that claims "
        "without saying so."
    ),
]
All = Annotated[bool, typer.Option("--all", help="Show what passed too, with its source.")]


def check(
    file: Annotated[Path, typer.Argument(help="Copy: .txt (one ad a line), .csv, .jsonl.")],
    catalog: Catalogue,
    market: Market = "",
    platform: Platforms = None,
    model: Model = "",
    show_all: All = False,
    as_json: AsJson = False,
) -> None:
    """Check copy that people wrote; exit code 1 when anything may not run."""
    from handbill.creative.goods import read_goods
    from handbill.creative.sheet import check_copy, read_copy

    checked = check_copy(
        read_copy(file),
        read_goods(catalog),
        market=market,
        platforms=platform or (),
        records=records_of(catalog),
        suspicious=asking(model, catalog) if model else None,
        today=datetime.now(UTC).date(),
    )
    counts = Counter(one.outcome for one in checked)
    if as_json:
        print(json.dumps({"counts": dict(counts), "copy": as_rows(checked)}, ensure_ascii=False))
    else:
        show(checked, show_all)
        print(
            f"{len(checked)} checked: {counts['pass']} may run, {counts['evidence']} need "
            f"evidence, {counts['block']} may not run."
        )
    if counts["block"]:
        raise typer.Exit(1)


def records_of(catalog: Path) -> "tuple[Record, ...]":
    """The evidence of a workspace; none for a feed."""
    if not (catalog / "handbill.toml").is_file():
        return ()
    from handbill.creative.evidence import standing
    from handbill.shop import Shop
    from handbill.state import closing_state

    with closing_state(Shop.open(catalog).workspace.state_url) as engine:
        return standing(engine)


def asking(model: str, catalog: Path) -> "Callable[[Sequence[str]], list[bool]]":
    """A probe on a model of the workspace; learned once, which takes a minute or two."""
    from handbill.creative.implied import Probe
    from handbill.creative.registry import find
    from handbill.loop import silent
    from handbill.shop import Shop

    shop = Shop.open(catalog)
    creative, models = shop.settings.creative, shop.workspace.models
    base = find(model, models, creative.accept_licences, silent)
    return Probe.open(base, models / "probe", threads=creative.threads).suspicious


def show(checked: "Sequence[Checked]", show_all: bool) -> None:
    """Each finding in three lines: what, why with its article, and the way out."""
    words = {"block": "may not run", "evidence": "needs evidence", "pass": "ok"}
    for one in checked:
        language = "zh" if "cn" in one.packs else "en"
        for ruling in one.rulings:
            if ruling.outcome == "pass" and not show_all:
                continue
            hidden = f" ({ruling.disguise})" if ruling.disguise else ""
            span = f" “{ruling.span}”" if ruling.span else ""
            print(f"line {one.piece.line}: {words[ruling.outcome]}: {ruling.kind}{span}{hidden}")
            print(f"  {getattr(ruling.why, language)} [{ruling.article}]")
            if ruling.outcome != "pass":
                print(f"  {getattr(ruling.way, language)}")


def as_rows(checked: "Sequence[Checked]") -> list[dict[str, object]]:
    """What was found, as JSON has it."""
    return [
        {
            "line": one.piece.line,
            "text": one.piece.text,
            "product": one.product,
            "packs": one.packs,
            "outcome": one.outcome,
            "findings": [
                {
                    "kind": ruling.kind,
                    "start": ruling.start,
                    "end": ruling.end,
                    "span": ruling.span,
                    "outcome": ruling.outcome,
                    "pack": ruling.pack,
                    "article": ruling.article,
                    "why": {"en": ruling.why.en, "zh": ruling.why.zh},
                    "way": {"en": ruling.way.en, "zh": ruling.way.zh},
                    "source": ruling.source,
                    "disguise": ruling.disguise,
                }
                for ruling in one.rulings
            ],
        }
        for one in checked
    ]
