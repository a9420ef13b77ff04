"""`handbill creative tune | evaluate`: a writer learns a voice, and shows what it learned."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from handbill.cli.model import Shop
from handbill.cli.words import AsJson

app = typer.Typer()

Data = Annotated[
    Path, typer.Option("--data", metavar="FILE", help="Pairs, JSON lines; see docs/creative.md.")
]


@app.command()
def tune(
    data: Data,
    base: Annotated[str, typer.Option(help="A model's name, a folder or a hub id.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder the adapter becomes.")],
    method: Annotated[str, typer.Option(help="lora, adalora, ia3 or full.")] = "lora",
    epochs: Annotated[int, typer.Option(help="Times each pair is seen.")] = 3,
    minutes: Annotated[float | None, typer.Option(help="Stop after so many.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    more: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of docs/creative.md."),
    ] = None,
    track: Annotated[str, typer.Option(help="tensorboard, wandb, mlflow or none.")] = "tensorboard",
    search_minutes: Annotated[
        float, typer.Option(help="First look for settings, for so long.")
    ] = 0.0,
    shop: Shop = None,
) -> None:
    """Tune a model on pairs; the same command goes on with one that was interrupted."""
    idle_threads_sleep()
    from handbill.console import terminal
    from handbill.creative.pairs import read_pairs
    from handbill.creative.registry import find, home
    from handbill.creative.search import search
    from handbill.creative.track import tracking
    from handbill.creative.tune import tune as train

    pairs = read_pairs(data)
    given = {"method": method, "epochs": epochs, "minutes": minutes, "device": device}
    recipe = recipe_from(given, more or [])
    models = home(shop)
    with terminal.watching() as watch:
        tell = watch.begin("tuning")
        model = find(base, models, (), tell)
        if search_minutes:
            aside = out.with_name(f".{out.name}.search")
            recipe, trials = search(model, pairs, recipe, search_minutes, aside, models, tell)
            settings = {name: getattr(recipe, name) for name in trials[0] if "loss" not in name}
            said = " ".join(f"--set {name}={value:.6g}" for name, value in settings.items())
            print(f"{len(trials)} trials; the best settings: {said}", flush=True)
        curves = out.with_name(f"{out.name}.curves")
        with tracking(track, curves, dataclasses.asdict(recipe)) as tracked:
            adapter = train(model, pairs, recipe, out, models, tell, tracked)
    card = json.loads((adapter.path / "card.json").read_text(encoding="utf-8"))
    print(
        f"held-out loss {adapter.loss_before:.3f} -> {adapter.loss_after:.3f} a token; "
        f"on general text {card['general_before']:.3f} -> {card['general_after']:.3f}\n"
        f"{card['steps']} steps, {adapter.seconds:,.0f} s"
        f"{card['stopped'] and '; stopped: ' + card['stopped']}\n{adapter.path}"
    )


@app.command()
def evaluate(
    data: Data,
    adapter: Annotated[Path, typer.Option(metavar="DIR", help="What `creative tune` made.")],
    candidates: Annotated[
        int, typer.Option(help="Texts written of each; the best supported one counts.")
    ] = 1,
    lexicon: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Pairs whose values count as stated; else those of DATA."
        ),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the texts there, one a line.")
    ] = None,
    max_tokens: Annotated[int, typer.Option(help="Cut texts and references there.")] = 64,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="Cores.")] = 2,
    shop: Shop = None,
    as_json: AsJson = False,
) -> None:
    """Write a text for every pair and compare it with the person's."""
    idle_threads_sleep()
    from handbill.console import terminal
    from handbill.creative.evaluate import evaluate as judge
    from handbill.creative.evaluate import open_adapter
    from handbill.creative.metrics import Lexicon
    from handbill.creative.pairs import read_pairs
    from handbill.creative.registry import home
    from handbill.workspace import write_text

    pairs = read_pairs(data)
    known = Lexicon.of(read_pairs(lexicon) if lexicon else pairs)
    with terminal.watching() as watch:
        tell = watch.begin("evaluating")
        writer, slotted = open_adapter(adapter, home(shop), (), threads=threads, device=device)
        found = judge(
            writer, pairs, known, tell,
            max_tokens=max_tokens, slotted=slotted, candidates=candidates,
        )  # fmt: skip
    if texts:
        write_text(texts, "".join(f"{' '.join(one.split())}\n" for one in found.texts))
    if as_json:
        print(json.dumps({"figures": found.figures, "notes": []}))
        return
    width = max(map(len, found.figures))
    for name, value in found.figures.items():
        print(f"{name:<{width}}  {value:>10,.3f}")


def idle_threads_sleep() -> None:
    """Unless the environment says otherwise; it has to be said before torch is loaded."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def recipe_from(given: dict[str, Any], more: list[str]) -> Any:
    """Settings as words, turned into the types of a recipe.

    Raises:
        ConfigError: One is unknown or does not read.
    """
    from handbill.creative.recipe import Recipe
    from handbill.errors import ConfigError

    plain = Recipe()
    kinds = {one.name: type(getattr(plain, one.name)) for one in dataclasses.fields(Recipe)}
    for word in more:
        name, _, value = word.partition("=")
        if name not in kinds:
            raise ConfigError(f"unknown setting {name}; known: {', '.join(kinds)}")
        try:
            kind = kinds[name]
            given[name] = value == "true" if kind is bool else kind(value)
            if kind is bool and value not in ("true", "false"):
                raise ValueError
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{name} = {value!r} is not a {kinds[name].__name__}") from error
    return Recipe(**given)
