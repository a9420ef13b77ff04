"""Nothing unapproved runs, the budget holds at the door, and the ledger is whole."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.delivery.conftest import ADS, COST, SEND_AT, Delivery, contact, creative_row

from handbill.delivery import Settings, ledger
from handbill.delivery.ledger import decision_id, settle
from handbill.errors import ConfigError, PlanError, PolicyError, SourceError
from handbill.workspace import read_json, write_text


def test_messages_ledger_and_receipt_agree(delivery: Delivery) -> None:
    result = delivery.run()
    rows = delivery.ledger()
    assert result.figures["messages"] == len(delivery.letters()) == 3
    assert result.figures["decisions"] == len(rows) == 6
    assert result.figures["refused"] == 0
    assert result.figures["cost_micros"] == sum(row["price_micros"] for row in rows) == 3 * COST
    receipt = read_json(delivery.workspace.tables / "delivery.json")
    assert receipt["messages"] == 3
    assert receipt["refused"] == []
    assert all(path.exists() for path in result.outputs)
    assert not list(delivery.workspace.root.rglob("*.part"))


def test_a_decision_keeps_all_that_the_plan_knew(delivery: Delivery) -> None:
    delivery.run()
    first = next(row for row in delivery.ledger() if row["contact_id"] == "c0" and row["slot"] == 0)
    expected = creative_row(ADS[0])
    assert first["candidates"] == ["cr_pizza", "other"]
    assert first["propensities"] == [0.9, 0.1]
    assert first["creative_digest"] == expected["digest"]
    assert (first["model"], first["adapter"], first["prompt"]) == ("tiny", "a1", "p1")
    assert first["response_model"] == "r1"
    assert first["consent_basis"] == "replay"
    assert first["channel"] == "email"
    assert first["decided_at"] == datetime(2026, 11, 1, tzinfo=UTC)
    letter = (delivery.workspace.outbox / "plan1" / "2026-11-03" / "c0.eml").read_text()
    assert first["message_id"] in letter


def test_outbox_and_ledger_are_dated_by_sending(delivery: Delivery) -> None:
    delivery.run()
    days = ["2026-11-03", "2026-11-04", "2026-11-05"]
    assert [path.parent.name for path in delivery.letters()] == days
    files = sorted(delivery.workspace.decisions.rglob("*.parquet"))
    assert [file.parent.name for file in files] == [f"date={day}" for day in days]


def test_a_changed_creative_does_not_run(delivery: Delivery) -> None:
    rows = [creative_row(ad) for ad in ADS]
    rows[0]["body"] = rows[0]["body"].replace("coupon", "free coupon")
    delivery.creatives(rows)
    result = delivery.run()
    assert [path.stem for path in delivery.letters()] == ["c2"]  # c0 leads with it, c1 holds it
    assert {row["contact_id"] for row in delivery.ledger()} == {"c2"}
    assert result.figures["refused"] == 2
    refused = read_json(delivery.workspace.tables / "delivery.json")["refused"]
    assert [one["reason"] for one in refused] == ["changed", "changed"]
    assert any("not what was approved" in note.en for note in result.notes)


def test_a_changed_fact_or_a_forged_digest_does_not_run(delivery: Delivery) -> None:
    forged = creative_row({**ADS[1], "slots": {"category": "caviar"}})  # its own digest is right
    delivery.creatives([creative_row(ADS[0]), forged, creative_row(ADS[2])])
    assert delivery.run().figures["messages"] == 0
    assert delivery.letters() == []
    assert delivery.ledger() == []


@pytest.mark.parametrize("decision", ["rejected", "withdrawn"])
def test_what_was_withdrawn_after_approval_does_not_run(delivery: Delivery, decision: str) -> None:
    delivery.decide("cr_soup", creative_row(ADS[1])["digest"], decision, minute=5)
    delivery.run()
    reasons = read_json(delivery.workspace.tables / "delivery.json")["refused"]
    assert {one["reason"] for one in reasons} == {"not-approved"}
    assert delivery.letters() == []


def test_of_two_decisions_at_once_the_cautious_one_holds(delivery: Delivery) -> None:
    delivery.decide("cr_soup", creative_row(ADS[1])["digest"], "rejected", minute=0)
    assert delivery.run().figures["messages"] == 0


def test_a_creative_nobody_knows_does_not_run(delivery: Delivery) -> None:
    delivery.plan([*contact(0, ("cr_pizza", "cr_ghost")), *contact(1, ("cr_soup",))], budget=10**9)
    result = delivery.run()
    assert result.figures["messages"] == 1
    refused = read_json(delivery.workspace.tables / "delivery.json")["refused"]
    assert refused == [{"contact_id": "c0", "creative_id": "cr_ghost", "reason": "unknown"}]


def test_more_than_the_budget_is_never_delivered(delivery: Delivery) -> None:
    delivery.plan([*contact(0, ("cr_soup",)), *contact(1, ("cr_soup",))], budget=2 * COST - 1)
    with pytest.raises(PolicyError, match="budget"):
        delivery.run()
    assert delivery.ledger() == []
    assert delivery.letters() == []


def test_a_negative_cost_cannot_hide_an_overspent_budget(delivery: Delivery) -> None:
    rows = [*contact(0, ("cr_soup",)), *contact(1, ("cr_soup",))]
    rows[1]["cost_micros"] = -COST
    delivery.plan(rows, budget=COST)
    with pytest.raises(PolicyError, match="negative"):
        delivery.run()


def test_a_rerun_replaces_its_own_rows_only(delivery: Delivery) -> None:
    delivery.run()
    before = delivery.ledger()
    delivery.run()
    assert delivery.ledger() == before
    delivery.plan(contact(9, ("cr_soup",), "plan2"), budget=COST, plan_id="plan2")
    delivery.run()
    assert [row for row in delivery.ledger() if row["plan_id"] == "plan1"] == before
    assert len(delivery.ledger()) == len(before) + 1
    delivery.plan(contact(0, ("cr_soup",)), budget=COST)  # plan1 shrinks: its other days go
    delivery.run()
    kept = [(row["plan_id"], row["contact_id"]) for row in delivery.ledger()]
    assert sorted(kept) == [("plan1", "c0"), ("plan2", "c9")]


def test_a_run_stopped_before_the_rows_are_due_changes_nothing(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery.run()
    before = delivery.ledger()
    delivery.plan(contact(0, ("cr_soup",)), budget=COST)
    monkeypatch.setattr(ledger, "write_json", _stopped)
    with pytest.raises(KeyboardInterrupt):
        delivery.run()
    assert delivery.ledger() == before


def test_a_run_stopped_while_the_rows_move_is_carried_out_later(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(10))
    copy = shutil.copyfile

    def copy_once(source: Path, target: Path) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_once)
    with pytest.raises(KeyboardInterrupt):
        delivery.run()
    monkeypatch.undo()
    assert len(delivery.ledger()) < 6
    settle(delivery.workspace)
    assert len(delivery.ledger()) == 6
    settle(delivery.workspace)  # nothing is left to do
    assert len(delivery.ledger()) == 6
    assert not list(delivery.workspace.decisions.parent.glob(".decisions-*"))


def _stopped(*_: object) -> None:
    raise KeyboardInterrupt


def test_decision_ids_are_uuids_that_sort_by_time() -> None:
    later = SEND_AT.replace(hour=23)
    ids = [decision_id("p", f"c{i}", slot, SEND_AT) for i in range(200) for slot in range(3)]
    assert len(set(ids)) == 600
    assert {one[14] for one in ids} == {"7"}
    assert {one[19] for one in ids} <= set("89ab")
    assert max(ids) < decision_id("p", "c0", 0, later)
    assert ids[0] == decision_id("p", "c0", 0, SEND_AT)


def test_an_empty_plan_is_delivered_as_nothing(delivery: Delivery) -> None:
    delivery.plan([], budget=0)
    result = delivery.run()
    assert result.figures["messages"] == 0
    assert result.figures["cost_micros"] == 0
    assert "empty" in result.notes[0].en
    assert all(path.exists() for path in result.outputs)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(), "consent_basis"),
        (Settings(consent_basis="consent"), "sender"),
        (Settings(consent_basis="soft-opt-in", sender="a@b.example"), "postal_address"),
        (
            Settings(consent_basis="consent", sender="a@b.example", postal_address="1 Road"),
            "unsubscribe",
        ),
    ],
)
def test_what_the_law_asks_for_is_asked_for_by_name(
    delivery: Delivery, settings: Settings, named: str
) -> None:
    with pytest.raises(PolicyError, match=rf"delivery\.{named}"):
        delivery.run(settings)
    assert delivery.letters() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("consent_basis", "because"),
        ("sender", "not an address"),
        ("sender", "a@b.example\nBcc: x@y.example"),
        ("sender_name", "two\nlines"),
        ("unsubscribe", "http://example.com"),
        ("unsubscribe", "https://example.com/>,<x"),
        ("unsubscribe", "https://example.com/a b"),
        ("website", "javascript:alert(1)"),
    ],
)
def test_impossible_settings_are_refused_by_name(field: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"delivery\.{field}"):
        Settings(**{field: value})  # type: ignore[arg-type]


def test_a_plan_that_contradicts_itself_is_refused(delivery: Delivery) -> None:
    gap = contact(0, ("cr_soup", "cr_pizza"))
    gap[1]["slot"] = 2
    two_people = contact(1, ("cr_soup", "cr_pizza"))
    two_people[1]["person"] = "p_other"
    for rows in (gap, two_people):
        delivery.plan(rows, budget=10**9)
        with pytest.raises(PlanError, match="contact c"):
            delivery.run()
    delivery.plan(contact(0, ("cr_soup",), "plan1"), budget=10**9, plan_id="plan2")
    with pytest.raises(PlanError, match="plan2"):
        delivery.run()


def test_an_id_cannot_lead_out_of_the_outbox(delivery: Delivery) -> None:
    rows = contact(0, ("cr_soup",))
    rows[0]["contact_id"] = "../../evil"
    delivery.plan(rows, budget=10**9)
    with pytest.raises(PlanError, match="evil"):
        delivery.run()


def test_bad_tables_are_named(delivery: Delivery) -> None:
    tables = delivery.workspace.tables
    good = (tables / "plan.parquet").read_bytes()
    pq.write_table(pa.table({"plan_id": ["plan1"]}), tables / "plan.parquet")
    with pytest.raises(SourceError, match=r"plan\.parquet lacks contact_id"):
        delivery.run()
    write_text(tables / "plan.parquet", "not parquet")
    with pytest.raises(SourceError, match=r"plan\.parquet as Parquet"):
        delivery.run()
    (tables / "plan.parquet").write_bytes(good)
    (tables / "creatives.parquet").unlink()
    with pytest.raises(SourceError, match=r"creatives\.parquet is missing"):
        delivery.run()


def test_thousands_of_messages_take_seconds(delivery: Delivery) -> None:
    rows = [row for i in range(1_500) for row in contact(i, ("cr_pizza", "cr_soup"))]
    delivery.plan(rows, budget=10**12)
    told: list[float | None] = []
    result = delivery.run(progress=lambda message, fraction=None: told.append(fraction))
    assert result.figures["messages"] == len(delivery.letters()) == 1_500
    assert told == sorted(told)  # type: ignore[type-var]
