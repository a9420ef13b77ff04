"""The whole stage over a tiny random model: tuned, asked, checked, shelved."""

import json
import runpy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, func, select

from handbill import creative
from handbill.creative.example import parse_examples
from handbill.errors import ConfigError, ModelError, SourceError
from handbill.state import creatives
from handbill.types import ShopProfile, StageResult
from handbill.workspace import Workspace

SERVER = runpy.run_path(str(Path(__file__).with_name("chat_server.py")))


class Silent:
    """Its texts are replaced by the server's."""

    name = "silent@1"

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        return [[""] * samples for _ in prompts]


def quiet(message: str, fraction: float | None = None) -> None:
    """No progress."""


def write(shop: Workspace, profile: ShopProfile, model: Path, **more: object) -> StageResult:
    settings = creative.Settings(
        models={"en": str(model)},
        max_briefs=2,
        candidates=2,
        epochs=1,
        rank=2,
        threads=1,
        approval="checks",
        **more,  # type: ignore[arg-type]
    )
    return creative.run(shop, profile, settings, quiet)


def test_a_random_models_garbage_never_gets_out(
    shop: Workspace, profile: ShopProfile, tiny_model: Path
) -> None:
    result = write(shop, profile, tiny_model)
    rows = pq.read_table(shop.tables / "creatives.parquet").to_pylist()
    shown = [row for row in rows if row["status"] != "rejected"]
    assert {row["origin"] for row in shown} == {"template"}
    assert {row["language"] for row in shown} == {"en", "zh"}
    assert result.figures["ads_passed"] == 0
    assert result.figures["ads_written"] == 4
    fallen = [row for row in rows if row["origin"] == "model"]
    assert all(json.loads(row["findings"]) and row["adapter"] for row in fallen)
    waiting = {row["offer_id"] for row in shown if row["status"] == "waiting"}
    assert waiting == {"now-4"}  # pain relief: a person looks first
    assert any("gemma-3-270m" in note.en for note in result.notes)


def test_a_second_run_trains_nothing_and_writes_the_same(
    shop: Workspace, profile: ShopProfile, tiny_model: Path
) -> None:
    write(shop, profile, tiny_model)
    table = (shop.tables / "creatives.parquet").read_bytes()
    adapters = {path: path.stat().st_mtime_ns for path in shop.models.rglob("*.safetensors")}
    write(shop, profile, tiny_model)
    assert (shop.tables / "creatives.parquet").read_bytes() == table
    assert {path: path.stat().st_mtime_ns for path in adapters} == adapters
    engine = create_engine(shop.state_url)
    with engine.connect() as connection:
        rows = connection.execute(select(func.count()).select_from(creatives)).scalar_one()
    engine.dispose()
    assert rows == pq.read_table(shop.tables / "creatives.parquet").num_rows


def test_a_shop_without_offers_gets_an_empty_shelf(
    workspace: Workspace, profile: ShopProfile
) -> None:
    result = creative.run(workspace, profile, creative.Settings(), quiet)
    assert pq.read_table(workspace.tables / "creatives.parquet").num_rows == 0
    assert result.figures["ads_written"] == 0
    assert not workspace.models.exists()


def test_a_server_writes_ads_that_pass_the_same_checks(
    shop: Workspace, profile: ShopProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDBILL_MODEL_KEY", "key-of-the-test")
    good = {"headline": "Your coupon for {category}", "body": "A good cup is close. {category}",
            "call_to_action": "Use my coupon"}  # fmt: skip
    with SERVER["serving"](Silent()) as chat:
        chat.content = json.dumps(good)
        settings = creative.Settings(
            models={"en": f"{chat.url}#big"}, max_briefs=2, candidates=2, approval="checks",
            server_price_in=1.0, server_price_out=1.0, server_budget=1.0,
        )  # fmt: skip
        creative.run(shop, profile, settings, quiet)
        assert chat.seen[0]["headers"]["Authorization"] == "Bearer key-of-the-test"
        assert "exactly three lines" in chat.seen[0]["messages"][0]["content"]
        asked = len(chat.seen)
        creative.run(shop, profile, settings, quiet)
        assert len(chat.seen) == asked  # the answers were kept
        rows = pq.read_table(shop.tables / "creatives.parquet").to_pylist()
        mine = [row for row in rows if row["origin"] == "model"]
        assert {row["model"] for row in mine} == {f"big@{chat.url.split('/')[2]}"}
        chat.content = "Free! The best coffee, 90 % off\nBuy today\nNow"
        creative.run(shop, profile, replace(settings, seed=8), quiet)
        rows = pq.read_table(shop.tables / "creatives.parquet").to_pylist()
        assert {row["status"] for row in rows if row["origin"] == "model"} == {"rejected"}
        chat.faults[:] = ["500"] * 50
        monkeypatch.setattr("time.sleep", lambda seconds: None)
        with pytest.raises(ModelError, match="does not answer"):
            creative.run(shop, profile, replace(settings, seed=9, server_timeout=5.0), quiet)
    assert not any("key-of-the-test" in one.read_text("utf-8", "replace")
                   for one in shop.root.rglob("*") if one.is_file())  # fmt: skip


def test_a_missing_model_is_an_error_not_a_template(shop: Workspace, profile: ShopProfile) -> None:
    settings = creative.Settings(models={"zh": "gemma-3-270m"})
    with pytest.raises(ModelError, match="--accept-licence"):
        creative.run(shop, profile, settings, quiet)


def test_a_damaged_table_is_named(shop: Workspace, profile: ShopProfile) -> None:
    (shop.catalog / "offers.parquet").write_bytes(b"not parquet")
    with pytest.raises(SourceError, match=r"offers\.parquet"):
        creative.run(shop, profile, creative.Settings(), quiet)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("candidates", 0),
        ("max_briefs", -1),
        ("variants", 0),
        ("epochs", -1),
        ("rank", 0),
        ("threads", 0),
        ("horizon_days", 0),
        ("seed", -1),
        ("learning_rate", 0.0),
        ("server_timeout", 0.0),
        ("server_price_in", -1.0),
        ("server_budget", -1.0),
        ("approval", "nobody"),
        ("channel", "fax"),
        ("languages", ()),
        ("languages", ("fr",)),
        ("models", {"fr": "smollm2-135m"}),
    ],
)
def test_a_setting_out_of_bounds_is_named(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"creative\.(languages|" + setting + ")"):
        creative.Settings(**{setting: value})  # type: ignore[arg-type]


def test_an_example_that_is_none_is_named_by_its_line() -> None:
    with pytest.raises(SourceError, match=r"mine\.jsonl, line 2"):
        parse_examples(
            '{"facts": {}, "audience": "a", "language": "en", "channel": "email", "headline": "h", '
            '"body": "b", "call_to_action": "c"}\n{"facts": 1}',
            "mine.jsonl",
        )
