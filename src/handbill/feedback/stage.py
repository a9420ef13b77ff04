"""Runs the stage: reads the tables, writes `tables/backtest.json`, names the figures."""

from collections.abc import Iterator

from handbill.feedback.backtest import backtest, plain
from handbill.feedback.outcomes import Outcomes
from handbill.feedback.rankings import HANDBILL, RECENCY_FREQUENCY
from handbill.feedback.records import Backtest
from handbill.feedback.settings import Settings
from handbill.ports import Progress
from handbill.types import Interval, ShopProfile, StageResult
from handbill.workspace import Workspace, read_json, write_json

Figure = tuple[str, float | int]


def run(
    workspace: Workspace, shop: ShopProfile, settings: Settings, progress: Progress
) -> StageResult:
    """Hold predictions and plan against what happened.

    Args:
        workspace: The shop; `tables/` must hold what placement writes.
        shop: Its day and currency.
        settings: Least numbers, resamples and seed.
        progress: Told of each step.

    Returns:
        The figures, `tables/backtest.json`, and the conclusions and open questions as notes.

    Raises:
        SourceError: A table is missing or not as docs/tables.md says.
    """
    outcomes = Outcomes.open(workspace, ("walk_forward", "plan"))
    plan = read_json(workspace.tables / "plan.json")
    result = backtest(outcomes, plan, shop, settings, progress)
    path = write_json(workspace.tables / "backtest.json", plain(result))
    progress("done", 1.0)
    return StageResult(
        figures=plain(dict(_figures(result))),
        outputs=(path,),
        notes=(*result.learned, *result.unanswered),
    )


def _figures(result: Backtest) -> Iterator[Figure]:
    yield "pairs", result.pairs
    yield "redeemers", result.redeemers
    if result.expected is not None:
        yield "expected", result.expected.expected.estimate
        yield "actual", result.expected.actual
    if result.enough:
        for name, suffix in ((HANDBILL, ""), (RECENCY_FREQUENCY, "_recency_frequency")):
            ranking = result.ranking(name)
            yield from _interval("auc", suffix, ranking.auc)
            yield from _interval("auc_within", suffix, ranking.auc_within)
            for at in ranking.at:
                yield from _interval(f"lift{round(100 * at.share)}", suffix, at.lift)
    if result.calibration is not None:
        for figure in ("brier", "log_loss"):
            interval: Interval | None = getattr(result.calibration, figure)
            if interval is not None:
                yield figure, interval.estimate
    yield "planned_mailed", result.plan.mailed


def _interval(name: str, suffix: str, interval: Interval | None) -> Iterator[Figure]:
    if interval is not None:
        yield f"{name}{suffix}", interval.estimate
        yield f"{name}{suffix}_low", interval.low
        yield f"{name}{suffix}_high", interval.high
