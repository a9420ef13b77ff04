"""The creative stage: briefs, a tuned writer, checks, the shelf."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from handbill.creative.answers import Answers
from handbill.creative.brief import Work, plan_briefs, read_interest, read_offers, read_segments
from handbill.creative.edit import edited
from handbill.creative.example import Example, read_examples
from handbill.creative.pairs import Pair
from handbill.creative.prompt import (
    LINES,
    MAX_NEW_TOKENS,
    PROMPT,
    completion_for,
    instruction,
    prompt_for,
)
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.select import Choice, Maker, choose, plain
from handbill.creative.settings import Settings
from handbill.creative.shelf import put, write_table
from handbill.creative.template import without_terms
from handbill.creative.voice import Voice
from handbill.ports import Progress, TextModel
from handbill.state import closing_state
from handbill.types import Brief, Creative, Language, ShopProfile, StageResult, Text
from handbill.workspace import Workspace

if TYPE_CHECKING:
    from handbill.creative.server import ServerWriter
    from handbill.creative.writer import LocalWriter

SERVER = re.compile(r"https?://[^#\s]+#[^#\s]+$")
"""A model behind a server, as settings name it."""

SHOWN = 6
"""Examples that a model sees which is not tuned on them."""

AT_ONCE = 4
"""Prompts asked together: enough to fill a batch."""


@dataclass(slots=True)
class Written:
    """What the stage gathers as it goes.

    Attributes:
        kept: Ads to show.
        rejected: Candidates that fell.
        figures: For the report.
        notes: For people.
    """

    kept: list[Creative] = field(default_factory=list)
    rejected: list[Creative] = field(default_factory=list)
    figures: dict[str, float | int | str] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Write, check and shelve the ads; see `handbill.creative.run`."""
    progress("reading offers and segments")
    work = _plan(workspace, shop, settings)
    written = Written()
    by_model: dict[str, list[Language]] = {}
    for language in settings.languages:
        written.notes.extend(work[language].notes)
        if language in settings.models and work[language].briefs:
            by_model.setdefault(settings.models[language], []).append(language)
    for model, languages in by_model.items():
        _write(workspace, settings, model, languages, work, written, progress)
    for language in settings.languages:
        _fill_in(language, settings, work[language], written)
    progress("shelving the ads")
    now = datetime.now(UTC)
    briefs = [one for plan in work.values() for one in (*plan.briefs, *plan.plain)]
    with closing_state(workspace.state_url) as engine:
        kept, fallen = edited(engine, briefs, now.date())
        written.kept.extend(kept)
        written.rejected.extend(fallen)
        statuses = put(
            engine, written.kept, written.rejected, settings.approval, now, settings.signatures
        )
    table = write_table(
        workspace.tables / "creatives.parquet", written.kept, written.rejected, statuses
    )
    return StageResult(
        figures=written.figures | _figures(work, written, list(statuses.values())),
        outputs=(table,),
        notes=tuple(written.notes),
    )


