"""The creative stage: briefs, a tuned writer, checks, the shelf."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from handbill.creative.answers import Answers
from handbill.creative.brief import Work, plan_briefs, read_interest, read_offers, read_segments
from handbill.creative.example import Example, read_examples
from handbill.creative.pairs import Pair
from handbill.creative.prompt import MAX_NEW_TOKENS, PROMPT, completion_for, prompt_for
from handbill.creative.recipe import Recipe
from handbill.creative.registry import find
from handbill.creative.select import Choice, Maker, choose, plain
from handbill.creative.settings import Settings
from handbill.creative.shelf import put, write_table
from handbill.creative.template import without_terms
from handbill.creative.voice import Voice
from handbill.ports import Progress, TextModel
from handbill.state import open_state
from handbill.types import Brief, Creative, Language, ShopProfile, StageResult, Text
from handbill.workspace import Workspace

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
    engine = open_state(workspace.state_url)
    try:
        statuses = put(engine, written.kept, written.rejected, settings.approval, datetime.now(UTC))
    finally:
        engine.dispose()
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


def _write(
    workspace: Workspace,
    settings: Settings,
    name: str,
    languages: Sequence[Language],
    work: dict[Language, Work],
    written: Written,
    progress: Progress,
) -> None:
    """Tune one model on the examples of its languages, and let it answer their briefs."""
    from handbill.creative.tune import tune, version_of
    from handbill.creative.writer import OVERSAMPLE, LocalWriter

    base = find(name, workspace.models, settings.accept_licences, progress)
    recipe = recipe_of(settings)
    examples = [one for language in languages for one in read_examples(language)]
    pairs = [pair_of(one) for one in examples]
    path = workspace.models / "adapter" / version_of(base, pairs, recipe)
    adapter = tune(base, pairs, recipe, path, workspace.models, progress)
    writer = LocalWriter.open(adapter.base, adapter.path, threads=settings.threads)
    maker = Maker(model=writer.name, adapter=adapter.version, prompt=PROMPT)
    for language in languages:
        briefs = work[language].briefs
        kept = Answers.open(
            adapter.path / "answers",
            language=language,
            prompt=PROMPT,
            samples=settings.candidates,
            seed=settings.seed,
            oversample=OVERSAMPLE,
            temperature=writer.temperature,
            top_p=writer.top_p,
        )
        answers = _ask(writer, briefs, language, settings, kept, progress)
        voice, shown = Voice.of(examples, language), list[frozenset[str]]()
        choices = [
            choose(
                brief,
                answers[prompt_for(brief)],
                maker,
                shown,
                variants=settings.variants,
                voice=voice,
            )
            for brief in briefs
        ]
        _gather(written, language, choices)
    tag = "_".join(languages)
    written.figures |= {
        f"train_seconds_{tag}": round(adapter.seconds, 1),
        f"loss_before_{tag}": round(adapter.loss_before, 3),
        f"loss_after_{tag}": round(adapter.loss_after, 3),
    }
    if writer.tokens:
        written.figures |= {
            f"write_seconds_{tag}": round(writer.seconds, 1),
            f"tokens_per_second_{tag}": round(writer.tokens / writer.seconds, 1),
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
