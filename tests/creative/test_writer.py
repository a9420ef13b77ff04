"""The local writer: lines by construction, greedy when asked, the same seed the same text."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handbill.creative.models import ModelFolder
from handbill.creative.writer import LocalWriter, _Lines

PROMPTS = ["Coupon ad: coffee", "优惠券广告：茶"]


@pytest.fixture(scope="module")
def writer(tiny_model: Path) -> LocalWriter:
    return LocalWriter.open(ModelFolder(id="tiny@1", path=str(tiny_model)), None, threads=1)


def test_every_text_that_ends_has_its_lines(writer: LocalWriter) -> None:
    """A made-up model that breaks lines and ends wherever it may, a hundred texts at once."""
    end, asked = writer.tokenizer.eos_token_id, 4
    guard = _Lines.of(writer.tokenizer, 3, asked)
    chance = torch.Generator().manual_seed(1)
    ids = torch.full((100, asked), end)  # the request may hold end marks itself
    for _ in range(40):
        scores = torch.rand(100, len(writer.tokenizer), generator=chance)
        scores[:, [end, guard.one]] += 6
        drawn = torch.multinomial(guard(ids, scores).softmax(dim=-1), 1, generator=chance)
        over = (ids[:, asked:] == end).any(dim=1, keepdim=True)
        ids = torch.cat([ids, torch.where(over, end, drawn)], dim=1)
    texts = writer.tokenizer.batch_decode(ids[:, asked:], skip_special_tokens=True)
    ended = (ids[:, asked:] == end).any(dim=1)
    assert int(ended.sum()) > 90
    for text, whole in zip(texts, ended.tolist(), strict=True):
        lines = text.split("\n")
        assert len(lines) == 3 or (not whole and len(lines) < 3)
        assert all(lines[:-1])


def test_lines_bind_the_model_too(writer: LocalWriter) -> None:
    texts = replace(writer, lines=1).generate(PROMPTS, samples=4, max_new_tokens=60, seed=1)
    assert not any("\n" in text for some in texts for text in some)


def test_greedy_is_the_same_whatever_the_seed(writer: LocalWriter) -> None:
    one, two = (
        writer.greedy.generate(PROMPTS, samples=2, max_new_tokens=10, seed=seed) for seed in (1, 2)
    )
    assert one == two
    assert all(first == second for first, second in one)
    assert writer.greedy.tokens == 0