def _plan(workspace: Workspace, shop: ShopProfile, settings: Settings) -> dict[Language, Work]:
    offers = read_offers(workspace, shop, settings.horizon_days)
    segments = read_segments(workspace)
    interest = read_interest(workspace, segments)
    return {
        language: plan_briefs(
            offers,
            segments,
            interest,
            shop,
            language,
            settings.max_briefs if language in settings.models else 0,
            settings.channel,
        )
        for language in settings.languages
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """A model that is ready to write.

    Attributes:
        writer: It answers requests.
        maker: As the ledger records it.
        folder: Where its answers are kept.
        way: What else decides its answers.
        examples: What its words are held to.
        figures: For the report.
    """

    writer: "LocalWriter | ServerWriter"
    maker: Maker
    folder: Path
    way: dict[str, str | int | float]
    examples: Sequence[Example]
    figures: dict[str, float]


def _write(
    workspace: Workspace,
    settings: Settings,
    name: str,
    languages: Sequence[Language],
    work: dict[Language, Work],
    written: Written,
    progress: Progress,
) -> None:
    """Make one model ready, and let it answer the briefs of its languages."""
    if SERVER.match(name):
        for language in languages:  # each is told in its own language how to write
            author = _behind_http(workspace, settings, name, language)
            _answer(author, language, settings, work[language].briefs, written, progress)
        return
    author = _tuned(workspace, settings, name, languages, progress)
    for language in languages:
        _answer(author, language, settings, work[language].briefs, written, progress)


def _tuned(
    workspace: Workspace,
    settings: Settings,
    name: str,
    languages: Sequence[Language],
    progress: Progress,
) -> Author:
    """A local model, tuned on the examples of its languages."""
    from handbill.creative.tune import tune, version_of
    from handbill.creative.writer import OVERSAMPLE, LocalWriter

    base = find(name, workspace.models, settings.accept_licences, progress)
    recipe = recipe_of(settings)
    examples = [one for language in languages for one in read_examples(language)]
    pairs = [pair_of(one) for one in examples]
    path = workspace.models / "adapter" / version_of(base, pairs, recipe)
    adapter = tune(base, pairs, recipe, path, workspace.models, progress)
    writer = LocalWriter.open(adapter.base, adapter.path, threads=settings.threads)
    writer.lines = LINES
    tag = "_".join(languages)
    return Author(
        writer=writer,
        maker=Maker(model=writer.name, adapter=adapter.version, prompt=PROMPT),
        folder=adapter.path / "answers",
        way={
            "oversample": OVERSAMPLE,
            "temperature": writer.temperature,
            "top_p": writer.top_p,
            "lines": LINES,
        },
        examples=examples,
        figures={
            f"train_seconds_{tag}": round(adapter.seconds, 1),
            f"loss_before_{tag}": round(adapter.loss_before, 3),
            f"loss_after_{tag}": round(adapter.loss_after, 3),
        },
    )


def _behind_http(workspace: Workspace, settings: Settings, name: str, language: Language) -> Author:
    """A model behind a server, shown a few of the examples."""
    from handbill.creative.purse import MILLION, Purse
    from handbill.creative.server import KEY, ServerWriter

    url, _, model = name.partition("#")
    examples = read_examples(language)
    shown = [pair_of(one) for one in examples[:SHOWN]]
    purse = Purse(
        path=workspace.models / "server" / "spent.sqlite",
        budget=round(settings.server_budget * MILLION),
        price_in=round(settings.server_price_in * MILLION),
        price_out=round(settings.server_price_out * MILLION),
    )
    writer = ServerWriter(
        url=url,
        model=model,
        system=instruction(language, [(one.request, one.completion) for one in shown]),
        purse=purse if settings.server_budget else None,
        key=os.environ.get(KEY, ""),
        timeout=settings.server_timeout,
        structured=True,
    )
    return Author(
        writer=writer,
        maker=Maker(model=writer.name, adapter="", prompt=PROMPT),
        folder=workspace.models / "server" / "answers",
        way={"model": name, "system": writer.system, "temperature": writer.temperature},
        examples=examples,
        figures={},
    )


def _answer(
    author: Author,
    language: Language,
    settings: Settings,
    briefs: Sequence[Brief],
    written: Written,
    progress: Progress,
) -> None:
    """Let a model answer the briefs of a language, and choose among its answers."""
    kept = Answers.open(
        author.folder,
        language=language,
        prompt=PROMPT,
        samples=settings.candidates,
        seed=settings.seed,
        **author.way,
    )
    writer = author.writer
    tokens, seconds = writer.tokens, writer.seconds
    answers = _ask(writer, briefs, language, settings, kept, progress)
    voice, shown = Voice.of(author.examples, language), list[frozenset[str]]()
    choices = [
        choose(
            brief,
            answers[prompt_for(brief)],
            author.maker,
            shown,
            variants=settings.variants,
            voice=voice,
        )
        for brief in briefs
    ]
    _gather(written, language, choices)
    written.figures |= author.figures
    if tokens := writer.tokens - tokens:
        seconds = writer.seconds - seconds
        written.figures |= {
            f"write_seconds_{language}": round(seconds, 1),
            f"tokens_per_second_{language}": round(tokens / seconds, 1),
        }


def recipe_of(settings: Settings) -> Recipe:
    """How the shop's adapter is tuned: a few steps on a hundred ads, each length together."""
    return Recipe(
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        rank=settings.rank,
        dropout=0.0,
        batch=8,
        held_out=0.125,
        patience=0,
        looks=1,
        threads=settings.threads,
        seed=settings.seed,
    )


def pair_of(example: Example) -> Pair:
    """What a model learns from an example: the request, and the part of the ad that it writes."""
    values = {fact.name: fact.value for fact in example.brief.facts}
    return Pair(
        prompt=prompt_for(example.brief),
        completion=completion_for(without_terms(example.draft, example.brief)),
        product=values.get("product", values.get("category", example.brief.id)),
    )


def _ask(
    writer: TextModel,
    briefs: Sequence[Brief],
    language: Language,
    settings: Settings,
    answers: Answers,
    progress: Progress,
) -> dict[str, list[str]]:
    """The answers to each different prompt, asked a few at a time so that progress shows.

    Those of an earlier run are taken as they are: approving an ad must not have all of them
    written again, and an interrupted run goes on where it stopped.
    """
    prompts = list(dict.fromkeys(prompt_for(brief) for brief in briefs))
    for at in range(0, len(prompts), AT_ONCE):
        progress(f"writing in {language}", at / len(prompts))
        some = prompts[at : at + AT_ONCE]
        if all(one in answers.known for one in some):
            continue
        texts = writer.generate(
            some,
            samples=settings.candidates,
            max_new_tokens=MAX_NEW_TOKENS[language],
            seed=settings.seed + at,
        )
        answers.add(some, texts)
    return answers.known


def _gather(written: Written, language: Language, choices: Sequence[Choice]) -> None:
    kept = [one for choice in choices for one in choice.kept]
    rejected = [one for choice in choices for one in choice.rejected]
    passed = sum(one.origin == "model" for one in kept)
    written.kept.extend(kept)
    written.rejected.extend(rejected)
    written.figures[f"ads_written_{language}"] = passed + len(rejected)
    written.figures[f"ads_passed_{language}"] = passed


def _fill_in(language: Language, settings: Settings, work: Work, written: Written) -> None:
    """Templates for what the model was not asked."""
    if language not in settings.models and work.plain:
        written.notes.append(_no_model(language))
    for brief in work.plain:
        written.kept.extend(plain(brief))


def _no_model(language: Language) -> Text:
    english, chinese = {"en": ("English", "英文"), "zh": ("Chinese", "中文")}[language]
    setting = 'models = {en = "smollm2-135m", zh = "gemma-3-270m"}'
    return Text(
        en=(
            f"No model writes {english}: its ads are plain templates. One setting under [creative] "
            f"mends it: {setting}"
        ),
        zh=(
            f"没有模型来写{chinese}，广告用的是只陈述事实的模板。在 [creative] 下加一项设置即可："
            f"{setting}"
        ),
    )


def _figures(
    work: dict[Language, Work],
    written: Written,
    statuses: Sequence[str],
) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {
        "briefs": sum(len(one.briefs) + len(one.plain) for one in work.values()),
        "ads_written": sum(one.origin == "model" for one in (*written.kept, *written.rejected)),
        "ads_passed": sum(one.origin == "model" for one in written.kept),
        "ads_template": sum(one.origin == "template" for one in written.kept),
        "ads_edited": sum(one.origin == "person" for one in written.kept),
        "ads_approved": statuses.count("approved"),
        "ads_waiting": statuses.count("waiting"),
    }
    rules = Counter(
        rule
        for one in written.rejected
        for rule in {finding.rule for finding in one.findings if finding.outcome == "block"}
    )
    figures |= {f"rejected_{rule}": count for rule, count in sorted(rules.items())}
    return figures
