"""A model behind HTTP: faults become one clear line, and money is never overspent."""

import json
import runpy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from handbill.creative.purse import Purse
from handbill.creative.server import ServerWriter
from handbill.errors import ModelError

SERVER = runpy.run_path(str(Path(__file__).with_name("chat_server.py")))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Counter:
    """Answers at once, a text by prompt and seed."""

    name = "counter@1"

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        return [[f"{one} {seed} {n}" for n in range(samples)] for one in prompts]


@pytest.fixture
def chat() -> Iterator[Any]:
    with SERVER["serving"](Counter()) as running:
        yield running


def writer(chat: Any, **more: Any) -> ServerWriter:
    more = {"timeout": 0.5, "retries": 2, "pause": lambda seconds: None, **more}
    return ServerWriter(url=chat.url, model="big", **more)


def ask(one: ServerWriter, samples: int = 2) -> list[list[str]]:
    return one.generate(["tea"], samples=samples, max_new_tokens=20, seed=5)


@pytest.mark.parametrize(
    "fault", ["hang", "trickle", "die", "garbage", "endless", "foreign", "500", "503", "429"]
)
def test_a_fault_is_tried_again_and_then_told_in_one_line(chat: Any, fault: str) -> None:
    pauses: list[float] = []
    one = writer(chat, pause=pauses.append)
    chat.faults[:] = [fault] * 2
    assert ask(one) == [["tea 5 0", "tea 5 1"]]
    assert pauses == [0.5, 1.0]
    chat.faults[:] = [fault] * 9
    with pytest.raises(ModelError, match="does not answer after 3 tries") as told:
        ask(one)
    assert "\n" not in str(told.value)
    assert len(chat.seen) == 6


@pytest.mark.parametrize(("status", "says"), [("401", "HANDBILL_MODEL_KEY"), ("404", "no such"),
                                              ("302", "302"), ("400", "refuses")])  # fmt: skip
def test_what_trying_again_does_not_mend_is_told_at_once(chat: Any, status: str, says: str) -> None:
    chat.faults[:] = [status]
    with pytest.raises(ModelError, match=says):
        ask(writer(chat, key="secret-key"))
    assert len(chat.seen) == 1


def test_nobody_there() -> None:
    one = ServerWriter(url="http://127.0.0.1:9/v1", model="big", retries=1, pause=lambda s: None)
    with pytest.raises(ModelError, match="no connection"):
        ask(one)


def test_the_key_travels_in_its_header_and_nowhere_else(chat: Any) -> None:
    one = writer(chat, key="secret-key", system="You write ads.")
    ask(one)
    (seen,) = chat.seen
    assert seen["headers"]["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in repr(one)
    assert seen["path"] == "/v1/chat/completions"
    assert seen["messages"][0] == {"role": "system", "content": "You write ads."}


def test_a_server_that_writes_one_at_a_time_is_asked_again(chat: Any) -> None:
    chat.one_at_a_time = True
    (texts,) = ask(writer(chat), samples=3)
    assert texts == ["tea 5 0", "tea 6 0", "tea 7 0"]


def test_answers_by_schema_become_lines_and_a_server_without_is_asked_plainly(chat: Any) -> None:
    chat.content = json.dumps({"headline": "Tea", "body": "For\ncold days", "call_to_action": "Go"})
    one = writer(chat, structured=True)
    assert ask(one, samples=1) == [["Tea\nFor cold days\nGo"]]
    chat.content = '{"headline": 3'  # schema or not: garbage stays what it is, and falls later
    assert ask(one, samples=1) == [['{"headline": 3']]
    chat.schema, chat.content = False, None
    assert ask(one, samples=1) == [["tea 5 0"]]
    assert not one.structured
    assert "response_format" not in chat.seen[-1]


def purse(folder: Path, budget: int) -> Purse:
    return Purse(
        path=folder / "spent.sqlite", budget=budget, price_in=1_000_000, price_out=2_000_000
    )


def test_what_the_server_counted_is_what_is_spent(chat: Any, tmp_path: Path) -> None:
    money = purse(tmp_path, 10_000)
    ask(writer(chat, purse=money))
    assert money.spent(datetime.now(UTC)) == 100 + 2 * 20
    chat.faults[:] = ["503"]
    ask(writer(chat, purse=money))
    assert money.spent(datetime.now(UTC)) == 280  # a refusal costs nothing


def test_a_reply_that_never_came_stays_counted(chat: Any, tmp_path: Path) -> None:
    money = purse(tmp_path, 10_000)
    chat.faults[:] = ["die"]
    ask(writer(chat, purse=money))
    most = len("tea") + 64 + 2 * 2 * 20
    assert money.spent(datetime.now(UTC)) == most + 140
    chat.usage = False
    ask(writer(chat, purse=money))
    assert money.spent(datetime.now(UTC)) == 2 * most + 140


def test_a_request_that_could_cost_too_much_is_not_sent(chat: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"budget for .* is used up"):
        ask(writer(chat, purse=purse(tmp_path, 100)))
    assert chat.seen == []


def test_the_cap_holds_under_many_threads(tmp_path: Path) -> None:
    def spend(seed: int) -> int:
        try:
            purse(tmp_path, 1_000).reserve(70 + seed % 3, NOW)
        except ModelError:
            return 0
        return 70 + seed % 3

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(spend, range(40)))
    assert 1_000 - 72 < taken <= 1_000
    assert purse(tmp_path, 1_000).spent(NOW) == taken
    assert purse(tmp_path, 1_000).spent(NOW.replace(month=12)) == 0  # a new month, a new budget


def test_costs_are_rounded_up(tmp_path: Path) -> None:
    money = Purse(path=tmp_path / "x", budget=1, price_in=150_000, price_out=600_000)
    assert money.cost(1, 0) == 1
    assert money.cost(1_000_000, 1_000_000) == 750_000
