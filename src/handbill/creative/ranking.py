"""Ranking by results: where a shop's own results tell good texts from others, they rank its ads."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from handbill.creative.author import SERVER
from handbill.creative.judge import Judge, Reader, learn
from handbill.creative.outcome import Outlook, learn_outcomes
from handbill.creative.registry import find
from handbill.creative.results import read_results, shown_of
from handbill.creative.settings import Settings
from handbill.ports import Progress
from handbill.types import Language
from handbill.workspace import Workspace, read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What a language's results taught.

    Attributes:
        language: Of the ads.
        outlook: What becomes of an ad.
        judge: Which of two texts of a brief is clicked more; None where none could be compared.
    """

    language: Language
    outlook: Outlook
    judge: Judge | None

    @property
    def ranks(self) -> bool:
        """Whether the next run ranks by the judge: only where it is better than a coin."""
        return self.judge is not None and self.judge.reliable


def learn_ranking(
    workspace: Workspace, settings: Settings, progress: Progress
) -> tuple[Learned, ...]:
    """Learn from a shop's own results, language by language, and keep what is good enough.

    Raises:
        SourceError: There is no ledger, or no log.
        ModelError: A model does not load.
    """
    progress("reading the ledger")
    results = read_results(workspace)
    found = []
    for language in settings.languages:
        rows = [one for one in results if one.brief.language == language]
        name = settings.models.get(language, "")
        progress(f"learning what became of ads in {language}")
        if not rows or not name or SERVER.match(name):
            # a model behind a server shows nobody its features
            found.append(Learned(language=language, outlook=learn_outcomes(rows), judge=None))
            continue
        base = find(name, workspace.models, settings.accept_licences, progress)
        reader = Reader.open(base, threads=settings.threads)
        learned = Learned(
            language=language,
            outlook=learn_outcomes(rows, lambda reader=reader: reader),  # type: ignore[misc]
            judge=learn(shown_of(rows), reader, settings.seed),
        )
        _keep(_folder(workspace, language), learned)
        found.append(learned)
    return tuple(found)


def open_judge(
    workspace: Workspace, settings: Settings, language: Language, progress: Progress
) -> Judge | None:
    """The judge that ranks ads in a language, where results have taught one.

    Returns:
        None when it reads with another model than the one set now; learn again for that.

    Raises:
        ModelError: It is damaged, or a model does not load.
    """
    folder, name = _folder(workspace, language), settings.models[language]
    if SERVER.match(name):
        return None
    base = find(name, workspace.models, settings.accept_licences, progress)
    if read_json(folder / "card.json").get("reader") != base.id:
        return None
    return Judge.load(folder, Reader.open(base, threads=settings.threads))


def _folder(workspace: Workspace, language: Language) -> Path:
    return workspace.models / "judge" / language


def _keep(folder: Path, learned: Learned) -> None:
    """Put the judge in place whole, or take an old one away that results no longer bear out."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    if learned.judge is not None and learned.ranks:
        learned.judge.save(part)
    shutil.rmtree(folder, ignore_errors=True)
    if part.is_dir():
        part.replace(folder)
