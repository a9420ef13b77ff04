"""From the collector's door to the log as stages read it: histories merge, robots are flagged."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from handbill.api.intake import Intake
from handbill.engine import connect
from handbill.events import Settings
from handbill.events.collector import Settings as CollectorSettings
from handbill.events.compact import compact
from handbill.events.inbox import SqliteInbox
from handbill.events.sweep import sweep
from handbill.trust.identity import open_key, pseudonym
from handbill.trust.reading import read_log
from handbill.types import ShopProfile
from handbill.workspace import Workspace

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
SHOP = ShopProfile(
    name="Corner shop", currency="EUR", timezone="UTC", language="en", as_of=date(2026, 6, 1)
)


def test_a_collected_sign_in_merges_and_a_collected_robot_is_flagged(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    key = open_key(workspace.keys)
    intake = Intake(SHOP, CollectorSettings(), key)

    def sent(number: int, **fields: Any) -> Any:
        fields = {"event_id": f"{number}", **fields}
        at = NOW + timedelta(milliseconds=200 * number)
        return intake.judge(fields, now=at, user_agent="Mozilla/5.0 Firefox/140.0").arrived

    inbox = SqliteInbox(workspace.root / "inbox.sqlite")
    inbox.append(
        [
            sent(0, event="page_view", anonymous_id="phone"),
            sent(1, event="login", anonymous_id="phone", user_id="K1"),
            sent(2, event="view_item", anonymous_id="phone"),
            *(sent(3 + n, event="view_item", anonymous_id="scraper") for n in range(100)),
        ]
    )
    compact(inbox, workspace)
    inbox.close()
    swept = sweep(workspace, Settings())
    backend = connect(threads=1)
    try:
        log = read_log(backend, workspace).select("person", "is_human").distinct().to_pyarrow()
    finally:
        backend.disconnect()
    assert (swept.devices, swept.robots) == (1, {"rate": 1})
    assert {row["person"]: row["is_human"] for row in log.to_pylist()} == {
        pseudonym(key, "customer", "K1"): True,
        pseudonym(key, "device", "scraper"): False,
    }
