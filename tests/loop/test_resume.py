"""What runs again and what does not, over two hand-written stages that take the real names."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from handbill import config, loop
from handbill.errors import SourceError
from handbill.ports import Progress
from handbill.types import ShopProfile, StageResult, StageRun, Text
from handbill.workspace import Workspace, write_text


@dataclass
class Bench:
    """A workspace and two stages: the second writes what the first wrote, in capitals."""

    workspace: Workspace
    source: str = "apples"
    fail: bool = False
    ran: list[str] = field(default_factory=list)

    def first(
        self, workspace: Workspace, shop: ShopProfile, settings: object, progress: Progress
    ) -> StageResult:
        self.ran.append("events")
        path = write_text(workspace.tables / "first.txt", self.source.strip())
        if self.fail:
            raise SourceError("the feed broke off")
        return StageResult(figures={"letters": len(self.source)}, outputs=(path,))

    def second(
        self, workspace: Workspace, shop: ShopProfile, settings: object, progress: Progress
    ) -> StageResult:
        self.ran.append("audience")
        text = (workspace.tables / "first.txt").read_text().upper()
        path = write_text(workspace.tables / "second" / "out.txt", text)
        note = Text(en="too few letters", zh="字母太少")
        return StageResult(figures={}, outputs=(path.parent,), notes=(note,))

    def run(self) -> list[StageRun]:
        stages = (
            loop.Stage(
                name="events", run=self.first, source=lambda workspace, settings: self.source
            ),
            loop.Stage(name="audience", run=self.second, reads=("events",)),
        )
        settings = config.load(self.workspace)
        self.ran.clear()
        return [loop.run_stage(one, self.workspace, settings, loop.silent) for one in stages]


@pytest.fixture
def bench(workspace: Workspace) -> Bench:
    workspace.settings_path.write_text("[shop]\nas_of = 2026-11-01\n")
    return Bench(workspace)


def test_nothing_runs_twice(bench: Bench) -> None:
    first = bench.run()
    assert bench.ran == ["events", "audience"]
    again = bench.run()
    assert bench.ran == []
    assert [one.skipped for one in again] == [True, True]
    assert again[1].result == first[1].result


def test_changed_input_runs_what_depends_on_it(bench: Bench) -> None:
    bench.run()
    bench.source = "pears"
    bench.run()
    assert bench.ran == ["events", "audience"]


def test_equal_output_stops_the_wave(bench: Bench) -> None:
    bench.run()
    bench.source = "apples "
    bench.run()
    assert bench.ran == ["events"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text("other"),
        lambda path: path.write_text("APPLEZ"),
    ],
    ids=["deleted", "other size", "same size"],
)
def test_a_damaged_output_is_made_again(bench: Bench, damage: Callable[[Path], object]) -> None:
    bench.run()
    path = bench.workspace.tables / "second" / "out.txt"
    damage(path)
    bench.run()
    assert bench.ran == ["audience"]
    assert path.read_text() == "APPLES"


def test_touching_an_output_changes_nothing(bench: Bench) -> None:
    bench.run()
    (bench.workspace.tables / "first.txt").touch()
    bench.run()
    assert bench.ran == []


def test_a_changed_setting_runs_again(bench: Bench) -> None:
    bench.run()
    bench.workspace.settings_path.write_text("[shop]\nas_of = 2026-11-02\n")
    bench.run()
    assert bench.ran == ["events", "audience"]


def test_an_interrupted_stage_starts_over(bench: Bench) -> None:
    bench.run()
    bench.source, bench.fail = "figs", True
    with pytest.raises(SourceError):
        bench.run()
    assert [run.name for run in loop.finished(bench.workspace)] == ["audience"]
    bench.fail = False
    bench.run()
    assert bench.ran == ["events", "audience"]
    assert (bench.workspace.tables / "second" / "out.txt").read_text() == "FIGS"


def test_code_is_an_input(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    real = loop.package_digest
    changed = {"audience": "edited"}
    monkeypatch.setattr(loop, "package_digest", lambda name: changed.get(name) or real(name))
    bench.run()
    assert bench.ran == ["audience"]
