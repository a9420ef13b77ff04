"""What became of ads: read from the ledger and the log, people apart from machines."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from handbill.creative.brief import Brief
from handbill.creative.prompt import prompt_for
from handbill.creative.results import read_results, shown_of
from handbill.creative.select import Maker, choose
from handbill.creative.shelf import put
from handbill.creative.shown import read_shown
from handbill.errors import SourceError
from handbill.state import closing_state
from handbill.types import Creative, Fact
from handbill.workspace import Workspace, write_parquet, write_text

SENT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LATER = SENT + timedelta(days=30)
BRIEF = Brief(
    id="b1",
    segment_id="all",
    offer_id="k-1",
    language="en",
    channel="email",
    facts=tuple(
        Fact(name=name, value=value, source=f"catalog/offers#{name}")
        for name, value in {"offer": "coupon", "category": "coffee", "shop": "Corner Market",
                            "offer_ends": "December 24"}.items()
    ),
    audience="everyone",
)  # fmt: skip
TEXTS = (
    "Time for {category}?\nA coupon for {category} at {shop}, until {offer_ends}.\nSee the coupon",
    "Your morning {category}\nThis coupon is for {category}, until {offer_ends}.\nUse the coupon",
)
Event = dict[str, Any]


@pytest.fixture
def ads(workspace: Workspace) -> tuple[Creative, ...]:
    maker = Maker(model="m", adapter="a", prompt="p")
    found = choose(BRIEF, TEXTS, maker, [], variants=2).kept
    assert len(found) == 2
    with closing_state(workspace.state_url) as engine:
        put(engine, found, [], "checks", SENT)
    return found


@pytest.fixture
def fill(workspace: Workspace, ads: tuple[Creative, ...]) -> Callable[..., None]:
    """Writes decisions (place of the ad, chances) of people p0, p1, ... and what followed."""

    def write(
        sent: list[tuple[int, tuple[float, float]]], events: list[Event], basis: str = "consent"
    ) -> None:
        ids = [one.id for one in ads]
        rows = [
            {"decision_id": f"d{n}", "person": f"p{n}", "send_at": SENT, "creative_id": ids[place],
             "segment_id": "s1", "slot": 0, "candidates": [*ids, "other"],
             "propensities": [*chances, 1 - sum(chances)], "campaign_id": "k", "offer_id": "k-1",
             "consent_basis": basis}
            for n, (place, chances) in enumerate(sent)
        ]  # fmt: skip
        write_parquet(workspace.decisions / "date=2026-03-02" / "p.parquet",
                      pa.Table.from_pylist(rows))  # fmt: skip
        plain: Event = {"promotion_id": None, "coupon": None, "is_human": True}
        last: Event = {"event": "page_view", "person": "x", "occurred_at": LATER}
        table = [plain | {"event_id": f"e{n}"} | one for n, one in enumerate([*events, last])]
        schema = pa.schema(
            [(name, pa.string()) for name in
             ("event_id", "event", "person", "promotion_id", "coupon", "transaction_id")]
            + [("occurred_at", pa.timestamp("us", "UTC")), ("is_human", pa.bool_())]
        )  # fmt: skip
        write_parquet(workspace.events / "date=2026-03-02" / "e.parquet",
                      pa.Table.from_pylist(table, schema=schema))  # fmt: skip

    return write


def did(event: str, person: int, days: float = 1, **more: Any) -> Event:
    own = {} if event in ("complaint", "unsubscribe") else {"promotion_id": "k"}
    at = SENT + timedelta(days=days)
    return {"event": event, "person": f"p{person}", "occurred_at": at} | own | more


EVEN = (0.5, 0.5)


def test_a_decision_is_what_came_furthest_of_it(
    workspace: Workspace, fill: Callable[..., None]
) -> None:
    fill(
        [(0, EVEN)] * 10,
        [
            did("view_promotion", 0),
            did("view_promotion", 1), did("select_promotion", 1),
            did("select_promotion", 2), did("purchase", 2, coupon="1"),
            did("select_promotion", 3, is_human=False),
            did("view_promotion", 4, is_human=False), did("select_promotion", 4),
            did("purchase", 5, coupon="2"),  # another offer of the campaign
            did("purchase", 6, promotion_id="j"),  # another campaign
            did("purchase", 7, days=14),  # too late
            did("purchase", 8, days=-0.1),  # too soon
            did("unsubscribe", 9),
        ],
    )  # fmt: skip
    found = read_results(workspace)
    assert [one.label for one in found] == [
        "view", "click", "buy", "bot", "click", "none", "none", "none", "none", "none",
    ]  # fmt: skip
    assert [one.complained for one in found] == [False] * 9 + [True]
    (shown,) = shown_of(found)
    assert (shown.views, shown.clicks, shown.complaints) == pytest.approx((9, 3, 1))
    assert shown.prompt == prompt_for(BRIEF)
    assert shown.text in TEXTS


def test_an_ad_that_was_likelier_counts_for_less(
    workspace: Workspace, fill: Callable[..., None]
) -> None:
    """Nine of ten saw the first by choice, and one of ten by chance: each counts by its odds."""
    fill(
        [(0, (0.6, 0.2))] * 6 + [(0, (0.2, 0.6))] * 2 + [(1, (0.6, 0.2))] * 2,
        [did("select_promotion", 6), did("select_promotion", 7)],
    )
    found = read_results(workspace)
    assert [one.weight for one in found] == pytest.approx([2 / 3] * 6 + [2.0] * 4)
    first = shown_of(found)[0]
    # weights 6 x 2/3 and 2 x 2: half of the weight clicked; worth 8^2 / (6 x 4/9 + 2 x 4) = 6
    assert first.clicks / first.views == pytest.approx(0.5)
    assert first.views == pytest.approx(6)


def test_what_was_not_sent_or_is_not_over_is_left_out(
    workspace: Workspace, fill: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill([(0, EVEN)] * 3, [], basis="replay")
    assert read_results(workspace) == ()
    fill([(0, EVEN)] * 3, [])
    assert Counter(one.label for one in read_results(workspace)) == {"none": 3}
    monkeypatch.setattr("handbill.creative.results.DAYS", 31)
    assert read_results(workspace) == ()


def test_a_shop_without_a_ledger_is_told_what_to_run(workspace: Workspace) -> None:
    with pytest.raises(SourceError, match="handbill run"):
        read_results(workspace)


def test_the_command_writes_what_prefer_reads(
    workspace: Workspace, fill: Callable[..., None]
) -> None:
    fill([(0, EVEN)] * 4 + [(1, EVEN)] * 4, [did("select_promotion", 1)])
    done = subprocess.run(
        [sys.executable, "-m", "handbill", "creative", "results", str(workspace.root),
         "--out", "outcomes.jsonl"],
        capture_output=True, text=True, timeout=60, check=False, cwd=workspace.root,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 texts")
    found = read_shown(workspace.root / "outcomes.jsonl")
    assert [one.views for one in found] == [4, 4]
    assert sum(one.clicks for one in found) == 1
    assert json.loads((workspace.root / "outcomes.jsonl").read_text().splitlines()[0])["test"]

    fill([(0, EVEN)] * 4, [], basis="replay")
    again = subprocess.run(done.args, capture_output=True, text=True, timeout=60, check=False)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "no results yet" in again.stderr


def test_the_command_says_what_cannot_be_told_yet(
    workspace: Workspace, fill: Callable[..., None], tiny_model: Path
) -> None:
    write_text(workspace.root / "handbill.toml", f"[creative]\nmodels = {{en = '{tiny_model}'}}\n")
    fill([(0, EVEN)] * 40 + [(1, EVEN)] * 40, [did("select_promotion", n) for n in range(30)])
    command = [sys.executable, "-m", "handbill", "creative", "outcome", str(workspace.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "Not enough data" in done.stdout
    assert "ranked by their form" in done.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    rows = {row["language"]: row for row in json.loads(done.stdout)}
    assert rows["en"]["counts"] == {"click": 30, "none": 50}
    assert (rows["en"]["ranks"], rows["zh"]["counts"]) == (False, {})
    assert not (workspace.models / "judge").exists()
