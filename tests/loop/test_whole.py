"""The whole loop on a small shop with a planted truth, through the same calls as a user's."""

import json
from collections.abc import Iterator
from email import policy
from email.parser import BytesParser
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from tests.loop.small_shop import AS_OF, write_small_shop

from handbill import Shop
from handbill.state import approvals, open_state
from handbill.types import StageRun

SETTINGS = """
[shop]
name = "Tea & Light"
as_of = {as_of}
[events]
source = "{source}"
[creative]
models = {{}}
approval = "checks"
[placement]
budget = 40.0
cost_per_message = 0.5
walk_forward_from = 5
walk_forward_pairs = 20
[delivery]
consent_basis = "replay"
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, dict[str, StageRun]]]:
    folder = tmp_path_factory.mktemp("whole")
    source = write_small_shop(folder / "exports")
    created = Shop.create(folder / "shop", source=str(source))
    created.workspace.settings_path.write_text(SETTINGS.format(as_of=AS_OF, source=source))
    shop = Shop.open(folder / "shop")
    yield shop, {run.name: run for run in shop.run()}


Ran = tuple[Shop, dict[str, StageRun]]


def test_every_stage_ran_and_nothing_runs_twice(ran: Ran) -> None:
    shop, runs = ran
    assert [run.skipped for run in runs.values()] == [False] * 6
    assert all(run.skipped for run in shop.run())


def test_no_customer_id_is_stored_anywhere(ran: Ran) -> None:
    shop, _ = ran
    known = {f"C{number}" for number in range(240)}
    for path in shop.workspace.root.rglob("*.parquet"):
        columns = pq.ParquetFile(path).read().to_pydict().values()
        cells = {cell for column in columns for cell in column if isinstance(cell, str)}
        assert not cells & known, path


def test_the_plan_prefers_those_who_buy_the_category(ran: Ran) -> None:
    """The planted truth: favourites redeem 25 times as often, and the log shows who they are."""
    shop, _ = ran
    backtest = json.loads((shop.workspace.tables / "backtest.json").read_text())
    handbill = next(one for one in backtest["rankings"] if one["name"] == "handbill")
    assert handbill["auc"]["low"] > 0.7


def test_budget_and_cap_hold(ran: Ran) -> None:
    shop, _ = ran
    plan = str(shop.workspace.tables / "plan.parquet")
    con = duckdb.connect()
    spent, messages = con.execute(
        "SELECT sum(cost_micros), count(DISTINCT contact_id) FROM read_parquet($plan)",
        {"plan": plan},
    ).fetchall()[0]
    assert 0 < spent <= 40_000_000
    assert messages == len(list(shop.workspace.outbox.rglob("*.eml")))
    closest = con.execute(
        "WITH sent AS (SELECT DISTINCT person, contact_id, send_at FROM read_parquet($plan)) "
        "SELECT min(b.send_at - a.send_at) FROM sent a JOIN sent b "
        "ON a.person = b.person AND a.contact_id <> b.contact_id AND a.send_at <= b.send_at",
        {"plan": plan},
    ).fetchall()[0][0]
    assert closest is None or closest.days >= 7


def test_messages_say_only_what_was_approved(ran: Ran) -> None:
    shop, _ = ran
    engine = open_state(shop.workspace.state_url)
    with engine.connect() as connection:
        approved = set(connection.execute(sa.select(approvals.c.digest)).scalars())
    engine.dispose()
    used = duckdb.connect().execute(
        "SELECT DISTINCT creative_digest FROM read_parquet($log)",
        {"log": str(shop.workspace.decisions / "**" / "*.parquet")},
    )
    digests = {row[0] for row in used.fetchall()}
    assert digests
    assert digests <= approved
    message = next(shop.workspace.outbox.rglob("*.eml")).read_bytes()
    parsed = BytesParser(policy=policy.default).parsebytes(message)
    assert parsed["To"].addresses[0].domain == "recipient.invalid"
    assert "{" not in str(parsed["Subject"])


def test_the_report_stands_alone(ran: Ran) -> None:
    shop, _ = ran
    page = shop.report().read_text(encoding="utf-8")
    assert "Tea &amp; Light" in page
    for remote in ('src="http', "src='http", 'href="http://', "@import", "url(http"):
        assert remote not in page


def test_only_orders_still_make_a_report(tmp_path: Path) -> None:
    exports = write_small_shop(tmp_path / "exports")
    for path in exports.iterdir():
        if path.name != "orders.csv":
            path.unlink()
    shop = Shop.create(tmp_path / "shop", source=str(exports))
    runs = {run.name: run for run in shop.run()}
    assert runs["feedback"].result.notes, "a shop without campaigns is told what is missing"
    assert "auc" not in runs["feedback"].result.figures
    assert shop.report().stat().st_size > 10_000
