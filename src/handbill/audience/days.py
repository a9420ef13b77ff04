"""Features and affinities of many days from one log: each query is compiled once.

Days that are over and whose sources are what they were (`carried`) keep the files they have.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path

import ibis
import pyarrow as pa
from ibis import _

from handbill.audience.affinity import affinity_at
from handbill.audience.carried import forget_record, read_record, sources_of, write_record
from handbill.audience.customer_days import CustomerDays, customer_windows
from handbill.audience.customer_table import customer_table
from handbill.audience.lines import PURCHASE, second_of
from handbill.audience.settings import Settings
from handbill.audience.tables import Log, replacing_folder
from handbill.engine import collect, prepare
from handbill.ports import Progress
from handbill.types import ShopProfile
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
        departments: Those that have a column.
    """

    features: Callable[[date], pa.Table]
    affinity: Callable[[date, date], pa.Table]
    departments: tuple[str, ...]


def days_of(log: Log, kept: CustomerDays, as_of: date, settings: Settings) -> Days:
    """Prepare the queries; the plan's day says which departments have a column.

    Args:
        log: For affinities, and for the departments.
        kept: The sums of the log's days, from which features are made.
        as_of: The plan's day.
        settings: How many departments.
    """
    cut, start, end = (ibis.param("int64") for _name in ("cut", "start", "end"))
    departments = _departments(log, as_of, settings.departments)
    windows = customer_windows(kept, cut)
    features = prepare(log.engine, customer_table(windows, cut, departments=departments), cut)
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

    return Days(features=features_on, affinity=affinity_from, departments=tuple(departments))


def write_days(
    log: Log,
    days: Days,
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    progress: Progress,
) -> dict[str, int]:
    """Write features and affinities of the plan's day and of each campaign's first day.

    Returns:
        `dates`: how many days there are; `dates_computed`: of how many the tables were made now,
        the others being what they were.
    """
    ends = {day: day + timedelta(days=1) for day in log.starts.values()}
    ends[shop.as_of] = shop.as_of + timedelta(days=settings.horizon_days)
    sources = sources_of(workspace, ends, f"{shop.timezone} {days.departments}")
    # The plan's day looks further ahead than it does once it is over.
    sources = {day: f"{digest} {(ends[day] - day).days}" for day, digest in sources.items()}
    known = read_record(workspace)
    computed = 0
    forget_record(workspace)
    with (
        replacing_folder(workspace.tables / "customers") as customers,
        replacing_folder(workspace.tables / "affinity") as affinity,
    ):
        for rank, day in enumerate(sorted(ends)):
            progress(f"features as of {day}", 0.1 + 0.5 * rank / len(ends))
            names = (
                Path(f"as_of={day}", "features.parquet"),
                Path(f"as_of={day}", "affinity.parquet"),
            )
            if known.get(str(day)) == sources[day] and _copied(
                workspace.tables,
                {customers / names[0]: "customers", affinity / names[1]: "affinity"},
            ):
                continue
            write_parquet(customers / names[0], days.features(day))
            write_parquet(affinity / names[1], days.affinity(day, ends[day]))
            computed += 1
    write_record(workspace, sources)
    return {"dates": len(ends), "dates_computed": computed}


def _copied(tables: Path, wanted: dict[Path, str]) -> bool:
    """Copy files of the last run to where this one wants them, if they are all there."""
    before = {new: tables / kind / new.parent.name / new.name for new, kind in wanted.items()}
    if not all(path.exists() for path in before.values()):
        return False
    for new, path in before.items():
        new.parent.mkdir()
        shutil.copyfile(path, new)
    return True


def _departments(log: Log, as_of: date, most: int) -> list[str]:
    """The largest departments by sales before the plan's day, the same columns for every day."""
    sold = log.lines.filter(
        (_.event == PURCHASE) & (_.second < second_of(as_of)) & _.department.notnull()
    )
    totals = sold.group_by("department").aggregate(value=_.value.sum())
    largest = totals.order_by([ibis.desc("value"), "department"]).limit(most)
    names: list[str] = collect(log.engine, largest).column("department").to_pylist()
    return names
