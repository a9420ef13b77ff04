import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from handbill.errors import SourceError
from handbill.placement.offpolicy import Compared, judge
from handbill.placement.offpolicy.ledger import sharpened
from handbill.types import Text
from handbill.workspace import Workspace, write_parquet

START = datetime(2026, 3, 2, tzinfo=UTC)
LATER = date(2026, 4, 1)
WORTH = {"k-1": 0.30, "k-2": 0.10, "k-3": 0.05}
LIKED = {"c1": 0.5, "c2": 0.3, "c3": 0.2}
Log = Callable[[list[dict[str, object]]], None]


def fill(
    workspace: Workspace, log: Log, *, basis: str = "consent", days: int = 7, messages: int = 3_000
) -> None:
    """Two slots each, drawn without replacement; each offer is redeemed at a rate of its own."""
    ends = START + timedelta(days=days)
    campaigns = {"id": ["k"], "kind": ["A"], "starts_at": [START], "ends_at": [ends]}
    write_parquet(workspace.catalog / "campaigns.parquet", pa.table(campaigns))
    rng = np.random.default_rng(0)
    rows, events = [], [{"event": "purchase", "person": "p", "occurred_at": START}]
    for rank in range(messages):
        left = dict(LIKED)
        for slot in range(2):
            total = sum(left.values())
            candidates = {one: p / total for one, p in left.items()}
            chosen = str(rng.choice(list(candidates), p=list(candidates.values())))
            offer = f"k-{chosen[1]}"
            person = f"p{rank:04d}"
            rows.append(
                {
                    "plan_id": "plan", "contact_id": f"m{rank}", "slot": slot, "person": person,
                    "campaign_id": "k", "offer_id": offer, "creative_id": chosen,
                    "candidates": list(candidates), "propensities": list(candidates.values()),
                    "send_at": START + timedelta(hours=9), "consent_basis": basis,
                }
            )  # fmt: skip
            if rng.random() < WORTH[offer]:
                events.append(
                    {
                        "event": "select_promotion", "person": person, "promotion_id": "k",
                        "coupon": chosen[1], "occurred_at": START + timedelta(days=2),
                    }
                )  # fmt: skip
            del left[chosen]
    log(events)
    write_parquet(
        workspace.decisions / "date=2026-03-02" / "plan.parquet", pa.Table.from_pylist(rows)
    )


def truth(power: float) -> float:
    """Redemptions of a message under sharpened choices."""
    first = sharpened(LIKED, power)
    total = 0.0
    for one, p in first.items():
        rest = sharpened({name: share for name, share in LIKED.items() if name != one}, power)
        second = sum(share * WORTH[f"k-{name[1]}"] for name, share in rest.items())
        total += p * (WORTH[f"k-{one[1]}"] + second)
    return total


def answers(found: tuple[Compared, ...] | Text) -> dict[str, Compared]:
    assert not isinstance(found, Text)
    return {one.policy: one for one in found}


def test_other_ways_to_choose_are_told_from_the_ledger_alone(
    workspace: Workspace, log: Log
) -> None:
    fill(workspace, log)
    found = answers(judge(workspace, LATER, [2.0]))
    assert list(found) == ["logged", "even", "sharpened by 2"]
    for name, power in (("logged", 1.0), ("even", 0.0), ("sharpened by 2", 2.0)):
        for estimate in found[name].found:
            assert estimate.value is not None
            half = estimate.value.high - estimate.value.estimate
            assert estimate.value.estimate == pytest.approx(truth(power), abs=1.5 * half)
            assert half < 0.03
    assert truth(2.0) > truth(0.0) + 0.03


def test_what_was_never_tried_is_refused(workspace: Workspace, log: Log) -> None:
    fill(workspace, log, messages=60)
    for estimate in answers(judge(workspace, LATER, []))["even"].found:
        assert estimate.value is None
        assert estimate.refusal is not None


@pytest.mark.parametrize(
    ("basis", "days", "why"),
    [("replay", 7, "never sent"), ("consent", 70, "still running")],
)
def test_without_outcomes_there_is_a_reason(
    workspace: Workspace, log: Log, basis: str, days: int, why: str
) -> None:
    fill(workspace, log, basis=basis, days=days, messages=5)
    found = judge(workspace, LATER, [])
    assert isinstance(found, Text)
    assert why in found.en
    assert "5" in found.zh


def test_a_shop_without_decisions_is_told_what_to_run(workspace: Workspace, log: Log) -> None:
    fill(workspace, log, messages=1)
    (workspace.decisions / "date=2026-03-02" / "plan.parquet").unlink()
    with pytest.raises(SourceError, match=r"no decisions in .*; run: handbill run"):
        judge(workspace, LATER, [])
    with pytest.raises(SourceError, match="powers are"):
        judge(workspace, LATER, [float("nan")])


def test_sharpened_choices_keep_their_order() -> None:
    for power in (0.5, 1.0, 3.0):
        found = sharpened(LIKED, power)
        assert sum(found.values()) == pytest.approx(1)
        assert found["c1"] > found["c2"] > found["c3"]
    assert sharpened({"a": 1.0, "b": 0.0}, 1.0) == {"a": 1.0, "b": 0.0}


def told(*arguments: str) -> str:
    command = [sys.executable, "-m", "handbill", "placement", "compare", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_tells_it_in_words_and_as_json(workspace: Workspace, log: Log) -> None:
    workspace.settings_path.write_text("[shop]\nas_of = 2026-04-01\n")
    fill(workspace, log, messages=400)
    text = told(str(workspace.root), "--sharpen", "3")
    assert "sharpened by 3" in text
    assert "redemptions a message" in text
    found = json.loads(told(str(workspace.root), "--json"))
    assert [one["policy"] for one in found] == ["logged", "even", "sharpened by 2"]
    fill(workspace, log, basis="replay", messages=5)
    assert "never sent" in json.loads(told(str(workspace.root), "--json"))["why"]["en"]
