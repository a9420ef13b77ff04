"""Features and affinities of many days from one log: each query is compiled once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import ibis
import pyarrow as pa
from ibis import _

from handbill.audience.affinity import affinity_at
from handbill.audience.features import features_at
from handbill.audience.lines import PURCHASE, second_of
from handbill.audience.settings import Settings
from handbill.audience.tables import Log, replacing_folder
from handbill.engine import collect, prepare
from handbill.ports import Progress
from handbill.workspace import Workspace, write_parquet

KEPT = 6
"""Days whose features stay in memory: value asks for several, more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """What can be asked of any day.

    Attributes:
        features: Everyone's features as of a day, sorted by person; the last few days asked for
            are kept.
        affinity: Everyone's affinity as of the first day to the campaigns that begin from it on,
            before the second day.
    """

    features: Callable[[date], pa.Table]
    affinity: Callable[[date, date], pa.Table]


def days_of(log: Log, as_of: date, settings: Settings) -> Days:
    """Prepare the queries; the plan's day says which departments have a column."""
    cut, start, end = (ibis.param("int64") for _name in ("cut", "start", "end"))
    departments = _departments(log, as_of, settings.departments)
    features = prepare(log.engine, features_at(log.lines, cut, departments=departments), cut)
    begins = log.campaigns.campaigns.starts_at.truncate("s").epoch_seconds().cast("int64")
    scope = log.campaigns.campaigns.filter((begins >= start) & (begins < end))
    pairs = affinity_at(log.lines, log.campaigns, scope, cut)
    affinity = prepare(log.engine, pairs, cut, start, end)

    @lru_cache(maxsize=KEPT)
    def features_on(day: date) -> pa.Table:
        return features(second_of(day)).sort_by("person")

    def affinity_from(day: date, until: date) -> pa.Table:
        rows = affinity(second_of(day), second_of(day), second_of(until))
        return rows.sort_by([("campaign_id", "ascending"), ("person", "ascending")])

    return Days(features=features_on, affinity=affinity_from)


def write_days(
    log: Log, days: Days, workspace: Workspace, as_of: date, settings: Settings, progress: Progress
) -> int:
    """Write features and affinities of the plan's day and of each campaign's first day.

    Returns:
        How many days there are.
    """
    wanted = sorted({as_of, *log.starts.values()})
    with (
        replacing_folder(workspace.tables / "customers") as customers,
        replacing_folder(workspace.tables / "affinity") as affinity,
    ):
        for rank, day in enumerate(wanted):
            progress(f"features as of {day}", 0.1 + 0.5 * rank / len(wanted))
            write_parquet(customers / f"as_of={day}" / "features.parquet", days.features(day))
            until = day + timedelta(days=settings.horizon_days if day == as_of else 1)
            write_parquet(affinity / f"as_of={day}" / "affinity.parquet", days.affinity(day, until))
    return len(wanted)


def _departments(log: Log, as_of: date, most: int) -> list[str]:
    """The largest departments by sales before the plan's day, the same columns for every day."""
    sold = log.lines.filter(
        (_.event == PURCHASE) & (_.second < second_of(as_of)) & _.department.notnull()
    )
    totals = sold.group_by("department").aggregate(value=_.value.sum())
    largest = totals.order_by([ibis.desc("value"), "department"]).limit(most)
    names: list[str] = collect(log.engine, largest).column("department").to_pylist()
    return names
