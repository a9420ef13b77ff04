"""`handbill creative results | prefer`: what became of ads, and a writer that learns from it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handbill.cli.model import Shop
from handbill.cli.tuning import idle_threads_sleep, recipe_from
from handbill.cli.words import AsJson, Folder

if TYPE_CHECKING:
    from handbill.creative.prefer import Verdict

app = typer.Typer()


@app.command()
def results(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of the terminal.")
    ] = None,
) -> None:
    """Count what became of every ad that was sent, as JSON lines for `creative prefer`."""
    from handbill.creative.results import read_results, shown_of
    from handbill.creative.shown import write_shown
    from handbill.shop import Shop as Opened
    from handbill.workspace import write_text

    text = write_shown(shown_of(read_results(Opened.open(folder).workspace)))
    if out is None:
        print(text, end="")
        return
    write_text(out, text)
    print(f"{text.count(chr(10))} texts with what became of them. Next: handbill creative prefer")


@app.command()
def prefer(
    data: Annotated[
        Path, typer.Option("--data", metavar="FILE", help="Outcomes, JSON lines; see docs.")
    ],
    adapter: Annotated[Path, typer.Option(metavar="DIR", help="The writer that learns on.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder the child goes to; else beside its parent."),
    ] = None,
    market: Annotated[
        str, typer.Option(help="cn, eu, uk or us; without it cn for Chinese and us for English.")
    ] = "",
    epochs: Annotated[int, typer.Option(help="Times each pair is seen.")] = 1,
    briefs: Annotated[int, typer.Option(help="Held-out requests both answer, at most.")] = 200,
    lines: Annotated[int, typer.Option(help="Lines of a text; 0 leaves it to the model.")] = 0,
    max_tokens: Annotated[int, typer.Option(help="Room for a text.")] = 64,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    more: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any setting of `creative tune`."),
    ] = None,
    shop: Shop = None,
    as_json: AsJson = False,
) -> None:
    """Let a writer learn what people preferred; it ships only if it beats its parent."""
    idle_threads_sleep()
    from handbill.console import terminal
    from handbill.creative.evaluate import base_of
    from handbill.creative.faults import checker
    from handbill.creative.judge import Reader
    from handbill.creative.prefer import Writing, learn_preference, record
    from handbill.creative.registry import home
    from handbill.creative.shown import read_shown

    shown = read_shown(data)
    given = {"epochs": epochs, "device": device, "learning_rate": 1e-4, "dropout": 0.0}
    recipe = recipe_from(given, more or [])
    models = home(shop)
    base, _ = base_of(adapter, models, ())
    with terminal.watching() as watch:
        verdict = learn_preference(
            base, adapter, shown,
            checker({one.prompt for one in shown}, market),
            lambda: Reader.open(base, threads=recipe.threads),
            out or adapter.parent, models, recipe,
            Writing(briefs=briefs, lines=lines, max_new_tokens=max_tokens, seed=recipe.seed),
            watch.begin("preference"),
        )  # fmt: skip
    if as_json:
        path = None if verdict.path is None else str(verdict.path)
        print(json.dumps(record(verdict) | {"path": path}, ensure_ascii=False))
    else:
        show(verdict)


def show(verdict: "Verdict") -> None:
    """What was learned, what it did, and whether it ships."""
    said = ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in verdict.counts.items())
    print(f"{verdict.pairs} pairs to learn from ({said or 'none'})")
    for name, one in (
        ("the judge tells winners, on tests it did not see", verdict.accuracy),
        ("the judge prefers the child", verdict.wins),
        ("predicted gain, log-odds of a click", verdict.gain),
        ("more texts say what the request does not bear", verdict.unsupported),
        ("more texts break a rule", verdict.blocked),
    ):
        if one is not None:
            print(f"{name:<50} {one.estimate:>7.3f}  ({one.low:.3f} to {one.high:.3f})")
    for name, rate in verdict.rates.items():
        print(f"{name.replace('_', ' '):<50} {rate:>7.3f}")
    if verdict.tics:
        print(f"\n{'a text has':<24}{'before':>9}{'after':>9}   rise")
    for tic in verdict.tics:
        alarm = "  ALARM" if tic.alarm else ""
        rise = f"{tic.rise.estimate:+.3f} ({tic.rise.low:+.3f} to {tic.rise.high:+.3f})"
        name = tic.name.replace("_", " ")
        print(f"{name:<24}{tic.before:>9.3f}{tic.after:>9.3f}   {rise}{alarm}")
    for brief, before, after in verdict.samples:
        print(f"\n{brief}\n  before: {before}\n  after:  {after}")
    print()
    for why in verdict.why:
        print(why.en)
    if verdict.path is not None:
        word = "It ships" if verdict.ships else "It does not ship; it lies in"
        print(f"{word}: {verdict.path}")
