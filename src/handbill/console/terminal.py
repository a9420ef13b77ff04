"""What the terminal shows: progress while a stage works, and one table at the end."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from handbill import ports
from handbill.doctor import Check
from handbill.types import StageRun


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
        """Replace the stage's line by a mark that stays."""
        for task in list(self.bars.task_ids):
            self.bars.remove_task(task)
        took = "unchanged" if run.skipped else f"{run.seconds:6.1f} s"
        self.bars.console.print(f"[green]✓[/] {run.name:<10} [dim]{took}[/]", highlight=False)


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


def show(runs: Sequence[StageRun], report: Path) -> None:
    """Print the result of a run."""
    console = Console()
    table = Table(box=None, pad_edge=False, show_header=False)
    for run in runs:
        for index, (name, value) in enumerate(run.result.figures.items()):
            table.add_row(run.name if index == 0 else "", name.replace("_", " "), figure(value))
    console.print()
    console.print(table)
    for run in runs:
        for note in run.result.notes:
            console.print(f"[yellow]note[/] {run.name}: {note.en}")
    console.print(f"\nReport: {report}", soft_wrap=True)


def figure(value: float | int | str) -> str:
    """A number as people read it."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}" if isinstance(value, float) else value


def show_checks(checks: Sequence[Check]) -> None:
    """Print the doctor's findings, and how to mend what is missing."""
    console = Console(file=sys.stdout)
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
