"""A shop, from Python: open it, run it, read its figures, write its report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from handbill import config, loop
from handbill.ports import Progress
from handbill.types import StageRun
from handbill.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop's workspace with its settings.

    Attributes:
        workspace: Its folder.
        settings: What `handbill.toml` says, checked.

    Example:
        >>> shop = Shop.open("myshop")  # doctest: +SKIP
        >>> shop.run()  # doctest: +SKIP
        >>> shop.figures()["feedback"]["auc"]  # doctest: +SKIP
    """

    workspace: Workspace
    settings: config.Config

    @classmethod
    def create(cls, path: str | Path, *, source: str) -> "Shop":
        """Make a workspace.

        Args:
            path: A new or empty folder.
            source: `complete-journey`, or a folder of the shop's own CSV exports.

        Raises:
            HandbillError: The folder is in use, or the source is not there.
        """
        workspace = Workspace.create(Path(path), config.template(source))
        return cls(workspace, config.load(workspace))

    @classmethod
    def open(cls, path: str | Path) -> "Shop":
        """Open an existing workspace.

        Raises:
            HandbillError: It is not a workspace, or its settings are wrong.
        """
        workspace = Workspace.open(Path(path))
        return cls(workspace, config.load(workspace))

    def run(
        self,
        *,
        until: str = loop.STAGE_NAMES[-1],
        on_stage: Callable[[StageRun], None] = lambda run: None,
        progress: Callable[[str], Progress] = lambda stage: loop.silent,
    ) -> tuple[StageRun, ...]:
        """Run the stages whose inputs changed.

        Args:
            until: Last stage to run: events, audience, creative, placement, delivery or feedback.
            on_stage: Told of each stage as it ends.
            progress: Gives the progress to tell while a stage works, by the stage's name.

        Returns:
            One run per stage, those found up to date marked `skipped`.

        Raises:
            HandbillError: What could not be done, and the way out.
        """
        done = []
        for run in loop.run(self.workspace, self.settings, until=until, progress=progress):
            on_stage(run)
            done.append(run)
        return tuple(done)

    def figures(self) -> Mapping[str, Mapping[str, float | int | str]]:
        """What each finished stage reported, by stage."""
        return {run.name: run.result.figures for run in loop.finished(self.workspace)}

    def report(self) -> Path:
        """Write `reports/report.html` from what is there.

        Returns:
            Its path.

        Raises:
            HandbillError: Nothing has run yet.
        """
        from handbill.console.report import write_report

        return write_report(self.workspace, self.settings.shop, loop.finished(self.workspace))
