from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from handbill.engine import connect
from handbill.placement.pairs import read_campaigns, view_events
from handbill.placement.strategy.curves import (
    Curve,
    answer_curves,
    discount_curve,
    habit_curves,
)
from handbill.placement.strategy.positions import Cut
from handbill.placement.strategy.send_time import Habits
from handbill.types import Interval
from handbill.workspace import Workspace, write_parquet

Log = Callable[[list[dict[str, object]]], None]
START = datetime(2026, 1, 5, tzinfo=UTC)
LATER = date(2027, 6, 1)


def habits(people: int, hour_chances: np.ndarray, segments: list[str], seed: int) -> Habits:
    rng = np.random.default_rng(seed)
    often = rng.integers(5, 60, people)
    hour = np.stack([rng.multinomial(count, hour_chances) for count in often]).astype(float)
    weekday = np.stack([rng.multinomial(count, np.ones(7) / 7) for count in often]).astype(float)
    names = [f"p{rank:04d}" for rank in range(people)]
    segment = [segments[rank % len(segments)] for rank in range(people)]
    frame = pd.DataFrame({"person": names, "segment_id": segment})
    return Habits(people=frame, weekday=weekday, hour=hour)


def by_name(curves: list[Curve]) -> dict[tuple[str, str | None], Curve]:
    return {(one.name, one.segment_id): one for one in curves}


def test_habits_are_told_with_intervals_that_hold() -> None:
    chances = np.zeros(24)
    chances[8:20] = np.linspace(1, 3, 12)
    chances /= chances.sum()
    inside = total = 0
    for seed in range(40):
        curves = by_name(habit_curves(habits(80, chances, ["a"], seed)))
        for point in curves["hour", None].points:
            truth = chances[int(point.at)] * 24
            if truth == 0:
                assert point.value is None
            else:
                assert point.value is not None
                inside += point.value.low <= truth <= point.value.high
                total += 1
    assert 0.92 <= inside / total <= 0.98


def test_segments_have_curves_of_their_own_and_small_ones_none() -> None:
    morning, evening = np.zeros(24), np.zeros(24)
    morning[9], evening[19] = 1.0, 1.0
    early, late = habits(30, morning, ["early"], 1), habits(30, evening, ["late"], 2)
    few = habits(1, evening, ["few"], 3)
    both = Habits(
        people=pd.concat([early.people, late.people, few.people], ignore_index=True),
        weekday=np.vstack([early.weekday, late.weekday, few.weekday]),
        hour=np.vstack([early.hour, late.hour, few.hour]),
    )
    curves = by_name(habit_curves(both))

    def best(curve: Curve) -> float:
        return max(curve.points, key=lambda one: one.value.estimate if one.value else 0).at

    assert best(curves["hour", "early"]) == 9
    assert best(curves["hour", "late"]) == 19
    assert curves["hour", "few"].why is not None
    assert curves["hour", "few"].points == ()


def mailings(
    workspace: Workspace, log: Log, *, clocked: bool, effect: Callable[[int, int], float], seed: int
) -> None:
    """Who is fond of the shop is written to oftener and answers oftener: both must be taken out.

    `effect` is of the messages in the 28 days before, and of the hour.
    """
    rng = np.random.default_rng(seed)
    people, campaigns = 400, 24
    fond = rng.beta(2, 2, people)
    starts = [START + timedelta(days=14 * rank) for rank in range(campaigns)]
    ids = [f"k{rank:02d}" for rank in range(campaigns)]
    write_parquet(
        workspace.catalog / "campaigns.parquet",
        pa.Table.from_pandas(
            pd.DataFrame(
                {
                    "id": ids,
                    "kind": "A",
                    "starts_at": starts,
                    "ends_at": [one + timedelta(days=14) for one in starts],
                }
            )
        ),
    )
    level = rng.uniform(0.7, 1.3, campaigns)
    rows: list[dict[str, object]] = []
    for person in range(people):
        sent: list[datetime] = []
        for rank, start in enumerate(starts):
            if rng.random() > fond[person]:
                continue
            hour = int(rng.choice([9, 13, 18])) if clocked else 0
            at = start + timedelta(hours=hour)
            before = sum(timedelta(0) < at - one <= timedelta(days=28) for one in sent)
            sent.append(at)
            who = {"person": f"p{person:03d}", "promotion_id": ids[rank]}
            context = None if clocked else '{"dated_by":"campaign_start"}'
            rows.append({"event": "view_promotion", "occurred_at": at, "context": context, **who})
            chance = 0.35 * fond[person] * level[rank] * effect(before, hour)
            if rng.random() < chance:
                used = at + timedelta(days=1)
                rows.append({"event": "select_promotion", "occurred_at": used, **who})
    log(rows)


