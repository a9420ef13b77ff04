"""Measures place, time, frequency and price, and writes `positions`, `curves` and `send_times`."""

from dataclasses import dataclass

import duckdb
import pandas as pd
import pyarrow as pa

from handbill.placement import words
from handbill.placement.record import Record
from handbill.placement.settings import Settings
from handbill.placement.strategy.attention import attention
from handbill.placement.strategy.curves import answer_curves, discount_curve, habit_curves
from handbill.placement.strategy.positions import measure_positions
from handbill.placement.strategy.send_time import read_habits, send_times
from handbill.ports import Progress
from handbill.types import ShopProfile
from handbill.workspace import Workspace, write_json

SEND_TIMES = pa.schema(
    [
        ("person", pa.string()),
        ("weekday", pa.int32()),
        ("hour", pa.int32()),
        ("baskets", pa.int64()),
        ("source", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What the plan uses of what was measured.

    Attributes:
        times: `person`, `segment_id`, `weekday`, `hour`: one row for everybody.
        attention: What each slot of a message is worth against the lead.
    """

    times: pd.DataFrame
    attention: tuple[float, ...]


def measure(
    workspace: Workspace,
    shop: ShopProfile,
    settings: Settings,
    people: pd.DataFrame,
    campaigns: bool,
    con: duckdb.DuckDBPyConnection,
    record: Record,
    progress: Progress,
) -> Strategy:
    """Measure and write the tables.

    Args:
        workspace: The shop.
        shop: Its zone and the plan's day.
        settings: Of the stage.
        people: `person` and `segment_id`.
        campaigns: Whether there were any; then the view `campaigns` is there.
        con: With the view `events`.
        record: Told figures, files and notes.
        progress: Told each step.
    """
    progress("measuring places and prices", 0.5)
    measured = measure_positions(
        workspace,
        con,
        before=shop.as_of,
        zone=shop.timezone,
        min_units=settings.min_position_sales,
    )
    positions = measured.positions
    path = workspace.tables / "positions.json"
    record.outputs.append(write_json(path, [one.record() for one in positions]))
    record.figures["positions_measured"] = sum(one.uplift is not None for one in positions)
    record.figures["positions_unknown"] = sum(one.uplift is None for one in positions)
    record.notes.append(words.position_caveat() if positions else words.no_positions())

    progress("finding send times and curves", 0.7)
    habits = read_habits(con, people, before=shop.as_of, zone=shop.timezone)
    times = send_times(
        habits,
        min_baskets=settings.min_person_baskets,
        quiet=(settings.quiet_from, settings.quiet_to),
    )
    record.write(workspace.tables / "send_times.parquet", times, SEND_TIMES)
    record.figures["send_times_own"] = int((times["source"] == "person").sum())
    record.notes.append(words.send_time_caveat())
    curves = habit_curves(habits)
    if campaigns:
        curves += answer_curves(
            con, before=shop.as_of, zone=shop.timezone, min_answers=settings.min_curve_answers
        )
    curves.append(discount_curve(measured.cuts, settings.min_position_sales))
    path = workspace.tables / "curves.json"
    record.outputs.append(write_json(path, [one.record() for one in curves]))
    record.figures["curves_measured"] = sum(one.why is None for one in curves)
    record.figures["curves_unknown"] = sum(one.why is not None for one in curves)
    return Strategy(
        times=people.merge(times, on="person"), attention=attention(positions, settings.slots)
    )
