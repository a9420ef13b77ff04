"""Simulated visitors whose nature is known: people of several habits, robots of several kinds."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from handbill.events.compact import EVENTS
from handbill.workspace import Workspace, write_parquet

DAY = datetime(2026, 5, 4, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One event of a visitor; `truth` is the kind of robot, empty for a person."""

    person: str
    event: str
    at: datetime
    truth: str = ""
    item_id: str | None = None
    promotion_id: str | None = None
    agent: str = BROWSER
    url: str | None = None
    device: str | None = None
    is_human: bool = True
    source: str = "collector/1"


def write(workspace: Workspace, acts: Sequence[Act], name: str = "collector-1") -> None:
    """Put acts into the log as the collector would, one file for each day."""
    days: dict[str, list[dict[str, Any]]] = {}
    for number, act in enumerate(acts):
        context = {"user_agent": act.agent, "url": act.url, "device": act.device}
        row = {
            "event_id": f"{name}-{number:06d}", "event": act.event, "person": act.person,
            "occurred_at": act.at, "item_id": act.item_id, "promotion_id": act.promotion_id,
            "is_human": act.is_human, "source": act.source,
            "context": json.dumps({k: v for k, v in context.items() if v}),
        }  # fmt: skip
        days.setdefault(act.at.date().isoformat(), []).append(row)
    for day, rows in days.items():
        path = workspace.events / f"date={day}" / f"{name}.parquet"
        write_parquet(path, pa.Table.from_pylist(rows, schema=EVENTS))


def people(rng: np.random.Generator, count: int) -> Iterator[Act]:
    """Browsers, hurried ones, buyers, and readers who open a letter's links in tabs."""
    for number in range(count):
        person = f"human-{number}"
        at = DAY + timedelta(seconds=float(rng.uniform(6, 22)) * 3_600)
        pace = float(rng.choice([2.0, 8.0, 25.0]))  # seconds on a page, on average
        for _ in range(int(rng.integers(1, 60))):
            item = f"i{rng.integers(100)}"
            yield Act(person=person, event="page_view", at=at)
            yield Act(
                person=person, event="view_item", at=at + timedelta(milliseconds=40), item_id=item
            )
            if rng.random() < 0.1:
                then = at + timedelta(seconds=1)
                yield Act(person=person, event="add_to_cart", at=then, item_id=item)
            at += timedelta(seconds=float(rng.lognormal(np.log(pace), 0.9)))
        if rng.random() < 0.3:
            for link in range(int(rng.integers(1, 4))):  # tabs, a second or more apart
                yield Act(
                    person=person, event="select_promotion", at=at, promotion_id="spring",
                    url=f"/l/{link}",
                )  # fmt: skip
                at += timedelta(seconds=float(rng.uniform(1, 4)))


def robots(rng: np.random.Generator, count: int) -> Iterator[Act]:
    """So many of each kind."""
    for number in range(count):
        start = DAY + timedelta(seconds=float(rng.uniform(0, 20)) * 3_600)
        for page in range(5):
            yield Act(
                person=f"declared-{number}", event="page_view", truth="declared",
                at=start + timedelta(seconds=float(page * rng.uniform(5, 50))),
                agent="Mozilla/5.0 (compatible; Examplebot/2.1; +http://example.com/bot)",
            )  # fmt: skip
        at = start
        for _ in range(300):  # a scraper, three pages a second
            yield Act(person=f"rate-{number}", event="view_item", truth="rate", at=at)
            at += timedelta(seconds=float(rng.exponential(1 / 3)))
        at = start
        for _ in range(40):  # a patient one, with some jitter to look alive
            yield Act(person=f"timing-{number}", event="page_view", truth="timing", at=at)
            at += timedelta(seconds=float(rng.uniform(50, 70)))
        for act in range(6):  # a script that fills carts without a browser
            yield Act(
                person=f"no_views-{number}", event="add_to_cart", truth="no_views",
                at=start + timedelta(seconds=float(act * rng.uniform(20, 90))), item_id=f"i{act}",
            )  # fmt: skip
        for link in range(6):  # a gateway, in the name of a reader who clicks an hour later
            yield Act(
                person=f"reader-{number}", event="select_promotion", truth="scanner",
                promotion_id="spring", url=f"/l/{link}",
                at=start + timedelta(seconds=float(rng.uniform(0, 3))),
            )  # fmt: skip
        yield Act(
            person=f"reader-{number}", event="select_promotion", promotion_id="spring", url="/l/2",
            at=start + timedelta(hours=1),
        )  # fmt: skip


def workspace_at(folder: Path) -> Workspace:
    """A workspace with nothing in it."""
    return Workspace(folder)
