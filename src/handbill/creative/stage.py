"""The creative stage: briefs, a tuned writer, checks, the shelf."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from handbill.creative.author import SERVER, Author, Lesson, open_author
from handbill.creative.brief import Work, plan_briefs, read_interest, read_offers, read_segments
from handbill.creative.edit import edited
from handbill.creative.example import Example, pair_of, read_examples
from handbill.creative.forms.current import withdraw
from handbill.creative.prompt import (
    LINES,
    MAX_NEW_TOKENS,
    PROMPT,
    instruction,
    prompt_for,
)
from handbill.creative.select import Choice, choose, plain
from handbill.creative.settings import Settings
from handbill.creative.shelf import put, write_table
from handbill.creative.voice import Voice
from handbill.ports import Progress
from handbill.state import closing_state
from handbill.types import Brief, Creative, Language, ShopProfile, StageResult, Text
from handbill.workspace import Workspace

if TYPE_CHECKING:
    from handbill.creative.judge import Judge

SHOWN = 6
"""Examples that a model sees which is not tuned on them."""


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
            engine,
            written.kept,
            written.rejected,
            settings.approval,
            now,
            settings.signatures,
            settings.channel,
        )
        stale = withdraw(workspace, shop, engine)
    if stale:
        written.notes.append(_stale(len(stale)))
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
    """Make one model ready, and let it answer the briefs of its languages.

    A local one is tuned on all of them; a server is told in each language how to write in it.
    """
    together = [tuple(languages)]
    if SERVER.match(name):
        together = [(language,) for language in languages]
    for some in together:
        examples = [one for language in some for one in read_examples(language)]
        author = open_author(workspace, settings, name, lesson_of(examples, some[0]), progress)
        if author.adapter is not None:
            tag = "_".join(some)
            written.figures |= {
                f"train_seconds_{tag}": round(author.adapter.seconds, 1),
                f"loss_before_{tag}": round(author.adapter.loss_before, 3),
                f"loss_after_{tag}": round(author.adapter.loss_after, 3),
            }
        for language in some:
            voice = Voice.of(examples, language)
            judge = _judge(workspace, settings, language, progress)
            _answer(author, voice, judge, settings, work[language].briefs, written, progress)


def lesson_of(examples: Sequence[Example], language: Language) -> Lesson:
    """What a model learns of writing ads: the examples, and for a server a few of them in words."""
    pairs = tuple(pair_of(one) for one in examples)
    shown = [(one.request, one.completion) for one in pairs[:SHOWN]]
    return Lesson(prompt=PROMPT, lines=LINES, pairs=pairs, instruction=instruction(language, shown))


def _answer(
    author: Author,
    voice: Voice,
    judge: "Judge | None",
    settings: Settings,
    briefs: Sequence[Brief],
    written: Written,
    progress: Progress,
) -> None:
    """Let a model answer the briefs of a language, and choose among its answers."""
    language, writer = voice.language, author.writer
    tokens, seconds = writer.tokens, writer.seconds
    answers = author.answer(
        [prompt_for(brief) for brief in briefs],
        language,
        samples=settings.candidates,
        max_new_tokens=MAX_NEW_TOKENS[language],
        seed=settings.seed,
        progress=progress,
    )
    shown = list[frozenset[str]]()
    choices = [
        choose(
            brief,
            answers[prompt_for(brief)],
            author.maker,
            shown,
            variants=settings.variants,
            voice=voice,
            liked=judge.liked(answers[prompt_for(brief)]) if judge else None,
        )
        for brief in briefs
    ]
    _gather(written, language, choices)
    written.figures[f"ranked_by_{language}"] = f"results {judge.version}" if judge else "form"
    if tokens := writer.tokens - tokens:
        seconds = writer.seconds - seconds
        written.figures |= {
            f"write_seconds_{language}": round(seconds, 1),
            f"tokens_per_second_{language}": round(tokens / seconds, 1),
        }


def _judge(
    workspace: Workspace, settings: Settings, language: Language, progress: Progress
) -> "Judge | None":
    """What results have taught of texts; nothing is loaded where they have not."""
    if not (workspace.models / "judge" / language / "card.json").is_file():
        return None
    from handbill.creative.ranking import open_judge

    return open_judge(workspace, settings, language, progress)


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


def _stale(count: int) -> Text:
    return Text(
        en=f"{count} pieces of product copy were withdrawn: the catalogue has changed under them.",
        zh=f"{count} 份商品文案已撤回：它们所依据的目录内容变了。",
    )


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
