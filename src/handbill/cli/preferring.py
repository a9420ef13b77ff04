"""`handbill creative results | outcome | prefer`: what became of ads, and what is learned of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handbill.cli.model import Shop
from handbill.cli.tuning import idle_threads_sleep, recipe_from
from handbill.cli.words import AsJson, Folder

if TYPE_CHECKING:
    from handbill.creative.ranking import Learned
    from handbill.creative.verdict import Verdict

app = typer.Typer()


@app.command()
def results(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of the terminal.")
    ] = None,
) -> None:
    """Count what became of every ad that was sent, as JSON lines for `creative prefer`."""
    from handbill.creative.results import DAYS, read_results, shown_of
    from handbill.creative.shown import write_shown
    from handbill.errors import SourceError
    from handbill.shop import Shop as Opened
    from handbill.workspace import write_text

    text = write_shown(shown_of(read_results(Opened.open(folder).workspace)))
    if not text:
        raise SourceError(
            f"no results yet: what was only replayed was never sent, and {DAYS} days have to pass "
            "in the log after a message"
        )
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
    from handbill.creative.prefer import Writing, learn_preference
    from handbill.creative.registry import home
    from handbill.creative.shown import read_shown
    from handbill.creative.verdict import record

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
    ):
        if one is not None:
            print(f"{name:<50} {one.estimate:>7.3f}  ({one.low:.3f} to {one.high:.3f})")
    for key, name, more in (
        ("unsupported", "texts that say what the request does not bear", verdict.unsupported),
        ("blocked", "texts that break a rule", verdict.blocked),
    ):
        if more is not None:
            was, now = (verdict.rates[f"{key}_{when}"] for when in ("before", "after"))
            bounds = f"{more.estimate:+.1%} ({more.low:+.1%} to {more.high:+.1%})"
            print(f"{name:<50} {was:>7.1%} -> {now:.1%}, {bounds}")
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


@app.command()
def outcome(folder: Folder, as_json: AsJson = False) -> None:
    """Learn what ads do to people, say how far to believe it, and rank by it where it tells."""
    idle_threads_sleep()
    from handbill.console import terminal
    from handbill.creative.ranking import learn_ranking
    from handbill.shop import Shop as Opened

    shop = Opened.open(folder)
    with terminal.watching() as watch, shop.workspace.lock():
        found = learn_ranking(shop.workspace, shop.settings.creative, watch.begin("outcomes"))
    if as_json:
        print(json.dumps([as_row(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        show_learned(one)


def as_row(one: "Learned") -> dict[str, Any]:
    """What a language's results taught, as JSON has it."""
    from dataclasses import asdict

    look, judge = one.outlook, one.judge
    return {
        "language": one.language,
        "counts": dict(look.counts),
        "classes": look.classes,
        "ways": [asdict(way) for way in look.ways],
        "chosen": look.chosen,
        "told": [asdict(told) for told in look.told],
        "gain": look.gain and asdict(look.gain),
        "why": look.why and asdict(look.why),
        "judge_accuracy": judge and judge.accuracy and asdict(judge.accuracy),
        "judge_pairs": judge.pairs if judge else 0,
        "ranks": one.ranks,
    }


def show_learned(one: "Learned") -> None:
    """Classes, ways and whether the next run ranks by them."""
    look = one.outlook
    said = ", ".join(f"{name} {count}" for name, count in look.counts.items())
    print(f"{one.language}: {said or 'no results yet'}")
    if look.ways:
        print(f"  {'told by':<10}{'log loss':>10}{'accuracy':>10}{'macro F1':>10}{'ECE':>10}")
    for way in look.ways:
        mark = "  chosen" if way.name == look.chosen else ""
        print(f"  {way.name:<10}{way.log_loss:>10.4f}{way.accuracy:>10.3f}{way.macro_f1:>10.3f}"
              f"{way.error:>10.4f}{mark}")  # fmt: skip
    if look.told:
        print(
            f"  {'class':<10}{'of newest':>10}{'precision':>10}{'recall':>10}{'F1':>10}{'AUC':>10}"
        )
    for told in look.told:
        precision = "-" if told.precision is None else f"{told.precision:.3f}"
        print(f"  {told.name:<10}{told.count:>10}{precision:>10}{told.recall:>10.3f}"
              f"{told.f1:>10.3f}{told.auc:>10.3f}")  # fmt: skip
    if look.why is not None:
        print(f"  {look.why.en}")
    if one.judge is not None and one.judge.accuracy is not None:
        sure = one.judge.accuracy
        bounds = f"{sure.estimate:.3f} ({sure.low:.3f} to {sure.high:.3f})"
        print(f"  the text clicked more is told in {bounds} of {one.judge.pairs} decided pairs")
    if one.ranks:
        print("  the next run ranks ads by results")
    else:
        print("  ads are ranked by their form: results do not tell texts apart yet")