def measured(workspace: Workspace, min_answers: int = 20) -> dict[str, Curve]:
    con = connect(threads=1).con
    view_events(workspace, con)
    read_campaigns(workspace, con)
    curves = answer_curves(con, before=LATER, zone="UTC", min_answers=min_answers)
    return {one.name: one for one in curves}


def test_fatigue_is_recovered_although_the_fond_are_written_to_oftenest(
    workspace: Workspace, log: Log
) -> None:
    mailings(workspace, log, clocked=False, effect=lambda before, hour: 0.6**before, seed=3)
    curves = measured(workspace)
    points = curves["messages_28"].points
    assert [one.at for one in points] == [0, 1, 2]
    for point in points:
        assert point.value is not None
        assert point.value.low <= 0.6**point.at <= point.value.high
    assert points[2].value is not None
    assert points[2].value.high < 1
    assert curves["sent_hour"].why is not None
    assert "no time of day" in curves["sent_hour"].why.en
    assert curves["sent_weekday"].points == ()


def test_no_fatigue_is_found_where_there_is_none(workspace: Workspace, log: Log) -> None:
    mailings(workspace, log, clocked=False, effect=lambda before, hour: 1.0, seed=4)
    for name in ("messages_28", "messages_60"):
        for point in measured(workspace)[name].points[1:]:
            assert point.value is not None
            assert point.value.low < 1 < point.value.high


def test_the_hour_of_a_message_is_recovered(workspace: Workspace, log: Log) -> None:
    worth = {9: 1.0, 13: 0.5, 18: 1.5}
    mailings(workspace, log, clocked=True, effect=lambda before, hour: worth[hour], seed=5)
    curves = measured(workspace)
    points = {one.at: one.value for one in curves["sent_hour"].points}
    assert set(points) == {8, 12, 16}
    base = next(at for at, value in points.items() if value and value.low == value.high == 1)
    of_band = {8: 1.0, 12: 0.5, 16: 1.5}
    for at, value in points.items():
        assert value is not None
        assert value.low <= of_band[int(at)] / of_band[int(base)] <= value.high
    assert curves["sent_weekday"].why is not None  # all campaigns begin on a Monday


def test_too_little_says_so(workspace: Workspace, log: Log) -> None:
    mailings(workspace, log, clocked=False, effect=lambda before, hour: 0.01, seed=6)
    curve = measured(workspace)["messages_28"]
    assert curve.points == ()
    assert curve.why is not None
    assert "redemptions in ended campaigns" in curve.why.en


@pytest.mark.parametrize("known", [True, False])
def test_price_cuts(known: bool) -> None:
    uplift = Interval(estimate=1.4, low=1.2, high=1.6) if known else None
    curve = discount_curve([Cut(low=0.5, high=1.0, uplift=uplift, units=12)], 200)
    assert (curve.why is None) == known
    assert curve.points[0].value == uplift
    assert curve.points[0].label.en == "50% off or more"
    assert curve.record()["points"][0]["estimate"] == (1.4 if known else None)
    assert discount_curve([], 200).why is not None
