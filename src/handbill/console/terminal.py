"""What the terminal shows: progress while a stage works, and one table at the end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from handbill import ports
from handbill.doctor import Check
from handbill.types import MICROS, ShopProfile, StageRun
from handbill.workspace import Workspace, read_json

WIDE = 120
"""Columns of a terminal that shows every share of the backtest."""

SENTENCES = {
    "events": "{rows_kept} of {rows_received} rows kept, {rows_quarantined} in quarantine; "
    "{people} people, {products} products",
    "audience": "{segments} segments of {people} people, by {features} features",
    "creative": "{ads_passed} of {ads_written} ads by the model passed every check; "
    "{ads_approved} approved, templates included",
    "placement": "{planned_messages} messages planned for {planned_people} people, "
    "{expected_redemptions} redemptions expected "
    "({expected_redemptions_low} to {expected_redemptions_high})",
    "delivery": "{messages} messages in the outbox, {decisions} decisions in the ledger; "
    "nothing was sent",
    "feedback": "{pairs} mailings of the past, {redeemers} redeemed",
}
"""What each stage came to, with its figures' places."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Draws the running stage.

    Attributes:
        bars: Rich's progress; disabled when standard output is not a terminal.
    """

    bars: Progress

    def begin(self, stage: str) -> ports.Progress:
        """A progress for one stage; its line appears with the first word it says."""
        task: TaskID | None = None

        def tell(message: str, fraction: float | None = None) -> None:
            nonlocal task
            if task is None:
                task = self.bars.add_task(stage, total=None, detail="")
            total = None if fraction is None else 1.0
            self.bars.update(task, detail=message, completed=fraction or 0.0, total=total)

        return tell

    def ended(self, run: StageRun) -> None:
        """Replace the stage's line by one that stays."""
        for task in list(self.bars.task_ids):
            self.bars.remove_task(task)
        took = "unchanged" if run.skipped else f"{run.seconds:.1f} s"
        line = f"[green]✓[/] {run.name:<10} [dim]{took:>9}[/]  {sentence(run)}"
        self.bars.console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def watching() -> Iterator[Watch]:
    """Show progress for the length of the block, on a terminal only."""
    console = Console()
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        TextColumn("[dim]{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        yield Watch(bars)


def sentence(run: StageRun) -> str:
    """What a stage came to, in one sentence; the places without a figure are dropped with it.

    Example:
        >>> from datetime import UTC, datetime
        >>> from handbill.types import StageResult
        >>> result = StageResult(figures={"pairs": 5780, "redeemers": 727}, outputs=())
        >>> at = datetime(2026, 11, 23, tzinfo=UTC)
        >>> sentence(StageRun(name="feedback", key="", result=result, seconds=1.0,
        ...                   finished_at=at, skipped=False))
        '5,780 mailings of the past, 727 redeemed'
    """
    figures = {name: figure(value) for name, value in run.result.figures.items()}
    parts = SENTENCES[run.name].split("; ")
    kept = []
    for part in parts:
        try:
            kept.append(part.format_map(figures))
        except KeyError:
            continue
    return "; ".join(kept)


def figure(value: float | int | str) -> str:
    """A number as people read it: counts whole, however they were stored."""
    return f"{value:,.0f}" if isinstance(value, float | int) else value


def show(shop: ShopProfile, workspace: Workspace, runs: Sequence[StageRun], report: Path) -> None:
    """Print what the run came to: the backtest's table, what could not be answered, the report."""
    console = Console(highlight=False)
    backtest = workspace.tables / "backtest.json"
    if runs[-1].name == "feedback" and backtest.is_file():
        proof = read_json(backtest)
        console.print(f"\n[bold]{shop.name}[/], as of {shop.as_of}\n")
        if proof["enough"]:
            console.print(rankings(proof, wide=console.width >= WIDE))
        else:
            console.print(proof["why"]["en"], soft_wrap=True)
        for answer in proof["learned"]:
            console.print(f"[green]•[/] {answer['en']}", soft_wrap=True)
        for question in proof["unanswered"]:
            console.print(f"[yellow]?[/] {question['en']}", soft_wrap=True)
    console.print(f"\nReport  {report}", soft_wrap=True)


def rankings(proof: Mapping[str, Any], *, wide: bool) -> Table:
    """The backtest: each ranking on the same mailings, with 95 % intervals.

    Args:
        proof: `tables/backtest.json`.
        wide: Whether there is room for the lift at every share; if not, the middle one stands.
    """
    shares = (0.1, 0.2, 0.3) if wide else (0.2,)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column("who is mailed first", no_wrap=True)
    titles = [f"lift at {share:.0%}" for share in shares]
    for title in ("AUC", *titles, f"{proof['currency']} each*"):
        table.add_column(title, justify="right", no_wrap=True)
    for ranking in proof["rankings"]:
        if ranking["why"] is not None or not ranking["at"]:
            continue
        at = {one["share"]: one for one in ranking["at"]}
        cells = [spread(at[share]["lift"]) for share in shares]
        fifth = at[0.2]["cost_per_redeemer_micros"]
        cost = "–" if fifth is None else f"{fifth['estimate'] / MICROS:.2f}"
        style = "bold" if ranking["name"] == "handbill" else ""
        label = ranking["label"]["en"]
        table.add_row(label, spread(ranking["auc"]), *cells, cost, style=style)
    table.caption = "* messages for one redeemer, when the best fifth is mailed"
    table.caption_justify = "left"
    return table


def spread(interval: Mapping[str, float] | None) -> str:
    """An estimate with its interval.

    Example:
        >>> spread({"estimate": 3.09, "low": 2.94, "high": 3.26})
        '3.09 (2.94–3.26)'
    """
    if interval is None:
        return "–"
    return f"{interval['estimate']:.2f} ({interval['low']:.2f}–{interval['high']:.2f})"


def show_checks(checks: Sequence[Check]) -> None:
    """Print the doctor's findings, and how to mend what is missing."""
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
        table.add_row(mark, check.name, check.found)
    console.print(table)
    for check in checks:
        if not check.ok:
            console.print(f"[red]mend[/]  {check.mend}", soft_wrap=True)
    if all(check.ok for check in checks):
        console.print("Everything is here. Next: handbill init myshop --from complete-journey")
