from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from handbill.engine import connect
from handbill.placement.pairs import read_campaigns, view_events
from handbill.placement.response.heads import Head, read_heads
from handbill.workspace import Workspace, write_parquet

START = datetime(2026, 3, 2, tzinfo=UTC)
Log = Callable[[list[dict[str, object]]], None]


def catalogue(workspace: Workspace) -> None:
    tables = {
        "campaigns": {
            "id": ["k", "open"], "kind": ["A", "A"], "starts_at": [START, START],
            "ends_at": [START + timedelta(days=7), START + timedelta(days=70)],
        },
        "offers": {"id": ["k-1"], "campaign_id": ["k"]},
        "offer_products": {"offer_id": ["k-1"], "product_id": ["i1"]},
    }  # fmt: skip
    for name, columns in tables.items():
        write_parquet(workspace.catalog / f"{name}.parquet", pa.table(columns))


def heads(workspace: Workspace, segments: dict[str, str]) -> dict[str, Head]:
    con = connect(threads=1).con
    view_events(workspace, con)
    read_campaigns(workspace, con)
    found = read_heads(workspace, con, segments, date(2026, 4, 1))
    return {one.name: one for one in found}


def event(name: str, person: str, day: float, **more: object) -> dict[str, object]:
    return {"event": name, "person": person, "occurred_at": START + timedelta(days=day), **more}


def test_what_follows_messages_is_counted_by_segment(workspace: Workspace, log: Log) -> None:
    catalogue(workspace)
    rng = np.random.default_rng(0)
    rows, segments = [], {}
    ordered = {"keen": 0, "cool": 0}
    for rank in range(600):
        person, segment = f"p{rank:03d}", "keen" if rank % 2 else "cool"
        segments[person] = segment
        rows.append(event("view_promotion", person, 0, promotion_id="k"))
        rows.append(event("view_promotion", person, 0, promotion_id="open"))
        if rng.random() < (0.6 if segment == "keen" else 0.2):
            ordered[segment] += 1
            rows.append(
                event("purchase", person, 1, item_id="i1", quantity=1, value_micros=5_000_000)
            )
            if rank % 3 == 0:
                rows.append(event("select_promotion", person, 1, promotion_id="k"))
        rows.append(event("purchase", person, 2, item_id="i2", quantity=1, value_micros=9_000_000))
        rows.append(event("purchase", person, 8, item_id="i1", quantity=1, value_micros=9_000_000))
        if rank < 4:
            rows.append(event("complaint", person, 3))
    log(rows)
    found = heads(workspace, segments)
    order = found["order"]
    assert (order.messages, order.hits) == (600, sum(ordered.values()))
    for segment, truth in (("keen", 0.6), ("cool", 0.2)):
        rate = order.segments[segment]
        own = ordered[segment] / 300
        shop = sum(ordered.values()) / 600
        assert min(own, shop) <= rate.estimate <= max(own, shop)
        assert rate.low - 0.06 < truth < rate.high + 0.06
        assert rate.low < rate.estimate < rate.high
    value = found["value_redeemed"].all
    assert value is not None
    assert value.estimate == pytest.approx(5_000_000)
    assert found["value_other"].all is not None
    assert found["value_other"].all.estimate < 5_000_000
    complaint = found["complaint"]
    assert complaint.hits == 4
    assert complaint.all is None
    assert complaint.why is not None
    assert "4 such outcomes" in complaint.why.en
    assert complaint.record()["segments"] == {}


def test_complaints_are_a_head_where_the_log_has_them(workspace: Workspace, log: Log) -> None:
    catalogue(workspace)
    rows, segments = [], {}
    for rank in range(400):
        person = f"p{rank:03d}"
        segments[person] = "s"
        rows.append(event("view_promotion", person, 0, promotion_id="k"))
        if rank % 10 == 0:
            rows.append(event("unsubscribe", person, 5))
        if rank % 10 == 1:
            rows.append(event("complaint", person, 9))  # after the campaign
    log(rows)
    found = heads(workspace, segments)["complaint"]
    assert found.hits == 40
    assert found.all is not None
    assert found.all.low < 0.1 < found.all.high
    assert found.segments["s"].estimate == pytest.approx(0.1)


def test_a_shop_without_messages_or_catalogue_says_so(workspace: Workspace, log: Log) -> None:
    write_parquet(
        workspace.catalog / "campaigns.parquet",
        pa.table({"id": ["k"], "kind": ["A"], "starts_at": [START], "ends_at": [START]}),
    )
    log([event("purchase", "p", 1, item_id="i", quantity=1, value_micros=1)])
    assert all(one.why is not None for one in heads(workspace, {"p": "s"}).values())
