"""A shop, from Python: open it, run it, read its figures, write its report."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handbill import config, loop
from handbill.errors import PolicyError, SourceError
from handbill.ports import Progress
from handbill.state import closing_state
from handbill.trust.identity import open_key, pseudonym
from handbill.types import Creative, Language, StageRun
from handbill.workspace import Workspace, read_json

if TYPE_CHECKING:
    from handbill.audience.lookalikes import Lookalikes
    from handbill.audience.recommend.suggestions import Suggestion
    from handbill.console.person import Portrait
    from handbill.creative.dossier import Decision, Dossier
    from handbill.creative.forms.sheets import Exported
    from handbill.creative.forms.write import Copy
    from handbill.creative.pictures.record import Picture
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
            customer: The shop's own customer id, or a pseudonym.
            k: At most so many products.

        Returns:
            The products, best first, and whether the log knows the customer; who it does not gets
            what is popular.

        Raises:
            SourceError: The audience stage has not run yet.
        """
        from handbill.audience.recommend.suggestions import read_recommendations

        return read_recommendations(self.workspace, self._person(customer), k)

    def waiting(self) -> "tuple[Waiting, ...]":
        """Ads that no one has decided on."""
        from handbill.creative.review import waiting

        with closing_state(self.workspace.state_url) as engine:
            return waiting(engine, self.settings.creative.signatures)

    def dossiers(self, *ids: str) -> "tuple[Dossier, ...]":
        """Ads with all that a reviewer may ask: where they stand, findings, facts, signatures.

        Args:
            ids: Creatives; all of them when none is named.
        """
        from handbill.creative.dossier import dossiers

        with closing_state(self.workspace.state_url) as engine:
            return dossiers(engine, self.settings.creative.signatures, only=ids)

    def decisions(self, of: str = "") -> "tuple[Decision, ...]":
        """What was decided on ads, the newest first.

        Args:
            of: One ad; all of them when empty.
        """
        from handbill.creative.dossier import history

        with closing_state(self.workspace.state_url) as engine:
            return history(engine, of=of)

    def write(
        self,
        product: str,
        kind: str,
        *,
        language: Language | None = None,
        count: int = 8,
        progress: Progress = loop.silent,
    ) -> "Copy":
        """Write copy for a product, check it and put it before the reviewers.

        Args:
            product: Its id in the catalogue.
            kind: `rsa`, `meta`, `taobao`, `douyin`, `email`, `push`, `title`, `description` or
                `keywords`.
            language: `en` or `zh`; the shop's own when None.
            count: Candidates at most.
            progress: Told each step.

        Raises:
            HandbillError: No such product or kind, or the model does not answer.
        """
        from handbill.creative.forms.write import write

        with self.workspace.lock():
            return write(
                self.workspace,
                self.settings.shop,
                self.settings.creative,
                product,
                kind,
                language or self.settings.shop.language,
                count=count,
                now=datetime.now(UTC),
                progress=progress,
            )

    def export(self, kind: str) -> "Exported":
        """Approved copy of a kind, in the columns that its platform imports.

        Raises:
            ConfigError: No such kind.
        """
        from handbill.creative.forms.sheets import export

        with closing_state(self.workspace.state_url) as engine:
            signatures = self.settings.creative.signatures
            return export(self.workspace, self.settings.shop, engine, kind, signatures)

    def edit(
        self,
        creative_id: str,
        *,
        by: str,
        headline: str | None = None,
        body: str | None = None,
        call_to_action: str | None = None,
    ) -> Creative:
        """Put your own version of an ad beside it; it is checked and approved like any other.

        Args:
            creative_id: The ad it starts from.
            by: Who writes.
            headline: New text with `{slots}` for facts; as it was when None.
            body: The same of the body.
            call_to_action: The same of the button.

        Raises:
            PolicyError: The text may not run; the message has each finding.
        """
        from handbill.creative.edit import Change, edit

        change = Change(headline=headline, body=body, call_to_action=call_to_action)
        with self.workspace.lock(), closing_state(self.workspace.state_url) as engine:
            return edit(engine, creative_id, change, by=by, now=datetime.now(UTC))

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

    def pictures(
        self,
        *,
        ads: Sequence[str] = (),
        products: Sequence[str] = (),
        formats: Sequence[str] = (),
        most: int = 50,
        fetch: bool = False,
        progress: Progress = loop.silent,
    ) -> "tuple[Picture, ...]":
        """Make banners and feed cards of approved ads and of products, where they are missing.

        Args:
            ads: Approved ads; those that the plan uses when neither these nor products are named.
            products: Products that get a card of their own.
            formats: `1:1`, `4:5`, `16:9`, `300x250`, `728x90`; all when empty.
            most: At most so many ads.
            fetch: Load missing product photos from the feed's `image_link` first.
            progress: Told what is being drawn.

        Raises:
            PictureError: There is no browser to render with.
            HandbillError: An ad is not approved, or there is no such product or format.
        """
        from handbill.creative.pictures.formats import formats as by_name
        from handbill.creative.pictures.gallery import make_pictures

        forms = by_name(tuple(formats))
        with self.workspace.lock(), closing_state(self.workspace.state_url) as engine:
            return make_pictures(
                self.workspace,
                self.settings.shop,
                self.settings.creative,
                engine,
                ads=ads,
                products=products,
                forms=forms,
                most=most,
                fetch=fetch,
                progress=progress,
            )

    def export_pictures(
        self, pictures: "Sequence[Picture]", folder: str | Path
    ) -> tuple[Path, ...]:
        """Copy the approved ones of some pictures, named by ad or product and size."""
        from handbill.creative.pictures.gallery import export_pictures

        return export_pictures(self.workspace, pictures, Path(folder))

    def current_pictures(self) -> "tuple[Picture, ...]":
        """The pictures that are still true today, with where each stands."""
        from handbill.creative.pictures.gallery import current_pictures

        with closing_state(self.workspace.state_url) as engine:
            return current_pictures(
                self.workspace, self.settings.shop, self.settings.creative, engine
            )

    def decide_pictures(
        self, ids: Sequence[str], *, decision: str, by: str, reason: str = ""
    ) -> int:
        """Approve or reject pictures of ads in a person's name.

        Args:
            ids: Pictures, by their SHA-256.
            decision: `approved` or `rejected`.
            by: Who decides.
            reason: Why; needed to reject.

        Returns:
            Number of decisions recorded.

        Raises:
            PolicyError: A picture is unknown, outdated or refused, nobody signs, or a reason is
                missing.
        """
        from handbill.creative.pictures.gallery import sign_pictures

        known = {one.id: one for one in self.current_pictures()}
        unknown = [one for one in ids if one not in known]
        if unknown:
            raise PolicyError(
                f"the picture {unknown[0][:12]} is gone or no longer true; look again"
            )
        chosen = [known[one] for one in dict.fromkeys(ids)]
        with self.workspace.lock(), closing_state(self.workspace.state_url) as engine:
            now = datetime.now(UTC)
            return sign_pictures(engine, chosen, decision=decision, by=by, reason=reason, now=now)

    def segments(self) -> dict[str, Any]:
        """The segments, RFM's cells and the shop's rules, as `docs/tables.md` has them.

        Raises:
            WorkspaceError: The audience stage has not run.
        """
        tables = self.workspace.tables
        names = {"segments": "segments", "rfm": "rfm", "rules": "rule_segments"}
        return {key: read_json(tables / f"{name}.json") for key, name in names.items()}

    def lookalikes(self, customers: Sequence[str], *, most: int = 200) -> "Lookalikes":
        """People like those of a list.

        Args:
            customers: The shop's own ids, or pseudonyms.
            most: How many are wanted.

        Raises:
            SourceError: The audience stage has not run.
        """
        from handbill.audience.lookalikes import lookalikes
        from handbill.audience.points import read_points

        points, people = read_points(self.workspace, self.settings.shop.as_of)
        listed = [self._person(customer) for customer in customers]
        seed = self.settings.audience.seed
        return lookalikes(points, people, listed, most, seed)

    def portrait(self, customer: str) -> "Portrait":
        """What is known of one customer, and what to do next.

        Args:
            customer: The shop's own id, or a pseudonym.

        Raises:
            SourceError: The log knows nobody by this id before the plan's day.
        """
        from handbill.console.person import read_person
        from handbill.console.reading import reading

        shop, horizon = self.settings.shop, self.settings.audience.horizon_days
        with reading(self.workspace, shop.timezone) as reader:
            found = read_person(reader, shop, self._person(customer), horizon)
        if found is None:
            raise SourceError(
                f"the log has no event of customer {customer!r} before {shop.as_of}; "
                f"check the id, or run: handbill run {self.workspace.root}"
            )
        return found

    def _person(self, customer: str) -> str:
        """The pseudonym of the shop's own id; a pseudonym is itself."""
        if re.fullmatch(r"p_[a-z2-7]{26}", customer):
            return customer
        return pseudonym(open_key(self.workspace.keys), "customer", customer)

    def report(self) -> Path:
        """Write `reports/report.html` from what is there.

        Returns:
            Its path.

        Raises:
            HandbillError: Nothing has run yet.
        """
        from handbill.console.report import write_report

        return write_report(self.workspace, self.settings.shop, loop.finished(self.workspace))
