"""What every text model keeps to: the local one, one behind HTTP, and a hand-written one."""

import runpy
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from handbill.creative.models import ModelFolder
from handbill.creative.server import ServerWriter
from handbill.creative.writer import LocalWriter
from handbill.ports import TextModel

CREATIVE = Path(__file__).parents[1] / "creative"
TINY = runpy.run_path(str(CREATIVE / "tiny.py"))
SERVER = runpy.run_path(str(CREATIVE / "chat_server.py"))


class Echo:
    """Answers with the prompt's last word, once per token allowed."""

    name = "echo@1"

    def generate(
        self, prompts: Sequence[str], *, samples: int, max_new_tokens: int, seed: int
    ) -> list[list[str]]:
        return [
            [
                " ".join([one.split()[-1]] * ((seed + n) % max_new_tokens + 1))
                for n in range(samples)
            ]
            for one in prompts
        ]


@pytest.fixture(scope="module", params=["local", "server", "server, one at a time", "echo"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TextModel]:
    if request.param == "echo":
        yield Echo()
        return
    folder = TINY["build"](tmp_path_factory.mktemp("model") / "tiny")
    local = LocalWriter.open(ModelFolder(id="tiny@1", path=str(folder)), None, threads=1)
    if request.param == "local":
        yield local
        return
    with SERVER["serving"](local) as chat:
        chat.one_at_a_time = "one" in request.param
        yield ServerWriter(url=chat.url, model="tiny")


PROMPTS = ["Write an ad for coffee", "写一则广告，关于茶", "Tea"]


def test_it_has_a_name_and_a_version(model: TextModel) -> None:
    assert "@" in model.name


def test_as_many_answers_as_asked_for_each_prompt_in_order(model: TextModel) -> None:
    answers = model.generate(PROMPTS, samples=3, max_new_tokens=8, seed=1)
    assert [len(one) for one in answers] == [3, 3, 3]
    assert all(isinstance(text, str) for one in answers for text in one)


def test_the_same_seed_gives_the_same_text(model: TextModel) -> None:
    one, two, other = (
        model.generate(PROMPTS, samples=2, max_new_tokens=8, seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one != other


def test_answers_do_not_repeat_the_prompt_or_special_tokens(model: TextModel) -> None:
    for answers in model.generate(PROMPTS, samples=2, max_new_tokens=8, seed=1):
        assert not any(text.startswith("Write an ad for") or "<end>" in text for text in answers)


def test_no_prompts_no_answers(model: TextModel) -> None:
    assert model.generate([], samples=2, max_new_tokens=8, seed=1) == []


def test_chance_outside_is_left_alone(model: TextModel) -> None:
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    model.generate(PROMPTS, samples=1, max_new_tokens=4, seed=1)
    assert torch.equal(torch.rand(1), expected)
