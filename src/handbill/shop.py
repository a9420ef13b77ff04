"""A shop, from Python: open it, run it, read its figures, write its report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from handbill import config, loop
from handbill.ports import Progress
from handbill.state import closing_state
from handbill.types import StageRun
from handbill.workspace import Workspace

if TYPE_CHECKING:
    from handbill.audience.recommend.suggestions import Suggestion
    from handbill.creative.review import Waiting


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

    def recommend(self, customer: str, k: int = 20) -> "tuple[tuple[Suggestion, ...], bool]":
        """What a customer will want next, as of the last run.

        Args:
            customer: The shop's own customer id.
            k: At most so many products.

        Returns:
            The products, best first, and whether the log knows the customer; who it does not gets
            what is popular.

        Raises:
            SourceError: The audience stage has not run yet.
        """
        from handbill.audience.recommend.suggestions import read_recommendations
        from handbill.trust.identity import open_key, pseudonym

        person = pseudonym(open_key(self.workspace.keys), "customer", customer)
        return read_recommendations(self.workspace, person, k)

    def waiting(self) -> "tuple[Waiting, ...]":
        """Ads that no one has decided on."""
        from handbill.creative.review import waiting

        with closing_state(self.workspace.state_url) as engine:
            return waiting(engine)

    def decide(self, ids: Sequence[str], *, decision: str, by: str, reason: str = "") -> int:
        """Approve or reject ads in a person's name; the next run takes it into account.

        Args:
            ids: Creatives, as `waiting` names them.
            decision: `approved` or `rejected`.
            by: Who decides.
            reason: Why; needed to reject.

        Returns:
            Number of decisions recorded.

        Raises:
            PolicyError: An ad is unknown or fell at a check, nobody signs, or a reason is missing.
        """
        from handbill.creative.review import decide

        with self.workspace.lock(), closing_state(self.workspace.state_url) as engine:
            now = datetime.now(UTC)
            return decide(engine, ids, decision=decision, by=by, reason=reason, now=now)

    def report(self) -> Path:
        """Write `reports/report.html` from what is there.

        Returns:
            Its path.

        Raises:
            HandbillError: Nothing has run yet.
        """
        from handbill.console.report import write_report

        return write_report(self.workspace, self.settings.shop, loop.finished(self.workspace))
